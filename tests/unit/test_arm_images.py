"""An arm with an image of its own: prepared, kept apart from the app's, compared by content, and said in the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from lab.analysis.across import studied, unlike
from lab.analysis.across_arms import exact_name
from lab.analysis.summary import summarise_done
from lab.engines.docker import opening
from lab.engines.docker.rights import OwnRights
from lab.engines.images import images
from lab.engines.images.prepare import prepare_images
from lab.engines.process.refusals import check_plain
from lab.errors import MissingError, ScenarioError
from lab.plan.arm_topology import build_topology, nominal_ports
from lab.plan.blocks import build_plan
from lab.plan.kinds import ServiceKind
from lab.record.types import Environment, RunInfo
from lab.report.parts.boxes import machine_box
from lab.report.parts.caveats import caveats
from lab.report.parts.facts import facts_line
from lab.report.sections.details import version_table
from lab.report.sections.limits import limits
from lab.scenario.model import Scenario
from tests.builders import REPLICAS, WORKERS, make_run, make_scenario, make_summaries
from tests.builders import told as sentences
from tests.fake_images import FakeDocker

NEW = {**WORKERS, "name": "new", "image": "example/app:2"}
NEW_REPLICAS = {**REPLICAS, "name": "new-replicas", "image": "example/app:2"}
SCENARIO = make_scenario([WORKERS, NEW])
IMAGES = {
    "app": {"name": "example/app:1", "digest": "sha256:" + "ab" * 32, "uvicorn": "0.53.0", "fastapi": "0.120.0"},
    "arm.new": {"name": "example/app:2", "digest": "sha256:" + "cd" * 32, "uvicorn": "0.54.0", "fastapi": "0.120.0"},
}


def run_of(scenario: Scenario = SCENARIO, records: Mapping[str, Mapping[str, str]] = IMAGES) -> RunInfo:
    return make_run(scenario, images=records)


def test_only_that_arm_runs_from_its_image() -> None:
    """The service names the key under which the engine keeps the image."""
    for trial in build_plan(SCENARIO).trials:
        topology = build_topology(SCENARIO, trial, nominal_ports(SCENARIO, trial.arm))
        keys = {service.image for service in topology.services if service.kind is ServiceKind.APP}
        assert keys == {"arm.new" if trial.arm.name == "new" else "app"}


def test_each_image_is_prepared_once_under_its_key() -> None:
    """Present or pulled, like the app's own; nothing else is fetched."""
    steps: list[str] = []
    docker = FakeDocker(present={"example/app:1"}, registry={"example/app:2"})
    found = prepare_images(docker, SCENARIO, steps.append)

    assert {key: image.name for key, image in found.items()} == {"app": "example/app:1", "arm.new": "example/app:2"}
    assert steps == ["pulling example/app:2"]


def test_an_image_of_an_arm_that_is_nowhere_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 4 with its name, before anything runs."""
    monkeypatch.setattr(images, "can_build", lambda: False)
    with pytest.raises(MissingError, match="example/app:2 is not on"):
        prepare_images(FakeDocker(present={"example/app:1"}), SCENARIO, lambda step: None)


def test_plain_processes_have_no_images() -> None:
    """The process engine refuses with the arm's name."""
    with pytest.raises(ScenarioError, match='arm "new": image'):
        check_plain(SCENARIO)


