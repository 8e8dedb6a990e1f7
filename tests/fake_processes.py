"""Processes that behave as psutil's do, and the test's own process shown as a container."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil

from lab.plan.kinds import Role, ServiceKind
from lab.sampling.arm_processes import Member
from lab.sampling.cgroups import locate
from lab.sampling.plan import SampleTarget
from lab.sampling.roles import ProcessInfo

CONTAINER = "c" * 64


class FakeProcess:
    """A process of psutil 7: ``pss`` None may not be read; ``ends`` names the method at which it has ended."""

    def __init__(self, pid: int = 4_000_000, pss: int | None = 30, ends: str = "") -> None:
        self.pid = pid
        self._pss = pss
        self._ends = ends

    def cpu_times(self) -> Any:
        self._end("cpu_times")
        return SimpleNamespace(user=1.5, system=0.25)

    def memory_full_info(self) -> Any:
        self._end("memory_full_info")
        if self._pss is None:
            raise psutil.AccessDenied(self.pid)
        return SimpleNamespace(rss=50, pss=self._pss, uss=20)

    def cmdline(self) -> list[str]:
        return ["nginx:\nmaster", "process"]

    def username(self) -> str:
        return "www-data"

    def _end(self, at: str) -> None:
        if self._ends == at:
            raise psutil.NoSuchProcess(self.pid)


def member(process: FakeProcess, role: Role = Role.WORKER) -> Member:
    """A followed process of service ``app``."""
    info = ProcessInfo(process.pid, 100.0, 1, "python -m uvicorn " + "x" * 200)
    return Member(process=process, service="app", info=info, role=role)


def show_as_container(root: Path) -> SampleTarget:
    """A folder in which a living process of this machine is the only member of a version 2 cgroup."""
    unified = root / "sys/fs/cgroup"
    unified.mkdir(parents=True)
    (unified / "cgroup.controllers").write_text("cpu memory\n")
    (root / "proc").symlink_to("/proc")
    pid = os.getpid()
    cgroup = locate(pid, "", root).members
    cgroup.mkdir(parents=True, exist_ok=True)
    (cgroup / "cgroup.procs").write_text(f"{pid}\n")
    (cgroup / "cpu.stat").write_text("usage_usec 5000\nnr_periods 10\nnr_throttled 1\nthrottled_usec 900\n")
    (cgroup / "memory.stat").write_text("anon 4096\nfile 8192\n")
    return SampleTarget(service="app", kind=ServiceKind.APP, container_id=CONTAINER, init_pid=pid)


def fake_proc(root: Path, *pids: int) -> Path:
    """A /proc whose processes have 50 KiB of RSS, two threads, and ten context switches behind them."""
    status = "Name:\tfake\nVmRSS:\t      50 kB\nThreads:\t2\nvoluntary_ctxt_switches:\t7\n"
    status += "nonvoluntary_ctxt_switches:\t3\n"
    for pid in pids:
        for folder in (root / str(pid), root / str(pid) / "task" / str(pid)):
            folder.mkdir(parents=True)
            (folder / "status").write_text(status)
    return root
