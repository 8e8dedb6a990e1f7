"""Walks a load process through its phases: start, warm-up, measure, drain. All load processes change at one instant."""

import gc
from collections.abc import Callable, Mapping
from math import inf
from time import monotonic
from typing import Any, Protocol

import gevent

from lab.errors import LoadError
from lab.load.inside.aborting import hopeless, read_fates
from lab.load.inside.journal import Journal, Lane
from lab.load.inside.recording import RequestRecorder
from lab.load.inside.status import (
    ABORT,
    STATUS_S,
    WARMUP_START,
    Status,
    read_json,
    read_status,
    write_json,
    write_status,
)
from lab.load.load_plan import LoadPlan

LOOK_S = 0.02
START_TIMEOUT_S = 30.0  # on_start of all lanes
DRAIN_S = 10.0  # what is in flight at the end of the measure phase may finish
NOTICE_S = 0.5  # so early every load process knows of the instant that load process 0 chose
NOTICE_ALONE_S = 0.01
ABORT_NOTICE_S = 1.0  # every load process looks each STATUS_S: only one that stands still hands out what is cut


class Feed(Protocol):
    """Where tasks come from: the schedule (open model) or the users themselves (closed model).

    ``shaped``: the locustfile has a LoadTestShape, which decides how many users there are.
    """

    shaped: bool = False

    def ready(self) -> bool:
        """All lanes are there and have done their on_start."""

    def start(self, warmup_start_s: float, measure_start_s: float) -> None:
        """The warm-up begins, and after it the measure phase."""

    def stop(self) -> None:
        """The measure phase is over: no new tasks."""

    def cut(self, end_s: float) -> None:
        """The measure phase ends early: no task that is due at ``end_s`` or later."""

    def drained(self) -> bool:
        """Nothing is waiting for a lane."""

    def give_up(self) -> None:
        """What still waits is unfinished."""


