"""The labels on everything the lab creates: how leftovers are found, and how others' things are left alone."""

from __future__ import annotations

from collections.abc import Mapping

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


def owner() -> str:
    """This process, so that another lab can tell whether it still lives: pid and start time."""
    me = psutil.Process()
    return f"{me.pid}-{me.create_time():.2f}"


def owner_lives(marks: Mapping[str, str]) -> bool:
    """Tell whether the lab that created something is still running (on this machine)."""
    pid, _, started = marks.get(OWNER, "").partition("-")
    if not pid.isdigit():
        return False
    try:
        return f"{psutil.Process(int(pid)).create_time():.2f}" == started
    except psutil.NoSuchProcess:
        return False
