"""Run summaries with values that a test chooses: no tables, only what a comparison reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from lab.analysis.blocks import GatedTrial, families_of, usable_blocks
from lab.analysis.summary import ArmMetric, RunSummary
from lab.analysis.trial.latency import Latency
from lab.analysis.trial.timeline import Timeline
from lab.analysis.trial.trial import Counts, TrialSummary
from lab.metric_types import Reading
from lab.metrics import CATALOGUE
from lab.plan.blocks import build_plan
from lab.record.types import Finding, GateResult
from lab.scenario.model import Scenario
from tests.builders import make_gate, make_scenario, make_trial

WORKERS = {"name": "workers", "model": "workers", "front": "direct"}
REPLICAS = {"name": "replicas", "model": "replicas", "front": "nginx"}
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
    planned = plan_of.trials.blocks
    count = blocks or planned
    names = [arm.name for arm in plan_of.arms]
    made = (
        _trial(plan_of, block, name, requests, (failed or {}).get(name, 0))
        for block in range(1, count + 1)
        for name in names
    )
    trials = tuple(
        replace(
            trial,
            record=replace(
                trial.record,
                gates=tuple((gates or {}).get(trial.record.trial_id, (make_gate(),))),
                findings=tuple((findings or {}).get(trial.record.trial_id, ())),
            ),
        )
        for trial in made
    )
    gated = [
        GatedTrial(trial_id=r.trial_id, block=r.block, arm=r.arm, gates=r.gates) for r in (t.record for t in trials)
    ]
    return RunSummary(
        scenario=plan_of,
        baseline=plan_of.baseline,
        trials=trials,
        blocks=tuple(range(1, count + 1)),
        decision=usable_blocks(gated, arms=names, planned=planned, needed=families_of(plan_of.compare.primary)),
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
    return ArmMetric(
        arm=arm,
        key=key,
        values=dict(enumerate(own, 1)),
        ratios=ratios,
        median=None,
        ratio=None,
        median_all=None,
        ratio_all=None,
    )


def _trial(plan_of: Scenario, block: int, arm: str, requests: int, failed: int) -> TrialSummary:
    planned = build_plan(plan_of, block)
    trial = next(trial for trial in planned.trials if trial.block == block and trial.arm.name == arm)
    record = replace(_RECORDS(plan_of, trial.arm.name), trial_id=trial.id, block=block)
    latency = Latency(count=requests, quantiles=(None,) * 5, curve=())
    return TrialSummary(
        record=record,
        values={},
        counts=Counts(requests=requests, successes=requests - failed, failures=failed, drops=0, errors=()),
        response=latency,
        service=latency,
        ledger=(),
        roles=(),
        shares=(),
        cpu=(),
        timeline=Timeline(bin_s=1.0, start_s=(), throughput=(), failures=(), quantiles={}, processes=()),
    )


class _Records:
    """One record of each arm; making the tables behind it is what takes the time."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def __call__(self, plan_of: Scenario, arm: str) -> Any:
        if arm not in self._made:
            trial = next(trial for trial in build_plan(plan_of).trials if trial.arm.name == arm)
            self._made[arm] = make_trial(plan_of, trial).record
        return self._made[arm]


_RECORDS = _Records()