def test_versions_inside_each_image_are_kept_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each image is looked into once."""
    asked: list[str] = []

    def look(_client: object, identity: str, _run_id: str) -> Mapping[str, str]:
        asked.append(identity)
        return {"uvicorn": identity.rpartition(":")[2]}

    monkeypatch.setattr(opening, "image_versions", look)
    monkeypatch.setattr(opening, "images_here", lambda _client: [])
    monkeypatch.setattr(opening, "find_elsewhere", lambda *_: "")
    monkeypatch.setattr(opening, "find_rights", lambda *_: OwnRights())
    docker = FakeDocker(present={"example/app:1", "example/app:2"})
    scenario = make_scenario([WORKERS, NEW, {**NEW, "name": "again"}])
    _, found = opening.open_docker(scenario, "run", print, docker_client=lambda: docker)

    assert {key: image.describe()["uvicorn"] for key, image in found.items()} == {
        "app": "1",
        "arm.new": "2",
        "arm.again": "2",
    }
    assert len(asked) == 2


def test_two_runs_compare_the_image_that_the_arm_ran_from() -> None:
    """Another image of the app is no difference for an arm that has its own, another one of that arm is."""
    first = run_of()
    facts = {**first.environment.facts, "uvicorn": "0.53.0"}
    newer_app = replace(
        first,
        images={**IMAGES, "app": {**IMAGES["app"], "digest": "sha256:" + "ef" * 32}},
        environment=Environment(facts={**facts, "uvicorn": "0.55.0"}),
    )
    first = replace(first, environment=Environment(facts=facts))

    assert unlike(first, newer_app, "new") == ()
    assert {found.key for found in unlike(first, newer_app, "workers")} == {"images.app.digest", "environment.uvicorn"}
    newer_arm = replace(first, images={**IMAGES, "arm.new": {**IMAGES["arm.new"], "digest": "sha256:" + "ef" * 32}})
    (found,) = unlike(first, newer_arm, "new")
    assert found.key == "images.arm.new.digest"
    assert studied(found, ["images.app.digest"]), "one word for whichever image the arm runs from"
    assert unlike(first, newer_arm, "workers") == ()


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ({"name": "shop:1.4", "id": "sha256:bb", "reference": "host:5000/shop@sha256:aa"}, "host:5000/shop@sha256:aa"),
        ({"name": "shop:1.4", "id": "sha256:bb", "reference": ""}, "sha256:bb"),
        ({"name": "shop:1.4", "id": "sha256:bb"}, "sha256:bb"),
        ({"name": "shop:1.4"}, ""),
    ],
)
def test_an_exact_name_cannot_come_to_mean_another_image(image: Mapping[str, str], expected: str) -> None:
    """A tag can move: the registry's digest or the engine's id cannot."""
    assert exact_name(run_of(records={"app": image}), "app") == expected


def test_the_report_says_which_arm_runs_from_what() -> None:
    """On the grey line, in the machine's box, and in the table of versions."""
    summary = summarise_done(run_of(), make_summaries(SCENARIO))
    rows = dict(machine_box(run_of(), summary).rows)
    said = "workers: example/app:1 sha256:abababababab; new: example/app:2 sha256:cdcdcdcdcdcd"

    assert rows["image"] == said
    assert f"image {said}" in facts_line(run_of(), summary)
    users = {row[0].text: row[2].text for row in version_table(run_of(), summary).rows}
    assert (users["image app"], users["image arm.new"]) == ("workers", "new")


def test_what_in_the_image_makes_the_difference_is_not_shown() -> None:
    """The versions that differ are named, those that are equal are not."""
    summary = summarise_done(run_of(), make_summaries(SCENARIO))
    told = " ".join(limits(run_of(), summary).sentences)

    assert "They differ in uvicorn 0.53.0 / 0.54.0;" in told
    alike = make_scenario([WORKERS, REPLICAS])
    same = limits(make_run(alike), summarise_done(make_run(alike), make_summaries(alike)))
    assert "different images" not in " ".join(same.sentences)


def test_one_image_under_two_names_is_one_image() -> None:
    """What counts is the content."""
    same = {"app": IMAGES["app"], "arm.new": {**IMAGES["app"], "name": "example/app:2"}}
    summary = summarise_done(run_of(records=same), make_summaries(SCENARIO))

    assert dict(machine_box(run_of(records=same), summary).rows)["image"] == "example/app:1 sha256:abababababab"
    assert "different images" not in " ".join(limits(run_of(records=same), summary).sentences)


def test_two_causes_in_one_arm_are_a_caveat() -> None:
    """Another image and another process model at once: the number belongs to neither."""
    scenario = make_scenario([WORKERS, NEW, NEW_REPLICAS])
    run = run_of(scenario, {**IMAGES, "arm.new-replicas": IMAGES["arm.new"]})
    told = sentences(caveats(run, summarise_done(run, make_summaries(scenario))).judged)
    (found,) = (caveat for caveat in told if "in its image" in caveat)

    assert found.startswith("“new-replicas” differs from “workers”")
    assert "in its process model and front" in found


def test_an_option_beside_the_image_is_a_second_cause_too() -> None:
    """Such as an environment variable."""
    scenario = make_scenario([WORKERS, {**NEW, "env": {"CACHE": "0"}}])
    found = sentences(caveats(run_of(scenario), summarise_done(run_of(scenario), make_summaries(scenario))).judged)

    assert any("in its environment" in caveat for caveat in found)


def test_the_machine_box_tells_the_versions_of_each_image() -> None:
    """Those of the app's image are not those of the run."""
    rows = dict(machine_box(run_of(), summarise_done(run_of(), make_summaries(SCENARIO))).rows)

    told = "workers: fastapi 0.120.0, uvicorn 0.53.0; new: fastapi 0.120.0, uvicorn 0.54.0"
    assert rows["versions"].startswith(told)
