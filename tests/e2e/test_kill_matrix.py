"""A selection of the kill matrix: every event, at several steps, on one run that `--resume` finishes at last.

`benchmarks/kill_matrix.py` plays every event at every step.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.run.steps import Step
from lab.scenario.drills import Verb
from tests.kill_matrix import ACTS, APPLIES, Event, Place, engine_of_our_own, finish, play

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("kill matrix")]

# In this order, for each continues what the one before has left.
CELLS = [
    (Event.SIGINT, Step.DEPLOY),
    (Event.SIGTERM, Step.ATTEST),
    (Event.SIGKILL, Step.WARM_UP),
    (Event.SUPERVISOR, Step.WARM_UP),
    (Event.LOCUST, Step.MEASURE),
    (Event.NGINX, Step.MEASURE),
    (Event.DOCKER, Step.MEASURE),
    (Event.SAMPLER, Step.COOL_DOWN),
    (Event.DISK, Step.COLLECT),
    (Event.SIGINT, Step.PREPARE),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A run with an engine of its own, beside containers that look like the lab's, on a small disk."""
    with engine_of_our_own() as daemon:
        place = Place(tmp_path_factory.mktemp("kill"), daemon)
        with small_disk(place.out):
            yield place


class small_disk:  # noqa: N801  used as a statement, like contextlib's own
    """A file system of its own for a folder, so that it can be filled."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(self._folder)], check=True)

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", str(self._folder)], check=True)


@pytest.mark.parametrize(("event", "step"), CELLS, ids=lambda value: value.name.lower())
def test_nothing_is_left_of_a_run_that_is_cut(place: Place, event: Event, step: Step) -> None:
    """No container, volume, process, port, temporary file; or `lab clean` lists exactly what is left and removes it."""
    cell = play(event, step, place)

    assert cell.wrong == (), cell.sentence


def test_a_run_that_was_cut_at_every_turn_is_finished_by_resume(place: Place) -> None:
    """All trials are done, the report is there, and nothing says any more that it was cut."""
    finish(place)


def test_the_selection_has_every_event() -> None:
    """A replica and a worker die like a supervisor and like nginx: those two are left to the benchmark."""
    assert {event for event, _ in CELLS} | {Event.WORKER, Event.REPLICA} == set(APPLIES)


def test_the_benchmark_knows_every_verb_that_makes_or_ends_something() -> None:
    """The others leave nothing that a hang does not; the last one takes a Swarm."""
    assert set(ACTS) | {Verb.KILL, Verb.BLOCK, Verb.ROLL, Verb.STOP, Verb.NODE_LOSS} == set(Verb)
