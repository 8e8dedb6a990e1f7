"""From a run and its summary to a report, in the order of a reader's questions. It alone writes report files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lab.analysis.comparison import Comparison
from lab.analysis.conditions import judged_families
from lab.analysis.ladders import Confirmation
from lab.analysis.limit_search import Bracket
from lab.analysis.points import NOTHING, PointResult
from lab.analysis.summary import RunSummary
from lab.errors import RunFolderError
from lab.metric_types import Reading
from lab.record.disk import disk_errors, write_atomically
from lab.record.types import RunInfo
from lab.report.content import Content, Section, Table
from lab.report.files import PAGE, POINTS, TERMINAL_WIDTH, Written
from lab.report.first_screen import NO_LEAD
from lab.report.overview import OVER, overview
from lab.report.parts.boxes import machine_box, validity_box
from lab.report.parts.caveats import Caveats, caveats, caveats_told
from lab.report.parts.facts import facts_line
from lab.report.parts.going_on import NOWHERE
from lab.report.parts.unusual import left_out_note, rights_note
from lab.report.parts.values import Judgements, arm_names
from lab.report.renderers.csv_tables import render_csv
from lab.report.renderers.html_page import render_html
from lab.report.renderers.json_document import comparison_document
from lab.report.renderers.json_types import COMPARISON_SCHEMA_VERSION
from lab.report.renderers.junit import render_junit, workflow_commands
from lab.report.renderers.markdown import render_figures, render_markdown, render_summary
from lab.report.renderers.terminal import render_terminal
from lab.report.sections.answer import (
    exploratory_status,
    failing_note,
    judged_answers,
    plain_answers,
    ratio_figure,
    status,
)
from lab.report.sections.beside import beside_section
from lab.report.sections.capacity import capacity_section
from lab.report.sections.capacity_used import NO_PILOT, Piloted
from lab.report.sections.checks import checks_of
from lab.report.sections.details import details, sensitivity
from lab.report.sections.drill import drill_section
from lab.report.sections.headline import headline
from lab.report.sections.latency import latency_section
from lab.report.sections.lead import lead_of
from lab.report.sections.limits import limits
from lab.report.sections.machine import quiet_section
from lab.report.sections.memory_limits import memory_limits_section
from lab.report.sections.repeat import repeat_of_run, repeat_of_session
from lab.report.sections.spoiled import spoiled_band
from lab.report.sections.time import time_section
from lab.report.sections.validity import validity_section
from lab.report.sections.why import mechanism
from lab.report.sections.why_shares import share_figure
from lab.report.sections.words import glossary


def build_content(
    run: RunInfo,
    summary: RunSummary,
    comparison: Comparison | None = None,
    confirmed: Mapping[str, Confirmation] = NOTHING,
    searched: Sequence[Bracket] = (),
    piloted: Piloted = NO_PILOT,
) -> Content:
    """Everything a report says. Without a ``comparison`` the numbers speak for themselves."""
    contests = (*comparison.primaries, *comparison.exploratory) if comparison else ()
    judgements = {Reading(contest.metric, contest.arm): contest.judgement for contest in contests}
    answers = judged_answers(run, summary, comparison, confirmed, searched) if comparison else ()
    found = caveats(run, summary)
    sections = (
        validity_section(run, summary),
        mechanism(summary, judgements),
        capacity_section(summary, confirmed, piloted),
        memory_limits_section(searched),
        drill_section(summary, comparison),
        *_further(run, summary, judgements, sensitivity(comparison)),
    )
    return Content(
        run_id=run.run_id,
        scenario=run.scenario_name,
        arms=tuple(arm_names(summary)),
        question=summary.scenario.question,
        facts=facts_line(run, summary),
        status=trust_line(run, summary, found),
        failing=failing_note(summary),
        answers=answers or plain_answers(run, summary),
        lead=lead_of(run, summary, comparison) if comparison else NO_LEAD,
        figures=tuple(filter(None, (share_figure(summary), ratio_figure(summary, judgements)))),
        boxes=(validity_box(run, summary, comparison, found), machine_box(run, summary)),
        headline=headline(summary, judgements),
        sections=tuple(each for each in sections if each.parts or each.sentences or each.caveats),
        band=spoiled_band(run, summary),
    )


def _further(run: RunInfo, summary: RunSummary, judgements: Judgements, choices: Table | None) -> Iterator[Section]:
    """The sections that every run has: the numbers behind the answers, and what they do not show."""
    yield latency_section(summary, judgements)
    yield time_section(summary)
    yield beside_section(summary)
    yield quiet_section(summary, run.order)
    yield details(run, summary, judgements, choices)
    yield limits(run, summary)
    yield repeat_of_session(run, summary) if run.exploratory else repeat_of_run(run, summary)
    yield glossary()


def trust_line(run: RunInfo, summary: RunSummary, found: Caveats) -> str:
    """Blocks and caveats in one line, and what is unusual about the run."""
    blocks = exploratory_status(summary) if run.exploratory else status(summary)
    told = " ".join(filter(None, (failing_note(summary), blocks, *caveats_told(judged_families(summary), found))))
    return told + left_out_note(run) + rights_note(run)


def files_of(content: Content) -> Mapping[str, str]:
    """Every file of a report but comparison.json, by its name in the run folder."""
    return {
        PAGE: render_html(content),
        "report.md": render_markdown(content),
        **render_figures(content),
        **{f"tables/{name}": text for name, text in render_csv(content).items()},
    }


def write_reports(
    path: Path, run: RunInfo, points: Sequence[PointResult], width: int = TERMINAL_WIDTH, place: str = ""
) -> Written:
    """Write every report of a run into the folder ``path``; older ones are replaced.

    ``width``: columns of the terminal form, which names the run by its ``place``, as commands typed here do.

    A run of several points has one over all of them, and a whole one of each in ``points/KEY``. Raises RunFolderError
    (a name is taken) or MissingError (disk full).
    """
    if len(points) == 1:
        content = replace(_content_of(points[0]), checks=checks_of(points))
        return _write_report(path, content, _document_of(points[0]), width, place)
    for one in points:
        band = spoiled_band(one.run, one.summary, [each.summary.decision for each in points if each.runs])
        content = replace(_content_of(one), over=OVER, point=one.point.title, band=band)
        _write_report(path / POINTS / one.point.key, content, _document_of(one))
    document = {"schema_version": COMPARISON_SCHEMA_VERSION, "run_id": run.run_id}
    document |= {"points": {one.point.key: _document_of(one) for one in points}}
    return _write_report(path, overview(run, points), document, width, place)


def _content_of(one: PointResult) -> Content:
    return build_content(one.run, one.summary, one.comparison, one.confirmed, one.searched, one.piloted)


def _document_of(one: PointResult) -> Mapping[str, Any]:
    return comparison_document(one.run, one.summary, one.comparison)


def _write_report(
    path: Path, content: Content, document: Mapping[str, Any], width: int = TERMINAL_WIDTH, place: str = ""
) -> Written:
    for name, text in files_of(content).items():
        _write(path, name, text)
    _write(path, "comparison.json", json.dumps(document, indent=1, ensure_ascii=False))
    return Written(
        html=path / PAGE,
        markdown=path / "report.md",
        comparison=path / "comparison.json",
        terminal=render_terminal(content, width, {content.run_id: place} if place else NOWHERE),
        summary=render_summary(content),
        junit=render_junit(content),
        annotations=tuple(workflow_commands(content)),
    )


def _write(path: Path, name: str, text: str) -> None:
    target = path / name
    if target.parent != path and target.parent.is_symlink():
        raise RunFolderError(
            f"{target.parent}: a link, and a run folder holds none", "remove it; reports are made anew"
        )
    try:
        with disk_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(target, text.encode(errors="replace"))  # outside text may hold lone surrogates
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise RunFolderError(f"{target}: something else has this name", "move it away; reports are made anew") from None
