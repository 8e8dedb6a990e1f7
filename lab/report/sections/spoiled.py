"""Before anything else of a run that is not valid: what failed, that its numbers are none to quote, and what to do."""

from __future__ import annotations

from collections.abc import Sequence

from lab.analysis.blocks import BlockDecision
from lab.analysis.summary import RunSummary
from lab.record.types import RunInfo
from lab.report.first_screen import Band
from lab.report.parts.answers import capital
from lab.report.parts.caveats import fault_sentences
from lab.report.parts.gate_sentences import family_names
from lab.report.parts.going_on import lost_told, resume_command
from lab.report.sections.repeat import run_command

REPEAT, CONTINUE, AGAIN = "Then run it again", "Continue it", "Start again"


def spoiled_band(run: RunInfo, summary: RunSummary, points: Sequence[BlockDecision] = ()) -> Band | None:
    """The band across the page; None for a run that is valid, and for a session by hand, which claims nothing.

    ``points`` are those of all points of a run that has several: while one of them can become valid, it is continued.
    """
    decision = summary.decision
    lost, standing = decision.lost, decision.needed - decision.lost
    if run.exploratory or not lost:
        return None
    faults = list(fault_sentences(summary))  # also those that spoil only what was not judged: they would again
    failed = tuple(told for told, _ in sorted(faults, key=lambda fault: not fault[1] & lost))
    if standing:
        title = f"This run is not valid for {family_names(lost)}"
        quote = f"Do not quote its numbers of {family_names(lost)}. What it says of {family_names(standing)} stands."
    else:
        title, quote = "This run is not valid", "Do not quote these numbers."
    then, command = REPEAT, run_command(run, summary)
    if run.cut:
        failed = (f"It ended early: {run.cut}.", *failed)
        then, command = CONTINUE, resume_command(summary.scenario, run.run_id)
        if told := lost_told(decision, "this point" if points else "this run"):
            failed = (f"{capital(told)}.", *failed)
        if all(each.hopeless for each in (decision, *points)):
            then, command = AGAIN, run_command(run, summary)
    return Band(title, (quote, *failed), then, command, whole=not standing)
