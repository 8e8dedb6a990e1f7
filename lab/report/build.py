"""From a run and its summary to the content of a report, in the order of a reader's questions (REPORT.md)."""

from __future__ import annotations

from lab.analysis.comparison import Comparison
from lab.analysis.summary import RunSummary
from lab.records import RunInfo
from lab.report.answer import headline, memory_note, plain_answers, ratio_figure, status
from lab.report.belief import belief
from lab.report.content import Content
from lab.report.details import again, details, sensitivity
from lab.report.facts import facts_line, limits
from lab.report.latencies import latency_section
from lab.report.mechanism import mechanism
from lab.report.times import order_section, time_section
from lab.report.verdicts import verdict_answers


def build_content(run: RunInfo, summary: RunSummary, comparison: Comparison | None = None) -> Content:
    """Everything a report says. Without a ``comparison`` the numbers speak for themselves."""
    contests = (*comparison.primaries, *comparison.exploratory) if comparison else ()
    judgements = {(contest.metric, contest.arm): contest.judgement for contest in contests}
    answers = verdict_answers(comparison) if comparison else ()
    sections = (
        belief(run, summary),
        mechanism(summary),
        latency_section(summary),
        time_section(summary),
        order_section(summary, run.order),
        details(run, summary, judgements, sensitivity(comparison)),
        limits(run, summary),
        again(run, summary),
    )
    return Content(
        run_id=run.run_id,
        question=summary.scenario.question,
        facts=facts_line(run, summary),
        status=status(summary) + memory_note(run, summary),
        answers=answers or plain_answers(summary),
        figure=ratio_figure(summary, judgements),
        headline=headline(summary),
        sections=tuple(section for section in sections if section.parts or section.sentences or section.doubts),
    )
