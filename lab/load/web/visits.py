"""Record one arm after the other in the web process. A visit lasts from an arm's readiness to its end.

A person may start and stop Locust several times during a visit. The measure phase is the latest test, which is also the
one that Locust's own pages show; what was asked before it is kept as warm-up.
"""

from collections import deque
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from typing import Any

from lab.load.inside.journal import Journal, Lane
from lab.load.inside.load_counts import Tally
from lab.load.inside.recording import RequestRecorder
from lab.load.inside.status import Status, write_status
from lab.load.load_plan import LoadPlan

KEPT_POINTS = 900  # 15 minutes at one look a second
Point = Mapping[str, Any]


class Recording(RequestRecorder):
    """A Recorder that begins new files with every visit; before the first one there are none."""

    def __init__(self) -> None:
        """Nothing is open."""

    def open(self, path: Path) -> None:
        """Begin the files of a visit."""
        super().__init__(path)


class Visits:
    """The visit that is going on, if any, and its tests."""

    def __init__(self) -> None:
        self._recording = Recording()
        self.journal = Journal(self._recording, Tally(), open_model=False)
        self.journal.ended = True
        self._plan: LoadPlan | None = None
        self._process = 0
        self._status = Status()

    @property
    def testing(self) -> bool:
        """Between the start and the stop of a test."""
        return self._status.measure_start_s is not None and self._status.measure_end_s is None

    def open(self, plan: LoadPlan, process: int = 0) -> None:
        """An arm is ready: what is asked from now on goes where ``plan`` says for this load process."""
        self._recording.open(plan.recording_file(process))
        self._plan, self._process = plan, process
        self._status = Status()
        self.journal.tally = Tally()
        self.journal.ended = False

    def started(self) -> None:
        """Locust's test_start."""
        status = self._status
        status.measure_start_s, status.measure_end_s = monotonic(), None
        status.warmup_start_s = status.warmup_start_s or status.measure_start_s

    def stopped(self) -> None:
        """Locust's test_stopping: users finish their tasks after it."""
        if self.testing:
            self._status.measure_end_s = monotonic()

    def note_users(self, users: int) -> None:
        """So many users exist now."""
        self._status.lanes = max(self._status.lanes, users)

    def publish(self) -> None:
        """Let the lab see what was recorded. Raises OSError when the disk is full."""
        if self._plan:
            self._recording.flush()
            self._status.recorded = self._recording.count
            self._status.tally = self.journal.tally.totals()
            self._status.beats += 1
            write_status(self._plan.status_file(self._process), self._status)

    def close(self, lanes: Mapping[int, Lane]) -> Status:
        """The arm is about to go; ``measure_start_s`` of the result is None when no test was started."""
        self.stopped()
        for lane in lanes.values():
            self.journal.close(lane, cut=True)
        self.journal.ended = True
        self._status.finished_s = monotonic()
        self.publish()
        self._recording.close()
        self._plan = None
        return self._status


class History:
    """Points of the whole session, across arms. Memory stays flat however long it lasts."""

    def __init__(self, kept: int = KEPT_POINTS) -> None:
        self._points: deque[Point] = deque(maxlen=kept)
        self._number = 0

    def add(self, point: Point) -> None:
        """Take the newest point and give it the next number; the first one is 1."""
        self._number += 1
        self._points.append({**point, "number": self._number})

    def since(self, number: int) -> list[Point]:
        """Every kept point after ``number``, oldest first."""
        return [point for point in self._points if point["number"] > number]
