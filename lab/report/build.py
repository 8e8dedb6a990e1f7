"""From a run and its summary to the content of a report, in the order of a reader's questions (REPORT.md)."""

from __future__ import annotations

from lab.analysis.comparison import Comparison
from lab.analysis.summary import RunSummary
from lab.metric_types import Reading
from lab.record.types import RunInfo
from lab.report.content import Content
from lab.report.parts.boxes import machine_box, validity_box
from lab.report.parts.facts import facts_line
from lab.report.parts.unusual import left_out_note, rights_note
from lab.report.parts.values import arm_names
from lab.report.sections.answer import exploratory_status, headline, memory_note, plain_answers, ratio_figure, status
from lab.report.sections.answer_sentences import verdict_answers
from lab.report.sections.details import details, sensitivity
from lab.report.sections.latency import latency_section
from lab.report.sections.limits import limits
from lab.report.sections.machine import quiet_section
from lab.report.sections.repeat import again, exploratory_again
from lab.report.sections.time import time_section
from lab.report.sections.validity import belief, doubts
from lab.report.sections.why import mechanism


def build_content(run: RunInfo, summary: RunSummary, comparison: Comparison | None = None) -> Content:
    """Everything a report says. Without a ``comparison`` the numbers speak for themselves."""
    contests = (*comparison.primaries, *comparison.exploratory) if comparison else ()
    judgements = {Reading(contest.metric, contest.arm): contest.judgement for contest in contests}
    answers = verdict_answers(comparison) if comparison else ()
    sections = (
        belief(run, summary),
        mechanism(summary),
        latency_section(summary, judgements),
        time_section(summary),
        quiet_section(summary, run.order),
        details(run, summary, judgements, sensitivity(comparison)),
        limits(run, summary),
        exploratory_again(run, summary) if run.exploratory else again(run, summary),
    )
    return Content(
        run_id=run.run_id,
        arms=tuple(arm_names(summary)),
        question=summary.scenario.question,
        facts=facts_line(run, summary),
        status=(exploratory_status(summary) if run.exploratory else status(summary))
        + left_out_note(run)
        + (rights_note(run) or memory_note(run, summary)),
        answers=answers or plain_answers(summary),
        figure=ratio_figure(summary, judgements),
        boxes=(validity_box(run, summary, comparison, doubts(run, summary)), machine_box(run, summary)),
        headline=headline(summary, judgements),
        sections=tuple(section for section in sections if section.parts or section.sentences or section.doubts),
    )
