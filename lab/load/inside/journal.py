"""Turn what happens on the lanes into rows and counts. Every arrival leaves one row that carries its schedule."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isnan, nan
from random import Random

from lab.load.arrivals import Arrival
from lab.load.inside.load_counts import Tally
from lab.load.inside.recording import ARRIVAL, DROP, EMPTY, FOLLOW, START, RequestRecorder

UNFINISHED = "unfinished"
QUEUE_FULL = "dropped: the queue was full"
UNREPORTED = "the task never reported this response (catch_response without a with block)"


@dataclass(slots=True, eq=False)
class Request:
    """A request from the moment it is sent until it is a row."""

    lane: Lane | None
    kind: int
    scheduled_s: float
    sent_s: float  # when the client began; once it has ``left``, when it did
    began_s: float = nan
    target: tuple[str, ...] = ()  # method and URL: they name the row when the request is never reported
    left: bool = False
    received: float | bytes = nan  # when the last byte so far was there, for socket_times.done_s
    returned_s: float = nan  # when the client returned
    status: int = 0
    client_port: int = 0  # of the connection that carried it; 0: not noted
    opened_s: float = nan  # what it took to make that connection; NaN: it was there
    secured: int = 0  # how that was secured: see openings
    reported: bool = False


@dataclass(slots=True, eq=False)
class Lane:
    """One Locust user, and the task that it executes: ``scheduled_s`` and what follows are that task's.

    ``in_task``: it executes a task of the locustfile right now, it does not enter a TaskSet.
    """

    index: int
    user_class: str
    rng: Random = field(default_factory=Random)
    in_task: bool = False
    ready: bool = False  # on_start is over
    experienced: bool = False  # has begun its first task
    asked: bool = False  # has sent a request
    busy: bool = False  # has a task
    scheduled_s: float = nan  # NaN in the closed model
    used: bool = False  # the task's first request has been sent
    error: str | None = None  # the exception that ended the task
    requests: set[Request] = field(default_factory=set)


class Journal:
    """The book-keeping of one load process."""

    def __init__(self, recorder: RequestRecorder, tally: Tally, *, open_model: bool) -> None:
        self._recorder = recorder
        self._open = open_model
        self.tally = tally
        self.busy = 0
        """Lanes with a task."""
        self.failed_start = ""
        """The last request of an on_start that failed, as ``name: error``."""
        self.ended = False
        """Nothing that happens from now on belongs to the run."""

    def schedule(self) -> None:
        """An arrival is due."""
        self.tally.scheduled += 1

    def drop(self, arrival: Arrival) -> None:
        """An arrival found the queue full."""
        self.tally.dropped += 1
        self._recorder.write(DROP, lane=-1, scheduled_s=arrival.due_s, error=QUEUE_FULL)

    def give_up(self, arrival: Arrival) -> None:
        """An arrival was still waiting for a lane when the run ended."""
        self.tally.unfinished += 1
        self._recorder.write(ARRIVAL, lane=-1, scheduled_s=arrival.due_s, error=UNFINISHED)

    def begin(self, lane: Lane, scheduled_s: float = nan) -> None:
        """Begin a task on a lane, and close what it did before."""
        if lane.busy:
            self.close(lane)
        lane.busy = lane.experienced = lane.ready = True
        lane.scheduled_s, lane.used, lane.error = scheduled_s, False, None
        self.busy += 1

    def send(self, lane: Lane | None, sent_s: float, target: tuple[str, ...] = ()) -> Request:
        """A request leaves; ``lane`` is None when it was not made by a user."""
        if lane is None:
            return Request(None, START, nan, sent_s, sent_s, target)
        lane.asked = True
        if not lane.busy:
            return Request(lane, FOLLOW if lane.experienced else START, nan, sent_s, sent_s, target)
        if lane.used:
            request = Request(lane, FOLLOW, nan, sent_s, sent_s, target)
        else:
            lane.used = True
            request = Request(lane, ARRIVAL, lane.scheduled_s, sent_s, sent_s, target)
            if not self._open:
                self.tally.scheduled += 1
        lane.requests.add(request)
        return request

    def finish(
        self,
        request: Request,
        done_s: float,
        *,
        status: int = 0,
        size: int = 0,
        name: str | None = None,
        server: str | None = None,
        upstream: bool = False,
        error: str | None = None,
    ) -> None:
        """A request has got its answer, or failed for good: NaN as ``done_s`` means that it was cut off."""
        if self.ended or request.reported:
            return
        request.reported = True
        lane = request.lane
        if lane:
            lane.requests.discard(request)
        self._count(request, done_s, name, error)
        if server is not None:
            self.tally.served(server, upstream=upstream)
        self._recorder.write(
            request.kind,
            lane=lane.index if lane else -1,
            scheduled_s=request.scheduled_s,
            sent_s=request.sent_s,
            done_s=done_s,
            size=size,
            status=status,
            name=name,
            server=server,
            upstream=upstream,
            client_port=request.client_port,
            opened_s=request.opened_s,
            secured=request.secured,
            error=error,
        )

    def _count(self, request: Request, done_s: float, name: str | None, error: str | None) -> None:
        tally = self.tally
        tally.requests += 1
        if error is not None:
            tally.failed += 1
            if request.kind == START:
                self.failed_start = f"{name}: {error}"
        if request.kind == ARRIVAL:
            if isnan(done_s):
                tally.unfinished += 1
            else:
                tally.started += 1
                if error is None:
                    tally.fates.answered(request.scheduled_s, done_s)

    def note(
        self, lane: Lane | None, at_s: float, kind: str, name: str, value: float, length: float, error: str | None
    ) -> None:
        """An event that is no request of ours; NaN: the locustfile gave no number."""
        if self.ended:
            return
        self.tally.events += 1
        self._recorder.write_event(
            at_s, kind, name, value=value, length=length, lane=lane.index if lane else -1, error=error
        )

    def close(self, lane: Lane, *, cut: bool = False) -> None:
        """A lane's task is over; ``cut`` when it was killed or the run ended. What it left open becomes rows."""
        if self.ended or not lane.busy:
            return
        for request in tuple(lane.requests):
            error = UNFINISHED if isnan(request.returned_s) else lane.error or UNREPORTED
            self.finish(request, request.returned_s, status=request.status, name=" ".join(request.target), error=error)
        lane.busy = False
        self.busy -= 1
        if self._open and not lane.used:
            self._close_without_request(lane, cut=cut)

    def _close_without_request(self, lane: Lane, *, cut: bool) -> None:
        if cut:
            self.tally.unfinished += 1
            self._recorder.write(ARRIVAL, lane=lane.index, scheduled_s=lane.scheduled_s, error=UNFINISHED)
        else:
            self.tally.started += 1
            self._recorder.write(EMPTY, lane=lane.index, scheduled_s=lane.scheduled_s, error=lane.error)
