"""The machine of a run as a process there sees it: its CPU and clocks, its mark, and who else uses it.

An agent is asked the same where the engine is elsewhere: what this machine is like says nothing about that one.
"""

import hashlib
import os
import platform
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import psutil

from lab.record.machine import CpuUser, SeenFacts
from lab.sampling.cgroups import cgroup_version

FOREIGN_INTERVAL_S = 0.5
FOREIGN_MAX = 5
FOREIGN_MIN_CORES = 0.02  # the clock ticks 100 times a second: less than one tick in the interval is nothing
ROOT = Path("/")
# For an agent, which sees the machine's processes and has files of its own: those of the first process.
FILES_OF_THE_MACHINE = Path("/proc/1/root")


def survey(
    root: Path = ROOT, files: Path | None = None, name: str = "", sleep: Callable[[float], None] = time.sleep
) -> SeenFacts:
    """Tell what this process sees of its machine. Takes half a second, to see who uses the CPU.

    ``root``: where ``proc`` and ``sys`` are looked up; ``files``: where ``etc`` is, if not there. ``name`` stands for
    the machine-id of a machine that has none.
    """
    cpu = cpu_facts((root / "proc/cpuinfo").read_text())
    identity = _line((files or root) / "etc/machine-id") or name or platform.node()
    return SeenFacts(
        cpu_model=cpu["model"],
        virtualisation=virtualisation(root, hypervisor=cpu["hypervisor"]),
        clock_source=_line(root / "sys/devices/system/clocksource/clocksource0/current_clocksource"),
        cpu_governor=_line(root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        pressure_stall=(root / "proc/pressure/cpu").exists(),
        load_average=os.getloadavg()[0],
        machine=machine_mark(identity, cpu["model"], psutil.virtual_memory().total),
        foreign=tuple(CpuUser(**user) for user in cpu_users(FOREIGN_INTERVAL_S, sleep)),
        cgroup_version=cgroup_version(root),
    )


def survey_from_inside(name: str) -> SeenFacts:
    """The same from an agent's container. ``name``: what the engine calls its machine; the container has another."""
    return survey(ROOT, FILES_OF_THE_MACHINE, name)


def cpu_facts(cpuinfo: str) -> dict[str, Any]:
    """``model`` and whether a ``hypervisor`` shows itself, from /proc/cpuinfo (whose keys differ by architecture)."""
    lines = (line.partition(":") for line in cpuinfo.splitlines())
    fields = {key.strip().lower(): value.strip() for key, _, value in lines}
    model = fields.get("model name") or fields.get("model") or fields.get("cpu part") or platform.machine()
    return {"model": model, "hypervisor": "hypervisor" in fields.get("flags", "").split()}


def virtualisation(root: Path, *, hypervisor: bool) -> str:
    """A hint at what lies beneath: the product's name, ``"virtual machine (type unknown)"``, or ``"none seen"``."""
    named = _line(root / "sys/hypervisor/type") or _line(root / "sys/class/dmi/id/product_name")
    return (named or "virtual machine (type unknown)") if hypervisor else "none seen"


def machine_mark(identity: str, cpu_model: str, memory_bytes: int) -> str:
    """A short name for this machine that gives nothing away; it keeps noise floors of machines apart.

    The machine-id alone is not enough: virtual machines copied from one image share it.
    """
    gib = round(memory_bytes / 1024**3)
    return hashlib.sha256(f"process-model-lab\n{identity}\n{cpu_model}\n{gib}".encode()).hexdigest()[:12]


def cpu_users(
    interval_s: float,
    sleep: Callable[[float], None] = time.sleep,
    ours: Collection[int] = (),
    most: int | None = FOREIGN_MAX,
) -> list[dict[str, Any]]:
    """``{"name", "cores"}`` of the ``most`` processes that use most CPU over the interval; without ``ours``, by pid.

    This process is always ours. ``most``: None for all that use any.
    """
    ours = {os.getpid(), *ours}
    before = _cpu_seconds(ours)
    sleep(interval_s)
    after = _cpu_seconds(ours)
    used = [(seconds - before[process], process) for process, seconds in after.items() if process in before]
    busiest = sorted(used, key=lambda pair: pair[0], reverse=True)[:most]
    return [
        {"name": process.info["name"], "cores": round(seconds / interval_s, 2)}
        for seconds, process in busiest
        if seconds / interval_s >= FOREIGN_MIN_CORES
    ]


def _cpu_seconds(ours: Collection[int]) -> dict[psutil.Process, float]:
    found = psutil.process_iter(["name", "cpu_times"])
    times = {process: process.info["cpu_times"] for process in found if process.pid not in ours}
    return {process: cpu.user + cpu.system for process, cpu in times.items() if cpu is not None}


def _line(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
