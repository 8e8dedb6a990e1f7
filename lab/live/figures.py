"""DO: what the processes of a trial use while it runs, read from the files that sampler and load are writing.

Reading is all it does: nobody is asked anything, so looking does not disturb what is measured. What is counted is
counted by the functions that judge the trial afterwards.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import inf
from pathlib import Path
from types import MappingProxyType
from typing import Any

import polars as pl

from lab.analysis.gates.counters import foreign_cores, rate, steal_share
from lab.analysis.trial.counters import increases
from lab.analysis.trial.ledger import ARM_ROLES, PROCESS, of_roles
from lab.analysis.trial.shares import shares_of
from lab.live.requests import GrowingTable, RequestFigures, RequestFollower
from lab.plan.kinds import Role
from lab.record.types import CGROUPS, HOST, PROCESSES, PhaseWindow
from lab.sampling.channel import FOLDER
from lab.sampling.process_tree import pid_inside

CPU_S = 2.0  # of readings for a process's CPU, which comes in ticks of 10 ms: half a second would show steps of 2%
MACHINE_S = 5.0  # short enough to be called "now"; ticks of 10 ms are 0.1% of two cores then
LEAST_S = 1.3  # of readings before anything is said of the machine: three steps of 2 Hz, each end up to 0.1 s off
CPU_SPENT = ("load_cpu_s", "load_cpu_max_s", "sampler_cpu_s", "lab_cpu_s", "engine_cpu_s")
HOST_COLUMNS = ("t_s", "busy_s", "steal_s", "total_s", *CPU_SPENT)
PROCESS_COLUMNS = ("t_s", *PROCESS, "role", "service", "cpu_s", "pss_bytes")
CGROUP_COLUMNS = ("t_s", "container", "cpu_s")
LEADING_PID = re.compile(r"(\d+)\b")
OWN_PID = re.compile(r"^pid-(\d+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessFigures:
    """One process of the arm right now: ``cpu`` in cores over the last two seconds, ``share`` of the requests so far.

    None: not known (yet).
    """

    pid: int
    role: Role
    service: str
    cpu: float | None
    pss_bytes: int | None
    share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineFigures:
    """``steal`` of all CPU time and ``foreign`` of all cores over the last MACHINE_S, counted as the gates count them.

    ``sampler`` in cores since measuring began: over a few seconds single readings would alarm. None: not known (yet).
    """

    steal: float | None = None
    foreign: float | None = None
    sampler: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveFigures:
    """One look at a trial. ``processes`` by role and service, without those of the platform.

    ``load_cpu`` is the busiest load process, in cores.
    """

    processes: tuple[ProcessFigures, ...] = ()
    load_cpu: float | None = None
    requests: RequestFigures = field(default_factory=RequestFigures)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The processes as plain values, for JSON."""
        return [asdict(process) | {"role": process.role.value} for process in self.processes]


