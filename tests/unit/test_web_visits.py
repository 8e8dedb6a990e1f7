"""What is recorded of a visit by hand: the latest test is the measure phase, nothing is lost, nothing leaks over."""

from __future__ import annotations

from pathlib import Path
from time import monotonic

import polars as pl
import pytest

from lab.load.inside.journal import Lane
from lab.load.inside.status import read_status
from lab.load.load_plan import LoadPlan
from lab.load.outcome import outcome
from lab.load.web.visits import History, Visits
from tests.load_runs import make_plan


def a_plan(directory: Path) -> LoadPlan:
    plan = make_plan(directory / "locustfile.py", "http://127.0.0.1:20000", directory, rate=None)
    plan.raw.mkdir(parents=True)
    return plan


def ask(visits: Visits, lane: Lane, server: str = "one") -> None:
    """One task with one request."""
    journal = visits.journal
    journal.begin(lane)
    request = journal.send(lane, monotonic(), ("GET", "/"))
    request.returned_s = monotonic()
    journal.finish(request, monotonic(), status=200, size=2, name="GET /", server=server)
    journal.close(lane)


def rows(target: Path) -> list[tuple[str, str | None, str | None]]:
    return pl.read_parquet(target).select("phase", "served_by", "error").rows()


def test_the_latest_test_is_the_measure_phase(tmp_path: Path) -> None:
    """What an earlier test asked is warm-up; the table agrees with the counters, or outcome() would refuse it."""
    plan, visits, lane = a_plan(tmp_path), Visits(), Lane(0, "User")
    visits.open(plan)
    visits.started()
    ask(visits, lane)
    visits.stopped()
    visits.started()
    ask(visits, lane, "two")
    ask(visits, lane, "two")
    visits.note_users(3)
    visits.note_users(1)
    visits.stopped()
    status = visits.close({})

    found = outcome(plan, [status], tmp_path / "requests.parquet", 0.0)

    assert rows(tmp_path / "requests.parquet") == [
        ("warmup", "one", None),
        ("measure", "two", None),
        ("measure", "two", None),
    ]
    assert found.attribution == "header"
    assert (found.counters.lanes, found.counters.started, found.counters.open_model) == (3, 3, False)
    assert found.warmup_start_s < found.measure_start_s < found.measure_end_s <= found.finished_s


def test_what_is_in_flight_when_the_arm_goes_is_a_row(tmp_path: Path) -> None:
    """A test that was not stopped ends with the visit."""
    plan, visits, lane = a_plan(tmp_path), Visits(), Lane(0, "User")
    visits.open(plan)
    visits.started()
    assert visits.testing
    visits.journal.begin(lane)
    visits.journal.send(lane, monotonic(), ("GET", "/slow"))
    status = visits.close({0: lane})

    outcome(plan, [status], tmp_path / "requests.parquet", 0.0)

    assert rows(tmp_path / "requests.parquet") == [("measure", None, "unfinished")]
    assert not visits.testing


def test_a_visit_without_a_test_has_no_measure_phase(tmp_path: Path) -> None:
    """The session keeps nothing of it."""
    visits = Visits()
    visits.open(a_plan(tmp_path))
    visits.stopped()

    assert visits.close({}).measure_start_s is None


def test_one_visit_leaves_nothing_in_the_next(tmp_path: Path) -> None:
    """Requests between two visits belong to neither, and counters begin at zero."""
    visits = Visits()
    first, second = a_plan(tmp_path / "first"), a_plan(tmp_path / "second")
    for plan, requests in ((first, 2), (second, 1)):
        visits.open(plan)
        visits.started()
        for _ in range(requests):
            ask(visits, Lane(0, "User"))
        status = visits.close({})
        ask(visits, Lane(0, "User"))
        assert status.recorded == requests
        assert status.tally["headers"] == {"one": requests}


def test_what_is_recorded_can_be_followed_while_it_grows(tmp_path: Path) -> None:
    """The live figures read rows and counts from files."""
    plan, visits = a_plan(tmp_path), Visits()
    visits.publish()
    visits.open(plan)
    visits.started()
    ask(visits, Lane(0, "User"))
    visits.publish()

    status = read_status(plan.status_file(0))
    assert status is not None
    assert (status.recorded, status.tally["headers"]) == (1, {"one": 1})
    assert plan.recording_file(0).stat().st_size > 0
    visits.close({})


def test_a_full_disk_is_not_hidden(tmp_path: Path) -> None:
    """Whoever publishes learns it."""
    plan, visits = a_plan(tmp_path), Visits()
    visits.open(plan)
    gone = plan.raw.rename(tmp_path / "gone")

    with pytest.raises(FileNotFoundError):
        visits.publish()
    gone.rename(plan.raw)
    visits.close({})


def test_a_page_catches_up_from_the_last_point_that_it_has() -> None:
    """Points are numbered from 1; a page that was away too long gets those that are still kept."""
    history = History(kept=3)
    for t_s in range(5):
        history.add({"t_s": t_s})

    assert [point["number"] for point in history.since(0)] == [3, 4, 5]
    assert history.since(4) == [{"t_s": 4, "number": 5}]
    assert history.since(5) == []
