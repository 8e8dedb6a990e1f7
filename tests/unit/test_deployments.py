"""`lab export`: what was measured becomes files that deploy it, for every model and front, and no secret is in them."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from lab.analysis.needs import needs_of
from lab.cli import app
from lab.errors import RunFolderError, UsageError
from lab.export.naming import app_name, deployed_name
from lab.export.target import TARGETS
from lab.record.bundle import write_bundle
from lab.units import MIB
from tests.builders import MEMORY_MIB, REPLICAS, WORKERS, make_gate, make_run, make_scenario, make_trials, with_record
from tests.exports import DIRECT, FOLDER, PAIRS, RICH, RICH_ARM, deployment, measured, needs, rich, texts
from tests.run_folders import store, write_run

COMPOSE = Path(sys.executable).with_name("docker-compose")
BOTH = (WORKERS, REPLICAS)


def exported(run: Path, *options: object) -> Any:
    """The outcome of the command."""
    return CliRunner().invoke(app, ["export", *map(str, (run, *options))])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder that was finished."""
    return write_run(make_scenario(BOTH, trials={"blocks": 1, "seed": 7}), tmp_path_factory.mktemp("runs"))


def test_the_files_are_those_that_a_person_has_read() -> None:
    """`python -m tests.exports` writes them again; no file is left of a target that is gone."""
    found = dict(texts())

    assert sorted(file.name for file in FOLDER.iterdir()) == sorted(found)
    for name, text in found.items():
        assert text == (FOLDER / name).read_text(), name


def test_no_secret_is_in_any_file_and_each_is_in_the_list() -> None:
    """Neither its value nor what stands for it inside; it has a name under which it is given."""
    for target in TARGETS:
        given = rich(target)
        names = [value.name for value in given.values if value.secret]
        written = "".join(file.text for file in TARGETS[target].files(given))

        assert names[-3:] == ["API_KEY", "TLS_CERTIFICATE", "TLS_KEY"]
        assert ("DB_POSTGRES_PASSWORD" in names) == bool(given.topology.sidecars)
        assert "hidden-word" not in written
        assert "__secret" not in written
        assert all(name in written for name in names)


def test_a_need_is_the_largest_of_the_valid_trials() -> None:
    """Of the whole trial, by container; a trial that is not valid, or was not checked, does not count."""
    scenario = make_scenario((REPLICAS,), trials={"blocks": 3, "seed": 7})
    first, second, third = make_trials(scenario)
    spoiled = with_record(second, gates=(make_gate("invalid"),))
    found = needs_of([first, spoiled, with_record(third, gates=())])

    assert found.memory_trials == 1
    assert found == needs_of([first])
    assert 30 * MIB < (found.services["app-1"].memory_bytes or 0) < 60 * MIB
    assert (found.services["nginx"].memory_bytes or 0) > MEMORY_MIB[next(iter(MEMORY_MIB))] * MIB
    assert (found.services["app-1"].cores or 0) == pytest.approx(0.08, rel=0.3)


def test_limits_are_those_of_the_run_or_the_peak_with_head_room() -> None:
    """A limit that was measured is kept; a sidecar, whose data grows, gets none."""
    free, split = deployment(REPLICAS), deployment(REPLICAS, budget={"processes": 4, "memory": "split:1GiB"})
    service, limited = free.app[0], split.app[0]
    rich = deployment(RICH_ARM, **RICH)
    written = rich.app[0]  # it has a folder of 64 MiB, and a pooled limit, which is none of its own

    assert free.memory_limit(service) == round((free.need(service).memory_bytes or 0) * 1.5)
    assert rich.memory_limit(written) == round((rich.need(written).memory_bytes or 0) * 1.5) + 64 * MIB
    assert split.memory_limit(limited) == 1024 * MIB // 5
    assert rich.memory_limit(rich.topology.sidecars[0]) is None


def test_the_file_says_what_of_memory_was_never_measured() -> None:
    """Files in /tmp count against a limit, and no peak has them."""
    for name, target in TARGETS.items():
        text = " ".join(target.files(deployment(DIRECT))[0].text.replace("#", "").split())

        assert "files in /tmp and other folders in memory: they count against a container's memory limit" in text, name


@pytest.mark.parametrize(
    ("scenario", "arm", "name"),
    [
        ("quickstart", "workers", "shop-quickstart-workers"),
        ("How many_workers?", "w", "shop-how-many-workers-w"),
        ("日本", "workers", "shop-workers"),
        ("shop", "workers", "shop-workers"),
        ("s" * 60, "a", f"shop-{'s' * 28}-3248f3"),
    ],
)
def test_what_is_deployed_is_called_by_app_scenario_and_arm(scenario: str, arm: str, name: str) -> None:
    """In the letters that every target takes, and short enough for the names of services behind it."""
    assert deployed_name("shop", scenario, arm) == name


