"""Runs whose right words are known, through the real gates and the real comparison, without running anything."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import polars as pl

from benchmarks.known.check import Check, exactly
from benchmarks.verdict_rates import EDGE, SIGNIFICANCE, STOPPED, beyond, normal, p_value, percent
from lab.analysis.comparison import Comparison, compare_run
from lab.analysis.gates import run_gates
from lab.analysis.gates.counters import arm_cores
from lab.analysis.judge.decide import decide
from lab.analysis.judge.levels import FAMILY_ERROR, verdict_level
from lab.analysis.summary import summarise
from lab.metric_types import Family
from lab.plan.blocks import build_plan
from lab.plan.trial import Trial
from lab.record.types import TrialResult
from lab.scenario.model import Scenario
from tests.builders import (
    REPLICAS,
    WORKERS,
    make_run,
    make_scenario,
    make_trial,
    sampler_facts,
    with_record,
    with_tables,
)
from tests.gate_records import CORES, host_table

BLOCKS = 7
FAILED = 0.30
OURS = 0.30 + 0.01 + 0.02 + 0.02  # cores of load, sampler, lab and engine in host_table
STOLEN = CORES / 2
EXPERIMENTS = 1000
NOISE = 0.07
SEED = 20261124
AGAIN = WORKERS | {"name": "again"}

Change = Callable[[Trial, TrialResult], TrialResult]


def check_failures() -> Iterator[Check]:
    """The slowest 30 % of an arm's requests are answered at once with 503: what is left looks faster."""

    def spoil(planned: Trial, made: TrialResult) -> TrialResult:
        return _slowest_fail(made) if planned.arm.name == "replicas" else made

    scenario = _scenario([WORKERS, REPLICAS], ["p95", "errors"])
    words = words_of(_compared(scenario, spoil))
    for metric in ("p95", "errors"):
        yield exactly(f"30 % of an arm's requests are 503, the slowest: {metric}", words[metric], "worse")


def _slowest_fail(made: TrialResult) -> TrialResult:
    rows = made.tables.requests
    slow = pl.col("t_done_s") - pl.col("t_scheduled_s")
    failing = slow >= slow.quantile(1 - FAILED)
    return with_tables(
        made,
        requests=rows.with_columns(
            pl.when(failing).then(pl.col("t_sent_s") + 0.001).otherwise(pl.col("t_done_s")).alias("t_done_s"),
            pl.when(failing).then(503).otherwise(pl.col("status")).cast(rows.schema["status"]).alias("status"),
            pl.when(failing).then(pl.lit("HTTP 503")).otherwise(pl.col("error")).alias("error"),
        ),
    )


def check_equal() -> Iterator[Check]:
    """An arm against itself; once alone on the machine, and once with a program that takes half of it now and then."""
    metrics = ["memory.pss.total", "p50"]
    alone = _compared(_scenario([WORKERS, AGAIN], metrics), lambda _planned, made: made)
    for metric, word in words_of(alone).items():
        yield exactly(f"A/A, an arm against itself: {metric}", word, "equivalent")

    disturbed = _compared(_scenario([WORKERS, AGAIN], metrics), _with_neighbour)
    beside = f"A/A, half the machine taken in {BLOCKS - 2} of {BLOCKS} blocks"
    yield exactly(f"{beside}: valid for memory", len(disturbed.decision.valid_for(Family.MEMORY)), BLOCKS)
    yield exactly(f"{beside}: valid for latency", len(disturbed.decision.valid_for(Family.TIME)), 2)
    words = words_of(disturbed)
    yield exactly(f"{beside}: memory.pss.total", words["memory.pss.total"], "equivalent")
    yield exactly(f"{beside}: p50", words["p50"], "no verdict")


def _with_neighbour(planned: Trial, made: TrialResult) -> TrialResult:
    """Every second trial, so one in each of all blocks but two."""
    disturbed = planned.block > 2 and planned.position == planned.block % 2
    return with_tables(made, host=_host(made, STOLEN if disturbed else 0.0))


def check_looks() -> Iterator[Check]:
    """Runs of an arm against itself with declared looks, each of which ends at the first look with a word."""
    rng = np.random.default_rng(SEED)
    looks = STOPPED
    values = NOISE * math.sqrt(2) * normal(rng, (EXPERIMENTS, looks[-1]))
    different, wrong = np.zeros((2, EXPERIMENTS), dtype=bool)
    for look in looks:
        found = decide(values[:, :look], EDGE, verdict_level(1, looks))
        different |= (found.wide.low > 0) | (found.wide.high < 0)
        wrong |= beyond(found.place)
    case = f"{EXPERIMENTS} × A/A, looks {', '.join(map(str, looks))}"
    for what, hits in (("better or worse", wrong.sum()), ("any interval excludes 1", different.sum())):
        yield Check(
            case=f"{case}: {what}",
            planted="no difference",
            printed=percent(hits / EXPERIMENTS),
            allowed=f"{percent(FAMILY_ERROR)} and chance",
            holds=p_value(int(hits), EXPERIMENTS) > SIGNIFICANCE,
        )


def _scenario(arms: list[dict[str, str]], primary: list[str]) -> Scenario:
    compare = {"baseline": arms[0]["name"], "primary": primary}
    return make_scenario(arms, trials={"blocks": BLOCKS, "seed": 7}, compare=compare)


def _compared(scenario: Scenario, change: Change) -> Comparison:
    """A run on a quiet machine but for what ``change`` does to its trials; the gates look at what comes out."""
    trials = []
    for planned in build_plan(scenario).trials:
        made = make_trial(scenario, planned)
        made = with_record(made, shared_files={}, sampler=sampler_facts(44.0, 44.0))
        made = change(planned, with_tables(made, host=_host(made, 0.0)))
        trials.append(with_record(made, gates=run_gates(made, CORES)))
    return compare_run(summarise(make_run(scenario), trials))


def _host(made: TrialResult, foreign: float) -> pl.DataFrame:
    """A machine on which others use so many cores."""
    arm = arm_cores(made.tables.cgroups, made.tables.processes, made.record.measure) or 0.0
    grid = [step / 2 for step in range(round(2 * made.record.measure.end_s) + 3)]
    return host_table(busy=arm + OURS + foreign, grid=grid)


def words_of(found: Comparison) -> dict[str, str]:
    """The verdict of each primary metric of a run with one contender."""
    return {
        contest.metric: contest.judgement.verdict.value if contest.judgement.verdict else "no verdict"
        for contest in found.primaries
    }
