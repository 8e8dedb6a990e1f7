"""The load of a drill is given up where most of it stays bad for half a minute, and the schedule ends there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lab.load.arrivals import Agenda, Timetable
from lab.load.inside.aborting import Fates, hopeless, read_fates
from lab.load.inside.conductor import ClosedFeed, Conductor
from lab.load.inside.journal import Journal
from lab.load.inside.load_counts import Tally
from lab.load.inside.recording import RequestRecorder
from lab.load.inside.status import ABORT, WARMUP_START, Status, read_json, read_status, write_json, write_status
from lab.record.schema import HOPELESS_S
from tests.load_runs import make_plan

LIMIT_S = 0.25
NOW_S = 1000.0


def fates(bad: Mapping[int, int], due: int = 10, seconds: int = HOPELESS_S, limit_s: float = LIMIT_S) -> Fates:
    """So many arrivals in each of the last seconds before NOW_S that are decided, some of them bad."""
    found = Fates(limit_s=limit_s)
    for second in range(int(NOW_S) - 1 - seconds, int(NOW_S) - 1):
        for place in range(due):
            found.arrived(second + place / due)
            if place >= bad.get(second, 0):
                found.answered(second + place / due, second + place / due + LIMIT_S / 2)
    return found


def all_bad(share: int) -> dict[int, int]:
    return dict.fromkeys(range(int(NOW_S) - 100, int(NOW_S)), share)


def given_up(*found: Fates, now_s: float = NOW_S) -> bool:
    return hopeless([(each.due, each.good) for each in found], now_s, LIMIT_S)


def test_more_than_half_for_half_a_minute_is_given_up() -> None:
    """Six of ten in every second; half of them is not more than half."""
    assert given_up(fates(all_bad(6)))
    assert not given_up(fates(all_bad(5)))


def test_one_better_second_or_a_shorter_while_is_not() -> None:
    """An arm that serves for a second in between may come back."""
    assert not given_up(fates({**all_bad(6), int(NOW_S) - 10: 5}))
    assert not given_up(fates(all_bad(10), seconds=HOPELESS_S - 1))


def test_load_processes_are_taken_together() -> None:
    """Each has a part of the arrivals: 9 of 10 bad in one, 1 of 10 in the other are half."""
    assert not given_up(fates(all_bad(9)), fates(all_bad(1)))
    assert given_up(fates(all_bad(9)), fates(all_bad(2)))


def test_what_may_still_be_answered_in_time_is_not_bad_yet() -> None:
    """The last second is decided when all that was due in it is later than the limit."""
    found = fates(all_bad(6))

    assert given_up(found, now_s=NOW_S - 1 + LIMIT_S)
    assert not given_up(found, now_s=NOW_S - 1 + LIMIT_S / 2)


def test_a_late_answer_is_bad() -> None:
    """From the instant at which it was due."""
    found = Fates(limit_s=LIMIT_S)
    found.arrived(5.0)
    found.arrived(5.5)
    found.answered(5.0, 5.0 + LIMIT_S + 0.01)
    found.answered(5.5, 5.5 + LIMIT_S - 0.01)

    assert (found.due, found.good) == ({5: 2}, {5: 1})


def test_nothing_is_counted_where_nobody_asks_and_nothing_is_kept_for_ever() -> None:
    """Without a drill, and of seconds that are long decided."""
    plain, long = Fates(), Fates(limit_s=LIMIT_S)
    for second in range(1000):
        plain.arrived(second)
        plain.answered(second, second)
        long.arrived(second)

    assert not plain.due
    assert not plain.good
    assert len(long.due) <= 2 * HOPELESS_S + 1


def test_what_another_load_process_tells_is_read_as_it_was_written(tmp_path: Path) -> None:
    """JSON has no numbers for keys; a process that has told nothing yet has nothing due."""
    found = fates(all_bad(6))
    write_status(tmp_path / "status.json", Status(tally=Tally(fates=found).totals()))
    status = read_status(tmp_path / "status.json")

    assert status is not None
    assert read_fates(status.tally) == (found.due, found.good)
    assert read_fates({}) == ({}, {})


def test_a_schedule_that_is_cut_counts_as_many_as_were_handed_out() -> None:
    """So that arrivals are found lost where they are, and not where the load was given up."""
    table = Timetable(rate=100.0, schedule="poisson", seed=3, lanes=8, measure_s=20.0)
    cut_s, handed_out = 12.34, 0
    agendas = [Agenda(table, range(place, 8, 2), 0.0, 5.0) for place in (0, 1)]
    for agenda in agendas:
        while agenda.head and agenda.head.due_s < 8.0:
            agenda.pop()
            handed_out += 1
        agenda.cut(cut_s)
        while agenda.head:
            agenda.pop()
            handed_out += 1

    assert handed_out == table.count(0.0, 5.0, cut_s) < table.count(0.0, 5.0)


class Cut(ClosedFeed):
    """Notes where it is cut."""

    end_s = 0.0

    def cut(self, end_s: float) -> None:
        self.end_s = end_s


def conductor(folder: Path, process: int, tally: Tally) -> tuple[Conductor, Cut]:
    plan = make_plan(folder / "f.py", "http://127.0.0.1:1", folder, load_processes=2, bad_after_s=LIMIT_S)
    recorder = RequestRecorder(folder / f"{process}.bin")
    feed = Cut()
    made = Conductor(plan, process, Journal(recorder, tally, open_model=True), recorder, {}, feed)
    made.status.measure_start_s = made.status.warmup_start_s = NOW_S - 40
    made.status.measure_end_s = NOW_S + 60
    return made, feed


def test_all_load_processes_end_at_the_instant_that_the_first_one_chose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second ahead, so that none has handed out what the other cuts."""
    clock = SimpleNamespace(now=NOW_S)
    monkeypatch.setattr("lab.load.inside.conductor.monotonic", lambda: clock.now)
    (tmp_path / "load").mkdir()
    (first, cut), (second, other) = (conductor(tmp_path, place, Tally(fates=fates(all_bad(6)))) for place in (0, 1))
    write_json(first._plan.marks_file, {WARMUP_START: 0.0})

    second._look_for_abort()
    assert not second.status.aborted  # it is not its to decide
    first._look_for_abort()
    second._look_for_abort()

    told = cast("dict[str, Any]", read_json(first._plan.marks_file))
    assert told[ABORT] == cut.end_s == other.end_s == NOW_S + 1.0
    assert first.status.measure_end_s == second.status.measure_end_s == cut.end_s
    assert first.status.aborted
    assert second.status.aborted
    clock.now = cut.end_s
    assert first._measured()
    for each in (first, second):
        each._recorder.close()
