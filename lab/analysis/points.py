"""The points of a run apart: each is judged as a run of its own, for comparisons stay inside a point (METHOD 10)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from lab.analysis.comparison import OWN_CONDITION_FAILED, Comparison, compare_run, exit_code, floors_of
from lab.analysis.ladders import Confirmation
from lab.analysis.limit_search import Bracket, with_limits
from lab.analysis.summary import RunSummary, summarise_done
from lab.analysis.trial.trial import TrialSummary
from lab.errors import InvalidRunError
from lab.plan.points import Point, points_of, trial_id, without
from lab.record.types import RunInfo
from lab.scenario.file import scenario_to_json

NOTHING: Mapping[str, Confirmation] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class PointResult:
    """One point with its part of the run, in numbers and judged; ``whole`` is the run with all its points.

    ``piloted``: by arm, rates at which its pilot was, and the percentile of the objective there in seconds.
    """

    point: Point
    run: RunInfo
    whole: RunInfo
    summary: RunSummary
    comparison: Comparison
    confirmed: Mapping[str, Confirmation] = field(default_factory=dict)
    searched: tuple[Bracket, ...] = ()
    piloted: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)

    @property
    def runs(self) -> bool:
        """Tell whether any arm can run there."""
        return len(self.run.fallen.get(self.point.key, ())) < len(self.whole.arms)

    @property
    def expects(self) -> bool:
        """Tell whether the scenario expects anything: then an arm that cannot run there fails a build."""
        return bool(self.whole.scenario.get("expect"))

    def exit_code(self, *, strict: bool = False) -> int:
        """As that of the comparison; an arm that cannot run there is an answer, and 1 where something was expected."""
        fallen = int(bool(self.run.fallen) and (strict or self.expects))
        return fallen or (exit_code(self.comparison, strict=strict) if self.runs else 0)


def worst_code(points: Sequence[PointResult], *, strict: bool = False) -> int:
    """Of all points the worst exit code; ``strict`` counts only where that is 0, so that it never hides a violation."""
    found = worst_of(one.exit_code() for one in points)
    return worst_of(one.exit_code(strict=True) for one in points) if strict and not found else found


def worst_of(codes: Iterable[int]) -> int:
    """The greatest; but 1, what the app did at a point or in a run, is known although another one is not valid (3)."""
    found = {*codes}
    only_invalid = max(found, default=0) == InvalidRunError.exit_code
    return OWN_CONDITION_FAILED if only_invalid and OWN_CONDITION_FAILED in found else max(found, default=0)


def judge_points(
    run: RunInfo,
    trials: Iterable[TrialSummary],
    confirmed: Mapping[str, Confirmation] = NOTHING,
    searched: Sequence[Bracket] = (),
) -> tuple[PointResult, ...]:
    """Judge every point of a run from its trials that were summarised, in the order of the scenario.

    ``confirmed``: capacities, by arm; ``searched``: memory limits.
    """
    done = tuple(with_limits(trial, searched) for trial in trials)
    inside: dict[str, Any] = {"confirmed": dict(confirmed), "searched": tuple(searched)}
    return tuple(replace(_judged(run, point, part, done), **inside) for point, part in parts_of(run))


def _judged(whole: RunInfo, point: Point, part: RunInfo, trials: Iterable[TrialSummary]) -> PointResult:
    summary = summarise_done(part, (trial for trial in trials if trial.record.trial_id in part.order))
    comparison = compare_run(summary, floors_of(part))
    return PointResult(point=point, run=part, whole=whole, summary=summary, comparison=comparison)


def parts_of(run: RunInfo) -> Iterator[tuple[Point, RunInfo]]:
    """Each point with run.json as a run of this point alone would have it."""
    scenario = run.parsed_scenario
    for point in points_of(scenario):
        there = without(point, run.fallen.get(point.key, ()))
        yield there, run if there.scenario is scenario else at_point(run, there)


def at_point(run: RunInfo, point: Point) -> RunInfo:
    """run.json with the scenario and the trials of one point only."""
    blocks = range(1, len(run.order) + 1)
    fallen = run.fallen.get(point.key, {})
    arms = [arm.name for arm in point.scenario.arms if arm.name not in fallen]
    own = {trial_id(block, point.key, arm) for block in blocks for arm in arms}
    return replace(
        run,
        scenario=scenario_to_json(point.scenario),
        order=tuple(trial for trial in run.order if trial in own),
        states={trial: state for trial, state in run.states.items() if trial in own},
        fallen={point.key: fallen} if fallen else {},
        left_out={trial: why for trial, why in run.left_out.items() if trial in own},
        lost={trial: lost for trial, lost in run.lost.items() if trial in own},
    )
