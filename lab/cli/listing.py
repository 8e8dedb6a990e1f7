"""``lab list``: the runs there are, whether they are valid, and what came out."""

import shlex
from collections import Counter
from typing import Annotated, Any

import typer

from lab.cli.console import put, put_json, say
from lab.cli.options import DEFAULT_OUT, Json, Out
from lab.record.schema import TrialState
from lab.record.types import RunInfo
from lab.report.renderers.text import printable
from lab.report.sections.overview import Entry, answers_of, blocks_text, cut_words
from lab.serve.runs import read_entry, runs_in

LONGEST = 160  # characters of what came out
Last = Annotated[int | None, typer.Option("--last", min=1, help="Only this many, the newest.", show_default=False)]


def list_runs(out: Out = DEFAULT_OUT, json: Json = False, last: Last = None) -> None:
    """List your runs and bundles, oldest first: trials, valid blocks, and the answer."""
    found = sorted(map(read_entry, runs_in(out)), key=lambda entry: entry.age)
    rows = [_row(entry.place, entry) for entry in found[-(last or len(found)) :]]
    if json:
        put_json(rows)
        return
    if not rows:
        say(f"no runs in {out}; `lab run quickstart` makes one")
    widths = {key: max(len(row[key]) for row in rows) for key in ("path", "trials", "valid")} if rows else {}
    for row in rows:
        put("  ".join([*(row[key].ljust(width) for key, width in widths.items() if width), row["note"]]))


def _row(path: str, entry: Entry) -> dict[str, Any]:
    info = entry.info
    if info is None:
        return {"path": path, "trials": "unreadable", "valid": "", "note": printable(entry.problem)}
    states = Counter("missing" if key in info.left_out else state.value for key, state in info.states.items())
    return {
        "path": path,
        "run": info.run_id,
        "trials": ", ".join(f"{count} {state}" for state, count in sorted(states.items())),
        "states": dict(states),
        "valid": f"{blocks} valid" if (blocks := blocks_text(entry)) else "",
        "note": _shortened(printable(_note(info, entry))),
    }


def _shortened(note: str) -> str:
    """As much of a note as a line has room for; a command is never cut in two."""
    inside = note[:LONGEST].count("`") % 2
    return note[: note.find("`", LONGEST) + 1] if inside and "`" in note[LONGEST:] else note[:LONGEST]


def _note(info: RunInfo, entry: Entry) -> str:
    """What came out, or the question of a run that says nothing about it."""
    if info.cut:
        return cut_words(entry)
    if info.exploratory:
        return f"exploratory, by hand: {info.question}"
    if entry.told is None and set(info.states.values()) == {TrialState.DONE}:
        return f"`lab report {shlex.quote(entry.place)}` says what came out: {info.question}"
    return " ".join(answer.sentence for answer in answers_of(entry)) or info.question
