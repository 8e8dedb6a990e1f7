"""The memory ledger of one trial: every process the arm costs, by role (METHOD 4.1)."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from lab.analysis.trial.counters import counter_at, numbers, rows_of
from lab.analysis.trial.courses import Course, Span, Total, course, ends, life, total
from lab.plan.kinds import Role
from lab.record.types import PhaseWindow, TrialRecord

Floats = npt.NDArray[np.float64]

# The order of every table; what is no part of the arm comes last.
ARM_ROLES = (Role.PROXY, Role.SUPERVISOR, Role.WORKER, Role.INIT, Role.HELPER)
ROLES = (*ARM_ROLES, Role.SIDECAR, Role.PLATFORM)
ALWAYS = (-np.inf, np.inf)
PROCESS = ("node", "pid", "started_s")  # names a process: a respawned worker may get an old pid, as may another node


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessLine:
    """One process in the measure phase. None where never read.

    Memory: means weighted with time while it lived; ``pss_peak_bytes``: its largest reading; ``threads``: a median.
    ``ordinal`` counts from 1 among the processes of the same role and service, by start time. ``cpu_s`` is its growth.
    """

    role: Role
    service: str
    ordinal: int
    node: str
    pid: int
    started_s: float
    command: str
    pss_bytes: float | None
    pss_peak_bytes: float | None
    uss_bytes: float | None
    rss_bytes: float | None
    threads: float | None
    cpu_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleLine:
    """All processes of one role: their sum, a mean over the whole window. ``processes``: how many lived at once."""

    role: Role
    processes: int
    pss_bytes: float | None
    uss_bytes: float | None
    rss_bytes: float | None


def of_roles(processes: pl.DataFrame, *roles: Role) -> pl.DataFrame:
    """Readings of processes that have one of these roles."""
    return processes.filter(pl.col("role").is_in([role.value for role in roles]))


def of_arm(record: TrialRecord, table: pl.DataFrame) -> pl.DataFrame:
    """Rows of the arm's own services: those of its sidecars are in no sum of it."""
    return table.filter(~pl.col("service").is_in(record.sidecars)) if record.sidecars else table


class Member(NamedTuple):
    """A process that lived in the measure phase, and its rows of the process table in the order of time."""

    role: Role
    service: str
    node: str
    pid: int
    started_s: float
    command: str
    rows: npt.NDArray[np.intp]
    lived: Span


class Ledger:
    """What the processes of the arm, beside it and beneath it used over time. ``members``: by role and start."""

    def __init__(self, processes: pl.DataFrame, window: PhaseWindow) -> None:
        self._processes = processes
        self._window = window
        self._columns: dict[str, Floats] = {}
        self.members = tuple(sorted(self._members(), key=_place))

    def column(self, name: str) -> Floats:
        """A column of the process table, what is missing as NaN."""
        if name not in self._columns:
            self._columns[name] = numbers(self._processes[name])
        return self._columns[name]

    def course(self, member: Member, column: str) -> Course | None:
        """What one process used over time."""
        return course(self.column("t_s")[member.rows], self.column(column)[member.rows], member.lived)

    def total(self, column: str, *roles: Role) -> Total | None:
        """What all processes with these roles used together; None when there are none, or one was never read."""
        return total((self.course(member, column) for member in self.members if member.role in roles), self._window)

    def lines(self) -> tuple[ProcessLine, ...]:
        """One line for each process, ordered by role, service and start."""
        counts: Counter[tuple[Role, str]] = Counter()
        lines = []
        for member in self.members:
            counts[member.role, member.service] += 1
            lines.append(self._line(member, counts[member.role, member.service]))
        return tuple(lines)

    def role_lines(self) -> tuple[RoleLine, ...]:
        """One line for each role; sidecars and the platform, which are no part of the arm, come last."""
        return tuple(
            RoleLine(
                role=role,
                processes=most_at_once([member for member in self.members if member.role is role]),
                pss_bytes=_mean(self.total("pss_bytes", role)),
                uss_bytes=_mean(self.total("uss_bytes", role)),
                rss_bytes=_mean(self.total("rss_bytes", role)),
            )
            for role in ROLES
            if any(member.role is role for member in self.members)
        )

    def _members(self) -> Iterator[Member]:
        t_s, window = self.column("t_s"), self._window
        all_s = ends(t_s)
        for rows in rows_of(self._processes, PROCESS).values():
            seen = rows[t_s[rows] < window.end_s]
            if not len(seen):
                continue
            last = self._processes.row(int(seen[-1]), named=True)
            role = Role(last["role"])
            # Those of the platform are looked at rarely, and last as long as their containers.
            lived = ALWAYS if role is Role.PLATFORM else life(t_s[rows], all_s)
            if lived[1] >= window.start_s:
                named = (last["service"], last["node"], last["pid"], last["started_s"], last["command"])
                yield Member(role, *named, rows, lived)

    def _line(self, member: Member, ordinal: int) -> ProcessLine:
        pss, uss, rss = (self.course(member, column) for column in ("pss_bytes", "uss_bytes", "rss_bytes"))
        t_s, cpu_s = (self.column(name)[member.rows] for name in ("t_s", "cpu_s"))
        inside = member.rows[(t_s >= self._window.start_s) & (t_s < self._window.end_s)]
        threads = self.column("threads")[inside]
        edges = np.array([self._window.start_s, self._window.end_s])
        born = member.role is not Role.PLATFORM and t_s[0] > self.column("t_s").min()
        grown = counter_at(edges, t_s, cpu_s, born=bool(born))
        return ProcessLine(
            role=member.role,
            service=member.service,
            ordinal=ordinal,
            node=member.node,
            pid=member.pid,
            started_s=member.started_s,
            command=member.command,
            pss_bytes=pss and pss.mean(self._window),
            pss_peak_bytes=pss and pss.peak(self._window),
            uss_bytes=uss and uss.mean(self._window),
            rss_bytes=rss and rss.mean(self._window),
            threads=float(np.median(threads)) if len(threads) else None,
            cpu_s=float(grown[1] - grown[0]),
        )


def most_at_once(members: Sequence[Member]) -> int:
    """How many of these processes lived at the same time, at most."""
    lives = [member.lived for member in members]
    return max((sum(came <= began <= gone for came, gone in lives) for began, _ in lives), default=0)


def _place(member: Member) -> tuple[int, str, float, int]:
    return ROLES.index(member.role), member.service, member.started_s, member.pid


def _mean(found: Total | None) -> float | None:
    return None if found is None else found.mean


def busiest_cores(lines: Sequence[ProcessLine], window: PhaseWindow) -> float | None:
    """CPU of the arm's busiest process in cores, mean of the measure phase; None when none was read."""
    own = (line.cpu_s for line in lines if line.role in ARM_ROLES and line.cpu_s is not None)
    return max((cpu_s / window.length_s for cpu_s in own), default=None)


def largest_pss_bytes(lines: Sequence[ProcessLine]) -> float | None:
    """PSS of the arm's largest process at its peak in the measure phase; None when none was read."""
    own = (line.pss_peak_bytes for line in lines if line.role in ARM_ROLES)
    return max((size for size in own if size is not None), default=None)
