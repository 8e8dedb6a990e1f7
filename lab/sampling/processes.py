"""The use of one process. Cumulative seconds, bytes and counts: rates are for the analysis.

psutil reads, but for what it does not tell (anonymous PSS) and what it would open a file again for.
"""

import re
import time
from pathlib import Path
from typing import NamedTuple

import psutil

from lab.sampling.cgroups import read_file
from lab.sampling.roles import ProcessInfo

COMMAND_LENGTH = 120
KIB = 1024
ROLLUP_LINE = re.compile(r"^(Pss|Pss_Anon|Private_\w+): +(\d+) kB$", re.MULTILINE)


class Counters(NamedTuple):
    """The cheap readings, about 0.05 ms a process."""

    user_s: float
    system_s: float
    rss_bytes: int
    threads: int


class Footprint(NamedTuple):
    """The dear ones, 0.6 to 2.2 ms a process: the kernel walks the page tables and holds the mmap lock meanwhile.

    ``pss_anon_bytes`` is None where the kernel is older than 5.3.
    """

    pss_bytes: int
    uss_bytes: int
    pss_anon_bytes: int | None = None


def counters(process: psutil.Process, proc: Path) -> Counters:
    """CPU, RSS, threads. Raises psutil.NoSuchProcess when it has ended."""
    cpu = process.cpu_times()
    status = read_file(f"{proc}/{process.pid}/status")
    if status is None or "\nVmRSS:" not in status:  # it has given its memory back: a zombie, or one on its way there
        raise psutil.NoSuchProcess(process.pid)
    return Counters(
        user_s=cpu.user,
        system_s=cpu.system,
        rss_bytes=_number(status, "\nVmRSS:") * KIB,
        threads=_number(status, "\nThreads:"),
    )


def _number(status: str, key: str) -> int:
    """A number of /proc/PID/status. psutil tells these too, and opens and parses a file once for each of them."""
    start = status.index(key) + len(key)
    return int(status[start : status.index("\n", start)].removesuffix(" kB"))


def footprint(process: psutil.Process, proc: Path) -> Footprint:
    """PSS, USS and the anonymous part of PSS. Raises psutil.NoSuchProcess, psutil.AccessDenied.

    One look at the kernel's account (Documentation/filesystems/proc.rst, smaps_rollup) gives all three; psutil, which
    reads the same file, does not tell the anonymous part and is asked only where a kernel has no such account.
    """
    try:
        text = read_file(f"{proc}/{process.pid}/smaps_rollup")
    except PermissionError:
        raise psutil.AccessDenied(process.pid) from None
    sizes = {name: int(kib) * KIB for name, kib in ROLLUP_LINE.findall(text or "")}
    if "Pss" not in sizes:
        return _footprint_by_psutil(process)
    own = sum(size for name, size in sizes.items() if name.startswith("Private_"))
    return Footprint(pss_bytes=sizes["Pss"], uss_bytes=own, pss_anon_bytes=sizes.get("Pss_Anon"))


def _footprint_by_psutil(process: psutil.Process) -> Footprint:
    """psutil 8 renames ``memory_full_info`` to ``memory_footprint``."""
    read = getattr(process, "memory_footprint", None) or process.memory_full_info
    memory = read()
    return Footprint(pss_bytes=memory.pss, uss_bytes=memory.uss)


def starts_early_s() -> float:
    """By how much ``create_time`` lies before the wall clock: psutil counts from the boot, in whole seconds."""
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) - psutil.boot_time()


def process_info(process: psutil.Process) -> ProcessInfo:
    """The facts that tell its role, but for its duty. Raises psutil.NoSuchProcess.

    It does so also when the kernel has given the pid to somebody else.
    """
    return ProcessInfo(process.pid, process.create_time(), process.ppid(), command_line(process))


def command_line(process: psutil.Process) -> str:
    """The command line on one line of printable text; the name where there is none. Raises psutil.NoSuchProcess."""
    words = " ".join(process.cmdline()) or process.name()
    if not words.isprintable():
        words = "".join(character if character.isprintable() else " " for character in words)
    return words.strip()


def describe(process: psutil.Process) -> str:
    """``process 4121 (nginx: master process) of user root``, for error messages."""
    try:
        return f"process {process.pid} ({command_line(process)[:60]}) of user {process.username()}"
    except psutil.NoSuchProcess:
        return f"process {process.pid}"
