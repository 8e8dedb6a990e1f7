"""A trial that passes every gate, and the knobs to spoil it: four replicas on four cores, 100 arrivals a second.

Phases: warm-up [4, 10), measure [10, 20), cooldown [20, 22). Every request takes 20 ms.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Any

import polars as pl

from lab.plan.blocks import build_plan
from lab.record.types import (
    CGROUPS,
    HOST,
    PROCESSES,
    REQUESTS,
    ClockOffset,
    Phase,
    PhaseWindow,
    RequestKind,
    TrialRecord,
    TrialResult,
    TrialTables,
)
from tests.builders import counted, make_scenario, make_trial

CORES = 4
WORKERS = 4
RATE = 100
WARMUP, MEASURE, COOLDOWN = (
    PhaseWindow(start_s=4.0, end_s=10.0),
    PhaseWindow(start_s=10.0, end_s=20.0),
    PhaseWindow(start_s=20.0, end_s=22.0),
)
GRID_S = [step / 2 for step in range(45)]
BURSTS_S = (9.5, 19.5)
ANON_BYTES = 30_000_000


def request(at_s: float, took_s: float = 0.02, **values: Any) -> dict[str, Any]:
    """One arrival, sent 1 ms after its instant."""
    row: dict[str, Any] = {
        "t_scheduled_s": at_s,
        "t_sent_s": at_s + 0.001,
        "t_done_s": at_s + 0.001 + took_s,
        "status": 200,
        "bytes": 100,
        "name": "/",
        "served_by": "worker-0",
        "phase": Phase.MEASURE if at_s >= MEASURE.start_s else Phase.WARMUP,
        "kind": RequestKind.ARRIVAL,
        "error": None,
        "lane": 0,
        "opened_s": None,
        "resumed": None,
    }
    return row | values


def arrivals(
    took_s: Callable[[float], float] = lambda at_s: 0.02, rate: int = RATE, **values: Any
) -> list[dict[str, Any]]:
    """Evenly spaced arrivals over warm-up and measure, served by the workers in turn."""
    span_s = MEASURE.end_s - WARMUP.start_s
    instants = [WARMUP.start_s + n / rate for n in range(round(span_s * rate))]
    return [request(at_s, took_s(at_s), served_by=f"worker-{n % WORKERS}", **values) for n, at_s in enumerate(instants)]


def drop(at_s: float) -> dict[str, Any]:
    """An arrival that found the queue full."""
    unsent = {"t_sent_s": None, "t_done_s": None, "served_by": None, "status": 0}
    return request(at_s) | unsent | {"kind": RequestKind.DROP, "error": "dropped"}


def waiting(at_s: float) -> dict[str, Any]:
    """An arrival that got no lane before the run ended."""
    return drop(at_s) | {"kind": RequestKind.ARRIVAL, "error": "unfinished"}


def request_table(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """The rows as a table of the schema."""
    return pl.DataFrame(list(rows), schema=REQUESTS)


def host_table(
    *,
    load: float = 0.3,
    busiest: Callable[[float], float] | None = None,
    grid: Sequence[float] = GRID_S,
    **cores: float,
) -> pl.DataFrame:
    """Readings of constant rates in cores; ``busiest`` gives the busiest load process's rate at an instant."""
    rates = {"busy": 2.0, "steal": 0.0, "sampler": 0.01, "lab": 0.02, "engine": 0.02} | cores
    peak, load_max_s = busiest or (lambda _: load), [0.0]
    for before, after in pairwise(grid):
        load_max_s.append(load_max_s[-1] + peak(before) * (after - before))
    rows = [
        {
            "t_s": at_s,
            "busy_s": rates["busy"] * at_s,
            "steal_s": rates["steal"] * at_s,
            "total_s": CORES * at_s,
            "load_cpu_s": load * at_s,
            "load_cpu_max_s": max_s,
            "sampler_cpu_s": rates["sampler"] * at_s,
            "lab_cpu_s": rates["lab"] * at_s,
            "engine_cpu_s": rates["engine"] * at_s,
        }
        for at_s, max_s in zip(grid, load_max_s, strict=True)
    ]
    return pl.DataFrame(rows, schema=HOST)


def process_table(
    *, cores: Sequence[float] = (0.4,) * WORKERS, anon_bytes: int | None = ANON_BYTES, grid: Sequence[float] = GRID_S
) -> pl.DataFrame:
    """One worker for each of ``cores``, and a containerd-shim that is no part of the arm's memory."""
    workers = [
        {
            "t_s": at_s,
            "pid": 100 + n,
            "started_s": 1000.0,
            "role": "worker",
            "service": f"app-{n}",
            "cpu_s": used * at_s,
            "pss_anon_bytes": anon_bytes if at_s in BURSTS_S else None,
        }
        for at_s in grid
        for n, used in enumerate(cores)
    ]
    shim = {"pid": 50, "started_s": 999.0, "role": "platform", "service": "app-0"}
    shims = [shim | {"t_s": at_s, "cpu_s": 0.9 * at_s, "pss_anon_bytes": 9_000_000} for at_s in grid]
    return pl.DataFrame(workers + shims, schema=PROCESSES)


def cgroup_table(*, cores: float = 0.4, throttled: float = 0.0) -> pl.DataFrame:
    """One container for each worker; ``throttled`` is the share of its ten periods a second."""
    rows = [
        {
            "t_s": at_s,
            "service": f"app-{n}",
            "container": f"{n:064x}",
            "cpu_s": cores * at_s,
            "anon_bytes": ANON_BYTES,
            "periods": round(10 * at_s),
            "throttled_periods": round(10 * at_s * throttled),
        }
        for at_s in GRID_S
        for n in range(WORKERS)
    ]
    return pl.DataFrame(rows, schema=CGROUPS)


CLOCK = ClockOffset(offset_s=0.2, bound_s=0.0004)  # of a load that runs under another kernel


@cache
def _passing() -> TrialRecord:
    scenario = make_scenario(load={"locustfile": "x.py", "rate": RATE, "warmup": "1s", "measure": "1s"})
    replicas = next(trial for trial in build_plan(scenario).trials if trial.arm.name == "replicas")
    phases = {Phase.WARMUP: WARMUP, Phase.MEASURE: MEASURE, Phase.COOLDOWN: COOLDOWN}
    return replace(make_trial(scenario, replicas).record, phases=phases, services=(), gates=(), clock=CLOCK)


def trial(
    rows: Sequence[Mapping[str, Any]] | None = None,
    *,
    load: Mapping[str, Any] | None = None,
    host: pl.DataFrame | None = None,
    processes: pl.DataFrame | None = None,
    cgroups: pl.DataFrame | None = None,
    **record: Any,
) -> TrialResult:
    """The trial that passes, but for what is given: request rows, load counters, tables, fields of the record."""
    requests = request_table(arrivals() if rows is None else rows)
    tables = TrialTables(
        requests=requests,
        processes=process_table() if processes is None else processes,
        cgroups=cgroup_table() if cgroups is None else cgroups,
        host=host_table() if host is None else host,
    )
    return TrialResult(
        record=replace(_passing(), load=counted(requests, **(load or {})), **record),
        tables=tables,
    )
