"""Book-keeping of lanes, tasks and requests: every arrival leaves one row and one count."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.load.arrivals import Arrival
from lab.load.inside.journal import UNREPORTED, Journal, Lane
from lab.load.inside.load_counts import Tally
from lab.load.inside.recording import RequestRecorder
from lab.load.request_table import Marks, write_request_table

MARKS = Marks(warmup_start_s=0.0, measure_start_s=0.0, measure_end_s=100.0, finished_s=100.0)


class Desk:
    """A journal with one lane, and the table that comes of it."""

    def __init__(self, directory: Path, *, open_model: bool = True) -> None:
        self.path = directory / "r.bin"
        self.recorder = RequestRecorder(self.path)
        self.tally = Tally()
        self.journal = Journal(self.recorder, self.tally, open_model=open_model)
        self.lane = Lane(0, "User")

    def rows(self) -> list[tuple[object, ...]]:
        """(kind, scheduled, sent, done, error) of every row."""
        self.recorder.close()
        target = self.path.with_suffix(".parquet")
        write_request_table([self.path], target, MARKS, 0.0, upstream=False)
        return pl.read_parquet(target).select("kind", "t_scheduled_s", "t_sent_s", "t_done_s", "error").rows()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_the_first_request_of_a_task_is_the_arrival(desk: Desk) -> None:
    """The others follow it; before the first task a request belongs to on_start."""
    journal, lane = desk.journal, desk.lane
    journal.finish(journal.send(lane, 0.5), 0.6)
    journal.begin(lane, 1.0)
    journal.finish(journal.send(lane, 1.5), 2.0)
    journal.finish(journal.send(lane, 2.0), 3.0, error="HTTP 500")
    journal.close(lane)
    journal.finish(journal.send(lane, 4.0), 4.1)

    assert desk.rows() == [
        ("start", None, 0.5, 0.6, None),
        ("arrival", 1.0, 1.5, 2.0, None),
        ("follow", None, 2.0, 3.0, "HTTP 500"),
        ("follow", None, 4.0, 4.1, None),
    ]
    assert (desk.tally.started, desk.tally.failed, desk.tally.requests) == (1, 1, 4)


def test_a_response_that_is_never_reported_is_still_a_row(desk: Desk) -> None:
    """catch_response without a with block, or a with block that raised; reporting it later changes nothing."""
    journal, lane = desk.journal, desk.lane
    journal.begin(lane, 1.0)
    request = journal.send(lane, 1.0)
    request.returned_s, request.target = 2.0, ("GET", "/")
    journal.close(lane)
    journal.finish(request, 5.0)

    assert desk.rows() == [("arrival", 1.0, 1.0, 2.0, UNREPORTED)]


def test_a_task_that_failed_names_its_error_on_the_open_request(desk: Desk) -> None:
    """The exception inside the with block is the request's error."""
    journal, lane = desk.journal, desk.lane
    journal.begin(lane, 1.0)
    request = journal.send(lane, 1.0)
    request.returned_s = 2.0
    lane.error = "ValueError: odd body"
    journal.close(lane)

    assert desk.rows() == [("arrival", 1.0, 1.0, 2.0, "ValueError: odd body")]


def test_what_happens_after_the_end_is_nothing(desk: Desk) -> None:
    """on_stop after the last row is not part of the run."""
    journal, lane = desk.journal, desk.lane
    request = journal.send(lane, 1.0)
    journal.ended = True
    journal.finish(request, 2.0)
    journal.close(lane, cut=True)

    assert desk.rows() == []


def test_closed_tasks_without_a_request_leave_nothing(tmp_path: Path) -> None:
    """In the closed model an arrival is a request, not a promise."""
    desk = Desk(tmp_path, open_model=False)
    desk.journal.begin(desk.lane)
    desk.journal.close(desk.lane)
    desk.journal.begin(desk.lane)
    desk.journal.finish(desk.journal.send(desk.lane, 1.0), 2.0)
    desk.journal.close(desk.lane)

    assert desk.rows() == [("arrival", None, 1.0, 2.0, None)]
    assert (desk.tally.scheduled, desk.tally.started) == (1, 1)


STEPS = st.lists(
    st.sampled_from(["arrive", "begin", "send", "return", "finish", "fail", "close", "cut", "drop"]), max_size=40
)


@given(steps=STEPS)
def test_no_sequence_of_events_loses_an_arrival(tmp_path_factory: pytest.TempPathFactory, steps: list[str]) -> None:
    """Whatever lanes and requests do: scheduled = started + dropped + unfinished = rows with a schedule."""
    desk = Desk(tmp_path_factory.mktemp("journal"))
    journal, lane = desk.journal, desk.lane
    waiting: list[Arrival] = []
    requests = []
    for number, step in enumerate(steps):
        now = float(number)
        if step == "arrive":
            journal.schedule()
            waiting.append(Arrival(now, 0, "seed", True))
        elif step == "drop":
            journal.schedule()
            journal.drop(Arrival(now, 0, "seed", True))
        elif step == "begin" and waiting:
            journal.begin(lane, waiting.pop(0).due_s)
        elif step == "send":
            requests.append(journal.send(lane, now))
        elif step == "return" and requests:
            requests[-1].returned_s = now
        elif step in ("finish", "fail") and requests:
            journal.finish(requests.pop(0), now, error="bad" if step == "fail" else None)
        elif step in ("close", "cut"):
            journal.close(lane, cut=step == "cut")
    journal.close(lane, cut=True)
    for arrival in waiting:
        journal.give_up(arrival)

    rows = desk.rows()
    tally = desk.tally
    assert tally.scheduled == tally.started + tally.dropped + tally.unfinished
    assert tally.scheduled == sum(scheduled is not None for _, scheduled, *_ in rows)
    assert {kind for kind, scheduled, *_ in rows if scheduled is not None} <= {"arrival", "drop", "empty"}
    assert journal.busy == 0


def test_a_cut_request_has_no_end(desk: Desk) -> None:
    """NaN, and counted as unfinished."""
    journal, lane = desk.journal, desk.lane
    journal.begin(lane, 1.0)
    request = journal.send(lane, 1.0)
    assert request.returned_s != request.returned_s
    journal.close(lane, cut=True)

    assert desk.rows() == [("arrival", 1.0, 1.0, None, "unfinished")]
    assert desk.tally.unfinished == 1
    assert desk.tally.started == 0
