"""Who noticed what was done to the arms on purpose, what was started again, and how containers ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from math import inf

from lab.analysis.summary import RunSummary
from lab.analysis.trial.fallout import Fallout
from lab.metrics import METRICS
from lab.report.content import Cell, Table
from lab.report.parts.cells import columns, metric_cell, words
from lab.report.parts.values import shown_value
from lab.units import format_seconds

TRACES = (
    "drill.detected",
    "drill.radius",
    "drill.connections",
    "drill.slots",
    "drill.restarts",
    "drill.cpu",
    "drill.duplicates",
)
CERTIFICATE = "drill.certificate"  # of one verb only
NOBODY = "nobody"


def notice_table(summary: RunSummary) -> Table:
    """A row for each arm: figures as medians, and in words who did something and how containers ended, by blocks.

    What is known of no arm has no column.
    """
    arms = [
        (arm.name, found)
        for arm in summary.arms
        if (found := [trial.fallout for trial in summary.of_arm(arm.name) if trial.fallout])
    ]
    values = {key: [shown_value(summary, arm, key) for arm, _ in arms] for key in (*TRACES, CERTIFICATE)}
    keys = [key for key, told in values.items() if any(value is not None for value in told)]
    texts = {title: [tell(found) for _, found in arms] for title, tell in TEXTS.items()}
    titles = [title for title, told in texts.items() if any(told)]
    rows = tuple(
        (
            *words(arm),
            *(metric_cell(METRICS[key], values[key][place]) for key in keys),
            *(Cell(texts[title][place]) for title in titles),
        )
        for place, (arm, _) in enumerate(arms)
    )
    return Table(
        key="drill-notice",
        title="Who noticed, and what followed",
        columns=(*columns("arm", numeric=[METRICS[key].called for key in keys]), *columns(*titles)),
        rows=rows,
        note=" ".join(note for key, note in NOTES if key in keys),
    )


def _by(found: list[Fallout]) -> str:
    """``"supervisor after 0.5 s (8 blocks)"`` of everybody who acted, and in how many blocks nobody did."""
    known = [each.detected for each in found if each.detected is not None]
    times: dict[str, list[float]] = {}
    for detected in known:
        for one in detected:
            times.setdefault(one.by, []).append(one.after_s)
        if not detected:
            times.setdefault(NOBODY, []).append(inf)
    return ", ".join(_told(by, seen, len(known)) for by, seen in sorted(times.items(), key=lambda item: min(item[1])))


def _told(by: str, seen: list[float], blocks: int) -> str:
    often = f" ({len(seen)} of {blocks} blocks)" if len(seen) < blocks else ""
    if by == NOBODY:
        return f"{by}{often}"
    after_s = sorted(seen)[(len(seen) - 1) // 2]
    return f"{by} {f'after {format_seconds(after_s)}' if after_s else 'at once'}{often}"


def _shutdowns(found: list[Fallout]) -> str:
    """How many processes came to the end of it, of those that began."""
    known = [each.shutdowns for each in found if each.shutdowns]
    if not known:
        return ""
    began, ended = (sum(getattr(each, part) for each in known) for part in ("began", "ended"))
    return f"{ended} of {began} came to its end" if began else "did not run"


def _exits(found: list[Fallout]) -> str:
    ends = Counter(text.partition(": ")[2].partition(" after")[0] for each in found for text in each.exits)
    return ", ".join(f"{text} × {times}" for text, times in ends.most_common())


TEXTS: Mapping[str, Callable[[list[Fallout]], str]] = {
    "by whom": _by,
    "containers ended": _exits,
    "lifespan's shutdown": _shutdowns,
}
NOTES = (
    (
        "drill.detected",
        "A supervisor or the engine has noticed when the process that replaces the one that was hit begins; a front, "
        "when requests succeed again before that.",
    ),
    ("drill.restarts", "Restarts are those within 60 s and inside the trial."),
)
