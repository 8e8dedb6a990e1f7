"""What a report says of a session that was driven by hand: first of all that nothing in it is a claim."""

from __future__ import annotations

import shlex

from lab.analysis.summary import RunSummary
from lab.record.types import RunInfo
from lab.report.content import Section
from lab.report.sections.answer import status
from lab.report.sections.repeat import file_name, repeat_section

MARK = "Exploratory session, driven by hand: closed model, one trial, no verdict."


def exploratory_status(summary: RunSummary) -> str:
    """The mark, and what is wrong with the trials if anything is."""
    return MARK if summary.decision.used else f"{MARK} {status(summary)}"


def exploratory_again(run: RunInfo, summary: RunSummary) -> Section:
    """How to look again, and how to measure."""
    return repeat_section(
        run,
        summary.scenario,
        f"lab ui {shlex.quote(file_name(run))}",
        f"Save the scenario below as {file_name(run)}; the first command opens such a session.",
        "It is the session's, without rate, primary metrics and expectations. lab run measures with a scenario that "
        "has them, as the file had with which the session was opened: with a schedule, in blocks, and with verdicts.",
    )
