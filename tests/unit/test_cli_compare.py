"""`lab compare`: refuses what is not comparable, says how weak the evidence is, offers the better experiment."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lab.cli import app
from lab.errors import UsageError
from lab.plan.blocks import build_plan
from lab.run.run import run_scenario
from lab.run.view import QuietView
from lab.scenario.file import read_scenario, scenario_from_json, scenario_to_json
from lab.scenario.model import Scenario
from lab.scenario.toml_text import scenario_text
from tests.builders import make_scenario
from tests.fake_surroundings import FACTS, FakeSurroundings, shop


def finished(folder: Path, scenario: Scenario, around: FakeSurroundings, name: str = "shop") -> str:
    """The path of a run that has finished."""
    plan = build_plan(scenario)
    return str(run_scenario(plan, name, folder / "runs", QuietView(), around=around.make()).path)


def compare(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["compare", *arguments])


def test_equal_runs_compare_and_the_weakness_is_said(tmp_path: Path) -> None:
    """One sentence for each arm and primary without a word, then what such evidence is worth."""
    first, second = (finished(tmp_path, shop(tmp_path, 1), FakeSurroundings(), name) for name in ("one", "two"))
    result = compare(first, second)

    assert result.exit_code == 0, result.output
    assert "time until ready" in result.stdout
    assert "3 runs a side" in result.stdout
    assert "→" not in result.stdout
    assert "weaker evidence" in " ".join(result.stderr.split())
    assert "Nothing" in result.stderr


def test_three_runs_a_side_get_a_word(tmp_path: Path) -> None:
    """The first ones are judged against those behind --against, which takes every word up to the next option."""
    runs = [finished(tmp_path, shop(tmp_path, 1), FakeSurroundings(), f"run-{place}") for place in range(6)]
    result = compare(*runs[:3], "--against", *runs[3:], "--arm", "workers")
    document = json.loads(compare("--json", "--against", *runs[3:], "--arm", "workers", "--", *runs[:3]).stdout)

    assert result.exit_code == 0, result.exception
    assert "→ equivalent" in result.stdout
    assert document["first"] == [Path(run).name for run in runs[3:]]
    assert document["arms"]["workers"]["blocks"] == [[1, 1, 1], [1, 1, 1]]
    assert document["arms"]["workers"]["verdicts"]["boot"]["verdict"] == "equivalent"


def test_a_side_holds_repetitions_of_one_thing(tmp_path: Path) -> None:
    """Runs of one side that differ are refused, whatever is under study."""
    one, two, three = (
        finished(tmp_path, shop(tmp_path, 1), FakeSurroundings(digest=f"sha256:{name}"), name)
        for name in ("one", "one-again", "other")
    )
    refusal = compare(one, "--against", two, three, "--studied", "images.app.digest").exception

    assert isinstance(refusal, UsageError)
    assert "one side" in str(refusal)
    assert "a trend: give them without --against" in refusal.hint
    assert "two runs" in str(compare(one).exception)


def test_what_differs_is_named_unless_it_is_studied(tmp_path: Path) -> None:
    """A new image and a new kernel: both are named; studying the image leaves the kernel."""
    first = finished(tmp_path, shop(tmp_path, 1), FakeSurroundings(), "one")
    newer = FakeSurroundings(digest="sha256:two", facts={**FACTS, "kernel": "6.2"})
    second = finished(tmp_path, shop(tmp_path, 1), newer, "two")

    refusal = compare(first, second).exception
    assert isinstance(refusal, UsageError)
    assert "images.app.digest: sha256:one / sha256:two" in str(refusal)
    assert "environment.kernel: 6.1 / 6.2" in str(refusal)
    command = f"lab compare {first} {second} --studied environment.kernel --studied images.app.digest"
    assert f"`{command}`" in refusal.hint

    refusal = compare(first, second, "--studied", "images.app.digest").exception
    assert "environment.kernel: 6.1 / 6.2" in str(refusal)
    assert "digest" not in str(refusal)

    both = ("--studied", "images.app.digest", "--studied", "environment.kernel")
    allowed = compare(first, second, *both)
    assert allowed.exit_code == 0
    assert "cannot hold both" in allowed.stderr


def test_a_studied_option_of_an_arm_becomes_a_scenario_with_both(tmp_path: Path) -> None:
    """What is printed is a scenario file that can be read."""
    base = shop(tmp_path, 1)
    workers, replicas = base.arms
    ballast = replace(base, arms=(replace(workers, env={"BALLAST_MB": "50"}), replicas))
    first = finished(tmp_path, base, FakeSurroundings(), "one")
    second = finished(tmp_path, ballast, FakeSurroundings(), "two")
    result = compare(first, second, "--arm", "workers", "--studied", "arm.env")

    assert result.exit_code == 0, result.exception
    document = tomllib.loads(result.stdout[result.stdout.index("question =") :])
    offered = scenario_from_json(document)
    assert [(arm.name, arm.env) for arm in offered.arms] == [
        ("workers-first", {}),
        ("workers-second", {"BALLAST_MB": "50"}),
    ]
    assert offered.baseline == "workers-first"


def test_a_studied_image_becomes_a_scenario_with_both(tmp_path: Path) -> None:
    """Each half names its image by what cannot move; the second run's is the app's own."""
    first = finished(tmp_path, shop(tmp_path, 1), FakeSurroundings(), "one")
    second = finished(tmp_path, shop(tmp_path, 1), FakeSurroundings(digest="sha256:two"), "two")
    result = compare(first, second, "--studied", "images.app.digest")

    assert result.exit_code == 0, result.exception
    assert "still be on this machine" in result.stderr
    path = tmp_path / "both.toml"
    path.write_text(result.stdout[result.stdout.index("question =") :])
    offered = read_scenario(path)
    assert offered.app.image == "sha256:two"
    assert [(arm.name, arm.model.kind, arm.image) for arm in offered.arms] == [
        ("workers-first", "workers", "sha256:one"),
        ("workers-second", "workers", ""),
    ]
    assert offered.baseline == "workers-first"
    assert "--arm replicas" in result.stderr
    other = compare(first, second, "--studied", "images.app.digest", "--arm", "replicas").stdout
    assert 'name = "replicas-second"' in other


def test_the_arm_that_changed_is_the_one_that_is_offered(tmp_path: Path) -> None:
    """Not the first one, which is the same in both runs."""
    base = shop(tmp_path, 1)
    workers, replicas = base.arms
    ballast = replace(base, arms=(workers, replace(replicas, env={"BALLAST_MB": "50"})))
    first = finished(tmp_path, base, FakeSurroundings(), "one")
    second = finished(tmp_path, ballast, FakeSurroundings(), "two")
    result = compare(first, second, "--studied", "arm.env")

    assert "replicas of both" in result.stderr
    assert 'name = "replicas-second"' in result.stdout


def test_plain_processes_have_one_environment_for_all_arms(tmp_path: Path) -> None:
    """Without images there is no scenario that holds both, and none is offered."""
    plain = {**FACTS, "engine": "process"}
    first = finished(tmp_path, shop(tmp_path, 1), FakeSurroundings(facts=plain), "one")
    second = finished(tmp_path, shop(tmp_path, 1), FakeSurroundings(facts=plain, digest="sha256:two"), "two")

    said = compare(first, second, "--studied", "images.app.digest").stderr
    assert "both: images.app.digest is the same for every arm" in " ".join(said.split())


def test_json_has_verdicts_and_what_was_studied(tmp_path: Path) -> None:
    """For programs, on stdout alone."""
    first = finished(tmp_path, shop(tmp_path, 1), FakeSurroundings(), "one")
    second = finished(tmp_path, shop(tmp_path, 1), FakeSurroundings(digest="sha256:two"), "two")
    result = compare(first, second, "--studied", "images.app.digest", "--json")
    document = json.loads(result.stdout)

    assert document["studied"]["images.app.digest"] == ["sha256:one", "sha256:two"]
    assert document["arms"]["replicas"]["verdicts"]["boot"]["reason"] == "few runs"
    assert document["arms"]["replicas"]["blocks"] == [[1], [1]]
    assert (document["scenario"], document["why_not"]) == (offered_as_text(first, second), None)


def offered_as_text(first: str, second: str) -> str:
    """What people are offered for a studied image, on stdout behind the sentences."""
    said = compare(first, second, "--studied", "images.app.digest").stdout
    return said[said.index("question =") :].removesuffix("\n")


@pytest.mark.parametrize(
    ("changed", "why_not"),
    [
        ({}, "Nothing"),
        ({"kernel": "6.2"}, "One run cannot hold both: environment.kernel"),
    ],
)
def test_json_says_why_there_is_no_scenario(tmp_path: Path, changed: dict[str, str], why_not: str) -> None:
    """With the sentence that people get: exactly one of the two keys is null."""
    first = finished(tmp_path, shop(tmp_path, 1), FakeSurroundings(), "one")
    second = finished(tmp_path, shop(tmp_path, 1), FakeSurroundings(facts={**FACTS, **changed}), "two")
    result = compare(first, second, "--studied", "environment.kernel", "--json")
    document = json.loads(result.stdout)

    assert document["scenario"] is None
    assert document["why_not"].startswith(why_not)
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("--arm", "worker"), "did you mean 'workers'?"), ((), "it is the same run")],
)
def test_senseless_questions_are_refused(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    """A run against itself, an arm that is not there."""
    first = finished(tmp_path, shop(tmp_path, 1), FakeSurroundings(), "one")
    second = finished(tmp_path, shop(tmp_path, 1), FakeSurroundings(), "two") if arguments else first
    refusal = compare(first, second, *arguments).exception

    assert isinstance(refusal, UsageError)
    assert said in str(refusal)


def test_a_scenario_as_text_reads_as_the_same_scenario() -> None:
    """Every kind of value, and text with everything in it."""
    made = make_scenario(
        question='Which "one"\n\\ é 😀 \x7f?',
        budget={"processes": 4, "cpus": "pooled:1.5", "memory": "split:1GiB"},
        app={"image": "shop:1", "env": {"A": "1", "B": "x y"}, "read_only": False},
        compare={"baseline": "workers", "primary": ["p99", "p50"], "bounds": {"p99": 0.2}},
        expect=[{"that": "errors(workers) == 0", "name": "none"}, {"that": "p50(workers) < 1s"}],
    )

    assert scenario_from_json(tomllib.loads(scenario_text(made))) == made
    assert scenario_to_json(made)["load"]["measure"] == 10.0
