"""This process: who it is, what serves it, and what it is told to hold and to burn."""

from __future__ import annotations

import asyncio
import ctypes
import os
import platform
import secrets
import socket
import sys
import threading
from collections.abc import Callable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import thread_time
from typing import Any

MB = 10**6
PACKAGES = ("fastapi", "starlette", "uvicorn", "uvloop", "httptools", "h11")


@cache
def _name_of(pid: int) -> str:
    return f"{pid}-{secrets.token_hex(4)}"


def process_name() -> str:
    """``"1-3f9ac2d4"``: process id and a random part.

    Every replica has process id 1 and, with host networking, the same host name: only the random part tells them
    apart. It is made once for each process id, so that a fork gets a name of its own.
    """
    return _name_of(os.getpid())


process_name()  # made here, by one thread: several that ask first at the same time would each make one


def server_name() -> str:
    """``process_name()``; where threads run at the same time, and so may several loops, ``"1-3f9ac2d4:17"``."""
    if getattr(sys, "_is_gil_enabled", lambda: True)():
        return process_name()
    return f"{process_name()}:{threading.get_native_id()}"


def started_s() -> float | None:
    """When the process started, in epoch seconds, from the clock ticks that the host sees too; None without /proc."""
    try:
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        booted_s = Path("/proc/stat").read_text().partition("\nbtime ")[2].split()[0]
    except FileNotFoundError:
        return None
    return int(booted_s) + ticks / os.sysconf("SC_CLK_TCK")


def usable_cpus() -> int:
    """Cores that this process may run on (cpuset); a CPU quota does not show in it."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe(receive: Callable[..., Any]) -> dict[str, Any]:
    """Who serves this request. ``receive`` is the ASGI callable that the server made for it.

    uvicorn's ``receive`` is a method of an object of the HTTP implementation in use, so its module is the evidence.
    """
    loop = asyncio.get_running_loop()
    server = type(getattr(receive, "__self__", receive))
    return {
        "process": process_name(),
        "pid": os.getpid(),
        "started_s": started_s(),
        "hostname": socket.gethostname(),
        "cpus": {"visible": os.cpu_count(), "usable": usable_cpus()},
        "loop": {"name": loop_name(type(loop)), "module": type(loop).__module__, "class": type(loop).__qualname__},
        "http": {"name": http_name(server), "module": server.__module__, "class": server.__qualname__},
        "versions": {"python": platform.python_version()} | {name: package_version(name) for name in PACKAGES},
    }


def loop_name(loop: type) -> str:
    """``"uvloop"`` or ``"asyncio"``."""
    return loop.__module__.partition(".")[0]


def http_name(server: type) -> str:
    """``"httptools"`` or ``"h11"`` under uvicorn, else the module of whatever serves."""
    return server.__module__.rpartition(".")[2].removesuffix("_impl")


def package_version(name: str) -> str | None:
    """The installed version; None when the package is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def make_ballast(size_mb: int) -> list[bytes]:
    """``size_mb`` times 10**6 bytes that are this process's own: written page by page, nothing to share or compress."""
    return [os.urandom(MB) for _ in range(size_mb)]


def tell_request(identity: bytes) -> None:
    """Tell of a request that is executed now, at one stroke; one without an identity is not told of."""
    if identity.isascii() and identity.isalnum():
        os.write(sys.stdout.fileno(), b"lab-request " + identity[:80] + b"\n")


def burn_cpu(duration_ms: float) -> None:
    """Use ``duration_ms`` of this thread's CPU time; waiting for a core does not count."""
    end_s = thread_time() + duration_ms / 1000
    while thread_time() < end_s:
        sum(range(200))  # a few µs of interpreter work, so that reading the clock is not most of what is burned


def hold_gil(duration_ms: float) -> None:
    """Sleep without giving back the interpreter's lock, as an extension module may: no other thread of Python runs.

    A signal ends it earlier. Where Python has no such lock the others go on.
    """
    ctypes.PyDLL(None).usleep(round(duration_ms * 1000))
