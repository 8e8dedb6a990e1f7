"""Every column of every table, declared once: what writes, reads, checks, masks and explains rows derives from here.

Imports neither polars nor NumPy: Locust's process, and the sampler in its own container, carry no more than they need.
A row is a NamedTuple whose fields are annotated with a Column; the Python type says what Parquet holds.
All ``*_s`` instants are CLOCK_MONOTONIC seconds relative to the trial's ``started_monotonic_s``: one clock a machine.
"""

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from types import NoneType
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_type_hints

from lab.plan.kinds import Role
from lab.record.columns import USUAL, Column, amount, count, instant, text

# 1: first version; 2: node, point, events, findings apart from gates, whose words are the report's; 3: addresses where
# ports stood, jobs and steps before serving, what locustfiles report themselves; 4: the point of a run by its key, acts
# of drills; 5: loads that are given up, threads, ladders and searches for limits, cores of load processes, lost trials.
# What an older lab would not understand, a key of the scenario, a kind of event or a table, takes the next number.
SCHEMA_VERSION = 5
POOL = ""  # as ``container``: the parent cgroup of a pooled budget; its row repeats what the containers' rows hold


class Phase(StrEnum):
    """The phases of a trial, in order."""

    BOOT = "boot"
    IDLE = "idle"
    WARMUP = "warmup"
    MEASURE = "measure"
    COOLDOWN = "cooldown"


class RequestKind(StrEnum):
    """The kind of a row of the request table."""

    ARRIVAL = "arrival"  # first request of a scheduled arrival (open) or of a task (closed)
    FOLLOW = "follow"  # a further request of the same task: service time only
    START = "start"  # made by on_start, before the lane took its first arrival: in no result
    DROP = "drop"  # an arrival that found the queue full: never sent, a failure
    EMPTY = "empty"  # an arrival whose task made no request


class EventKind(StrEnum):
    """The kind of an event of a trial.

    A container ended, by itself or because the kernel killed it for its memory; or the load of a drill was given up,
    until the instant at which the measure phase would have ended.
    """

    ENDED = "ended"
    OUT_OF_MEMORY = "out of memory"
    ABORTED = "aborted"


class TrialState(StrEnum):
    """The fate of a trial."""

    PLANNED = "planned"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    SKIPPED = "skipped"  # its arm cannot run at its point of a sweep
    LOST = "lost"  # with a machine that drove its load: it is invalid, and nothing of it was measured


STEP_BEGIN, STEP_END = "step.begin", "step.end"  # kinds of events: what the app said of its own start-up steps
CERTIFICATE_SEEN = "certificate"  # an act: from then on every new connection was shown the new one
ACTION = "action."  # and what was done, on purpose: the kinds of events of a drill
OVER, FAILED = "over", "failed"  # of a drill that was carried out as a whole, and of what could not be done
HOPELESS, HOPELESS_S = 0.5, 30  # more than that part bad in so many seconds on end: a drill is given up (METHOD 9.6)
LIFESPAN, SHUTDOWN = "lifespan", "shutdown"  # steps: of the demo app before it serves, of any app as it ends
RESTART = "restart"  # the lab restarted one serving process, after everything was measured

Outcome = Literal["pass", "caveat", "invalid"]  # of a gate
Attribution = Literal["header", "socket", "upstream", "none"]  # how served_by was found

UNREAD = "not read at this instant, or not readable"
UNLOOKED = "not looked at closely at this instant, or not readable"
UNCOUNTED = "the kernel does not count it"
NODE = text("the machine, empty when there is one only")