@pytest.mark.parametrize(
    ("app", "name"),
    [
        ({"image": "registry.example:5000/team/shop:1.4"}, "shop"),
        ({"image": "shop@sha256:" + "ab" * 32}, "shop"),
        ({"image": "shop"}, "shop"),
        ({"build": "/home/me/shop"}, "shop"),
    ],
)
def test_another_version_of_an_app_is_called_the_same(app: dict[str, str], name: str) -> None:
    """It is to take the place of the first; another app with a scenario and an arm of the same names is not."""
    assert app_name(make_scenario((WORKERS,), app=app).app) == name


def test_arms_of_one_name_are_deployed_beside_each_other() -> None:
    """Two apps, each with an arm `plain`: no name of the one takes the place of one of the other."""
    given = deployment(DIRECT)
    other = replace(given, run=replace(given.run, scenario_name="shop"))
    names = {name: set[str]() for name in TARGETS}
    for each in (given, other):
        for name, target in TARGETS.items():
            names[name].add(target.start(each))
            text = target.files(each)[0].text
            assert "plain" not in text.replace('arm "plain"', "").replace(each.name, ""), name
    assert (given.name, other.name) == ("app-quickstart-plain", "app-shop-plain")
    assert {name: len(starts) for name, starts in names.items()} == {
        "compose": 1,  # the file itself has the name
        "swarm": 2,
        "kubernetes": 2,
        "nomad": 1,
    }
    assert deployed_name("app", "s" * 60, "a") != deployed_name("app", "s" * 61, "a")


def test_a_name_that_was_given_is_the_whole_name() -> None:
    """Of every target, where folders and scenario files of two apps have the same names."""
    given = replace(deployment(DIRECT), called="shop-eu")

    assert (given.name, given.short_name(6)) == ("shop-eu", deployed_name("", "", "shop-eu", 6))
    assert all("app-quickstart-plain" not in target.files(given)[0].text for target in TARGETS.values())


@pytest.mark.parametrize(("model", "front"), PAIRS)
def test_compose_has_the_containers_of_the_arm(model: str, front: str) -> None:
    """Each with its command, and one that publishes a port; what the front is told are names of services."""
    given = deployment({"name": "arm", "model": model, "front": front}, measured())
    files = {file.name: file.text for file in TARGETS["compose"].files(given)}
    document = yaml.safe_load(files["compose.yaml"])
    services = document["services"]

    assert set(services) == {service.name for service in given.topology.services}
    assert [name for name, service in services.items() if "ports" in service] == [given.entry.name]
    assert [services[each.name]["command"] for each in given.app] == [list(each.argv) for each in given.app]
    for config in document.get("configs", {}).values():
        text = files[Path(config["file"]).name]
        assert all(f"{each.name}:{each.ports[0]}" in text for each in given.app)
    assert services[given.entry.name].get("depends_on", {}).keys() == (
        {each.name for each in given.app} if given.front else set()
    )


def test_the_command_writes_a_folder_and_says_what_to_do(run: Path, tmp_path: Path) -> None:
    """The folder on stdout, the rest beside it; files of these names are replaced only when that is said."""
    place = tmp_path / "there"
    done = exported(run, "--arm", "replicas", "--to", "compose", "--out", place)
    again = exported(run, "--arm", "replicas", "--to", "compose", "--out", place)
    forced = exported(run, "--arm", "workers", "--to", "compose", "--out", place, "--force")

    assert done.exit_code == 0
    assert done.stdout.strip() == str(place)
    assert "to be filled in: APP_IMAGE, NGINX_IMAGE, PUBLISHED_PORT" in done.stderr
    assert "has compose.yaml already" in str(again.exception)
    assert forced.exit_code == 0
    assert 'of arm "workers"' in (place / "compose.yaml").read_text()


def test_a_bundle_is_exported_as_its_run_is(run: Path, tmp_path: Path) -> None:
    """The same bytes; a damaged one is told as such."""
    bundle, damaged = tmp_path / "run.zip", tmp_path / "damaged.zip"
    write_bundle(run, bundle, {})
    damaged.write_bytes(bundle.read_bytes()[:2000])
    for source, name in ((run, "a"), (bundle, "b")):
        assert exported(source, "--arm", "workers", "--to", "compose", "--out", tmp_path / name).exit_code == 0
    refused = exported(damaged, "--arm", "workers", "--to", "compose", "--out", tmp_path / "c")

    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()
    assert isinstance(refused.exception, RunFolderError)
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--arm", "replica", "--to", "compose"), "unknown arm 'replica': did you mean 'replicas'?"),
        (("--arm", "replicas", "--to", "compos"), "unknown target 'compos': did you mean 'compose'?"),
        (("--arm", "replicas", "--to", "compose", "--point", "n4"), "has one point only"),
        (("--arm", "replicas", "--to", "compose", "--out", "no/where"), "no place for a folder"),
    ],
)
def test_what_is_not_there_is_told_in_a_sentence(run: Path, options: tuple[str, ...], said: str) -> None:
    """With the exit code of wrong usage, before anything is written."""
    refused = exported(run, *options)

    assert isinstance(refused.exception, UsageError)
    assert refused.exception.exit_code == 2
    assert said in str(refused.exception)


