"""Every event at every step of a trial: what the lab says, what is left, and whether `--resume` finishes the run.

    .venv/bin/python -m benchmarks.kill_matrix [--events SIGINT LOCUST] [--beside | --drilled] [--write FILE]

Needs root and takes about a quarter of an hour on a quiet machine. Each row is one run: cut at its first step,
continued and cut at the next one, and so on, at last finished. ``--beside``: rows of arms in a network of their own,
with a sidecar and a job. ``--drilled``: rows of runs that are cut while a drill holds a process up. What is written
takes the place of these rows alone.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.kill_matrix import (
    ALWAYS,
    APPLIES,
    BESIDE_EVENTS,
    BESIDE_STEPS,
    DRILLED_EVENTS,
    DRILLED_STEPS,
    REPLICAS_FIRST,
    WORKERS_FIRST,
    Cell,
    Event,
    Place,
    Setting,
    engine_of_our_own,
    finish,
    play,
)
from tests.second_engine import SecondEngine

BEGIN, END = "<!-- table -->\n", "<!-- end of table -->\n"


@contextmanager
def a_place(event: Event, daemon: SecondEngine, setting: Setting) -> Iterator[Place]:
    """Where the row of an event is played: on a small disk when it is to become full."""
    with tempfile.TemporaryDirectory(prefix="kill-matrix-") as folder:
        place = Place(Path(folder), daemon, REPLICAS_FIRST if event is Event.REPLICA else WORKERS_FIRST, setting)
        if event is not Event.DISK:
            yield place
            return
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(place.out)], check=True)
        try:
            yield place
        finally:
            subprocess.run(["umount", str(place.out)], check=True)


RESUME = "resume"


def play_row(event: Event, daemon: SecondEngine, setting: Setting) -> dict[str, str]:
    """One event at each step where it can happen, and the run finished afterwards."""
    row: dict[str, str] = {}
    with a_place(event, daemon, setting) as place:
        for step in {Setting.BESIDE: BESIDE_STEPS, Setting.DRILLED: DRILLED_STEPS}.get(setting, APPLIES[event]):
            try:
                cell = play(event, step, place)
                row[step] = word(cell)
                print(f"{event} | {step} | {cell.seconds:.1f} s | {row[step]} | {cell.sentence}", flush=True)
            except AssertionError as error:
                row[step] = f"✗ {error}"
                print(f"{event} | {step} | {row[step]}", flush=True)
        try:
            finish(place)
            row[RESUME] = "finished"
        except AssertionError as error:
            row[RESUME] = f"✗ {error}"
        print(f"{event} | {RESUME} | {row[RESUME]}", flush=True)
    return row


def word(cell: Cell) -> str:
    """What a cell of the table says."""
    if cell.wrong:
        return f"✗ {'; '.join(cell.wrong)}"
    said = {-9: "killed", 0: "done", 3: "3"}.get(cell.code, str(cell.code))
    if cell.code == 3 and not cell.sentence.startswith("lab: b01-"):
        said = "done"  # both trials ran; on a busy machine their block is invalid
    return said + (f", clean {cell.removed_by_clean}" if cell.removed_by_clean else "")


COLUMNS = (*ALWAYS, RESUME)
HEAD = "| | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"


def line(name: str, row: dict[str, str]) -> str:
    """A row of the matrix in Markdown."""
    return f"| {name} | " + " | ".join(row.get(column, "–") for column in COLUMNS) + " |"


def write(path: Path, rows: dict[str, str]) -> None:
    """Put lines, by their names, between the two marks; those of other names stay."""
    before, _, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    there, _, after = rest.partition(END)
    kept = {each.split(" | ")[0].removeprefix("| "): each for each in there.splitlines()[len(HEAD) :]}
    text = "\n".join([*HEAD, *{**kept, **rows}.values()]) + "\n"
    path.write_text(before + BEGIN + text + END + after, encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Play, print the table, exit with 1 when a cell is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", nargs="+", choices=[event.name for event in Event], metavar="EVENT")
    parser.add_argument("--beside", action="store_true", help="arms in a network of their own, with sidecar and job")
    parser.add_argument("--drilled", action="store_true", help="while an action of a drill holds a process up")
    parser.add_argument("--write", type=Path, help="keep the rows in this document")
    options = parser.parse_args(arguments)
    setting = Setting.BESIDE if options.beside else Setting.DRILLED if options.drilled else Setting.PLAIN
    every = {Setting.BESIDE: BESIDE_EVENTS, Setting.DRILLED: DRILLED_EVENTS}.get(setting, tuple(Event))
    events = [Event[name] for name in options.events] if options.events else every
    started = time.monotonic()
    with engine_of_our_own(setting) as daemon:
        rows = {": ".join(filter(None, (event, setting))): play_row(event, daemon, setting) for event in events}
    lines = {name: line(name, row) for name, row in rows.items()}
    text = "\n".join([*HEAD, *lines.values()])
    print(f"\n{text}\n{sum(map(len, rows.values()))} cells in {(time.monotonic() - started) / 60:.0f} minutes")
    if options.write:
        write(options.write, lines)
    return int(any(cell.startswith("✗") for row in rows.values() for cell in row.values()))


if __name__ == "__main__":
    sys.exit(main())
