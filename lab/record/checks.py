"""Could a run have written this? What a record or a table may hold, beyond its schema. Pure.

Every number in a report comes through here: what a lab cannot have measured is refused with a phrase, never computed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from lab.plan.kinds import Role
from lab.record.types import Phase, RequestKind, RunInfo, TrialRecord, TrialTables

TRIAL_ID = re.compile(r"b\d{2,5}-[a-z0-9][a-z0-9-]{0,39}", re.ASCII)
OUTCOMES = ("pass", "caveat", "invalid")
MAX_TRIALS = 100_000
MAX_PROCESSES = 512
MAX_INSTANT_S = 1e8  # a trial lasts two weeks at most
MAX_COUNT = 2**53  # what a float holds exactly: sums stay right
MAX_TEXT_BYTES = 4096  # of a cell; recorder and sampler cut their texts far below
STATED = ("storage_driver", "engine", "network", "docker", "machine", "cpu_model", "cpu_count", "memory_bytes")
"""Facts that are compared or counted with: text, a number, or not known."""


def run_problem(run: RunInfo) -> str:
    """What is wrong with a run.json, as a phrase that opens with the key; "" when nothing is."""
    if wrong := [trial for trial in run.order if TRIAL_ID.fullmatch(trial) is None]:
        return f"order: {wrong[0][:80]!r} is no name of a trial"
    if len(set(run.order)) < len(run.order) or len(run.order) > MAX_TRIALS:
        return "order: a trial is in it twice, or it is endless"
    if stray := sorted(set(run.states) - set(run.order)):
        return f"states: {stray[0][:80]!r} is not in the order"
    facts = run.environment.facts
    if wrong := [key for key in STATED if not isinstance(facts.get(key), str | int | float | None)]:
        return f"environment.facts.{wrong[0]}: expected a text or a number"
    if run.calibration and not 0 < run.calibration.ceiling_per_s < MAX_COUNT:
        return "calibration.ceiling_per_s: expected a rate"
    return ""


def record_problem(record: TrialRecord) -> str:
    """What is wrong with a record.json, as a phrase that opens with the key; "" when nothing is."""
    return next(_record_problems(record), "")


def _record_problems(record: TrialRecord) -> Iterator[str]:
    if record.trial_id != f"b{record.block:02d}-{record.arm}":
        yield f"trial_id: {record.trial_id!r} is not block {record.block} of arm {record.arm!r}"
    if not 1 <= record.processes <= MAX_PROCESSES:
        yield f"processes: {record.processes}"
    if not 0 <= record.boot_s <= MAX_INSTANT_S:
        yield f"boot_s: {record.boot_s}"
    yield from _phase_problems(record)
    load = record.load
    counters = (load.lanes, load.scheduled, load.started, load.dropped, load.unfinished, load.starved_workers)
    if not all(0 <= count <= MAX_COUNT for count in (*counters, load.user_errors, load.dispatch_lag_p99_s or 0.0)):
        yield "load: a counter is below zero, or beyond all numbers"
    for gate in record.gates:
        if gate.outcome not in OUTCOMES:
            yield f"gates: {gate.key[:80]!r} has the outcome {gate.outcome[:80]!r}"
        if not all(value is None or math.isfinite(value) for value in (gate.value, gate.limit)):
            yield f"gates: {gate.key[:80]!r} has no finite value or limit"


def _phase_problems(record: TrialRecord) -> Iterator[str]:
    for phase, window in record.phases.items():
        if not -MAX_INSTANT_S <= window.start_s <= window.end_s <= MAX_INSTANT_S:
            yield f"phases.{phase}: from {window.start_s} to {window.end_s} is no interval"
    if Phase.MEASURE not in record.phases:
        yield "phases: measure is missing"
    elif not record.measure.length_s > 0:
        yield "phases.measure: it has no length"


def table_problem(tables: TrialTables) -> str:
    """What is wrong with the rows of a trial, as a phrase that opens with file and column; "" when nothing is."""
    checks = {"requests": _requests(), "processes": _processes(), "cgroups": _cgroups(), "host": _host()}
    queries = [
        getattr(tables, name).lazy().select(~expression.all().alias(phrase) for phrase, expression in checked.items())
        for name, checked in checks.items()
    ]
    for (name, checked), found in zip(checks.items(), pl.collect_all(queries), strict=True):
        if wrong := [phrase for phrase, bad in zip(checked, found.row(0), strict=True) if bad]:
            return f"{name}.parquet: {wrong[0]}"
    return ""


Checks = Mapping[str, pl.Expr]  # phrase → expression that holds for every row; nulls are passed over


def _requests() -> Checks:
    return {
        **_present("phase", "kind", "status", "lane"),
        **{f"{name}: no instant of a trial": _instant(name) for name in ("t_scheduled_s", "t_sent_s", "t_done_s")},
        "t_done_s: before t_sent_s": pl.col("t_done_s") >= pl.col("t_sent_s"),
        "phase: unknown": _one_of("phase", Phase),
        "kind: unknown": _one_of("kind", RequestKind),
        "bytes: no count": _count("bytes", least=-1),
        **_short("name", "served_by", "error"),
    }


def _processes() -> Checks:
    counts = ("rss_bytes", "pss_bytes", "uss_bytes", "pss_anon_bytes", "threads", "ctx_switches", "pid")
    seconds = ("started_s", "user_s", "system_s", "cpu_s", "runqueue_s")
    return {
        **_present("t_s", "pid", "started_s", "role", "service", "cpu_s", "rss_bytes", "command"),
        "t_s: no instant of a trial": _instant("t_s"),
        "role: unknown": _one_of("role", Role),
        **_short("service", "command"),
        **{f"{name}: no count": _count(name) for name in (*counts, *seconds)},
    }


def _cgroups() -> Checks:
    counts = ("cpu_s", "anon_bytes", "file_bytes", "usage_bytes", "periods", "throttled_periods", "throttled_s")
    return {
        **_present("t_s", "service"),  # earlier labs wrote the pool's container as null: filters pass it over as well
        **_short("service", "container"),
        "t_s: no instant of a trial": _instant("t_s"),
        **{f"{name}: no count": _count(name) for name in (*counts, "oom_kills")},
    }


def _host() -> Checks:
    counts = ("busy_s", "steal_s", "total_s", "psi_cpu_some_s", "load_cpu_s", "sampler_cpu_s", "lab_cpu_s")
    return {
        **_present("t_s"),
        "t_s: no instant of a trial": _instant("t_s"),
        **{f"{name}: no count": _count(name) for name in counts},
    }


def _present(*columns: str) -> Checks:
    return {f"{name}: a row has none": pl.col(name).is_not_null() for name in columns}


def _short(*columns: str) -> Checks:
    return {f"{name}: a text without end": pl.col(name).str.len_bytes() <= MAX_TEXT_BYTES for name in columns}


def _instant(column: str) -> pl.Expr:
    return pl.col(column).is_between(-MAX_INSTANT_S, MAX_INSTANT_S)


def _count(column: str, least: float = 0) -> pl.Expr:
    return pl.col(column).is_between(least, MAX_COUNT)


def _one_of(column: str, words: Any) -> pl.Expr:
    return pl.col(column).is_in([word.value for word in words])
