"""From the statuses of the load processes to what the lab wants to know: progress, and in the end the outcome."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import polars as pl

from lab.errors import LoadError
from lab.load.counting import load_counters, node_loads, total
from lab.load.event_table import write_event_table
from lab.load.inside.status import Status
from lab.load.load_plan import LoadPlan
from lab.load.request_table import Marks, write_request_table
from lab.record.schema import Attribution
from lab.record.types import ClockOffset, LoadCounters, NodeLoad, Phase, RequestKind

EVENTS = "user_events.parquet"
DEFECT = "this is a defect of the lab: please report it with locust.log"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadProgress:
    """For the live view, and to know when phases change. Instants are CLOCK_MONOTONIC; None: not yet known."""

    phase: str
    finished: bool
    warmup_start_s: float | None
    measure_start_s: float | None
    measure_end_s: float | None
    sent: int
    failed: int
    dropped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOutcome:
    """The outcome of a load run. Instants are CLOCK_MONOTONIC; counters cover the whole run, lag the measure phase.

    ``attribution`` says where ``served_by`` comes from: "header", "socket", "upstream" or "none". ``replaced`` counts
    users that stopped by themselves and were replaced. ``aborted``: the measure phase ended early, for the load of a
    drill was given up. ``clocks``: of the machines that drove it, None for the lab's own; ``parts``: what
    each did, where they are several.
    """

    counters: LoadCounters
    attribution: Attribution
    warmup_start_s: float
    measure_start_s: float
    measure_end_s: float
    finished_s: float
    replaced: int
    rows: int
    aborted: bool = False
    clocks: tuple[ClockOffset | None, ...] = (None,)
    parts: tuple[NodeLoad, ...] = ()


def progress(statuses: Sequence[Status], clock_offset_s: float = 0.0) -> LoadProgress:
    """All load processes as one; ``clock_offset_s``: what to add to an instant here to have it on their clock."""
    first = statuses[0]

    def here(instant_s: float | None) -> float | None:
        return None if instant_s is None else instant_s - clock_offset_s

    finished = all(status.finished_s is not None for status in statuses)
    return LoadProgress(
        phase=_phase(statuses, monotonic() + clock_offset_s),
        finished=finished,
        warmup_start_s=here(first.warmup_start_s),
        measure_start_s=here(first.measure_start_s),
        measure_end_s=here(first.measure_end_s),
        sent=total(statuses, "requests"),
        failed=total(statuses, "failed"),
        dropped=total(statuses, "dropped"),
    )


def outcome(
    plan: LoadPlan,
    statuses: Sequence[Status],
    target: Path,
    t0_monotonic_s: float,
    connections: pl.DataFrame | None = None,
    *,
    offsets_s: Sequence[float] = (0.0,),
) -> LoadOutcome:
    """Write the request table of a finished run to ``target`` and check it. Raises LoadError when rows are missing.

    ``connections`` (types.CONNECTIONS) tell who served when the fallback is "socket". ``offsets_s``: what to add to
    an instant here, such as ``t0_monotonic_s``, to have it on the clock of each machine that drove load.
    """
    clock_offset_s = offsets_s[0]
    ahead_s = [offsets_s[process % len(offsets_s)] - clock_offset_s for process in range(plan.load_processes)]
    marks = _marks(statuses, ahead_s)
    attribution = _attribution(statuses, connections)
    recordings = [plan.recording_file(process) for process in range(plan.load_processes)]
    t0_s = t0_monotonic_s + clock_offset_s
    held = [_own(connections, status, plan) if attribution == "socket" else None for status in statuses]
    write_request_table(
        recordings, target, marks, t0_s, upstream=attribution == "upstream", connections=held, ahead_s=ahead_s
    )
    events = write_event_table(recordings, target.with_name(EVENTS), marks, t0_s, ahead_s=ahead_s)
    if events != (told := total(statuses, "events")):
        raise LoadError(f"{events} of {told} events were read", DEFECT)
    counters = load_counters(plan, statuses, _starved(plan, target))
    aborted = any(status.aborted for status in statuses)
    rows = _check(plan, counters, marks, sum(status.recorded for status in statuses), target, aborted=aborted)
    return LoadOutcome(
        counters=counters,
        attribution=attribution,
        warmup_start_s=marks.warmup_start_s - clock_offset_s,
        measure_start_s=marks.measure_start_s - clock_offset_s,
        measure_end_s=marks.measure_end_s - clock_offset_s,
        finished_s=marks.finished_s - clock_offset_s,
        replaced=total(statuses, "replaced"),
        rows=rows,
        aborted=aborted,
        parts=node_loads(plan, statuses),
    )


def _phase(statuses: Sequence[Status], now_s: float) -> str:
    first = statuses[0]
    if first.warmup_start_s is None:
        return "spawning"
    if first.measure_start_s is None or first.measure_end_s is None or now_s < first.measure_start_s:
        return Phase.WARMUP
    return Phase.MEASURE if now_s < first.measure_end_s else Phase.COOLDOWN


def _marks(statuses: Sequence[Status], ahead_s: Sequence[float]) -> Marks:
    """On the clock of the first; ``ahead_s``: by how much each other one is ahead of it."""
    first = statuses[0]
    instants = (first.warmup_start_s, first.measure_start_s, first.measure_end_s)
    warmup_s, measure_s, end_s = (instant for instant in instants if instant is not None)
    return Marks(
        warmup_start_s=warmup_s,
        measure_start_s=measure_s,
        measure_end_s=end_s,
        finished_s=max((status.finished_s or end_s) - ahead for status, ahead in zip(statuses, ahead_s, strict=True)),
    )


def _attribution(statuses: Sequence[Status], connections: pl.DataFrame | None) -> Attribution:
    if total(statuses, "from_header"):
        return "header"
    if connections is not None and not connections.is_empty():
        return "socket"
    return "upstream" if total(statuses, "from_upstream") else "none"


def _own(connections: pl.DataFrame | None, status: Status, plan: LoadPlan) -> pl.DataFrame | None:
    """The connections of a load process's machine, for another one has given out the same ports.

    What one machine alone has sent may have got another address on its way; it keeps its port then, if anything.
    """
    if connections is None:
        return None
    own = connections.filter(pl.col("client").is_in(status.tally.get("addresses", [])))
    return own if plan.led or own.height else connections


def _starved(plan: LoadPlan, table: Path) -> int:
    """How many of the serving processes served fewer requests in the warm-up than they must (METHOD 6.3).

    Where nobody knows who served, all requests are taken as evenly spread; of a locustfile with a client of its own,
    its events.
    """
    warmup = pl.scan_parquet(table).filter((pl.col("phase") == Phase.WARMUP) & pl.col("t_done_s").is_not_null())
    counts: dict[str | None, int] = dict(warmup.group_by("served_by").len().collect().iter_rows())
    processes, least = plan.serving_processes, plan.min_warmup_requests
    if set(counts) <= {None}:
        served = counts.get(None, 0) or _events_of_warmup(table.with_name(EVENTS))
        return 0 if served >= processes * least else processes
    return max(0, processes - sum(count >= least for name, count in counts.items() if name is not None))


def _events_of_warmup(table: Path) -> int:
    if not table.exists():
        return 0
    return pl.read_parquet(table, columns=["phase"]).filter(pl.col("phase") == Phase.WARMUP).height


def _check(plan: LoadPlan, counters: LoadCounters, marks: Marks, recorded: int, target: Path, *, aborted: bool) -> int:
    """No arrival may be lost between schedule, counters and table. Returns the number of rows.

    Of a load that was ``aborted`` there may be more than the schedule has until then: a load process that stood still
    hears of it late, and has handed out what was due since.
    """
    kinds = dict(pl.scan_parquet(target).group_by("kind").len().collect().iter_rows())
    rows = sum(kinds.values())
    arrivals = sum(kinds.get(kind.value, 0) for kind in (RequestKind.ARRIVAL, RequestKind.EMPTY, RequestKind.DROP))
    expected = arrivals
    if plan.open_model:
        instants = marks.warmup_start_s, marks.measure_start_s, marks.measure_end_s
        expected = plan.timetable(plan.lanes).count(*instants)
    accounted = counters.started + counters.dropped + counters.unfinished
    scheduled = expected <= counters.scheduled if aborted else expected == counters.scheduled
    if not (rows == recorded and scheduled and counters.scheduled == accounted == arrivals):
        raise LoadError(
            f"arrivals were lost: {expected} in the schedule, {counters.scheduled} dispatched, {accounted} accounted "
            f"for, {arrivals} recorded; {rows} of {recorded} rows were read",
            DEFECT,
        )
    return rows
