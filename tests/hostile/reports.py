"""Runs whose every text from outside is hostile."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl

from lab.load.inside.recording import MAX_LENGTH
from lab.plan.blocks import build_plan
from lab.record.types import Environment, Finding, GateResult, RunInfo, TrialResult
from tests.builders import REPLICAS, WORKERS, make_run, make_scenario, make_trial


def run_full_of(text: str, **changes: Any) -> tuple[RunInfo, list[TrialResult]]:
    """A finished run in which every text that comes from outside is ``text``: scenario, machine, app, its answers."""
    load = {"locustfile": "x.py", "rate": 60, "lanes": 4, "warmup": "1s", "measure": "2s"}
    words = text.encode(errors="replace").decode() or "?"  # neither TOML nor JSON holds a lone surrogate
    expect = [{"that": "p99(workers) <= 1.1 * p99(replicas)", "name": words[:80]}]
    scenario = make_scenario((WORKERS, REPLICAS), load=load, question=words[:2000], expect=expect)
    environment = Environment(facts={"cpu_model": text, "kernel": text, "docker": text, "storage_driver": text})
    images = {"app": {"name": text, "digest": text, "origin": text}}
    info = make_run(scenario, environment=environment, images=images, cut=text, scenario_name=text, **changes)
    return info, [_full_of(text, make_trial(scenario, trial)) for trial in build_plan(scenario).trials]


def _full_of(text: str, trial: TrialResult) -> TrialResult:
    record, tables = trial.record, trial.tables
    services = tuple(
        replace(service, argv=(text, text), image=text, files=dict.fromkeys(service.files, text))
        for service in record.services
    )
    gate = GateResult(key="load.cpu", outcome="caveat", value=0.8, limit=0.7, why="readings")
    finding = Finding(key="load.capacity", value=0.8, limit=0.7, subject=text)
    words = text.encode(errors="replace").decode()
    filled = pl.lit(words[:MAX_LENGTH], dtype=pl.String)
    requests = tables.requests.with_columns(
        filled.alias("name"),
        (filled + pl.col("served_by")).alias("served_by"),
        pl.when(pl.col("lane") == 0).then(filled).otherwise(pl.col("error")).alias("error"),
    )
    processes = tables.processes.with_columns(filled.alias("command"))
    return TrialResult(
        record=replace(record, services=services, gates=(gate,), findings=(finding,)),
        tables=replace(tables, requests=requests, processes=processes),
    )
