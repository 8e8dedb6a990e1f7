"""The memory and CPU that the processes and containers of one trial used. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from lab.analysis.judge.eligibility import steady
from lab.analysis.trial.counters import complete_sum, increases
from lab.analysis.trial.courses import Course, courses, sum_at, total
from lab.analysis.trial.cpu_source import cpu_growth
from lab.analysis.trial.latency import ended_in
from lab.analysis.trial.ledger import ARM_ROLES, PROCESS, Ledger, ProcessLine, of_arm, of_roles
from lab.analysis.trial.sidecars import without_platform_of_sidecars
from lab.plan.kinds import Role, ServiceKind
from lab.record.types import POOL, Phase, PhaseWindow, TrialRecord, TrialResult

Floats = npt.NDArray[np.float64]
Values = dict[str, float | None]

LEAST_SECONDS = 6  # of a measure phase before its memory has a slope: as many as for a drift
EDGE_OF_A_SECOND_S = 0.01  # a window of 9.999 s has ten seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceCpu:
    """CPU of one container or process tree over the measure phase; None where it could not be read."""

    service: str
    proxy: bool
    cpu_s: float | None
    per_1k_s: float | None
    throttled_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """The resources of a trial: of each process, of each service, and the ``values`` of the catalogue."""

    ledger: Ledger
    lines: tuple[ProcessLine, ...]
    cpu: tuple[ServiceCpu, ...]
    values: Mapping[str, float | None]


def resources(trial: TrialResult, ended_s: Floats) -> Resources:
    """Sum up the memory and CPU of a trial; ``ended_s``: its ``successes``, among which those are shared."""
    record, tables = trial.record, trial.tables
    window = record.measure
    requests = ended_in(ended_s, window)
    cgroups = of_arm(record, tables.cgroups)
    processes = without_platform_of_sidecars(record, tables.processes)
    ledger = Ledger(processes, window)
    cpu = _service_cpu(trial, requests)
    values = {
        **_memory_values(ledger, cgroups.filter(pl.col("container") != POOL), window),
        **_memory_course(record, processes, ended_s),
        **_cpu_values(cpu, window),
        "cpu.throttled": _throttled(cgroups, window),
        **_scheduler_values(tables.processes, window, requests),
    }
    return Resources(ledger=ledger, lines=ledger.lines(), cpu=cpu, values=values)


def _memory_values(ledger: Ledger, cgroups: pl.DataFrame, window: PhaseWindow) -> Values:
    pss, uss, rss = (ledger.total(column, *ARM_ROLES) for column in ("pss_bytes", "uss_bytes", "rss_bytes"))
    platform, proxy = (ledger.total("pss_bytes", role) for role in (Role.PLATFORM, Role.PROXY))
    anon = total(courses(cgroups, ("service", "container"), "anon_bytes", window), window)
    return {
        "memory.pss.total": pss and pss.mean,
        "memory.pss.peak": pss and pss.peak,
        "memory.uss.total": uss and uss.mean,
        "memory.rss.total": rss and rss.mean,
        "memory.cgroup.anon": anon and anon.mean,
        "memory.platform.pss": platform and platform.mean,
        "memory.proxy.pss": proxy and proxy.mean,
    }


def _memory_course(record: TrialRecord, processes: pl.DataFrame, ended_s: Floats) -> Values:
    """What memory grows by over time, and what it keeps at rest (METHOD 12); None where the trial cannot say."""
    own = of_roles(processes, *ARM_ROLES)
    return {
        "memory.slope.per_1k": _slope(record.measure, own, ended_s),
        "memory.pss.idle": _at_rest(record, own),
    }


def _slope(window: PhaseWindow, own: pl.DataFrame, ended_s: Floats) -> float | None:
    seconds = math.floor(window.length_s + EDGE_OF_A_SECOND_S)
    owners = _complete(own, window)
    if owners is None or seconds < LEAST_SECONDS:
        return None
    middles: Floats = window.start_s + 0.5 + np.arange(seconds, dtype=np.float64)
    thousands = np.searchsorted(ended_s, middles) / 1000
    return steady(thousands.tolist(), sum_at(owners, middles).tolist()).slope


def _at_rest(record: TrialRecord, own: pl.DataFrame) -> float | None:
    if not record.settle_s:
        return None
    end_s = record.phases[Phase.COOLDOWN].end_s
    owners = _complete(own, PhaseWindow(start_s=end_s - record.settle_s, end_s=end_s))
    return None if owners is None else float(sum_at(owners, np.array([end_s]))[0])


def _complete(own: pl.DataFrame, window: PhaseWindow) -> list[Course] | None:
    """The course of each process that lived in the window; None of nothing, or when one was never read."""
    found = list(courses(own, PROCESS, "pss_bytes", window))
    known = [each for each in found if each is not None]
    return known if known and len(known) == len(found) else None


def _service_cpu(trial: TrialResult, requests: int) -> tuple[ServiceCpu, ...]:
    proxies = {service.name for service in trial.record.services if service.kind == ServiceKind.PROXY}
    return tuple(
        ServiceCpu(
            service=service,
            proxy=service in proxies,
            cpu_s=grown["cpu_s"],
            per_1k_s=_per_1k(grown["cpu_s"], requests),
            throttled_s=grown["throttled_s"],
        )
        for service, grown in sorted(cpu_growth(trial.record, trial.tables), key=lambda item: item[0])
    )


def _per_1k(amount: float | None, requests: int) -> float | None:
    return None if amount is None or not requests else amount / requests * 1000


def _cpu_values(cpu: tuple[ServiceCpu, ...], window: PhaseWindow) -> Values:
    cpu_s = complete_sum(service.cpu_s for service in cpu)
    return {
        "cpu.per_1k": complete_sum(service.per_1k_s for service in cpu),
        "cpu.proxy.per_1k": complete_sum(service.per_1k_s for service in cpu if service.proxy),
        "cpu.cores": None if cpu_s is None else cpu_s / window.length_s,
    }


def _throttled(cgroups: pl.DataFrame, window: PhaseWindow) -> float | None:
    """Every quota counts: those of the containers, and that of the parent cgroup that pools them."""
    growth = increases(cgroups, ("service", "container"), ("throttled_s",), window)
    return complete_sum(grown["throttled_s"] for grown in growth.values())


def _scheduler_values(processes: pl.DataFrame, window: PhaseWindow, requests: int) -> Values:
    growth = increases(of_roles(processes, *ARM_ROLES), PROCESS, ("runqueue_s", "ctx_switches"), window)
    return {
        "cpu.runqueue.per_1k": _per_1k(complete_sum(grown["runqueue_s"] for grown in growth.values()), requests),
        "cpu.switches.per_1k": _per_1k(complete_sum(grown["ctx_switches"] for grown in growth.values()), requests),
    }
