"""When something breaks: what was done to the arms on purpose, and what it cost (METHOD 9)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from math import inf

from lab.analysis.comparison import Comparison
from lab.analysis.summary import RunSummary
from lab.analysis.trial.drill import COURSE_BIN_S, MONTH_BUDGET_S, Aftermath, Course
from lab.analysis.trial.trial import TrialSummary
from lab.metric_types import Reading
from lab.metrics import METRICS
from lab.record.schema import ACTION, HOPELESS_S
from lab.report.charts.axes import Stretch
from lab.report.charts.curves import Curves, Plot, Series, columns_for
from lab.report.charts.scales import linear, span
from lab.report.charts.svg import DASHES, fill_key, stroke_key
from lab.report.content import Cell, Figure, Section, Table, section
from lab.report.parts.cells import columns, metric_cell, metric_quantity, words
from lab.report.parts.drill_notice import notice_table
from lab.report.parts.values import arm_names, shown_value
from lab.units import count_of, format_count, format_seconds

SHOWN = ("drill.harm", "drill.recovery", "drill.share", "drill.process", "drill.lost")
BAD = 2  # the dash of the line of bad requests
ACTS: Mapping[str, str] = {
    "SIGKILL": "killed (SIGKILL)",
    "SIGSTOP": "stopped (SIGSTOP)",
    "SIGCONT": "let go on (SIGCONT)",
    "SIGHUP": "told to replace its workers (SIGHUP)",
    "replaced": "all replaced",
    "restarted": "restarted",
    "SIGTERM": "asked to stop (SIGTERM)",
    "stopped": "stopped",
    "gone": "gone: somebody had ended it",
    "request": "asked to block",
    "answer": "answered what blocked it",
    "unanswered": "gave no answer to what blocked it",
    "over": "over",
    "failed": "could not be done",
}
ENDS: Mapping[str, tuple[str, str]] = {
    "drill.recovery": ("no bad request any more", "requests were still bad when the trial ended"),
    "drill.share": ("the slot carries its part again", "the slot does not carry its part again in the trial"),
    "drill.process": ("a new process answers", "no new process answers in the trial"),
}
LIGHTEST, DARKEST = 0.12, 0.6  # of the bands of one arm's processes


def drill_section(summary: RunSummary, comparison: Comparison | None = None) -> Section:
    """Empty for a run that breaks nothing."""
    if not summary.scenario.drills or not any(trial.aftermath for trial in summary.trials):
        return section("drill", "When something breaks")
    return section(
        "drill",
        "When something breaks",
        drill_table(summary, comparison),
        notice_table(summary),
        course_figure(summary),
        act_table(summary),
        sentences=tuple(_sentences(summary)),
        short="Drill",
    )


def _sentences(summary: RunSummary) -> Iterator[str]:
    for arm in summary.arms:
        harm = shown_value(summary, arm.name, "drill.harm")
        if harm is None:
            continue
        told = {key: metric_quantity(METRICS[key], shown_value(summary, arm.name, key)) for key in SHOWN}
        cost = "no request was bad" if harm == 0 else f"harm {told['drill.harm']}, {_budget(harm)}"
        ends = (_end(shown_value(summary, arm.name, key), *names) for key, names in ENDS.items())
        yield f"{arm.name}: {'; '.join([cost, *filter(None, ends)])} (medians)."
    yield from _given_up(summary)


def _given_up(summary: RunSummary) -> Iterator[str]:
    aborted = [(trial, trial.aftermath.aborted_s) for trial in summary.trials if trial.aftermath]
    named = [f"{trial.record.trial_id} after {format_seconds(at_s)}" for trial, at_s in aborted if at_s is not None]
    if named:
        yield (
            f"Given up, for more than half of the requests were bad for {HOPELESS_S} s: {', '.join(named)}. What was "
            "due from then on counts as never sent."
        )


def _end(after_s: float | None, comes: str, never: str) -> str:
    """When something came about; "" where nobody knows, or where nothing had to."""
    if not after_s:
        return ""
    return never if after_s == inf else f"{comes} after {format_seconds(after_s)}"


def _budget(harm_s: float) -> str:
    return f"{harm_s / MONTH_BUDGET_S * 100:.2g}% of what 99.9% leave in a month"


def drill_table(summary: RunSummary, comparison: Comparison | None = None) -> Table:
    """Every figure of every arm, and in how many blocks it was not reached; coloured by verdict where there is one."""
    contests = comparison.primaries if comparison else ()
    verdicts = {Reading(one.metric, one.arm): one.judgement.verdict or "" for one in contests}
    rows = tuple(
        (
            *words(arm.name),
            *(_judged(summary, verdicts, arm.name, key) for key in SHOWN),
            Cell(_never(summary, arm.name)),
        )
        for arm in summary.arms
    )
    return Table(
        key="drill",
        title=f"What {summary.scenario.drills[0].key} cost",
        columns=(*columns("arm", numeric=[METRICS[key].called for key in SHOWN]), *columns("not recovered in")),
        rows=rows,
        note="Medians over the valid blocks, each with one action on a fresh arm, at the same instant in all arms. A "
        f"request is bad when it failed, was never sent, or took longer than {format_seconds(_slo_s(summary))} from "
        "when it was due; harm is their number ÷ rate, the seconds of a whole outage.",
    )


def _judged(summary: RunSummary, verdicts: Mapping[Reading, str], arm: str, key: str) -> Cell:
    found = metric_cell(METRICS[key], shown_value(summary, arm, key))
    return replace(found, verdict=verdicts.get(Reading(key, arm), ""))


def _slo_s(summary: RunSummary) -> float:
    return summary.scenario.drills[0].slo


def _never(summary: RunSummary, arm: str) -> str:
    """In how many blocks requests were still bad when the trial ended."""
    values = [summary.metrics[Reading("drill.recovery", arm)].values.get(block) for block in summary.blocks]
    known = [value for value in values if value is not None]
    return f"{sum(value == inf for value in known)} of {count_of(len(known), 'block')}"


def act_table(summary: RunSummary) -> Table:
    """Everything that was done, in the order in which it was, with how sure its instant is."""
    rows = tuple(
        (
            *words(trial.record.trial_id, act_words(act.kind)),
            *words(" ".join(filter(None, (act.service, f"pid {act.pid}" if act.pid else "", act.detail)))),
            Cell(format_seconds(act.t_s - trial.record.measure.start_s), act.t_s),
            Cell(format_seconds((act.until_s or act.t_s) - act.t_s), (act.until_s or act.t_s) - act.t_s),
        )
        for trial in summary.trials
        for act in (trial.aftermath.acts if trial.aftermath else ())
    )
    return Table(
        key="acts",
        title="What was done, and when",
        columns=columns("trial", "act", "to", numeric=("in the measure phase", "known to")),
        rows=rows,
        note="Instants are read before and after each act, which lies between them.",
        folded=True,
    )


def act_words(kind: str) -> str:
    """An act in words, by its kind."""
    what = kind.removeprefix(ACTION)
    return ACTS.get(what, what)


def course_figure(summary: RunSummary) -> Figure | None:
    """One block of each arm: who served how much, and what was bad; the block whose harm is in the middle."""
    shown = [(place, trial) for place, arm in enumerate(summary.arms) if (trial := _middle(summary, arm.name))]
    if not shown:
        return None
    courses = [(place, trial, trial.aftermath.course) for place, trial in shown if trial.aftermath]
    plots = [_plot(place, trial, course) for place, trial, course in courses if course]
    tops = [sum(rates) for _, _, course in courses if course for rates in zip(*course.served.values(), strict=True)]
    ends = [course.starts_s[-1] + COURSE_BIN_S for _, _, course in courses if course]
    starts = [course.starts_s[0] for _, _, course in courses if course]
    told = ", ".join(f"{trial.record.arm} {_told(trial.aftermath)}" for _, trial in shown if trial.aftermath)
    return Figure(
        key="drill-course",
        title="Before and after the action",
        sentence="Answers a second by the process that gave them, one band each, and bad requests by when they were "
        f"due, in half seconds; the block of each arm whose harm is in the middle: {told}.",
        chart=Curves(
            title="Who served before and after the action",
            arms=tuple(arm_names(summary)),
            plots=tuple(plots),
            x=span(min(starts), max(ends)),
            y=linear([0.0, *tops], zero=True),
            x_title="seconds after the action",
            y_title="requests a second",
            keys=(fill_key("one process", DARKEST), stroke_key("bad requests", DASHES[BAD])),
            columns=columns_for(len(plots)),
        ),
    )


def _told(found: Aftermath) -> str:
    return f"{format_count(found.bad)} bad ({found.failed} failed, {found.late} late, {found.unsent} never sent)"


def _middle(summary: RunSummary, arm: str) -> TrialSummary | None:
    """The trial whose harm is the lower median; of valid blocks where there are any."""
    valid = summary.valid_for("drill.harm")
    own = [trial for trial in summary.of_arm(arm) if trial.aftermath]
    counted = [trial for trial in own if trial.record.block in valid] or own
    ordered = sorted(counted, key=lambda trial: (_harm(trial), trial.record.block))
    return ordered[(len(ordered) - 1) // 2] if ordered else None


def _harm(trial: TrialSummary) -> float:
    return trial.aftermath.harm_s if trial.aftermath else inf


def _plot(place: int, trial: TrialSummary, course: Course) -> Plot:
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
    bad = Series(arm=place, name=f"{trial.record.arm}, bad requests", xs=middles, ys=course.bad, dash=BAD)
    return Plot(series=(*bands, bad), heading=trial.record.arm, arm=place, phases=tuple(_stretches(trial, course)))


def _on_top(low: tuple[float, ...], high: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(below + more for below, more in zip(low, high, strict=True))


def _stretches(trial: TrialSummary, course: Course) -> Iterator[Stretch]:
    """Steady before, then from act to act, named by what was done."""
    acts = trial.aftermath.acts if trial.aftermath else ()
    zero_s = trial.aftermath.action_s if trial.aftermath else 0.0
    edges = [*(act.t_s - zero_s for act in acts), course.starts_s[-1] + COURSE_BIN_S]
    yield Stretch(name="steady", low=course.starts_s[0], high=0.0, measured=True)
    for act, low, high in zip(acts, edges, edges[1:], strict=False):
        held = act is not acts[-1]
        yield Stretch(name=act_words(act.kind).partition(" (")[0], low=low, high=high, measured=not held)