class RequestRow(NamedTuple):
    """One request."""

    t_scheduled_s: Annotated[float | None, instant(null="not an arrival of the open model")]
    t_sent_s: Annotated[float | None, instant(null="never sent (drop, empty)")]
    t_done_s: Annotated[float | None, instant(null="never sent, or still in flight when the trial ended")]
    status: Annotated[int, Column(means="HTTP status; 0: no response", narrow="Int32")]
    bytes: Annotated[int | None, count(null="not told", least=-1)]
    name: Annotated[str | None, text(free=True, null="never sent")]
    served_by: Annotated[str | None, text(free=True, null="not attributed")]
    phase: Annotated[str, text(words=Phase)]
    kind: Annotated[str, text(words=RequestKind)]
    error: Annotated[str | None, text(free=True, null="success")]
    lane: Annotated[int, Column(narrow="Int32")]
    opened_s: Annotated[
        float | None,
        count("name, TCP and TLS of the connection that was made for it", null="on one that was there, or not noted"),
    ] = None
    resumed: Annotated[
        int | None,
        Column(
            means="1: that connection resumed a TLS session",
            null="no TLS, or none was made",
            least=0,
            most=1,
            narrow="Int32",
        ),
    ] = None


class ProcessRow(NamedTuple):
    """One process at one instant."""

    t_s: Annotated[float, instant()]
    pid: Annotated[int, count(narrow="Int32")]
    started_s: Annotated[float, count("epoch seconds; (pid, started_s) names a process")]
    role: Annotated[str, text(words=Role)]
    service: Annotated[str, text()]
    user_s: Annotated[float, count("cumulative")]
    system_s: Annotated[float, count("cumulative")]
    cpu_s: Annotated[float, count("cumulative, user + system")]
    runqueue_s: Annotated[
        float | None, count("cumulative wait for a core, all threads (/proc/PID/task/TID/schedstat)", null=UNLOOKED)
    ]
    rss_bytes: Annotated[int, count()]
    pss_bytes: Annotated[int | None, count(null=UNLOOKED)]
    uss_bytes: Annotated[int | None, count(null=UNLOOKED)]
    pss_anon_bytes: Annotated[int | None, count(null=UNLOOKED)]
    threads: Annotated[int, count(narrow="Int32")]
    ctx_switches: Annotated[int | None, count("cumulative, voluntary + involuntary, all threads", null=UNLOOKED)]
    command: Annotated[str, text("first 120 characters of the command line", free=True)]
    node: Annotated[str, NODE] = ""


class ThreadRow(NamedTuple):
    """One thread of the arm at one instant; read where several threads of a process serve."""

    t_s: Annotated[float, instant()]
    pid: Annotated[int, count(narrow="Int32")]
    started_s: Annotated[float, count("epoch seconds; (pid, started_s) names its process")]
    tid: Annotated[int, count("as the kernel numbers it", narrow="Int32")]
    own_tid: Annotated[int, count("as its container numbers it, and it itself", narrow="Int32")]
    name: Annotated[str, text("as the kernel knows it (/proc/PID/task/TID/comm)", free=True)]
    cpu_s: Annotated[float, count("cumulative (/proc/PID/task/TID/schedstat)")]
    node: Annotated[str, NODE] = ""


class ConnectionRow(NamedTuple):
    """One connection at one instant; read when requests are attributed by socket, and not kept."""

    t_s: Annotated[float, instant()]
    client_port: Annotated[int, count(narrow="UInt16")]
    pid: Annotated[int, count("the one process of the arm that holds the server's end", narrow="Int32")]
    service: Annotated[str, text()]
    client: Annotated[str, text("the client's address: each machine gives out the same ports")] = ""


class CgroupRow(NamedTuple):
    """One container at one instant, as the kernel accounts it."""

    t_s: Annotated[float, instant()]
    service: Annotated[str, text()]
    container: Annotated[str | None, text("empty: the parent cgroup of a pooled budget", null="the same, in old runs")]
    cpu_s: Annotated[float | None, count("cumulative", null=UNREAD)]
    anon_bytes: Annotated[int | None, count(null=UNREAD)]
    file_bytes: Annotated[int | None, count(null=UNREAD)]
    usage_bytes: Annotated[int | None, count(null=UNREAD)]
    periods: Annotated[int | None, count("cumulative CFS periods", null=UNCOUNTED)]
    throttled_periods: Annotated[int | None, count("cumulative", null=UNCOUNTED)]
    throttled_s: Annotated[float | None, count("cumulative", null=UNCOUNTED)]
    oom_kills: Annotated[int | None, count("cumulative", null=UNCOUNTED)]
    limit_hits: Annotated[int | None, count("cumulative: allocations that met the memory limit", null=UNCOUNTED)]
    psi_memory_some_s: Annotated[float | None, count("cumulative stall of the cgroup", null=UNCOUNTED)]
    node: Annotated[str, NODE] = ""


