"""When something breaks: what was done to the arms on purpose, and what it cost (METHOD 9)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import inf

from lab.analysis.comparison import Comparison
from lab.analysis.medians import LEVEL, span_of
from lab.analysis.moves import Move, Part, moves
from lab.analysis.summary import RunSummary
from lab.analysis.trial.drill import MONTH_BUDGET_S
from lab.metric_types import Reading
from lab.metrics import METRICS, Unit
from lab.plan.deeds import deed
from lab.plan.kinds import ServiceKind
from lab.record.schema import HOPELESS_S
from lab.record.types import TrialRecord
from lab.report.content import Cell, Section, Table, section
from lab.report.parts.acts import act_words
from lab.report.parts.cells import columns, metric_cell, metric_quantity, round_limit, words
from lab.report.parts.drill_course import course_figure
from lab.report.parts.drill_notice import notice_table
from lab.report.parts.effects import size_of_difference, size_of_shift
from lab.report.parts.judged import left_open
from lab.report.parts.values import shown_value
from lab.scenario.drills import TICK_S
from lab.units import count_of, format_duration, format_seconds

HARM, RECOVERY = "drill.harm", "drill.recovery"
NOT_OVER = "the drill was not over when the measure phase ended, so harm and recovery are not known"
SHOWN = (HARM, RECOVERY, "drill.share", "drill.process", "drill.lost")
ENDS: Mapping[str, tuple[str, str]] = {
    RECOVERY: ("first 3 s without a bad request", "requests were still bad when the trial ended"),
    "drill.share": ("the slot carries its share again", "the slot does not carry its share again in the trial"),
    "drill.process": ("a new process answers", "no new process answers in the trial"),
}
MOVERS = {Part.PROFILE: "the front's profile", Part.MODEL: "the process model behind one front"}


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
    drill = summary.scenario.drills[0]
    when = f"{format_duration(drill.after)} into the measure phase or up to {TICK_S:g} s later"
    yield f"What was done, {when}: {deed(drill)}."
    for arm in summary.arms:
        harm = shown_value(summary, arm.name, "drill.harm")
        if harm is None:
            continue
        told = {key: metric_quantity(METRICS[key], shown_value(summary, arm.name, key)) for key in SHOWN}
        cost = "no request was bad" if harm == 0 else f"harm {told['drill.harm']}, {_budget(harm)}"
        cost = NOT_OVER if harm == inf else cost
        known = [key for key in ENDS if harm < inf or key != RECOVERY]
        ends = (_end(shown_value(summary, arm.name, key), *ENDS[key]) for key in known)
        yield f"{arm.name}: {'; '.join([cost, *filter(None, ends)])} (medians)."
    yield from _moves(summary)
    yield from _clients(summary)
    yield from _given_up(summary)


def _moves(summary: RunSummary) -> Iterator[str]:
    """How much the front's profile moves, and how much the process model (METHOD 9.5)."""
    if told := [_moved(each) for each in moves(summary, HARM)]:
        yield f"What moves the harm, block by block: {'; '.join(told)}."


def _moved(move: Move) -> str:
    found, metric = move.judgement, METRICS[HARM]
    if found.difference is not None:
        size = size_of_difference(metric, found.difference) + (f", {word}" if (word := left_open(found)) else "")
    else:
        size = f"{size_of_shift(metric, found.shift or 0.0)} ({count_of(found.n, 'block')})"
    return f"{MOVERS[move.part]} by {size}, {move.arm} against {move.other}"


def _clients(summary: RunSummary) -> Iterator[str]:
    """How long clients waited, and whether they asked again (METHOD 9.2)."""
    policies = {name: told for trial in summary.trials for name, told in trial.record.load.clients.items()}
    for name, told in policies.items():
        again = (
            "asked again on a new connection if its own was closed without an answer, except for POST or PATCH"
            if told.repeats
            else "asked once"
        )
        waited = f"{_wait(told.answer_s)} for an answer, {_wait(told.connect_s)} for a connection"
        yield f"A client ({name}) waited {waited}, and {again}."


def _wait(most_s: float | None) -> str:
    return "without end" if most_s is None else f"{format_duration(most_s)} at most"


