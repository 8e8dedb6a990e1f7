"""What a report says when the run folder was damaged and only its intact trials were read."""

from __future__ import annotations

from collections.abc import Iterator

from lab.record.types import RunInfo

SHOWN = 3


def left_out_note(run: RunInfo) -> str:
    """On the first screen: how many trials were left out, which, and why; "" when none was."""
    if not run.left_out:
        return ""
    named = [f"{trial} ({reason})" for trial, reason in list(run.left_out.items())[:SHOWN]]
    more = f" and {len(run.left_out) - SHOWN} more" if len(run.left_out) > SHOWN else ""
    return (
        f" The run folder is damaged, {len(run.left_out)} of {len(run.order)} trials were left out: "
        f"{'; '.join(named)}{more}. A block that lacks an arm does not count."
    )


def left_out_doubts(run: RunInfo) -> Iterator[str]:
    """One sentence for each trial that was left out."""
    for trial, reason in run.left_out.items():
        yield f"Trial {trial} was left out, its files are damaged: {reason}."
