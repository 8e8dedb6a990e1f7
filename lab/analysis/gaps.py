"""What runs were to judge and have no verdict on, so that no weight of a reader's is lost without a word. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from lab.analysis.card import Gap, Line
from lab.analysis.history import between
from lab.analysis.points import PointResult
from lab.metric_types import Reading
from lab.metrics import METRICS
from lab.scenario.model import Scenario

INVALID = "the run is not valid for it"
WORDLESS = "no verdict"
DRILLS = "scenario.drills"  # what else a run breaks is no part of what it says of a drill


def gaps_of(one: PointResult, topics: Mapping[str, str]) -> Iterator[Gap]:
    """Of a point: each metric and arm that the scenario judges, where there is no verdict; ``topics`` are by metric."""
    asked = one.whole.parsed_scenario
    for metric in asked.compare.primary:
        for arm in asked.judged:
            if why := _why(one, Reading(metric, arm), asked.baseline):
                yield Gap(
                    topic=topics.get(metric, ""),
                    metric=metric,
                    arm=arm,
                    run=one.run.run_id,
                    point=one.point.title,
                    why=why,
                )


def made_good(gap: Gap, at: PointResult, points: Sequence[PointResult], lines: Sequence[Line]) -> bool:
    """Whether another run, alike in all else, tells of the drill ``at`` which there is a gap: its verdict, or later.

    A study measures such drills again, in a run of their own. Where that has no verdict either, the gap is the last
    run's alone.
    """
    sought = (gap.metric, gap.arm, at.whole.parsed_scenario.baseline)
    judged = [line for line in lines if line.valid and line.judgement.verdict is not None]
    there = {(line.run, line.point) for line in judged if (line.metric, line.arm, line.baseline) == sought}
    return any(
        (one.run.run_id, one.point.title) in there
        or (_asks(one.whole.parsed_scenario, sought) and _when(one) > _when(at))
        for one in _again(at, points)
    )


def _again(at: PointResult, points: Sequence[PointResult]) -> Iterator[PointResult]:
    """The same drill in other runs that are alike in all else."""
    if at.point.drill is None:
        return
    same = (one for one in points if one.run.run_id != at.run.run_id and one.point.drill == at.point.drill)
    yield from (one for one in same if {each.key for each in between(at.whole, one.whole)} <= {DRILLS})


def _asks(asked: Scenario, sought: tuple[str, str, str]) -> bool:
    metric, arm, baseline = sought
    return metric in asked.compare.primary and arm in asked.judged and baseline == asked.baseline


def _when(one: PointResult) -> tuple[str, str]:
    """Sorts runs by their start."""
    return one.run.started_at, one.run.run_id


def _why(one: PointResult, judged: Reading, baseline: str) -> str:
    """Empty where there is a verdict."""
    fallen = one.run.fallen.get(one.point.key, {})
    if gone := [arm for arm in (judged.arm, baseline) if arm in fallen]:
        return f"{' and '.join(gone)} cannot run"
    if METRICS[judged.metric].group.family in one.comparison.decision.lost:
        return INVALID
    found = (each for each in one.comparison.primaries if Reading(each.metric, each.arm) == judged)
    return "" if any(each.judgement.verdict is not None for each in found) else WORDLESS