def _given_up(summary: RunSummary) -> Iterator[str]:
    aborted = [(trial, trial.aftermath.aborted_s) for trial in summary.trials if trial.aftermath]
    named = [f"{trial.record.trial_id} after {format_seconds(at_s)}" for trial, at_s in aborted if at_s is not None]
    if named:
        yield (
            f"The load was stopped because more than half of the requests were bad for {HOPELESS_S} s: "
            f"{', '.join(named)}. Requests that were due after that count as never sent."
        )


def _end(after_s: float | None, comes: str, never: str) -> str:
    """When something came about; "" where nobody knows, or where nothing had to."""
    if not after_s:
        return ""
    return never if after_s == inf else f"{comes} after {format_seconds(after_s)}"


def _budget(harm_s: float) -> str:
    return f"{harm_s / MONTH_BUDGET_S * 100:.2g}% of the outage that 99.9% availability allows in a month"


def drill_table(summary: RunSummary, comparison: Comparison | None = None) -> Table:
    """Every figure of every arm, and in how many blocks it was not reached; coloured by verdict where there is one."""
    contests = comparison.primaries if comparison else ()
    shown = [key for key in SHOWN if any(shown_value(summary, arm.name, key) is not None for arm in summary.arms)]
    verdicts = {Reading(one.metric, one.arm): one.judgement.verdict or "" for one in contests}
    rows = tuple(
        (
            *words(arm.name),
            *(_judged(summary, verdicts, arm.name, key) for key in shown),
            Cell(_never(summary, arm.name)),
        )
        for arm in summary.arms
    )
    return Table(
        key="drill",
        title=f"What the drill {summary.scenario.drills[0].key} cost",
        columns=(*columns("arm", numeric=[METRICS[key].called for key in shown]), *columns("not recovered in")),
        rows=rows,
        note="Medians over the valid blocks, each with one action on a fresh arm, at the same instant in all arms; in "
        f"brackets their {LEVEL:.0%} interval (Wilcoxon), or with few blocks their range. A request is bad when it "
        f"failed, was never sent, or took longer than {round_limit(Unit.SECONDS, _slo_s(summary))} from when it was "
        "due; harm is their number ÷ rate, as seconds of a complete outage.",
    )


def _judged(summary: RunSummary, verdicts: Mapping[Reading, str], arm: str, key: str) -> Cell:
    found = metric_cell(METRICS[key], shown_value(summary, arm, key))
    text = f"{found.text}{_spread(summary, arm, key)}"
    return replace(found, text=text, verdict=verdicts.get(Reading(key, arm), ""))


def _spread(summary: RunSummary, arm: str, key: str) -> str:
    """``" (0.98 s to 1.20 s)"``: where the middle of the arm's blocks lies; "" where they are all alike."""
    counted = summary.valid_for(key) or summary.blocks
    values = summary.metrics[Reading(key, arm)].values
    known = [value for block in counted if (value := values.get(block)) is not None]
    low, high = map(metric_quantity, (METRICS[key],) * 2, span_of(known)) if known else ("", "")
    return f" ({low} to {high})" if low != high else ""


def _slo_s(summary: RunSummary) -> float:
    return summary.scenario.drills[0].slo


def _never(summary: RunSummary, arm: str) -> str:
    """In how many blocks requests were still bad, or the drill not over, when the trial ended."""
    values = [summary.metrics[Reading(RECOVERY, arm)].values.get(block) for block in summary.blocks]
    known = [value for value in values if value is not None]
    return f"{sum(value == inf for value in known)} of {count_of(len(known), 'block')}"


def _fronts(record: TrialRecord) -> frozenset[str]:
    return frozenset(service.name for service in record.services if service.kind == ServiceKind.PROXY)


def act_table(summary: RunSummary) -> Table:
    """Everything that was done, in the order in which it was, with how sure its instant is."""
    rows = tuple(
        (
            *words(trial.record.trial_id, act_words(act.kind, front=act.service in _fronts(trial.record))),
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
        columns=columns("trial", "act", "to", numeric=("in the measure phase", "took, at most")),
        rows=rows,
        note="The time is read before and after each act, which lies in between.",
        folded=True,
    )
