"""The labels on everything the lab creates: how leftovers are found, and how others' things are left alone."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Mapping
from functools import cache
from pathlib import Path

RUN = "lab.run"
TRIAL = "lab.trial"
SERVICE = "lab.service"
OWNER = "lab.owner"
STATE, STARTED = 0, 19  # fields of /proc/PID/stat, counted after the name (man 5 proc_pid_stat)
ZOMBIE = "Z"


IN_ENVIRONMENT: Mapping[str, str] = {"LAB_RUN": RUN, "LAB_TRIAL": TRIAL, "LAB_SERVICE": SERVICE, "LAB_OWNER": OWNER}


def environment_of(marks: Mapping[str, str]) -> dict[str, str]:
    """Labels as environment variables: how plain processes carry them."""
    return {name: marks[label] for name, label in IN_ENVIRONMENT.items()}


def labels_of(environment: Mapping[str, str]) -> dict[str, str]:
    """The labels that ``environment_of`` wrote."""
    return {label: environment[name] for name, label in IN_ENVIRONMENT.items()}


def labels_in(environment: Mapping[str, str]) -> dict[str, str]:
    """The labels among the variables of any process; empty for one that is not a lab's."""
    return {label: environment[name] for name, label in IN_ENVIRONMENT.items() if name in environment}


def labels(run_id: str, trial_id: str, service: str = "") -> dict[str, str]:
    """Labels for one thing that this process creates."""
    return {RUN: run_id, TRIAL: trial_id, SERVICE: service, OWNER: owner()}


@cache
def machine(root: Path = Path("/")) -> str:
    """This machine, in letters that give nothing away: a pid says nothing about a lab on another one.

    The name is in it because virtual machines copied from one image share the machine-id.
    """
    known = root / "etc/machine-id"
    identity = known.read_text().strip() if known.is_file() else ""
    return hashlib.sha256(f"process-model-lab\n{identity}\n{platform.node()}".encode()).hexdigest()[:12]


def owner() -> str:
    """This process, so that another lab can tell whether it still lives: pid, start (seconds from boot) and machine."""
    me = os.getpid()
    return f"{me}-{started(me)}-{machine()}"


def foreign(marks: Mapping[str, str]) -> bool:
    """Tell whether a lab on another machine created something; labels of older labs name no machine."""
    _, _, there = _parts(marks)
    return there not in ("", machine())


def owner_lives(marks: Mapping[str, str]) -> bool:
    """Tell whether the lab that created something may still be running: on another machine it always may."""
    if foreign(marks):
        return True
    pid, since, _ = _parts(marks)
    return pid.isdigit() and started(int(pid)) == since


def started(pid: int, proc: Path = Path("/proc")) -> str | None:
    """Seconds from the boot to the start of a process; None when it has ended.

    Not psutil's time of day: that jumps whenever the clock is set, and a lab that lives would count as dead.
    """
    try:
        text = (proc / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[STATE] == ZOMBIE else f"{int(fields[STARTED]) / os.sysconf('SC_CLK_TCK'):.2f}"


def _parts(marks: Mapping[str, str]) -> tuple[str, str, str]:
    """Pid, start time and machine of an owner; "" for what it does not say."""
    pid, since, there, *_ = (*marks.get(OWNER, "").split("-"), "", "", "")
    return pid, since, there
