"""Values of the arms: which one is shown, the blocks behind it, and what is to be said of its ratio."""

from collections.abc import Collection, Iterable, Mapping
from math import isfinite
from types import MappingProxyType

from lab.analysis.conclusion import arms_in_order
from lab.analysis.judge.verdict import Judgement, Reason
from lab.analysis.series import thin_blocks
from lab.analysis.summary import RunSummary
from lab.metric_types import Reading
from lab.metrics import METRICS
from lab.record.types import Phase
from lab.report.charts.bars import Mark
from lab.report.parts.cells import quantity

Judgements = Mapping[Reading, Judgement]  # what was found over the valid blocks
NO_JUDGEMENTS: Judgements = MappingProxyType({})
ONE_RATIO = "the ratio of the two values."
THIN = "too few requests"
THIN_MARK = "†"
THIN_NOTE = f" {THIN_MARK} Too few requests to judge this percentile by: the number is shown, and says little."
PAIRED = "It pairs the arms within each block, so it may differ from that of the arms' own medians."


def arm_names(summary: RunSummary) -> list[str]:
    """The arms in the order of the scenario, which is that of their colours."""
    return [arm.name for arm in summary.arms]


def contenders(summary: RunSummary) -> list[str]:
    """The arms besides the baseline in the order of the answers; controls last, for the question is not about them."""
    judged = arms_in_order(summary)
    return [*judged, *(name for name in arm_names(summary) if name not in (*judged, summary.baseline))]


def block_marks(summary: RunSummary, arm: str, key: str, divisor: float) -> list[Mark]:
    """Every block's value of a metric as a mark of the first kind, hollow where the block does not count."""
    unit, valid = METRICS[key].unit, summary.valid_for(key)
    return [
        Mark(
            kind=0,
            value=value / divisor,
            text=f"{arm}, block {block}: {quantity(unit, value)}",
            hollow=block not in valid,
        )
        for block, value in summary.metrics[Reading(key, arm)].values.items()
        if value is not None and isfinite(value)
    ]


def hollow_note(summary: RunSummary, *keys: str) -> str:
    """Say under a figure of these metrics what a hollow mark is; empty where every block counts for all of them."""
    left_out = any(set(summary.blocks) - set(summary.valid_for(key)) for key in keys)
    return " Hollow marks are blocks that do not count for the metric." if left_out else ""


def shown_value(summary: RunSummary, arm: str, key: str) -> float | None:
    """The median over the valid blocks, or over all of them where none is valid."""
    found = summary.metrics[Reading(key, arm)]
    return found.median if summary.valid_for(key) else found.median_all


def told_by_arm(summary: RunSummary, key: str) -> str:
    """``"workers 120.0 MiB, replicas 181.2 MiB"``: a metric of every arm that has it, over the blocks that count."""
    values = {arm: shown_value(summary, arm, key) for arm in arm_names(summary)}
    unit = METRICS[key].unit
    return ", ".join(f"{arm} {quantity(unit, value)}" for arm, value in values.items() if value is not None)


def warmups_s(summary: RunSummary) -> list[float]:
    """How long every trial really warmed up, in seconds; without those that a person drove from the start."""
    phases = [trial.record.phases for trial in summary.trials]
    return [found[Phase.WARMUP].length_s for found in phases if Phase.WARMUP in found]


def is_thin(summary: RunSummary, key: str, arm: str) -> bool:
    """Whether it is a percentile that so few requests of the arm or of the baseline do not judge."""
    if key not in METRICS:  # a quantile that is no metric has no verdict to lose
        return False
    blocks = summary.valid_for(key) or summary.blocks
    return bool(thin_blocks(summary, METRICS[key], (summary.baseline, arm), blocks))


def thin_note(summary: RunSummary, keys: Iterable[str]) -> str:
    """Say what the mark of such a percentile is, where a table of these metrics has one."""
    known = (found for found in summary.metrics.values() if found.key in set(keys) and found.median_all is not None)
    return THIN_NOTE if any(is_thin(summary, found.key, found.arm) for found in known) else ""


def ratio_note(judgements: Judgements) -> str:
    """Say what a ratio is, or a difference, and of which level the interval beside it, if any has one."""
    differences = [judged for judged in judgements.values() if METRICS[judged.metric].differences and judged.difference]
    shown = [*(judged for judged in judgements.values() if judged.interval), *differences]
    words = _levels(judged.level for judged in shown if judged.verdict is not None)
    others = _levels(judged.level for judged in shown if judged.verdict is None)
    both = f"{words} for verdicts, {others} for the others" if words and others and words != others else ""
    inside = f", with its interval ({both or words or others})" if shown else ""
    if judgements and all(judged.n <= 1 for judged in judgements.values()):
        return ONE_RATIO
    typical = "ratio, or difference where that is judged," if differences else "ratio"
    return f"the typical {typical} of a block (Hodges–Lehmann: the median of the averages of any two){inside}. {PAIRED}"


def _levels(levels: Iterable[float]) -> str:
    """``"95%"``, or ``"95–98.75%"`` where the step-down asked some at a lower level; empty for none."""
    ends = sorted(set(levels))
    return f"{'–'.join(f'{level * 100:.4g}' for level in dict.fromkeys((*ends[:1], *ends[-1:])))}%" if ends else ""


def fallback_note(summary: RunSummary, judgements: Judgements, keys: Collection[str]) -> str:
    """Say what stands in place of an estimate, where a block lacks the value and a ratio is still shown."""
    lacking = any(
        judged.reason is Reason.MISSING and summary.metrics[Reading(key, arm)].ratio is not None
        for (key, arm), judged in judgements.items()
        if key in keys
    )
    return " Where a block lacks the value, it is the median of the other blocks' ratios." if lacking else ""
