"""Trials with planted values through the real analysis: gates, findings and metrics, without running anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from benchmarks.known.check import Check, exactly, within
from lab.analysis.findings import run_findings
from lab.analysis.gates import INVALID, run_gates
from lab.analysis.trial.trial import summarise_trial
from lab.plan.blocks import build_plan
from lab.record.types import Phase, PhaseWindow, TrialResult
from lab.units import MIB
from tests.builders import WORKERS, make_scenario, make_trial, with_tables
from tests.gate_records import CORES, MEASURE, arrivals, cgroup_table, drop, process_table, request, trial

SERVICE_S = 0.005
EXACT = 0.001
OVERLOAD = {Phase.WARMUP: PhaseWindow(start_s=4.0, end_s=6.0), Phase.MEASURE: PhaseWindow(start_s=6.0, end_s=14.0)}
OVERLOADS = ((200, 150), (300, 250))  # arrivals and capacity, a second
FROM_MIB, TO_MIB = 100, 200
GROWN_IN_S = (3, 10, 60)
DROPPED, HUNG_AT_S = 50, 15.0


def check_overload() -> Iterator[Check]:
    """A server that answers one after the other and keeps one core busy, asked for more than it can."""
    for rate, capacity in OVERLOADS:
        values = summarise_trial(_overloaded(rate, capacity)).values
        case = f"{rate}/s asked of a capacity of {capacity}/s"
        yield within(f"{case}: throughput", _known(values, "throughput"), capacity, EXACT, "/s")
        yield within(f"{case}: CPU for 1 000", _known(values, "cpu.per_1k"), 1000 / capacity, EXACT, "s")


def _overloaded(rate: int, capacity: int) -> TrialResult:
    measure, rows, free_s = OVERLOAD[Phase.MEASURE], [], 0.0
    start_s = OVERLOAD[Phase.WARMUP].start_s
    for number in range(round((measure.end_s - start_s) * rate)):
        at_s = start_s + number / rate
        free_s = max(at_s, free_s) + 1 / capacity
        phase = Phase.MEASURE if at_s >= measure.start_s else Phase.WARMUP
        rows.append(request(at_s, t_done_s=free_s, phase=phase))
    return trial(rows, phases=OVERLOAD, cgroups=cgroup_table(cores=0.25), processes=process_table(cores=(1.0,)))


def check_growth() -> Iterator[Check]:
    """One process that grows evenly while it is measured: its steady memory is the mean, however long that takes."""
    for length_s in GROWN_IN_S:
        load = {"locustfile": "known.py", "rate": 20, "warmup": "5s", "measure": f"{length_s}s"}
        scenario = make_scenario([WORKERS], load=load, compare={"baseline": "workers", "primary": ["memory.pss.total"]})
        made = make_trial(scenario, build_plan(scenario).trials[0])
        window = made.record.measure
        grown = (pl.col("t_s") - window.start_s) / window.length_s
        size = ((FROM_MIB + (TO_MIB - FROM_MIB) * grown.clip(0, 1)) * MIB).cast(pl.Int64)
        worker = made.tables.processes.filter(pl.col("role") == "worker")
        alone = worker.filter(pl.col("pid") == worker["pid"][0])
        table = alone.with_columns(pl.when(pl.col("pss_bytes").is_not_null()).then(size).alias("pss_bytes"))
        pss_bytes = _known(summarise_trial(with_tables(made, processes=table)).values, "memory.pss.total")
        case = f"memory grows from {FROM_MIB} to {TO_MIB} MiB in {length_s} s: PSS, steady"
        yield within(case, pss_bytes / MIB, (FROM_MIB + TO_MIB) / 2, 0.01, "MiB")


def check_hung() -> Iterator[Check]:
    """One request of a thousand is never answered: that is told of the arm, and its block stays."""
    rows = arrivals(lambda _at_s: SERVICE_S)
    place = next(number for number, row in enumerate(rows) if row["t_scheduled_s"] >= HUNG_AT_S)
    rows[place] |= {"t_done_s": None, "status": 0, "error": "unfinished", "served_by": None}
    made = trial(rows)
    yield exactly("1 request in 1 000 hangs: never answered", _found(made, "requests.hung"), 1)
    yield exactly("1 request in 1 000 hangs: gates that fail", _invalid(made), "none")


def check_drops() -> Iterator[Check]:
    """Arrivals that found the queue full: failures of the arm where it was at its capacity, and never lost."""
    step_s = MEASURE.length_s / DROPPED
    made = trial(
        [*arrivals(), *(drop(MEASURE.start_s + step_s * number) for number in range(DROPPED))],
        processes=process_table(cores=(0.95, 0.4, 0.4, 0.4)),
    )
    yield exactly(f"{DROPPED} arrivals dropped at capacity: failures", summarise_trial(made).counts.failures, DROPPED)
    yield exactly(f"{DROPPED} arrivals dropped at capacity: finding", _found(made, "requests.dropped"), DROPPED)
    yield exactly(f"{DROPPED} arrivals dropped at capacity: gates that fail", _invalid(made), "none")


def _known(values: Mapping[str, Any], metric: str) -> float:
    """A value that must be there: nothing printed is a wrong answer too."""
    value = values[metric]
    return float("nan") if value is None else float(value)


def _found(made: TrialResult, key: str) -> int:
    return next((round(found.value or 0) for found in run_findings(made, CORES) if found.key == key), 0)


def _invalid(made: TrialResult) -> str:
    return ", ".join(gate.key for gate in run_gates(made, CORES) if gate.outcome == INVALID) or "none"
