"""``lab compare`` of a folder, or of more than two runs: each metric over the runs, and where conditions changed."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from lab.cli.console import put, put_json, terminal_width
from lab.cli.names import RUN_FILE
from lab.cli.page_file import write_page
from lab.errors import UsageError
from lab.report.renderers.terminal import render_terminal
from lab.report.sections.history import history_content, history_document, trends_of
from lab.report.sections.overview import scenarios_of
from lab.scenario.compare import unknown
from lab.serve.runs import read_entry, runs_in

WIDTH = 140
LEAST = 3


def holds_runs(asked: Path) -> bool:
    """Tell whether this is a folder of runs, not a run or a path inside one."""
    is_run = any((each / RUN_FILE).is_file() for each in (asked, *asked.parents))
    return asked.is_dir() and not is_run and bool(runs_in(asked))


def asks_trend(runs: Sequence[Path]) -> bool:
    """Tell whether runs that were given without another side are looked at over time."""
    return len(runs) >= LEAST or any(map(holds_runs, runs))


def show_trend(asked: Sequence[Path], scenario: str, out: Path | None, *, json: bool) -> None:
    """Print or write the trend of one scenario: the one that is asked for, or that of the newest run."""
    paths = {path.resolve(): path for each in asked for path in (runs_in(each) if holds_runs(each) else [each])}
    entries = [read_entry(path) for path in paths.values()]
    if unread := [f"{entry.name}: {entry.problem}" for entry in entries if entry.info is None]:
        raise UsageError(f"a run cannot be read: {unread[0]}", "leave it out: name the runs one by one")
    known = scenarios_of(entries)
    if scenario and scenario not in known:
        raise UsageError(f"--scenario: {unknown('scenario', scenario, known)}")
    newest = max(entries, key=lambda entry: entry.age)
    chosen = scenario or (newest.info.scenario_name if newest.info else "")
    trends = trends_of(entries, chosen)
    if not trends:
        of_it = next(each.place for each in entries if each.info and each.info.scenario_name == chosen)
        raise UsageError(f"no finished run of {chosen} has a report", f"`lab report {shlex.quote(of_it)}` draws it")
    if json:
        put_json(history_document(entries, trends))
        return
    content = history_content(entries, trends, [name for name in known if name != chosen])
    if out is None:
        put(render_terminal(content, terminal_width(WIDTH)))
        return
    write_page(out, content)
    put(f"trend: {out}")
