"""A run in numbers: for each arm and metric the value of every block, their median, and the ratios to the baseline.

The unit of repetition is the block: a ratio pairs two trials of one block, and only medians over blocks summarise.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from math import isfinite

from lab.analysis.arms import ArmSummary, summarise_arm
from lab.analysis.blocks import (
    BlockDecision,
    GatedTrial,
    families_of,
    lost_trials,
    replacements_allowed,
    usable_blocks,
)
from lab.analysis.gate_summary import FindingSummary, GateSummary, finding_summaries, gate_summaries
from lab.analysis.medians import known_median
from lab.analysis.trial.middle import middle_capacity, range_of
from lab.analysis.trial.trial import TrialSummary, summarise_trial
from lab.errors import RunFolderError
from lab.metric_types import Family, Reading
from lab.metrics import CATALOGUE, METRICS
from lab.metrics.capacity import CAPACITY
from lab.record.types import RunInfo, TrialResult
from lab.scenario.model import Arm, Scenario

MAY_DIFFER = ("name", "front", "control")  # what may differ between the two arms of a hop


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmMetric:
    """One metric of one arm. Keys of ``values`` and ``ratios`` are blocks; None where a trial cannot say.

    A percentile is infinite where it lies among failed requests; of two such values there is no ratio.

    ``beyond``: from where to where a value lies that is None because only one end of that is known.

    ``ratios`` are arm ÷ baseline in the same block, empty for the baseline itself. ``median`` and ``ratio`` are medians
    over the blocks that are valid for the metric's family, ``median_all`` and ``ratio_all`` over every block.
    """

    arm: str
    key: str
    values: Mapping[int, float | None]
    ratios: Mapping[int, float | None]
    median: float | None
    ratio: float | None
    median_all: float | None
    ratio_all: float | None
    beyond: Mapping[int, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """Two arms that differ in nothing but a front, of which one is ``behind`` it."""

    direct: str
    behind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """Everything a report shows, in stored units. ``trials`` are in the order of blocks and arms.

    ``decision`` says which blocks are valid for which family of metrics. Every number of an arm is over the blocks that
    are valid for its family, or over all blocks when none is.
    """

    scenario: Scenario
    baseline: str
    trials: tuple[TrialSummary, ...]
    blocks: tuple[int, ...]
    decision: BlockDecision
    metrics: Mapping[Reading, ArmMetric]
    arms: tuple[ArmSummary, ...]
    gates: tuple[GateSummary, ...]
    hops: tuple[Hop, ...]
    findings: tuple[FindingSummary, ...] = ()

    def of_arm(self, arm: str) -> tuple[TrialSummary, ...]:
        """The trials of one arm in block order."""
        return tuple(trial for trial in self.trials if trial.record.arm == arm)

    def valid_for(self, metric: str) -> tuple[int, ...]:
        """The blocks that are valid for a metric of the catalogue, by its key."""
        return self.decision.valid_for(METRICS[metric].group.family)


def summarise(run: RunInfo, trials: Iterable[TrialResult]) -> RunSummary:
    """Summarise the finished trials of a run, one at a time: memory holds the tables of one trial only."""
    return summarise_done(run, map(summarise_trial, trials))


def summarise_done(run: RunInfo, trials: Iterable[TrialSummary]) -> RunSummary:
    """As ``summarise``, from trials that have been summarised already."""
    scenario = run.parsed_scenario
    names = [arm.name for arm in scenario.arms]
    done = tuple(sorted(trials, key=lambda trial: _place(trial, names)))
    blocks = tuple(sorted({trial.record.block for trial in done}))
    decision = usable_blocks(
        [*map(_gated, done), *lost_trials(run)],
        arms=names,
        planned=_planned(run, scenario),
        needed=families_of(scenario.compare.primary),
    )
    metrics = _metrics(done, scenario, decision)
    return RunSummary(
        scenario=scenario,
        baseline=scenario.baseline,
        trials=done,
        blocks=blocks,
        decision=decision,
        metrics=metrics,
        arms=tuple(_arm(name, done, decision) for name in names),
        gates=gate_summaries(done, names),
        hops=_hops(scenario),
        findings=tuple(finding_summaries(done)),
    )


def _arm(name: str, trials: Sequence[TrialSummary], decision: BlockDecision) -> ArmSummary:
    """Each part of an arm over the blocks that are valid for it, or over all when none is."""
    own = [trial for trial in trials if trial.record.arm == name]
    counted = {
        family: [trial for trial in own if trial.record.block in decision.valid_for(family)] for family in Family
    }
    return summarise_arm(name, {family: trials or own for family, trials in counted.items()})


def _place(trial: TrialSummary, arms: Sequence[str]) -> tuple[int, int]:
    if trial.record.arm not in arms:
        raise RunFolderError(f"{trial.record.trial_id}: the run's scenario has no arm {trial.record.arm!r}")
    return trial.record.block, arms.index(trial.record.arm)


def _gated(trial: TrialSummary) -> GatedTrial:
    record = trial.record
    return GatedTrial(trial_id=record.trial_id, block=record.block, arm=record.arm, gates=record.gates)


def _planned(run: RunInfo, scenario: Scenario) -> int:
    """Blocks without replacements: those of the scenario, unless the run was started with another number."""
    asked, listed = scenario.trials.blocks, len(run.order) // len(scenario.arms)
    return asked if asked <= listed <= asked + replacements_allowed(asked) else listed


def _metrics(
    trials: Sequence[TrialSummary], scenario: Scenario, decision: BlockDecision
) -> Mapping[Reading, ArmMetric]:
    by_arm: defaultdict[str, dict[int, TrialSummary]] = defaultdict(dict)
    for trial in trials:
        by_arm[trial.record.arm][trial.record.block] = trial
    metrics: dict[Reading, ArmMetric] = {}
    for metric in CATALOGUE:
        valid = decision.valid_for(metric.group.family)
        values = {
            arm.name: {block: trial.values[metric.key] for block, trial in by_arm[arm.name].items()}
            for arm in scenario.arms
        }
        for arm, blocks in values.items():
            against = {} if arm == scenario.baseline else values[scenario.baseline]
            found = _arm_metric(arm, metric.key, blocks, against, valid)
            metrics[Reading(metric.key, arm)] = _carried(found, by_arm[arm], valid) if metric.key == CAPACITY else found
    return metrics


def _carried(found: ArmMetric, trials: Mapping[int, TrialSummary], valid: Collection[int]) -> ArmMetric:
    """With medians in which a block beyond the ladder ranks as more, or less, and is not left out."""
    climbs = {block: trial.climb for block, trial in trials.items() if trial.climb is not None}
    used = [climb for block, climb in climbs.items() if block in valid]
    ranges = {block: known for block, climb in climbs.items() if climb.capacity is None and (known := range_of(climb))}
    middles = middle_capacity(used), middle_capacity([*climbs.values()])
    return replace(found, median=middles[0], median_all=middles[1], beyond=ranges)


def _arm_metric(
    arm: str,
    key: str,
    values: Mapping[int, float | None],
    baseline: Mapping[int, float | None],
    valid: Collection[int],
) -> ArmMetric:
    ratios = {block: _ratio(value, baseline[block]) for block, value in values.items() if block in baseline}
    used = [block for block in ratios if block in valid]
    return ArmMetric(
        arm=arm,
        key=key,
        values=values,
        ratios=ratios,
        median=known_median(value for block, value in values.items() if block in valid),
        ratio=_middle(key, ratios, baseline, used),
        median_all=known_median(values.values()),
        ratio_all=_middle(key, ratios, baseline, ratios),
    )


def _middle(
    key: str, ratios: Mapping[int, float | None], baseline: Mapping[int, float | None], blocks: Collection[int]
) -> float | None:
    """Of these blocks. A block without a ratio for what happened in it is not left out: the others are another answer.

    So it is where a capacity lies beyond the ladder, or where the baseline's value lies among requests that failed.
    """
    found = [ratios[block] for block in blocks]
    failed = any(value is not None and not isfinite(value) for value in map(baseline.get, blocks))
    return None if failed or (key == CAPACITY and None in found) else known_median(found)


def _ratio(value: float | None, baseline: float | None) -> float | None:
    return value / baseline if value is not None and baseline and isfinite(baseline) else None


def _hops(scenario: Scenario) -> tuple[Hop, ...]:
    """Pairs of arms that differ in nothing but what stands in front."""
    return tuple(
        Hop(direct=direct.name, behind=behind.name)
        for direct in scenario.arms
        for behind in scenario.arms
        if behind.fronted and not direct.fronted
        if _but_front(direct) == _but_front(behind)
    )


def _but_front(arm: Arm) -> Mapping[str, object]:
    """Every option of an arm but its name and its front: an option that is added later is compared as well.

    Whether clients speak TLS is no matter of the hop, though it is an option of the front.
    """
    options = {item.name: getattr(arm, item.name) for item in fields(arm) if item.name not in MAY_DIFFER}
    return {**options, "tls": arm.tls}