class HostRow(NamedTuple):
    """One instant: the machine, and what the lab itself used."""

    t_s: Annotated[float, instant()]
    busy_s: Annotated[float, count("cumulative over all cores, everything but idle, iowait and steal")]
    steal_s: Annotated[float, count("cumulative")]
    total_s: Annotated[float, count("cumulative, all states")]
    psi_cpu_some_s: Annotated[float | None, count("cumulative stall", null="the kernel has no PSI")]
    psi_memory_some_s: Annotated[float | None, count("cumulative stall", null="the kernel has no PSI")]
    psi_io_some_s: Annotated[float | None, count("cumulative stall", null="the kernel has no PSI")]
    memory_available_bytes: Annotated[int, count()]
    load_cpu_s: Annotated[float | None, count("cumulative, all Locust processes", null="no load yet")]
    load_cpu_max_s: Annotated[
        float | None, count("gains of the process that was busiest from reading to reading", null="no load yet")
    ]
    load_rss_bytes: Annotated[int | None, count(null="no load yet")]
    sampler_cpu_s: Annotated[float, count("cumulative")]
    sampler_rss_bytes: Annotated[int, count()]
    lab_cpu_s: Annotated[float | None, count("cumulative", null=UNREAD)]
    lab_rss_bytes: Annotated[int | None, count(null=UNREAD)]
    engine_cpu_s: Annotated[
        float | None, count("cumulative, dockerd + containerd + shims", null="no Docker, or unread")
    ]
    node: Annotated[str, NODE] = ""


class UserEventRow(NamedTuple):
    """One request event that the locustfile fired itself: a frame, a milestone, an answer of a client of its own."""

    t_s: Annotated[float, instant("when it was fired")]
    type: Annotated[str, text(free=True)]
    name: Annotated[str, text(free=True)]
    value: Annotated[float | None, amount("response_time as given: milliseconds, if the locustfile means a time")]
    length: Annotated[float | None, amount("response_length as given")]
    phase: Annotated[str, text(words=Phase)]
    error: Annotated[str | None, text(free=True, null="success")]
    lane: Annotated[int, Column(means="-1: fired by no user", narrow="Int32")]


ROWS: Mapping[str, type] = {
    "requests": RequestRow,
    "processes": ProcessRow,
    "cgroups": CgroupRow,
    "host": HostRow,
    "threads": ThreadRow,
    "connections": ConnectionRow,
    "user_events": UserEventRow,
}
OPTIONAL = ("threads", "user_events")  # a trial in which nothing is to be kept in them has none
KEPT = ("requests", "processes", "cgroups", "host", *OPTIONAL)  # in a trial's folder
SAMPLED = ("processes", "cgroups", "host", "threads", "connections")  # by the sampler


def _column(name: str, hint: Any) -> Column:
    annotated, column = get_args(hint)
    kinds = [kind for kind in get_args(annotated) or (annotated,) if kind is not NoneType]
    declared: Column = column
    return replace(declared, name=name, type=declared.narrow or USUAL[kinds[0]])


TABLES: Mapping[str, tuple[Column, ...]] = {
    table: tuple(_column(*each) for each in get_type_hints(row, include_extras=True).items())
    for table, row in ROWS.items()
}
NAMES: Mapping[str, tuple[str, ...]] = {
    table: tuple(column.name for column in columns) for table, columns in TABLES.items()
}
FREE_TEXT: Mapping[str, tuple[str, ...]] = {
    table: tuple(column.name for column in TABLES[table] if column.free) for table in KEPT
}
