"""Run summaries with values that a test chooses: no tables, only what a comparison reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from lab.analysis.blocks import GatedTrial, families_of, usable_blocks
from lab.analysis.summary import ArmMetric, RunSummary
from lab.analysis.trial.latency import Latency
from lab.analysis.trial.timeline import Timeline
from lab.analysis.trial.trial import Counts, TrialSummary
from lab.metric_types import Reading
from lab.metrics import CATALOGUE
from lab.plan.blocks import build_plan
from lab.record.types import Finding, GateResult, TrialRecord
from lab.scenario.model import Scenario
from tests.builders import REPLICAS, WORKERS, make_gate, make_scenario, make_trial

NOISE = (0.004, -0.006, 0.001, 0.008, -0.003, -0.001, 0.005, -0.008, 0.002, -0.002)
PLENTY = 100_000

Values = Mapping[tuple[str, str], Sequence[float | None]]


def scenario(blocks: int = 8, **changes: Any) -> Scenario:
    """Two arms, memory judged."""
    compare = {"baseline": "workers", "primary": ["memory.pss.total"]}
    return make_scenario((WORKERS, REPLICAS), trials={"blocks": blocks, "seed": 7}, **{"compare": compare, **changes})


def series(size: float, factor: float = 1.0, blocks: int = 8, spread: float = 1.0) -> list[float | None]:
    """``size`` in every block, times ``factor``, with a little noise."""
    return [size * factor * (1 + spread * noise * (factor != 1.0)) for noise in NOISE[:blocks]]


def summary(
    plan_of: Scenario,
    values: Values,
    *,
    requests: int = PLENTY,
    gates: Mapping[str, Sequence[GateResult]] | None = None,
    findings: Mapping[str, Sequence[Finding]] | None = None,
    blocks: int | None = None,
    failed: Mapping[str, int] | None = None,
) -> RunSummary:
    """A run whose (metric, arm) have these values, block by block; metrics that are not named are unknown.

    ``requests`` were observed in every trial; ``gates`` by trial id, one that passed elsewhere, and so ``findings``;
    ``blocks`` were run, ``failed`` requests of each trial by arm, none of the others.
    """
    count = blocks or plan_of.trials.blocks
    names = [arm.name for arm in plan_of.arms]
    trials = tuple(
        _trial(
            replace(
                _record(arm.name, arm.model.kind, arm.front.kind),
                trial_id=(trial_id := f"b{block:02d}-{arm.name}"),
                block=block,
                gates=tuple((gates or {}).get(trial_id, (make_gate(),))),
                findings=tuple((findings or {}).get(trial_id, ())),
            ),
            requests,
            (failed or {}).get(arm.name, 0),
        )
        for block in range(1, count + 1)
        for arm in plan_of.arms
    )
    gated = [
        GatedTrial(trial_id=r.trial_id, block=r.block, arm=r.arm, gates=r.gates) for r in (t.record for t in trials)
    ]
    needed = families_of(plan_of.compare.primary)
    return RunSummary(
        scenario=plan_of,
        baseline=plan_of.baseline,
        trials=trials,
        blocks=tuple(range(1, count + 1)),
        decision=usable_blocks(gated, arms=names, planned=plan_of.trials.blocks, needed=needed),
        metrics={
            Reading(metric.key, name): _arm_metric(plan_of, name, metric.key, values, count)
            for name in names
            for metric in CATALOGUE
        },
        arms=(),
        gates=(),
        hops=(),
    )


def _arm_metric(plan_of: Scenario, arm: str, key: str, values: Values, count: int) -> ArmMetric:
    own, baseline = (values.get((key, name), [None] * count) for name in (arm, plan_of.baseline))
    pairs = zip(own, baseline, strict=True)
    ratios = {} if arm == plan_of.baseline else dict(enumerate((a / b if a and b else None for a, b in pairs), 1))
    medians: dict[str, Any] = dict.fromkeys(("median", "ratio", "median_all", "ratio_all"))
    return ArmMetric(arm=arm, key=key, values=dict(enumerate(own, 1)), ratios=ratios, **medians)


@cache
def _record(name: str, model: str, front: str) -> TrialRecord:
    """Making the tables behind a record is what takes the time."""
    made = make_scenario(({"name": name, "model": model, "front": front},), compare={"baseline": name})
    return make_trial(made, build_plan(made).trials[0]).record


def _trial(record: TrialRecord, requests: int, failed: int) -> TrialSummary:
    latency = Latency(count=requests, quantiles=(None,) * 5, curve=())
    return TrialSummary(
        record=record,
        values={},
        counts=Counts(
            requests=requests, successes=requests - failed, ended=requests - failed, failures=failed, drops=0, errors=()
        ),
        response=latency,
        service=latency,
        ledger=(),
        roles=(),
        shares=(),
        cpu=(),
        timeline=Timeline(bin_s=1.0, start_s=(), throughput=(), failures=(), quantiles={}, processes=()),
    )
