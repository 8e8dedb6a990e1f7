"""The app's start-up steps as events of a trial, and what one restart adds to them (METHOD 12)."""

import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from lab.engines import Deployment
from lab.plan.kinds import Role, ServiceKind
from lab.record.reading import read_tables
from lab.record.schema import RESTART, STEP_BEGIN, STEP_END
from lab.record.types import Event, ServiceRecord


def restart_one(deployment: Deployment, staging: Path, epoch_s: float) -> Event:
    """Let one serving process be replaced as its model does it, and wait until all of them answer again.

    Where a supervisor looks after several, one of them is ended and the supervisor starts another; a process that has a
    container to itself is started again with it. ``staging``: where the sampler wrote who was what. ``epoch_s``: the
    trial's start. Raises DeploymentError when not all processes answer afterwards.
    """
    service = next(each for each in deployment.services if each.kind == ServiceKind.APP)
    pid = supervised_worker(read_tables(staging).processes, service)
    event = Event(t_s=time.time() - epoch_s, kind=RESTART, service=service.name, pid=pid)
    deployment.restart(service.name, pid)
    return event


def supervised_worker(processes: pl.DataFrame, service: ServiceRecord) -> int:
    """The pid of a worker that was last seen under a supervisor of the service; 0 where there is no supervisor."""
    own = processes.filter(pl.col("service") == service.name)
    last = own.group_by("pid", "started_s").agg(pl.col("t_s").max(), pl.col("role").last()).sort("t_s", "pid")
    pids = {role: last.filter(pl.col("role") == role)["pid"].to_list() for role in (Role.SUPERVISOR, Role.WORKER)}
    return int(pids[Role.WORKER][-1]) if pids[Role.SUPERVISOR] and pids[Role.WORKER] else 0


def step_events(deployment: Deployment, epoch_s: float) -> Iterator[Event]:
    """What the app told of its steps so far, as instants of the trial that began at ``epoch_s``."""
    for mark in deployment.steps():
        kind = STEP_BEGIN if mark.begins else STEP_END
        yield Event(t_s=mark.epoch_s - epoch_s, kind=kind, service=mark.service, detail=mark.name)
