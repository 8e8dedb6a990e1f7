"""The machines of a trial, from what their samplers are writing: the arm's processes there, and what others take."""

from collections.abc import Iterator, Sequence
from math import inf
from pathlib import Path

import polars as pl

from lab.analysis.gates.counters import foreign_share, rate, steal_share
from lab.analysis.trial.counters import increases
from lab.analysis.trial.ledger import ARM_ROLES, PROCESS, of_roles
from lab.live.figures import MACHINE_S, MachineFigures, ProcessFigures
from lab.live.growing import GrowingTable, Tail
from lab.plan.kinds import Role
from lab.record.schema import ConnectionRow
from lab.record.types import CGROUPS, HOST, PROCESSES, PhaseWindow
from lab.sampling.channel import FOLDER, directory_of
from lab.sampling.plan import plan_from_json
from lab.sampling.process_tree import pid_inside

CPU_S = 2.0  # of readings for a process's CPU, which comes in ticks of 10 ms: half a second would show steps of 2%
LEAST_S = 1.3  # of readings before anything is said of the machine: three steps of 2 Hz, each end up to 0.1 s off
CPU_SPENT = ("load_cpu_s", "load_cpu_max_s", "sampler_cpu_s", "lab_cpu_s", "engine_cpu_s")
HOST_COLUMNS = ("t_s", "busy_s", "steal_s", "total_s", *CPU_SPENT)
PROCESS_COLUMNS = ("t_s", *PROCESS, "role", "service", "cpu_s", "pss_bytes")
CGROUP_COLUMNS = ("t_s", "container", "cpu_s")


class Machine:
    """One machine; ``folder`` is where the rows of its sampler grow.

    ``node`` is its name, "" where there is one machine or nothing was read yet; ``here``: it is the lab's own.
    """

    def __init__(self, folder: Path) -> None:
        self.node, self.here = "", True
        self._plan: Path | None = folder / "plan.json"
        self._host = GrowingTable(folder / "host.csv", HOST, HOST_COLUMNS)
        self._processes = GrowingTable(folder / "processes.csv", PROCESSES, PROCESS_COLUMNS, MACHINE_S)
        self._cgroups = GrowingTable(folder / "cgroups.csv", CGROUPS, CGROUP_COLUMNS, MACHINE_S)
        self._connections = Tail(folder / "connections.csv")
        self._pss_bytes: dict[tuple[object, ...], int] = {}  # read more rarely than anything else
        self._inside: dict[int, int | None] = {}
        self._before_s: float | None = None

    def name(self) -> None:
        """Learn which machine it is from its sampler's plan, which is there before any row."""
        if self._plan is not None:
            try:
                plan = plan_from_json(self._plan.read_text(encoding="utf-8"))
            except (FileNotFoundError, ValueError):  # not there yet, or being written at this moment
                return
            self.node, self.here, self._plan = plan.node, bool(plan.lab_pid), None

    @property
    def runs_arm(self) -> bool:
        """Whether a process of the arm was seen there, or one beneath it."""
        return not self._processes.gain().is_empty()

    def load_cpu(self) -> float | None:
        """The busiest load process there, in cores."""
        host = self._host.gain()
        return rate(host, "load_cpu_max_s", _latest(host, CPU_S))

    def alive(self) -> Iterator[ProcessFigures]:
        """The arm's processes in the latest round; between rounds, which have a host's row, one process is read."""
        rows = of_roles(self._processes.gain(), *ARM_ROLES)
        for *key, pss_bytes in rows.select(*PROCESS, "pss_bytes").drop_nulls().iter_rows():
            self._pss_bytes[tuple(key)] = pss_bytes
        rows = rows.join(self._host.gain().select("t_s"), on="t_s", how="semi", maintain_order="left")
        window = _latest(rows, CPU_S)
        grown = increases(rows.filter(pl.col("t_s") >= window.start_s), PROCESS, ("cpu_s",), window)
        last = rows.filter(pl.col("t_s") == window.end_s).select(*PROCESS, "role", "service")
        for *key, role, service in last.iter_rows():
            process = tuple(key)
            yield ProcessFigures(
                pid=process[1],
                role=Role(role),
                service=service,
                cpu=(grown[process]["cpu_s"] or 0.0) / window.length_s if window.length_s else None,
                pss_bytes=self._pss_bytes.get(process),
                node=self.node,
            )

    def pid_inside(self, pid: int) -> int | None:
        """How a process numbers itself in its container; None where that cannot be seen from here, or it has ended."""
        if pid not in self._inside:
            self._inside[pid] = pid_inside(pid) if self.here else None
        return self._inside[pid]

    def connections(self) -> Iterator[tuple[str, int, int]]:
        """Who was seen to hold a connection since the last look: the client's address and port, and the pid."""
        for row in self._connections.rows():
            if len(row) == len(ConnectionRow._fields) and row[1].isdecimal():
                yield row[-1], int(row[1]), int(row[2])

    def figures(self, *, measuring: bool, elsewhere: bool) -> MachineFigures:
        """Give what the gates on the machine would find now; only of the measure phase.

        Containers that start, and a load that begins, make any machine look busy. What the first look at a phase finds
        was still written before it. ``elsewhere``: a part of the arm runs on another machine.
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
        return MachineFigures(
            steal=steal_share(since, now),
            foreign=foreign_share(host, self._cgroups.gain(), self._processes.gain(), now, elsewhere=elsewhere),
            sampler=rate(since, "sampler_cpu_s", _latest(since, inf)),
        )


class Machines:
    """All machines of the trial whose files grow in ``staging``: that of the arm, or the first of them, first."""

    def __init__(self, staging: Path) -> None:
        self._staging = staging
        self._found = [Machine(staging / FOLDER)]

    def found(self) -> Sequence[Machine]:
        """Those whose samplers have begun; they do so in order."""
        while (folder := directory_of(self._staging, len(self._found)) / FOLDER).is_dir():
            self._found.append(Machine(folder))
        for machine in self._found:
            machine.name()
        return self._found


def _latest(table: pl.DataFrame, length_s: float) -> PhaseWindow:
    """From the first reading of the last ``length_s`` seconds to the last one; of no length without two readings."""
    instants_s = table["t_s"].to_numpy()
    if not len(instants_s):
        return PhaseWindow(start_s=0.0, end_s=0.0)
    end_s = float(instants_s[-1])
    return PhaseWindow(start_s=float(instants_s[instants_s >= end_s - length_s][0]), end_s=end_s)
