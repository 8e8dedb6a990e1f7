"""CPU by role: the containers give the total, the processes its division, and what they do not explain is a rest."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
import pytest

from lab.analysis.trial.cpu_roles import OTHER, divided, role_fractions
from lab.analysis.trial.trial import summarise_trial
from lab.plan.blocks import build_plan
from lab.plan.kinds import Role
from lab.record.types import TrialResult
from tests.builders import CPU_CORES, make_scenario, make_trial, with_tables

SCENARIO = make_scenario(load={"locustfile": "x.py", "rate": 50, "warmup": "1s", "measure": "2s"})
TRIALS = {trial.arm.name: trial for trial in build_plan(SCENARIO).trials}


def fractions(arm: str, cgroups: float = 1.0, processes: pl.Expr | None = None) -> Mapping[str, float]:
    """Of a trial whose containers used ``cgroups`` times what their processes did; some may not have been read."""
    trial: TrialResult = make_trial(SCENARIO, TRIALS[arm])
    tables = {"cgroups": trial.tables.cgroups.with_columns(cpu_s=pl.col("cpu_s") * cgroups)}
    if processes is not None:
        tables["processes"] = trial.tables.processes.filter(processes)
    return role_fractions(summarise_trial(with_tables(trial, **tables)))


def test_processes_divide_what_their_containers_used() -> None:
    """The proxy and the platform are not the app."""
    found = fractions("workers-nginx")
    workers, supervisor = 4 * CPU_CORES[Role.WORKER], CPU_CORES[Role.SUPERVISOR]
    whole = workers + supervisor + CPU_CORES[Role.HELPER]

    assert found == pytest.approx({"worker": workers / whole, "supervisor": supervisor / whole, "helper": 0.0})
    assert fractions("replicas") == pytest.approx({"worker": 1.0})


def test_what_no_process_explains_is_a_rest() -> None:
    """Of a process that ended between two readings, or was never read."""
    half = fractions("workers", cgroups=2.0)
    unread = fractions("workers", processes=pl.col("role") == "platform")

    assert half[OTHER] == pytest.approx(0.5)
    assert sum(half.values()) == pytest.approx(1.0)
    assert unread == pytest.approx({OTHER: 1.0})


def test_processes_never_add_up_to_more_than_their_containers() -> None:
    """They are read at other instants: the total stays that of the cgroups."""
    found = fractions("workers", cgroups=0.9)

    assert sum(found.values()) == pytest.approx(1.0)
    assert OTHER not in found


def test_without_a_total_there_is_no_division() -> None:
    """Missing, not a sum over processes."""
    trial = make_trial(SCENARIO, TRIALS["workers"])
    nothing = summarise_trial(with_tables(trial, cgroups=trial.tables.cgroups.clear()))

    assert role_fractions(nothing) == {}
    assert divided(None, [{"worker": 1.0}]) == {}
    assert divided(2.0, [{}]) == {}


def test_the_parts_of_an_arm_add_up_to_its_median() -> None:
    """Whatever the trials' fractions, and in the order in which they are stacked; a trial without any says nothing."""
    found = divided(2.0, [{"supervisor": 0.1, "worker": 0.9}, {"worker": 0.7, OTHER: 0.3}, {}])

    assert found == pytest.approx({"worker": 1.6, "supervisor": 0.1, OTHER: 0.3})
    assert list(found) == ["worker", "supervisor", OTHER]
    assert sum(found.values()) == pytest.approx(2.0)
