"""``lab list``: the runs there are, whether they are valid, and what came out."""

import json as json_format
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from lab.cli.console import put, put_json, say
from lab.cli.names import RUN_FILE
from lab.cli.options import DEFAULT_OUT, Json, Out
from lab.errors import RunFolderError
from lab.record.bundle_reading import BUNDLE
from lab.record.folder import read_info
from lab.record.types import RunInfo
from lab.report.renderers.text import printable
from lab.run.opened import opened_run

SUMMARIES = frozenset({RUN_FILE, "comparison.json"})  # all that a row tells of
LONGEST = 160  # characters of what came out
Last = Annotated[int | None, typer.Option("--last", min=1, help="Only so many, the newest.", show_default=False)]


def list_runs(out: Out = DEFAULT_OUT, json: Json = False, last: Last = None) -> None:
    """Show the runs and bundles in the results folder, oldest first: their trials, valid blocks, and the answer."""
    found = list(runs_in(out))
    rows = [_row(path) for path in found[-(last or len(found)) :]]
    if json:
        put_json(rows)
        return
    if not rows:
        say(f"no runs in {out}; `lab run quickstart` makes one")
    widths = {key: max(len(row[key]) for row in rows) for key in ("path", "trials", "valid")} if rows else {}
    for row in rows:
        put("  ".join([*(row[key].ljust(width) for key, width in widths.items() if width), row["note"]]))


def runs_in(folder: Path) -> Iterator[Path]:
    """The run folders and bundles in a folder, in the order of their names, which begin with the time."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if (path / RUN_FILE).is_file() or (path.suffix == BUNDLE and path.is_file()):
            yield path


def _row(path: Path) -> dict[str, Any]:
    try:
        with opened_run(path, SUMMARIES.__contains__) as folder:
            info, concluded = read_info(folder), _concluded(folder)
    except RunFolderError as error:
        return {"path": str(path), "trials": "unreadable", "valid": "", "note": printable(str(error))}
    states = Counter(state.value for state in info.states.values())
    return {
        "path": str(path),
        "run": info.run_id,
        "trials": ", ".join(f"{count} {state}" for state, count in sorted(states.items())),
        "states": dict(states),
        "valid": "" if info.exploratory else _valid(concluded),  # a session by hand has no blocks
        "note": printable(_note(info, concluded))[:LONGEST],
    }


def _concluded(path: Path) -> Mapping[str, Any]:
    """comparison.json of a run; empty where there is none that can be read, as of a run that goes on."""
    try:
        document = json_format.loads((path / "comparison.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _valid(document: Mapping[str, Any]) -> str:
    """``"6/6 valid"``, of the planned blocks; empty where no report tells."""
    blocks = document.get("blocks")
    if not isinstance(blocks, dict) or not isinstance(blocks.get("valid"), list):
        return ""
    return f"{len(blocks['valid'])}/{blocks.get('planned')} valid"


def _note(info: RunInfo, document: Mapping[str, Any]) -> str:
    """What came out, or the question of a run that says nothing about it."""
    if info.cut:
        return f"cut: {info.cut}"
    if info.exploratory:
        return f"exploratory, by hand: {info.question}"
    answers = document.get("answer")
    told = (
        [str(one.get("sentence", "")) for one in answers if isinstance(one, dict)] if isinstance(answers, list) else []
    )
    return " ".join(told) or info.question
