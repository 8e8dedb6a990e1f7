"""From a run and its summary to the content of a report, in the order of a reader's questions (REPORT.md)."""

from __future__ import annotations

from collections.abc import Sequence

from lab.analysis.summary import RunSummary
from lab.records import RunInfo
from lab.report.answer import headline, plain_answers, ratio_figure, status
from lab.report.belief import belief
from lab.report.content import Answer, Content
from lab.report.details import again, details
from lab.report.facts import facts_line, limits
from lab.report.latencies import latency_section
from lab.report.mechanism import mechanism
from lab.report.times import order_section, time_section


def build_content(run: RunInfo, summary: RunSummary, answers: Sequence[Answer] = ()) -> Content:
    """Everything a report says. ``answers`` are verdict sentences; without them the numbers speak for themselves."""
    sections = (
        belief(run, summary),
        mechanism(summary),
        latency_section(summary),
        time_section(summary),
        order_section(summary, run.order),
        details(run, summary),
        limits(run, summary),
        again(run, summary),
    )
    return Content(
        run_id=run.run_id,
        question=summary.scenario.question,
        facts=facts_line(run, summary),
        status=status(summary),
        answers=tuple(answers) or plain_answers(summary),
        figure=ratio_figure(summary),
        headline=headline(summary),
        sections=tuple(section for section in sections if section.parts or section.sentences or section.doubts),
    )
