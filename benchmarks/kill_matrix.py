"""Every event at every step of a trial: what the lab says, what is left, and whether `--resume` finishes the run.

    .venv/bin/python -m benchmarks.kill_matrix [--events SIGINT LOCUST]
                                            [--beside | --drilled | --verbs [VERB …]] [--write FILE]
    .venv/bin/python -m benchmarks.kill_matrix --nodes | --swarm | --swarm-drills [--steps STEP …] [--write FILE]

Needs root and takes about a quarter of an hour on a quiet machine. Each row is one run: cut at its first step,
continued and cut at the next one, and so on, at last finished. ``--beside``: rows of arms in a network of their own,
with a sidecar and a job. ``--drilled``: rows of runs that are cut while a drill holds a process up; ``--verbs``: a
table of its own, of runs that are cut while the drill of each verb is on. ``--nodes``: rows of runs over two nodes of
which one disappears, each cell a run of its own; ``--swarm``: the same on a Swarm, and ``--swarm-drills``: a table of
its own, of runs on a Swarm that are cut while it updates services or drains a node. What is written takes the place of
these cells alone.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from lab.run.steps import Step
from tests.kill_matrix import (
    ACTS,
    ALWAYS,
    APPLIES,
    BESIDE_EVENTS,
    BESIDE_STEPS,
    DRILLED_EVENTS,
    DRILLED_STEPS,
    HANG,
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
from tests.node_matrix import NodeEvent, NodePlace, node_place, play_node
from tests.second_engine import SecondEngine
from tests.swarm_matrix import DRILL_EVENTS, DRILLS, SwarmEvent, SwarmPlace, play_swarm, swarm_place

MARKS = "<!-- table -->\n", "<!-- end of table -->\n"
VERB_MARKS = "<!-- verbs -->\n", "<!-- end of verbs -->\n"
VERB_EVENTS = (Event.SIGINT, Event.SIGTERM, Event.SIGKILL)
SWARM_MARKS = "<!-- swarm drills -->\n", "<!-- end of swarm drills -->\n"


@contextmanager
def a_place(event: Event, daemon: SecondEngine, setting: Setting, verb: str = HANG) -> Iterator[Place]:
    """Where the row of an event is played: on a small disk when it is to become full."""
    with tempfile.TemporaryDirectory(prefix="kill-matrix-") as folder:
        seed = REPLICAS_FIRST if event is Event.REPLICA else WORKERS_FIRST
        place = Place(Path(folder), daemon, seed, setting, verb)
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
    steps = {Setting.BESIDE: BESIDE_STEPS, Setting.DRILLED: DRILLED_STEPS}.get(setting, APPLIES[event])
    with a_place(event, daemon, setting) as place:
        row: dict[str, str] = {step: played(step, event, partial(play, event, step, place)) for step in steps}
        return {**row, RESUME: resumed(place, event)}


def play_verb(verb: str, daemon: SecondEngine) -> dict[str, str]:
    """Each event while the drill of a verb is on, and the run finished afterwards."""
    with a_place(Event.SIGINT, daemon, Setting.DRILLED, verb) as place:
        row: dict[str, str] = {
            event: played(Step.MEASURE, f"{verb}: {event}", partial(play, event, Step.MEASURE, place))
            for event in VERB_EVENTS
        }
        return {**row, RESUME: resumed(place, verb)}


def play_node_row(event: NodeEvent, place: NodePlace, steps: Sequence[Step]) -> dict[str, str]:
    """A node that disappears at a step, in a run of its own."""
    return {step: played(step, event, partial(play_node, event, step, place)) for step in steps}


def play_swarm_row(event: SwarmEvent, place: SwarmPlace, steps: Sequence[Step]) -> dict[str, str]:
    """The same of a Swarm."""
    return {step: played(step, event, partial(play_swarm, event, step, place)) for step in steps}


def play_swarm_drill(place: SwarmPlace) -> dict[str, str]:
    """Each event while the Swarm does what a drill asks it for."""
    cuts = {event: partial(play_swarm, event, Step.MEASURE, place) for event in DRILL_EVENTS}
    return {event: played(Step.MEASURE, f"{place.drill}: {event}", cut) for event, cut in cuts.items()}


def played(step: Step, name: str, cut: Callable[[], Cell]) -> str:
    """A cell of the table, told as soon as it is known; ``cut`` plays it."""
    try:
        cell = cut()
    except AssertionError as error:
        said, more = f"✗ {error}", ""
    else:
        said, more = word(cell), f"{cell.seconds:.1f} s | {cell.sentence}"
    print(f"{name} | {step} | {said} | {more}", flush=True)
    return said


def resumed(place: Place, name: str) -> str:
    """The last cell of a row."""
    try:
        finish(place)
        said = "finished"
    except AssertionError as error:
        said = f"✗ {error}"
    print(f"{name} | {RESUME} | {said}", flush=True)
    return said


def word(cell: Cell) -> str:
    """What a cell of the table says."""
    if cell.wrong:
        return f"✗ {'; '.join(cell.wrong)}"
    said = {-9: "killed", 0: "done", 3: "3"}.get(cell.code, str(cell.code))
    if cell.code == 3 and cell.event in Event and not cell.sentence.startswith("lab: b01-"):
        said = "done"  # both trials ran; on a busy machine their block is invalid
    return said + (f", clean {cell.removed_by_clean}" if cell.removed_by_clean else "")


COLUMNS = (*ALWAYS, RESUME)
VERB_COLUMNS = (*VERB_EVENTS, RESUME)


def head(columns: Sequence[str]) -> list[str]:
    """The two lines with which a table in Markdown begins."""
    return ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]


def line(name: str, row: dict[str, str], columns: Sequence[str]) -> str:
    """A row of the matrix in Markdown."""
    return f"| {name} | " + " | ".join(row.get(column, "–") for column in columns) + " |"


def write(path: Path, rows: dict[str, dict[str, str]], columns: Sequence[str], marks: tuple[str, str]) -> None:
    """Put rows, by their names, between the two marks; those of other names stay, and cells that were not played."""
    begin, end = marks
    before, _, rest = path.read_text(encoding="utf-8").partition(begin)
    there, _, after = rest.partition(end)
    every = {name: cells for name, *cells in (each.strip("| ").split(" | ") for each in there.splitlines()[2:])}
    kept = {name: dict(zip(columns, cells, strict=True)) for name, cells in every.items()}
    merged = {name: {**kept.get(name, {}), **rows.get(name, {})} for name in {**kept, **rows}}
    text = "\n".join([*head(columns), *(line(name, row, columns) for name, row in merged.items())]) + "\n"
    path.write_text(before + begin + text + end + after, encoding="utf-8")


def _rows(options: argparse.Namespace, events: Sequence[Event], setting: Setting) -> dict[str, dict[str, str]]:
    if options.nodes or options.swarm or options.swarm_drills:
        with tempfile.TemporaryDirectory(prefix="kill-matrix-") as folder:
            return _rows_of_nodes(options, Path(folder))
    with engine_of_our_own(setting) as daemon:
        if options.verbs is None:
            return {": ".join(filter(None, (event, setting))): play_row(event, daemon, setting) for event in events}
        return {f"`{verb}`": play_verb(verb, daemon) for verb in options.verbs or VERBS}


def _rows_of_nodes(options: argparse.Namespace, folder: Path) -> dict[str, dict[str, str]]:
    steps = [Step(step) for step in options.steps or ALWAYS]
    if options.nodes:
        with node_place(folder) as nodes:
            return {event.value: play_node_row(event, nodes, steps) for event in NodeEvent}
    with swarm_place(folder) as place:
        if options.swarm:
            return {event.value: play_swarm_row(event, place(""), steps) for event in SwarmEvent}
        return {f"`{drill}`": play_swarm_drill(place(drill)) for drill in DRILLS}


VERBS = [verb for verb in ACTS if verb != HANG]


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", nargs="+", choices=[event.name for event in Event], metavar="EVENT")
    parser.add_argument("--beside", action="store_true", help="arms in a network of their own, with sidecar and job")
    parser.add_argument("--drilled", action="store_true", help="while an action of a drill holds a process up")
    parser.add_argument(
        "--verbs", nargs="*", choices=VERBS, metavar="VERB", help="while a drill of each of these is on"
    )
    parser.add_argument("--nodes", action="store_true", help="over two nodes, of which one disappears")
    parser.add_argument("--swarm", action="store_true", help="on a Swarm of two nodes, of which one disappears")
    parser.add_argument("--swarm-drills", action="store_true", help="while a Swarm updates services or drains a node")
    parser.add_argument("--steps", nargs="+", choices=ALWAYS, metavar="STEP", help="of --nodes and --swarm; all")
    parser.add_argument("--write", type=Path, help="keep the rows in this document")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Play, print the table, exit with 1 when a cell is not as it should be."""
    options = _options(arguments)
    drilled = options.drilled or options.verbs is not None
    setting = Setting.BESIDE if options.beside else Setting.DRILLED if drilled else Setting.PLAIN
    every = {Setting.BESIDE: BESIDE_EVENTS, Setting.DRILLED: DRILLED_EVENTS}.get(setting, tuple(Event))
    events = [Event[name] for name in options.events] if options.events else every
    columns, marks = (COLUMNS, MARKS) if options.verbs is None else (VERB_COLUMNS, VERB_MARKS)
    if options.swarm_drills:
        columns, marks = DRILL_EVENTS, SWARM_MARKS
    started = time.monotonic()
    rows = _rows(options, events, setting)
    text = "\n".join([*head(columns), *(line(name, row, columns) for name, row in rows.items())])
    print(f"\n{text}\n{sum(map(len, rows.values()))} cells in {(time.monotonic() - started) / 60:.0f} minutes")
    if options.write:
        write(options.write, rows, columns, marks)
    return int(any(cell.startswith("✗") for row in rows.values() for cell in row.values()))


if __name__ == "__main__":
    sys.exit(main())
