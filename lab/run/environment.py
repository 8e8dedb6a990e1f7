"""The place of a run: machine, kernel, cgroups, versions, and who else uses the CPU."""

import os
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psutil

from lab import __version__
from lab.record.run_types import EngineFacts, told
from lab.record.types import Environment
from lab.sampling.machine import survey

NOTHING: Mapping[str, str] = MappingProxyType({})
PACKAGES = {"locust": "locust", "psutil": "psutil", "docker_sdk": "docker", "polars": "polars"}


def describe_environment(
    engine: EngineFacts = EngineFacts(),  # noqa: B008  frozen
    app: Mapping[str, str] = NOTHING,
    *,
    root: Path = Path("/"),
    sleep: Callable[[float], None] = time.sleep,
) -> Environment:
    """Everything about the machine of the arms that a reader of the numbers must know, as plain JSON values.

    ``engine``: what the engine says about itself and, where it is elsewhere, about its machine: nothing of this one is
    in it then. ``app``: versions inside the image (``uvicorn``, ``fastapi``, ``app_python``, ``image_digest``). What
    this machine does not tell is None. ``root``: where ``proc``, ``sys`` and ``etc`` are looked up. Takes half a
    second, to see who uses the CPU.
    """
    here = {} if engine.engine_at else _machine(root, sleep)
    facts = {
        "lab": __version__,
        "python": platform.python_version(),
        **{key: version(package) for key, package in PACKAGES.items()},
        **here,
        **told(engine),
        **app,
    }
    if here:
        facts["cgroup_version"] = here["cgroup_version"]  # the kernel's word, not the engine's
    return Environment(facts=facts)


def _machine(root: Path, sleep: Callable[[float], None]) -> dict[str, Any]:
    """The facts of this one."""
    seen = asdict(survey(root, sleep=sleep))
    return {
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "cpu_count": len(os.sched_getaffinity(0)),
        "cpu_online": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        **seen,
        "foreign": list(seen["foreign"]),
    }