class TrialFollower:
    """Follows one trial; ``staging`` is the folder in which its files grow, ``cores`` are those of the machine.

    ``homes`` says which service a server's name or address belongs to, as far as attestation knows.
    """

    def __init__(
        self, staging: Path, homes: Mapping[str, str] = MappingProxyType({}), cores: int | None = None
    ) -> None:
        folder = staging / FOLDER
        self._homes, self._cores = homes, cores or os.cpu_count() or 1
        self._host = GrowingTable(folder / "host.csv", HOST, HOST_COLUMNS)
        self._processes = GrowingTable(folder / "processes.csv", PROCESSES, PROCESS_COLUMNS, MACHINE_S)
        self._cgroups = GrowingTable(folder / "cgroups.csv", CGROUPS, CGROUP_COLUMNS, MACHINE_S)
        self._requests = RequestFollower(staging / "load")
        self._pss_bytes: dict[tuple[object, ...], int] = {}  # read more rarely than anything else
        self._inside: dict[int, int | None] = {}
        self._gave: dict[str, int] = {}  # pids by server: a process that has ended gave its answers all the same
        self._before_s: float | None = None

    def look(self, phase_start_s: float | None = None) -> LiveFigures:
        """The latest figures; requests are those of the phase that began at ``phase_start_s`` (CLOCK_MONOTONIC)."""
        host, requests = self._host.gain(), self._requests.look(phase_start_s)
        return LiveFigures(
            processes=self._alive(of_roles(self._processes.gain(), *ARM_ROLES), host),
            load_cpu=rate(host, "load_cpu_max_s", _latest(host, CPU_S)),
            requests=requests,
        )

    def machine(self, *, measuring: bool) -> MachineFigures:
        """Give what the gates on the machine would find now; only of the measure phase.

        Containers that start, and a load that begins, make any machine look busy. What the first look at a phase finds
        was still written before it.
        """
        host = self._host.gain()
        if not measuring:
            self._before_s = None
            return MachineFigures()
        if self._before_s is None:
            self._before_s = float(host["t_s"].to_numpy().max(initial=-inf))
        since = host.filter(pl.col("t_s") > self._before_s)
        now = _latest(since, MACHINE_S)
        if now.length_s < LEAST_S:
            return MachineFigures()
        foreign = foreign_cores(host, self._cgroups.gain(), self._processes.gain(), now)
        return MachineFigures(
            steal=steal_share(since, now),
            foreign=None if foreign is None else foreign / self._cores,
            sampler=rate(since, "sampler_cpu_s", _latest(since, inf)),
        )

    def _alive(self, rows: pl.DataFrame, host: pl.DataFrame) -> tuple[ProcessFigures, ...]:
        """Those in the latest round, by role, service and pid; between rounds, which have a host's row, one is read."""
        for *key, pss_bytes in rows.select(*PROCESS, "pss_bytes").drop_nulls().iter_rows():
            self._pss_bytes[tuple(key)] = pss_bytes
        rows = rows.join(host.select("t_s"), on="t_s", how="semi", maintain_order="left")
        window = _latest(rows, CPU_S)
        grown = increases(rows.filter(pl.col("t_s") >= window.start_s), PROCESS, ("cpu_s",), window)
        last = rows.filter(pl.col("t_s") == window.end_s).select(*PROCESS, "role", "service")
        alive = sorted(last.iter_rows(), key=lambda row: (ARM_ROLES.index(Role(row[3])), row[4], row[1]))
        shares = self._shares({pid: service for _, pid, _, role, service in alive if role == Role.WORKER})
        return tuple(
            ProcessFigures(
                pid=pid,
                role=Role(role),
                service=service,
                cpu=(grown[node, pid, started_s]["cpu_s"] or 0.0) / window.length_s if window.length_s else None,
                pss_bytes=self._pss_bytes.get((node, pid, started_s)),
                share=shares.get(pid),
            )
            for node, pid, started_s, role, service in alive
        )

    def _shares(self, workers: Mapping[int, str]) -> Mapping[int, float]:
        """Share by pid, of the workers and their services; empty while it is not known who served."""
        counts, unknown = dict.fromkeys(map(str, workers), 0), 0
        for server, count in self._requests.served().items():
            if (found_pid := self._pid_of(server, workers)) is not None:
                self._gave[server] = found_pid
            if (pid := self._gave.get(server)) is None:
                unknown += count
            else:
                counts[str(pid)] = counts.get(str(pid), 0) + count
        known = sum(counts.values())
        found = shares_of(counts, len(counts), known / (known + unknown) if known else 0.0)
        return {int(share.served_by): share.fraction for share in found}

    def _pid_of(self, server: str, workers: Mapping[int, str]) -> int | None:
        if found := OWN_PID.match(server):
            return int(found[1])
        candidates: Sequence[int] = []
        if service := self._homes.get(server):
            candidates = [pid for pid, home in workers.items() if home == service]
        elif found := LEADING_PID.match(server):  # how a process names itself inside its container
            candidates = [pid for pid in workers if self._pid_inside(pid) == int(found[1])]
        return candidates[0] if len(candidates) == 1 else None

    def _pid_inside(self, pid: int) -> int | None:
        if pid not in self._inside:
            self._inside[pid] = pid_inside(pid)
        return self._inside[pid]


def _latest(table: pl.DataFrame, length_s: float) -> PhaseWindow:
    """From the first reading of the last ``length_s`` seconds to the last one; of no length without two readings."""
    instants_s = table["t_s"].to_numpy()
    if not len(instants_s):
        return PhaseWindow(start_s=0.0, end_s=0.0)
    end_s = float(instants_s[-1])
    return PhaseWindow(start_s=float(instants_s[instants_s >= end_s - length_s][0]), end_s=end_s)
