"""The course of one block of each arm of a drill: who served, what was bad, and what happened when (METHOD 9.7)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from math import inf, isfinite
from typing import NamedTuple

from lab.analysis.summary import RunSummary
from lab.analysis.trial.drill import COURSE_BIN_S, Aftermath, Course
from lab.analysis.trial.trial import TrialSummary
from lab.record.schema import ACTION, OVER
from lab.report.charts.axes import Stretch
from lab.report.charts.curves import Curves, Plot, Series, columns_for
from lab.report.charts.scales import linear, span
from lab.report.charts.svg import DASHES, fill_key, stroke_key
from lab.report.content import Figure
from lab.report.parts.acts import act_words
from lab.report.parts.values import arm_names
from lab.units import format_count

FAILED, LATE = 0, 2  # the dashes of the lines of requests that were bad
LIGHTEST, DARKEST = 0.12, 0.6  # of the bands of one arm's processes
SAME_S = 0.1  # marks nearer than that are one, and the first has the word
NEVER_AGAIN = "given up"


class Mark(NamedTuple):
    """Something that happened, seconds after the action."""

    at_s: float
    word: str


def course_figure(summary: RunSummary) -> Figure | None:
    """One block of each arm, that whose harm is in the middle."""
    shown = [
        (place, trial, trial.aftermath, trial.aftermath.course)
        for place, arm in enumerate(summary.arms)
        if (trial := _middle(summary, arm.name)) and trial.aftermath and trial.aftermath.course
    ]
    if not shown:
        return None
    courses = [course for *_, course in shown]
    tops = [sum(rates) for course in courses for rates in zip(*course.served.values(), strict=True)]
    highest = [*tops, *(rate for course in courses for rate in (*course.failed, *course.late))]
    told = ", ".join(f"{trial.record.arm} {_told(after)}" for _, trial, after, _ in shown)
    return Figure(
        key="drill-course",
        title="Before and after the action",
        sentence="Answers a second by the process that gave them, one band for each, and above them the requests that "
        "failed or were late, by when they were due, in half seconds; shaded from the action until it is over and no "
        f"request is bad any more. For each arm, the block with the median harm: {told}.",
        chart=Curves(
            title="Who served before and after the action",
            arms=tuple(arm_names(summary)),
            plots=tuple(_plot(place, trial, after, course) for place, trial, after, course in shown),
            x=span(min(course.starts_s[0] for course in courses), max(map(_end_s, courses))),
            y=linear([0.0, *highest], zero=True),
            x_title="seconds after the action",
            y_title="requests a second",
            shade="disturbed",
            keys=(
                fill_key("one process", DARKEST),
                stroke_key("failed or never sent", DASHES[FAILED]),
                stroke_key("late", DASHES[LATE]),
            ),
            columns=columns_for(len(shown)),
        ),
    )


def _told(found: Aftermath) -> str:
    return f"{format_count(found.bad)} bad ({found.failed} failed, {found.late} late, {found.unsent} never sent)"


def _end_s(course: Course) -> float:
    return course.starts_s[-1] + COURSE_BIN_S


def _middle(summary: RunSummary, arm: str) -> TrialSummary | None:
    """The trial whose harm is the lower median; of valid blocks where there are any."""
    valid = summary.valid_for("drill.harm")
    own = [trial for trial in summary.of_arm(arm) if trial.aftermath]
    counted = [trial for trial in own if trial.record.block in valid] or own
    ordered = sorted(counted, key=lambda trial: (_harm(trial), trial.record.block))
    return ordered[(len(ordered) - 1) // 2] if ordered else None


def _harm(trial: TrialSummary) -> float:
    return trial.aftermath.harm_s if trial.aftermath else inf


def _plot(place: int, trial: TrialSummary, after: Aftermath, course: Course) -> Plot:
    middles = [start + COURSE_BIN_S / 2 for start in course.starts_s]
    tops = list(accumulate(course.served.values(), _on_top))
    bottoms: Sequence[Sequence[float]] = [[0.0] * len(middles), *tops[:-1]]
    shades = max(1, len(tops) - 1)
    bands = [
        Series(
            arm=place,
            name=f"{trial.record.arm}, {name or 'nobody known'}",
            xs=middles,
            ys=top,
            border=True,
            low=bottom,
            high=top,
            opacity=LIGHTEST + (DARKEST - LIGHTEST) * number / shades,
        )
        for number, (name, bottom, top) in enumerate(zip(course.served, bottoms, tops, strict=True))
    ]
    bad = [
        Series(arm=place, name=f"{trial.record.arm}, {name}", xs=middles, ys=rates, dash=dash)
        for name, rates, dash in (("failed or never sent", course.failed, FAILED), ("late", course.late, LATE))
        if any(rates)
    ]
    phases = tuple(_stretches(trial, after, course))
    return Plot(series=(*bands, *bad), heading=trial.record.arm, arm=place, phases=phases)


def _on_top(low: tuple[float, ...], high: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(below + more for below, more in zip(low, high, strict=True))


def _stretches(trial: TrialSummary, after: Aftermath, course: Course) -> Iterator[Stretch]:
    """Steady before, then from mark to mark, each with the word of what began it."""
    marks, end_s = _marks(trial, after), _end_s(course)
    disturbed_s = _disturbed_s(after) - SAME_S
    yield Stretch(name="steady", low=course.starts_s[0], high=0.0, measured=True)
    for mark, following in zip(marks, (*marks[1:], Mark(end_s, "")), strict=True):
        yield Stretch(name=mark.word, low=mark.at_s, high=following.at_s, measured=mark.at_s >= disturbed_s)


def _disturbed_s(after: Aftermath) -> float:
    """When what was done was over and no request was bad any more."""
    return max(after.recovery_s, after.acts[-1].t_s - after.action_s if len(after.acts) > 1 else 0.0)


def _marks(trial: TrialSummary, after: Aftermath) -> list[Mark]:
    """What was done and what followed, in order; of several at once the first. The first act is at 0."""
    acts = [Mark(act.t_s - after.action_s, act_words(act.kind).partition(" (")[0]) for act in after.acts]
    if len(acts) > 1 and after.acts[-1].kind == f"{ACTION}{OVER}":
        acts[-1] = acts[-1]._replace(word=OVER)
    found = [*acts, *(Mark(after_s, word) for after_s, word in _followed(trial, after))]
    marks: list[Mark] = []
    for mark in sorted(found, key=lambda each: each.at_s):
        if not marks or mark.at_s - marks[-1].at_s > SAME_S:
            marks.append(mark)
    return marks


def _followed(trial: TrialSummary, after: Aftermath) -> Iterator[tuple[float, str]]:
    for one in (trial.fallout.detected or ()) if trial.fallout else ():
        yield one.after_s, f"{one.by} acts"
    if after.process_s is not None and isfinite(after.process_s):
        yield after.process_s, "new process"
    if after.bad and isfinite(after.recovery_s):
        yield after.recovery_s, "recovered"
    if after.aborted_s is not None:
        yield after.aborted_s, NEVER_AGAIN
