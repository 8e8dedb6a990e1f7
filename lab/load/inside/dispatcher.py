"""Hands arrivals to lanes at their instant: the open model inside Locust's event loop."""

from collections import deque
from collections.abc import Collection, Sequence
from time import perf_counter
from typing import Any

import gevent

from lab.load.arrivals import Agenda, Arrival, Timetable
from lab.load.inside.alarm import Alarm
from lab.load.inside.journal import Journal, Lane


class Dispatcher:
    """Arrivals wait in a queue for each user class, lanes take them first in, first out.

    ``classes`` names the user class of every slot, ``slots`` are those of this load process. Arrivals that find more
    than ``queue_limit`` in flight or waiting are dropped (METHOD 1.4).
    """

    shaped = False

    def __init__(
        self, journal: Journal, timetable: Timetable, classes: Sequence[str], slots: Collection[int], queue_limit: int
    ) -> None:
        self._journal = journal
        self._timetable = timetable
        self._classes = classes
        self._slots = slots
        self._queue_limit = queue_limit
        self._queues: dict[str, deque[Arrival]] = {name: deque() for name in classes}
        self._idle: dict[str, deque[Any]] = {name: deque() for name in classes}
        self._waiting = 0
        self._agenda: Agenda | None = None
        self._alarm = Alarm()
        self._hub = gevent.get_hub()
        self._watcher = self._hub.loop.io(self._alarm.fd, 1)

    def ready(self) -> bool:
        """Every lane waits for its first arrival."""
        return sum(len(lanes) for lanes in self._idle.values()) == len(self._slots)

    def start(self, warmup_start_s: float, measure_start_s: float) -> None:
        """Hand out the arrivals of the warm-up, and from ``measure_start_s`` on those of the measure phase."""
        self._agenda = Agenda(self._timetable, self._slots, warmup_start_s, measure_start_s)
        self._watcher.start(self._ring)
        self._wind()

    def stop(self) -> None:
        """The schedule ends by itself."""

    def cut(self, end_s: float) -> None:
        """Hand out nothing that is due at ``end_s`` or later."""
        if self._agenda:
            self._agenda.cut(end_s)

    def drained(self) -> bool:
        """Every arrival has been handed out."""
        return not self._waiting and (self._agenda is None or self._agenda.head is None)

    def take(self, lane: Lane) -> None:
        """Block until the lane has an arrival; its random numbers are the arrival's from here on."""
        lane.ready = True
        self._journal.close(lane)
        queue = self._queues[lane.user_class]
        if queue:
            self._waiting -= 1
            arrival = queue.popleft()
        else:
            arrival = self._wait(lane.user_class)
        self._journal.begin(lane, arrival.due_s)
        lane.rng.seed(arrival.seed)

    def give_up(self) -> None:
        """The run is over: what still waits is unfinished."""
        self._watcher.stop()
        for queue in self._queues.values():
            while queue:
                self._journal.give_up(queue.popleft())
        self._waiting = 0

    def _wait(self, user_class: str) -> Arrival:
        waiter = gevent.hub.Waiter(self._hub)
        idle = self._idle[user_class]
        idle.append(waiter)
        try:
            arrival: Arrival = waiter.get()
        except BaseException:
            idle.remove(waiter)  # the lane was killed while it waited
            raise
        return arrival

    def _ring(self) -> None:
        """Called by the hub itself: a lane that is switched to from here runs at once, without another loop turn."""
        self._alarm.silence()
        agenda = self._agenda
        while agenda and (arrival := agenda.head) and (late_s := perf_counter() - arrival.due_s) >= 0:
            agenda.pop()
            if arrival.measured:
                self._journal.tally.lag(late_s, arrival.stretch)  # before it meets a lane: busy ones are the arm's
                self._journal.tally.fates.arrived(arrival.due_s)
            self._offer(arrival)
        self._wind()

    def _wind(self) -> None:
        if self._agenda and self._agenda.head:
            self._alarm.set(self._agenda.head.due_s)

    def _offer(self, arrival: Arrival) -> None:
        self._journal.schedule()
        user_class = self._classes[arrival.slot]
        if self._journal.busy + self._waiting > self._queue_limit:
            self._journal.drop(arrival)
        elif self._idle[user_class]:
            self._idle[user_class].popleft().switch(arrival)
        else:
            self._queues[user_class].append(arrival)
            self._waiting += 1
