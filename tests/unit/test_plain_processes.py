"""Arms without containers: CPU comes from their processes, what only cgroups know is missing, and reports say so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from lab.analysis.gates.machine import anonymous_memory
from lab.analysis.trial.counters import increases
from lab.analysis.trial.trial import summarise_trial
from lab.plan.blocks import build_plan
from lab.record.types import CGROUPS, TrialResult
from tests.builders import make_scenario, make_trial, with_record, with_tables

SCENARIO = make_scenario()
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
