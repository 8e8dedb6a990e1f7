"""The machine as a whole, and what the measuring itself costs: load processes, sampler, lab, container engine."""

import os
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

from lab.record.schema import HostRow
from lab.sampling.cgroups import pressure_s, read_file

IDLE_STATES = frozenset(("idle", "iowait", "steal"))
USER_FIELD, SYSTEM_FIELD = 11, 12  # of /proc/PID/stat, counted after the name (man 5 proc_pid_stat)
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
COUNTED_TWICE = frozenset(("guest", "guest_nice"))  # the kernel has them in user and nice already (man 5 proc_stat)


class ProcessGroup:
    """Cumulative CPU of a set of processes; what a process used before it ended stays in the sum."""

    def __init__(self, processes: Iterable[psutil.Process] = ()) -> None:
        self._processes: list[psutil.Process] = []
        self._cpu_s: dict[psutil.Process, float] = {}
        self._busiest_s = 0.0
        self.rss_bytes = 0
        self.follow(processes)

    def follow(self, processes: Iterable[psutil.Process]) -> None:
        """Replace the living members; earlier ones keep their part of the sum."""
        self._processes = list(processes)

    def read(self) -> None:
        """Read every living member once."""
        self.rss_bytes = 0
        living, gained_s = [], 0.0
        for process in self._processes:
            try:
                cpu_s = self._member_cpu_s(process)
            except psutil.NoSuchProcess:
                continue
            gained_s = max(gained_s, cpu_s - self._cpu_s.get(process, cpu_s))
            self._cpu_s[process] = cpu_s
            living.append(process)
        self._processes = living
        self._busiest_s += gained_s

    def _member_cpu_s(self, process: psutil.Process) -> float:
        cpu, memory = process.cpu_times(), process.memory_info()
        self.rss_bytes += memory.rss
        return float(cpu.user + cpu.system)

    @property
    def cpu_s(self) -> float | None:
        """Cumulative CPU of all members, None when there never was one."""
        return sum(self._cpu_s.values()) if self._cpu_s else None

    @property
    def cpu_max_s(self) -> float | None:
        """Sum over the readings of what the then busiest member gained, None when there never was one.

        Not the largest total: a member that was busy earlier would hide another one that is busy now.
        """
        return self._busiest_s if self._cpu_s else None


class EngineGroup(ProcessGroup):
    """The container engine's processes, two for each container: of them only CPU is read, and no more than that.

    psutil parses all of /proc/PID/stat into objects; of 34 processes that was a tenth of what the sampler costs.
    """

    def _member_cpu_s(self, process: psutil.Process) -> float:
        text = read_file(f"/proc/{process.pid}/stat")
        if not text:
            raise psutil.NoSuchProcess(process.pid)
        user, system = text.rpartition(")")[2].split(maxsplit=SYSTEM_FIELD + 1)[USER_FIELD : SYSTEM_FIELD + 1]
        return (int(user) + int(system)) / CLOCK_TICKS


def processes_of(pids: Iterable[int]) -> list[psutil.Process]:
    """psutil's view of the pids that live."""
    found = []
    for pid in pids:
        try:
            found.append(psutil.Process(pid))
        except psutil.NoSuchProcess:
            continue
    return found


class HostReader:
    """Reads the host table. ``lab_pids``: the lab, and what works for it.

    ``load`` and ``engine`` are filled by the caller as processes appear.
    """

    def __init__(self, root: Path, lab_pids: Iterable[int]) -> None:
        self._pressure = root / "proc" / "pressure"
        self._sampler = psutil.Process(os.getpid())
        self._lab = ProcessGroup(processes_of(pid for pid in lab_pids if pid))
        self.load = ProcessGroup()
        self.engine = EngineGroup()

    def read(self, t_s: float, *, engine: bool) -> HostRow:
        """One row; columns of what does not exist here (PSI, Docker, load not yet started) are None.

        ``engine``: read the container engine's processes too.
        """
        states = psutil.cpu_times()._asdict()
        counted = {state: seconds for state, seconds in states.items() if state not in COUNTED_TWICE}
        self._lab.read()
        self.load.read()
        if engine:
            self.engine.read()
        return HostRow(
            t_s=t_s,
            busy_s=sum(seconds for state, seconds in counted.items() if state not in IDLE_STATES),
            steal_s=counted.get("steal", 0.0),
            total_s=sum(counted.values()),
            psi_cpu_some_s=pressure_s(read_file(f"{self._pressure}/cpu")),
            psi_memory_some_s=pressure_s(read_file(f"{self._pressure}/memory")),
            psi_io_some_s=pressure_s(read_file(f"{self._pressure}/io")),
            memory_available_bytes=psutil.virtual_memory().available,
            load_cpu_s=self.load.cpu_s,
            load_cpu_max_s=self.load.cpu_max_s,
            load_rss_bytes=self.load.rss_bytes if self.load.cpu_s is not None else None,
            sampler_cpu_s=time.process_time(),
            sampler_rss_bytes=self._sampler.memory_info().rss,
            lab_cpu_s=self._lab.cpu_s,
            lab_rss_bytes=self._lab.rss_bytes if self._lab.cpu_s is not None else None,
            engine_cpu_s=self.engine.cpu_s if engine else None,
        )
