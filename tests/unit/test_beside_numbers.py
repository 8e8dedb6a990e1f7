"""Sidecars have lines of their own and are in no sum of an arm; steps before serving are counted from what was told."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from lab.analysis.comparison import compare_run
from lab.analysis.findings import run_findings
from lab.analysis.gates.machine import anonymous_memory
from lab.analysis.summary import summarise
from lab.analysis.trial.prestart import StepCount, step_counts
from lab.analysis.trial.trial import summarise_trial
from lab.plan.kinds import Role
from lab.record.schema import RESTART, STEP_BEGIN, STEP_END
from lab.record.types import Event, JobRecord, TrialResult
from lab.report.build import build_content
from lab.report.content import Table
from lab.report.parts.gate_sentences import finding_sentence
from lab.scenario.model import Scenario
from tests.builders import make_run, make_scenario, make_trials, with_record, with_tables

DATABASE = {"name": "db", "image": "postgres:17"}


def scenario_with_database() -> Scenario:
    return make_scenario(sidecars=[DATABASE])


def first_trial(scenario: Scenario) -> TrialResult:
    return next(make_trials(scenario))


def with_busy_database(trial: TrialResult, cores: float) -> TrialResult:
    of_database = pl.col("service") == "db"
    busy = pl.when(of_database).then(pl.col("t_s") * cores).otherwise(pl.col("cpu_s"))
    return with_tables(trial, cgroups=trial.tables.cgroups.with_columns(cpu_s=busy))


def begun(name: str, *instants: float) -> tuple[Event, ...]:
    return tuple(Event(t_s=t_s, kind=STEP_BEGIN, service="app", detail=name) for t_s in instants)


def ended(name: str, *instants: float) -> tuple[Event, ...]:
    return tuple(Event(t_s=t_s, kind=STEP_END, service="app", detail=name) for t_s in instants)


def test_a_sidecar_is_in_no_sum_of_the_arm() -> None:
    """Every metric is what it is without a database; the ledger and the table of CPU have it on lines of its own."""
    beside, alone = (summarise_trial(first_trial(each)) for each in (scenario_with_database(), make_scenario()))

    assert {key: beside.values[key] for key in alone.values} == pytest.approx(alone.values, rel=0.01, nan_ok=True)
    assert {cpu.service for cpu in beside.cpu} == {cpu.service for cpu in alone.cpu}
    assert [role.role for role in beside.roles][-2:] == [Role.SIDECAR, Role.PLATFORM]
    database = beside.sidecars[0]
    assert (database.service, database.processes) == ("db", 2)
    assert database.cpu_cores == pytest.approx(0.2, rel=0.01)


def test_the_cross_check_of_memory_leaves_sidecars_out() -> None:
    """A database's own memory would make processes and cgroups of the arm disagree."""
    trial = first_trial(scenario_with_database())

    assert anonymous_memory(trial).outcome == "pass"


@pytest.mark.parametrize(("cores", "found"), [(0.3, False), (0.96, True)])
def test_a_sidecar_near_a_core_is_a_finding(cores: float, found: bool) -> None:
    """Then the arms wait for it, and it is what is compared."""
    findings = run_findings(with_busy_database(first_trial(scenario_with_database()), cores), 2)

    told = [finding_sentence(finding) for finding in findings if finding.key == "sidecar.cpu"]
    assert bool(told) is found
    assert all("sidecar db used 96.0%" in sentence for sentence in told)


def test_steps_are_counted_by_what_was_told() -> None:
    """Two of three runs overlap; the time counts once; what begins after the restart is counted apart."""
    events = (
        *begun("migrate", 1.0, 1.5, 4.0),
        *ended("migrate", 2.0, 2.5, 4.5),
        Event(t_s=20.0, kind=RESTART, service="app"),
        *begun("migrate", 20.5),
        *ended("migrate", 21.0),
    )
    trial = with_record(first_trial(make_scenario()), events=events)

    assert list(step_counts(trial.record)) == [
        StepCount(name="migrate", by="app", executions=3, at_once=2, seconds=2.0, again=1)
    ]
    values = summarise_trial(trial).values
    assert (values["prestart.executions"], values["prestart.seconds"]) == (3.0, 2.0)


def test_jobs_are_counted_apart_from_the_apps_own_steps() -> None:
    """A job that runs once for each of two containers, at the same time."""
    jobs = tuple(
        JobRecord(name="seed", service=f"seed-{n}", argv=("seed",), start_s=-3.0, end_s=-1.0 + n) for n in (0, 1)
    )
    trial = with_record(first_trial(make_scenario()), jobs=jobs)

    assert list(step_counts(trial.record)) == [
        StepCount(name="seed", by="job", executions=2, at_once=2, seconds=3.0, again=None)
    ]
    assert summarise_trial(trial).values["prestart.executions"] is None


def test_an_app_that_tells_nothing_has_no_number() -> None:
    """Nothing told is not zero."""
    assert summarise_trial(first_trial(make_scenario())).values["prestart.seconds"] is None


def test_the_report_has_a_table_of_each() -> None:
    """Sidecars by arm; steps by arm, with a column for the restart only where one was made."""
    scenario = scenario_with_database()
    told = (*begun("lifespan", 1.0), *ended("lifespan", 1.2))
    trials = [with_record(trial, events=told) for trial in make_trials(scenario)]
    run = make_run(scenario)
    summary = summarise(run, trials)

    content = build_content(run, summary, compare_run(summary))

    section = next(section for section in content.sections if section.key == "beside")
    sidecars, steps = (part for part in section.parts if isinstance(part, Table))
    assert [row[0].text for row in sidecars.rows] == ["db"] * 3
    assert [row[0].text for row in steps.rows] == ["lifespan"] * 3
    assert [column.title for column in steps.columns][-1] == "time"


def test_the_record_knows_its_sidecars() -> None:
    """By their kind."""
    record = first_trial(scenario_with_database()).record

    assert record.sidecars == {"db"}
    assert replace(record, services=()).sidecars == frozenset()
