"""The labels on everything the lab creates: how leftovers are found, and how others' things are left alone."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import psutil

RUN = "lab.run"
TRIAL = "lab.trial"
SERVICE = "lab.service"
OWNER = "lab.owner"


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
    """This process, so that another lab can tell whether it still lives: pid, start time and machine."""
    me = psutil.Process()
    return f"{me.pid}-{me.create_time():.2f}-{machine()}"


def foreign(marks: Mapping[str, str]) -> bool:
    """Tell whether a lab on another machine created something; labels of older labs name no machine."""
    _, _, there = _parts(marks)
    return there not in ("", machine())


def owner_lives(marks: Mapping[str, str]) -> bool:
    """Tell whether the lab that created something may still be running: on another machine it always may."""
    if foreign(marks):
        return True
    pid, started, _ = _parts(marks)
    if not pid.isdigit():
        return False
    try:
        return f"{psutil.Process(int(pid)).create_time():.2f}" == started
    except psutil.NoSuchProcess:
        return False


def _parts(marks: Mapping[str, str]) -> tuple[str, str, str]:
    """Pid, start time and machine of an owner; "" for what it does not say."""
    pid, started, there, *_ = (*marks.get(OWNER, "").split("-"), "", "", "")
    return pid, started, there