class Conductor:
    """One load process's phases."""

    def __init__(
        self,
        plan: LoadPlan,
        process: int,
        journal: Journal,
        recorder: RequestRecorder,
        lanes: Mapping[int, Lane],
        feed: Feed,
    ) -> None:
        self._plan = plan
        self._process = process
        self._journal = journal
        self._recorder = recorder
        self._lanes = lanes
        self._feed = feed
        self._notice_s = NOTICE_ALONE_S if plan.load_processes == 1 else NOTICE_S
        self._next_status = self._next_look = monotonic()
        self.status = Status()

    @property
    def over(self) -> bool:
        """The measure phase has ended."""
        return self.status.measure_end_s is not None and monotonic() >= self.status.measure_end_s

    def run(self) -> None:
        """The whole run; returns when the last row is on disk. Raises LoadError when the lanes do not get ready."""
        if not self._until(self._all_ready, START_TIMEOUT_S):
            raise LoadError(
                f"not every connection (load.lanes) had finished its on_start after {START_TIMEOUT_S:.0f} s",
                "on_start of a user class takes too long, or the app does not answer: see locust.log",
            )
        gc.collect()
        gc.freeze()  # else every full collection walks all of Locust, 50 ms in which no request is sent
        self._warm_up()
        users = len(self._lanes)
        self._until(self._measured)
        self.status.ramp = len(self._lanes) - users if self._feed.shaped else 0
        self._feed.stop()
        self._until(lambda: not self._journal.busy and self._feed.drained(), DRAIN_S)
        self._finish()

    def _warm_up(self) -> None:
        """As long as was planned, whatever the arm does: a longer one would let caches and heaps grow further."""
        start_s = self._agree_on_start()
        measure_s = start_s + self._plan.warmup_s
        self.status.warmup_start_s = start_s
        self._feed.start(start_s, measure_s)
        self._until(lambda: monotonic() >= measure_s)
        self.status.measure_start_s = measure_s
        self.status.measure_end_s = measure_s + self._plan.measure_s

    def _measured(self) -> bool:
        """The measure phase has ended, perhaps early."""
        if self._plan.bad_after_s and not self.status.aborted and monotonic() >= self._next_look:
            self._next_look = monotonic() + STATUS_S
            self._look_for_abort()
        return self.over

    def _look_for_abort(self) -> None:
        """Load process 0 gives a drill up and writes down when it ends, the others read it; see LoadPlan.led."""
        status, end_s = self.status, (read_json(self._plan.marks_file) or {}).get(ABORT)
        if end_s is None and self._process == 0 and not self._plan.led:
            own = self._journal.tally.fates
            fates = [(own.due, own.good), *(read_fates(other.tally) for other in self._others())]
            if hopeless(fates, monotonic(), self._plan.bad_after_s):
                end_s = monotonic() + ABORT_NOTICE_S
                write_json(self._plan.marks_file, {WARMUP_START: status.warmup_start_s, ABORT: end_s})
        if end_s is not None and status.measure_end_s is not None and end_s < status.measure_end_s:
            status.aborted, status.measure_end_s = True, end_s
            self._feed.cut(end_s)

    def _finish(self) -> None:
        for lane in self._lanes.values():
            self._journal.close(lane, cut=True)
        self._feed.give_up()
        self._journal.ended = True
        self._recorder.close()
        self.status.finished_s = monotonic()
        self._publish()

    def _until(self, done: Callable[[], bool], timeout_s: float = inf) -> bool:
        """Look every LOOK_S until ``done``, meanwhile keep the files up to date; False when time ran out."""
        give_up_s = monotonic() + timeout_s
        while not done():
            now = monotonic()
            if now >= give_up_s:
                return False
            if now >= self._next_status:
                self._next_status = now + STATUS_S
                self._recorder.flush()
                self._publish()
            gevent.sleep(LOOK_S)
        return True

    def _publish(self) -> None:
        status = self.status
        status.lanes = max(status.lanes, len(self._lanes))
        status.recorded = self._recorder.count
        status.tally = self._journal.tally.totals()
        write_status(self._plan.status_file(self._process), status)

    def _agree_on_start(self) -> float:
        """When the warm-up starts: load process 0 chooses and writes it down, the others read it; see LoadPlan.led."""
        if self._process == 0 and not self._plan.led:
            found = {WARMUP_START: monotonic() + self._notice_s}
            write_json(self._plan.marks_file, found)
            return found[WARMUP_START]
        found = {}

        def look() -> bool:
            found.update(read_json(self._plan.marks_file) or {})
            return bool(found)

        self._until(look)
        return found[WARMUP_START]

    def _all_ready(self) -> bool:
        if not self.status.ready and self._feed.ready():
            self.status.ready = True
            self._publish()
        alone = self._process > 0 or self._plan.led  # somebody else waits for all
        return self.status.ready and (alone or all(status.ready for status in self._others()))

    def _others(self) -> list[Status]:
        statuses = (read_status(self._plan.status_file(process)) for process in range(1, self._plan.load_processes))
        return [status or Status() for status in statuses]


class ClosedFeed(Feed):
    """The closed model: users start tasks by themselves; after ``stop`` they find ``stopped`` set."""

    def __init__(self, *, shaped: bool = False) -> None:
        self.shaped = shaped
        self.begun = False
        self.stopped = False

    def ready(self) -> bool:
        """All users have been spawned, or a shape has begun; their on_start is part of the warm-up."""
        return self.begun

    def on_begun(self, **_: Any) -> None:
        """Locust's event spawning_complete, or test_start: a shape may ramp as long as it likes."""
        self.begun = True

    def start(self, warmup_start_s: float, measure_start_s: float) -> None:
        """Users have started already, and phases are marks on the clock."""

    def stop(self) -> None:
        """Users stop before their next task."""
        self.stopped = True

    def cut(self, end_s: float) -> None:
        """Nothing is due."""

    def drained(self) -> bool:
        """There is no queue."""
        return True

    def give_up(self) -> None:
        """There is no queue."""
