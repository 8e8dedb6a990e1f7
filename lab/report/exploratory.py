"""What a report says of a session that was driven by hand: first of all that nothing in it is a claim."""

from __future__ import annotations

import shlex

from lab.analysis.summary import RunSummary
from lab.records import RunInfo
from lab.report.answer import status
from lab.report.content import Listing, Section

MARK = "Exploratory session, driven by hand: closed model, one trial, no verdict."


def exploratory_status(summary: RunSummary) -> str:
    """The mark, and what is wrong with the trials if anything is."""
    return MARK if summary.decision.used else f"{MARK} {status(summary)}"


def exploratory_again(run: RunInfo) -> Section:
    """How to look again, and how to measure."""
    scenario = shlex.quote(f"{run.scenario_name}.toml")
    text = f"lab ui {scenario}\nlab run {scenario}\nlab report {shlex.quote(f'runs/{run.run_id}')}"
    return Section(
        key="again",
        title="Do it again",
        sentences=(
            "The first command opens such a session, the second one measures: with a schedule, in blocks, and with "
            "verdicts. The third one rebuilds this report from the raw files of the run folder.",
        ),
        parts=(Listing(key="again-commands", title="Commands", text=text),),
    )