def test_an_exploratory_session_is_refused(tmp_path: Path) -> None:
    """Nothing in it was measured under a plan."""
    scenario = make_scenario(BOTH, trials={"blocks": 1, "seed": 7})
    session = store(make_run(scenario, exploratory=True), make_trials(scenario), tmp_path)

    assert "exploratory session" in str(exported(session, "--arm", "workers", "--to", "compose").exception)


def test_an_arm_without_a_valid_trial_is_refused(tmp_path: Path) -> None:
    """No limit can be told of it; the other arm of the run can be exported."""
    scenario = make_scenario(BOTH, trials={"blocks": 1, "seed": 7})
    trials = (
        with_record(trial, gates=(make_gate("invalid"),)) if trial.record.arm == "workers" else trial
        for trial in make_trials(scenario)
    )
    bad = store(make_run(scenario), trials, tmp_path)

    assert "no trial with valid memory" in str(exported(bad, "--arm", "workers", "--to", "compose").exception)
    assert exported(bad, "--arm", "replicas", "--to", "compose", "--out", tmp_path / "good").exit_code == 0


def test_of_several_points_one_must_be_named(tmp_path: Path) -> None:
    """Each has its own number of processes."""
    scenario = make_scenario((REPLICAS,), sweep={"processes": [2, 3]}, trials={"blocks": 1, "seed": 7})
    swept = write_run(scenario, tmp_path)
    unsaid = exported(swept, "--arm", "replicas", "--to", "compose")
    exported(swept, "--arm", "replicas", "--to", "compose", "--point", "n3", "--out", tmp_path / "out")

    assert "has 2 points: n2, n3" in str(unsaid.exception)
    assert "app-3:" in (tmp_path / "out" / "compose.yaml").read_text()
    assert "app-4:" not in (tmp_path / "out" / "compose.yaml").read_text()


@pytest.mark.parametrize("target", TARGETS)
def test_a_front_with_a_configuration_of_the_users_is_refused(target: str, tmp_path: Path) -> None:
    """It names what only a run has."""
    own = tmp_path / "nginx.conf"
    own.write_text("http { upstream app { {upstreams} } server { listen {listen}; } }")
    given = deployment({"name": "arm", "model": "workers", "front": {"kind": "nginx", "config": str(own)}}, measured())

    assert "file of yours" in TARGETS[target].refusal(given)


def test_what_comes_from_outside_ends_no_comment() -> None:
    """The name of an image may hold anything."""
    evil = {"app": {"name": "x\nservices: {}\u2028evil: 1\x85worse: 1", "digest": ""}}
    given = replace(deployment(DIRECT), run=make_run(make_scenario((DIRECT,)), images=evil))
    for target in TARGETS.values():
        for file in target.files(given):
            assert not any(line.startswith(("evil", "worse", "services: {}")) for line in file.text.splitlines())


def test_a_run_folder_is_only_read(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing in it is another one afterwards; by default files go into a folder named for the run, here."""
    monkeypatch.chdir(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    info = json.loads((run / "run.json").read_text())

    assert exported(run, "--arm", "workers", "--to", "compose").exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == [f"{info['run_id']}-workers-compose"]
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before


def test_each_container_of_the_app_has_the_limit_of_the_neediest() -> None:
    """They are alike, and a balancer may choose another one tomorrow."""
    known = needs(make_scenario((REPLICAS,)), "replicas")
    given = deployment(REPLICAS, known)
    most = max(known.services[service.name].memory_bytes or 0 for service in given.app)

    assert {given.need(service).memory_bytes for service in given.app} == {most}


def test_docker_compose_reads_the_file_as_it_is_meant(tmp_path: Path) -> None:
    """The real one: what it understands has the words and values of the arm, and it asks for what is missing."""
    given = deployment(RICH_ARM, **RICH)
    for file in TARGETS["compose"].files(given):
        (tmp_path / file.name).write_text(file.text)
    command = [str(COMPOSE), "--env-file", "values.env", "config", "--format", "json"]
    unfilled = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)
    filled = "".join(f"{value.name}={value.default or 'given'}\n" for value in given.values)
    (tmp_path / "values.env").write_text(filled)
    understood = json.loads(subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout)
    service = understood["services"]["app-1"]

    assert unfilled.returncode != 0
    assert "see values.env" in unfilled.stderr
    assert set(understood["services"]) == {each.name for stage in given.stages for each in stage.containers}
    assert service["environment"] == {"API_KEY": "given", "GREETING": "a$$b $${c} {{d}} %{e}"}
    assert service["command"] == list(given.app[0].argv)
    assert service["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    assert service["depends_on"]["db"]["condition"] == "service_healthy"
    assert understood["services"]["nginx"]["ports"][0]["published"] == "8080"
    assert int(service["deploy"]["resources"]["limits"]["memory"]) % MIB == 0
