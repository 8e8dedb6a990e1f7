"""The facts that a trial keeps of its load: what was asked of it, what was counted beside the rows, on which clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field

from lab.record.columns import MAX_COUNT
from lab.record.evidence import Count, Finite, Instant, Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientPolicy:
    """How long a client waits for an answer and for a connection; None: without end.

    ``repeats``: it asks again on a new connection where its own was closed without an answer, if the method allows it.
    """

    answer_s: Seconds | None = None
    connect_s: Seconds | None = None
    repeats: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadCounters:
    """The counts of the load processes, to be checked against the rows.

    ``scheduled`` = ``started`` + ``dropped`` + ``unfinished``: no arrival is ever lost without a trace.
    ``rung_lags_p99_s``: of each rung of a ladder, in order; empty without one, and in earlier runs.
    ``exceptions``: place and text of what the locustfile raised → how often. ``ramp``: users that came (negative:
    went) in the measure phase, by its shape. ``events``: rows of user_events; ``unread``: streamed answers that it had
    not read when it reported them. ``clients``: by user class, of those that have an HTTP client of Locust's.
    ``exit_code``, ``last_words``: its own verdict, 0 for none. ``workers``: load processes that were workers of
    Locust's own master, which said how many users each had and when; 0: the lab did.
    """

    open_model: bool
    lanes: Count
    scheduled: Count
    started: Count
    dropped: Count
    unfinished: Count
    dispatch_lag_p99_s: Seconds | None = None
    rung_lags_p99_s: tuple[Seconds | None, ...] = ()
    starved_workers: Count = 0
    user_errors: Count = 0
    exceptions: Mapping[str, Count] = field(default_factory=dict)
    events: Count = 0
    unread: Count = 0
    ramp: Annotated[int, Field(ge=-MAX_COUNT, le=MAX_COUNT)] = 0
    clients: Mapping[str, ClientPolicy] = field(default_factory=dict)
    exit_code: int = 0
    last_words: str = ""
    workers: Count = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeLoad:
    """What one of several machines that drove load did: its load processes' own counts, named as in LoadCounters.

    ``requests`` were sent; ``rows`` of arrivals are in their recordings.
    """

    processes: Count
    scheduled: Count
    started: Count
    dropped: Count
    unfinished: Count
    requests: Count
    rows: Count
    dispatch_lag_p99_s: Seconds | None = None
    rung_lags_p99_s: tuple[Seconds | None, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockOffset:
    """The clock of the load processes against the lab's, where they are not one.

    ``offset_s``: by how much instants of theirs were moved, measured before the load. ``bound_s``: how far off that is
    at most: half the shortest round trip, and the drift until the load had ended.
    """

    offset_s: Finite
    bound_s: Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillRecord:
    """What was to be broken in a trial on purpose; its events say what was done. A slower request than ``slo_s`` is
    bad.
    """

    verb: str
    slo_s: Seconds
    hold_s: Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class RungRecord:
    """One rate of a ladder: arrivals from ``start_s`` to ``end_s``, counted from ``count_s`` on, as instants."""

    rate: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    start_s: Instant
    count_s: Instant
    end_s: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderRecord:
    """The rates that a trial climbed, and the objective that was to be held at each; ``slo`` as it was written."""

    slo: str
    rungs: tuple[RungRecord, ...]
