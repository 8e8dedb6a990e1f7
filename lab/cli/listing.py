"""``lab list``: the runs there are."""

from collections import Counter
from pathlib import Path
from typing import Any

from lab.cli.console import put, put_json, say
from lab.cli.options import DEFAULT_OUT, Json, Out
from lab.errors import RunFolderError
from lab.record.folder import read_info
from lab.report.renderers.text import printable


def list_runs(out: Out = DEFAULT_OUT, json: Json = False) -> None:
    """Show the runs in the results folder, oldest first."""
    rows = [_row(path) for path in sorted(out.iterdir()) if (path / "run.json").is_file()] if out.is_dir() else []
    if json:
        put_json(rows)
        return
    if not rows:
        say(f"no runs in {out}; `lab run scenarios/quickstart.toml` makes one")
    for row in rows:
        put(f"{row['path']}  {row['trials']}  {row['note']}")


def _row(path: Path) -> dict[str, Any]:
    try:
        info = read_info(path)
    except RunFolderError as error:
        return {"path": str(path), "trials": "unreadable", "note": printable(str(error))}
    states = Counter(state.value for state in info.states.values())
    trials = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    question = info.question
    note = f"cut: {info.cut}" if info.cut else question
    if info.exploratory:
        note = f"exploratory, by hand: {note}"
    return {
        "path": str(path),
        "run": info.run_id,
        "trials": trials,
        "states": dict(states),
        "note": printable(note)[:120],
    }
