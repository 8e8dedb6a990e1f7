"""Arms without containers: CPU comes from their processes, what only cgroups know is missing, and reports say so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from lab.analysis.gates.machine import anonymous_memory
from lab.analysis.trial.counters import increases
from lab.analysis.trial.trial import summarise_trial
from lab.cli import app
from lab.cli.live.view import SilentView
from lab.cli.verbs import VERBS, command_of
from lab.engines.kinds import facts_of
from lab.errors import MissingError
from lab.plan.blocks import build_plan
from lab.record.types import CGROUPS, Environment, TrialResult
from lab.report.parts.facts import engine_text
from lab.report.parts.unusual import cpu_caveat, plain_limits
from lab.run.view import QuietView
from tests.builders import make_run, make_scenario, make_trial, with_record, with_tables
from tests.fakes import World

ROOT = Path(__file__).parents[2]
SCENARIO = make_scenario()
NO_ENGINE = "no Docker engine answered"
UNASKED = f"{NO_ENGINE}: plain processes of this machine are measured, no containers"
FACTS: Mapping[str, Any] = {"engine": "process", "engine_because": "asked for", "app_python": "3.13.5", "cpu_count": 2}


def plain(arm: str) -> TrialResult:
    """A trial of this arm as the process engine leaves it."""
    trial = make_trial(SCENARIO, next(trial for trial in build_plan(SCENARIO).trials if trial.arm.name == arm))
    services = tuple(replace(service, container_id="") for service in trial.record.services)
    return with_tables(with_record(trial, services=services), cgroups=pl.DataFrame(schema=dict(CGROUPS)))


def test_cpu_is_the_sum_over_the_arms_processes() -> None:
    """By service, nginx apart; platform processes are not the arm's."""
    trial = plain("replicas")
    arm = trial.tables.processes.filter(pl.col("role") != "platform")
    grown = increases(arm, ("service", "pid"), ("cpu_s",), trial.record.measure)
    expected = {
        name: sum(growth["cpu_s"] or 0.0 for (service, _), growth in grown.items() if service == name)
        for name in {str(service) for service, _ in grown}
    }

    summary = summarise_trial(trial)

    assert {service.service: service.cpu_s for service in summary.cpu} == pytest.approx(expected)
    assert [service.service for service in summary.cpu if service.proxy] == ["nginx"]
    per_1k_s = sum(expected.values()) / summary.counts.successes * 1000
    assert summary.values["cpu.per_1k"] == pytest.approx(per_1k_s)
    assert summary.values["cpu.cores"] == pytest.approx(sum(expected.values()) / trial.record.measure.length_s)


def test_what_only_a_cgroup_knows_is_missing() -> None:
    """Missing, not zero."""
    values = summarise_trial(plain("workers")).values
    assert {key for key in ("cpu.throttled", "memory.cgroup.anon") if values[key] is not None} == set()
    assert values["memory.pss.total"]


def test_a_container_without_a_cgroup_is_not_replaced_by_its_processes() -> None:
    """There the cgroup's account is the headline: the sum over processes would be another quantity."""
    trial = plain("workers")
    services = tuple(replace(service, container_id="abc") for service in trial.record.services)
    assert summarise_trial(with_record(trial, services=services)).values["cpu.per_1k"] is None


def test_the_second_account_of_memory_does_not_apply() -> None:
    """The gate compares with cgroups, which are not there: neither passed nor in caveat."""
    gate = anonymous_memory(plain("workers"))
    assert (gate.outcome, gate.value, gate.why) == ("pass", None, "plain-processes")


BARE: Mapping[str, Any] = {"engine": "bare", "contained": False}  # an engine of another package says no more of itself


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (FACTS, True),  # as older runs have it
        ({"engine": "docker"}, False),
        (BARE, True),
        ({"engine": "bare", "contained": True}, False),
        ({"engine": "bare"}, False),
    ],
)
def test_a_run_says_whether_it_had_containers(facts: Mapping[str, Any], expected: bool) -> None:
    """By what the engine's declaration said; in older runs there was one without, which is known by its name."""
    assert Environment(facts=facts).known.plain is expected


def test_reports_of_any_engine_without_containers_say_so() -> None:
    """In the line of facts, in the limits and where CPU is told, by the engine's name."""
    run = make_run(SCENARIO, environment=Environment(facts=BARE))

    assert engine_text(run) == "bare (plain processes, no containers)"
    assert cpu_caveat(run).startswith("Without cgroups (engine bare)")
    assert next(plain_limits(run)).startswith("Containers: the engine was bare (asked for), that is plain processes")


def test_what_a_declaration_says_is_recorded_with_what_an_engine_says() -> None:
    """No engine has to say it twice; of one that nobody declared nothing is known."""
    engine = World().engine

    assert facts_of(engine).contained is None
    for name, contained in {"docker": True, "swarm": True, "process": False}.items():
        engine.name = name
        assert facts_of(engine) == replace(engine.describe(), contained=contained)


def folder_of(engine: str, because: str | None) -> Any:
    """What a view is told of a run: here that it is on this engine."""
    facts = {**FACTS, "engine": engine, "engine_because": because}
    return SimpleNamespace(info=make_run(SCENARIO, environment=Environment(facts=facts)))


@pytest.mark.parametrize(
    ("engine", "because", "told"),
    [
        ("process", NO_ENGINE, 1),
        ("process", "asked for", 0),
        ("docker", None, 0),
    ],
)
def test_a_quiet_view_says_once_that_nobody_asked_for_plain_processes(
    engine: str, because: str | None, told: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the steps nothing else on the terminal says that no container is measured; a command has many runs."""
    view = SilentView()
    for _ in range(2):
        view.watch(folder_of(engine, because))

    assert capsys.readouterr().err.count(UNASKED) == told


@pytest.mark.parametrize(
    ("verb", "begins", "words"),
    [
        ("run", "lab.cli.run.run_scenario", ()),
        ("run", "lab.cli.run.run_scenario", ("--json",)),
        ("study", "lab.cli.study.run_scenario", ("--time", "6m")),
        ("capacity", "lab.run.pilot.run_scenario", ()),
        ("limits", "lab.cli.limits.run_scenario", ()),
        ("selfcheck", "lab.cli.selfcheck.measure_floor", ()),
        ("ui", "lab.cli.ui.explore", ()),
        ("demo", "lab.cli.run.run_scenario", ()),
        ("quick", "lab.cli.run.run_scenario", ("--folder", str(ROOT / "examples" / "shop"))),
    ],
)
def test_every_command_that_runs_quietly_says_so(
    verb: str, begins: str, words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever begins the run inside: here it is told where it runs, and ends."""

    def begin(*given: Any, **_: Any) -> Any:
        next(each for each in given if isinstance(each, QuietView)).watch(folder_of("process", NO_ENGINE))
        raise MissingError("that is all")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(begins, begin)
    own = [] if verb in ("demo", "quick") else [str(ROOT / "scenarios" / "quickstart.toml")]
    ended = CliRunner().invoke(app, [verb, *own, *words, *(() if "--json" in words else ("--quiet",))])

    assert isinstance(ended.exception, MissingError), ended.output
    assert ended.stderr.count(UNASKED) == 1


def test_no_command_that_runs_quietly_is_forgotten() -> None:
    """Those that have the option are those of the test above."""
    (marks,) = test_every_command_that_runs_quietly_says_so.pytestmark  # type: ignore[attr-defined]

    assert {verb for verb in VERBS if {"quiet", "engine"} <= {each.name for each in command_of(verb).params}} == {
        verb for verb, *_ in marks.args[1]
    }
