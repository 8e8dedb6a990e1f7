"""The place of a run: machine, kernel, cgroups, versions, and who else uses the CPU."""

import hashlib
import os
import platform
import time
from collections.abc import Callable, Collection, Mapping
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psutil

from lab import __version__
from lab.record.run_types import EngineFacts, told
from lab.record.types import Environment
from lab.sampling.cgroups import cgroup_version

FOREIGN_INTERVAL_S = 0.5
FOREIGN_MAX = 5
FOREIGN_MIN_CORES = 0.02  # the clock ticks 100 times a second: less than one tick in the interval is nothing
NOTHING: Mapping[str, str] = MappingProxyType({})
PACKAGES = {"locust": "locust", "psutil": "psutil", "docker_sdk": "docker", "polars": "polars"}


def describe_environment(
    engine: EngineFacts = EngineFacts(),  # noqa: B008  frozen
    app: Mapping[str, str] = NOTHING,
    *,
    root: Path = Path("/"),
    sleep: Callable[[float], None] = time.sleep,
) -> Environment:
    """Everything about this machine that a reader of the numbers must know, as plain JSON values.

    ``engine``: what the engine says about itself, over what this machine does. ``app``: versions inside the
    image (``uvicorn``, ``fastapi``, ``app_python``, ``image_digest``). What this machine does not tell is None.
    ``root``: where ``proc``, ``sys`` and ``etc`` are looked up. Takes half a second, to see who uses the CPU.
    """
    cpu = cpu_facts((root / "proc/cpuinfo").read_text())
    memory_bytes = psutil.virtual_memory().total
    facts = {
        "lab": __version__,
        "python": platform.python_version(),
        **{key: version(package) for key, package in PACKAGES.items()},
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "cpu_model": cpu["model"],
        "cpu_count": len(os.sched_getaffinity(0)),
        "cpu_online": os.cpu_count(),
        "memory_bytes": memory_bytes,
        "virtualisation": virtualisation(root, hypervisor=cpu["hypervisor"]),
        "clock_source": _line(root / "sys/devices/system/clocksource/clocksource0/current_clocksource"),
        "cpu_governor": _line(root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "pressure_stall": (root / "proc/pressure/cpu").exists(),
        "load_average": os.getloadavg()[0],
        "machine": machine_mark(_line(root / "etc/machine-id") or platform.node(), cpu["model"], memory_bytes),
        "foreign": cpu_users(FOREIGN_INTERVAL_S, sleep),
        **told(engine),
        **app,
        "cgroup_version": cgroup_version(root),  # the kernel's word, not the engine's
    }
    return Environment(facts=facts)


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
