"""What `lab doctor` looks at: each check is one function that gives one finding."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import docker

from lab.engines.bases import NGINX, PYTHON
from lab.engines.docker import connect, describe
from lab.engines.images import PLAN_TIMEOUT_S, Way, plan_base
from lab.engines.leftovers import find_leftovers
from lab.engines.ports import free_ports
from lab.errors import MissingError
from lab.scenario import Images
from lab.units import GIB, format_bytes

ROOM_WANTED_BYTES = 2 * GIB  # two base images, the app's image and a long run
BUSY = 0.5  # load average for each core above which a measurement would be disturbed
NEAR_RANGE = (20000, 29999)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at: ``state`` is ok, note (works, but know this) or missing (a run cannot start)."""

    subject: str
    state: str
    sentence: str


def examine() -> list[Finding]:
    """Every finding, the engine's last: they need one that answers."""
    findings = [_python(), _cores(), _room(), _rights(), _ports()]
    try:
        client = connect()
    except MissingError as error:
        return [*findings, Finding(subject="docker", state="missing", sentence=f"{error}; {error.hint}")]
    return findings + list(_engine(client))


def _python() -> Finding:
    version = sys.version.split()[0]
    return Finding(subject="python", state="ok", sentence=f"{version} at {sys.executable}")


def _cores() -> Finding:
    cores, load = os.cpu_count() or 1, os.getloadavg()[0]
    busy = load > BUSY * cores
    sentence = f"{cores} cores, load average {load:.2f}"
    return Finding(
        subject="quiet machine",
        state="note" if busy else "ok",
        sentence=sentence + ("; something else is running, measurements would be disturbed" if busy else ""),
    )


def _room() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free
    enough = free >= ROOM_WANTED_BYTES
    return Finding(
        subject="disk",
        state="ok" if enough else "note",
        sentence=f"{format_bytes(free)} free" + ("" if enough else f"; {format_bytes(ROOM_WANTED_BYTES)} are wanted"),
    )


def _rights() -> Finding:
    if os.geteuid() == 0:
        return Finding(subject="rights", state="ok", sentence="root: memory (PSS) of containers can be read")
    return Finding(
        subject="rights",
        state="missing",
        sentence="not root: PSS of the containers' processes cannot be read; run the lab as root",
    )


def _ports() -> Finding:
    try:
        free_ports(17, NEAR_RANGE, seed=0)
    except MissingError as error:
        return Finding(subject="ports", state="note", sentence=str(error))
    return Finding(subject="ports", state="ok", sentence="{}-{} on 127.0.0.1".format(*NEAR_RANGE))


def _engine(client: docker.DockerClient) -> Iterator[Finding]:
    facts = describe(client)
    yield Finding(
        subject="docker",
        state="ok",
        sentence=f"{facts['docker']} (API {facts['docker_api']}), storage {facts['storage_driver']}, "
        f"cgroup v{facts['cgroup_version']} with {facts['cgroup_driver']}",
    )
    if facts["storage_driver"] != "overlay2":
        yield Finding(
            subject="storage driver",
            state="note",
            sentence=f"{facts['storage_driver']}: containers may share fewer file pages than with overlay2",
        )
    yield from _images(client)
    left = find_leftovers(client=client)
    yield Finding(
        subject="leftovers",
        state="note" if left else "ok",
        sentence=f"{len(left)} of earlier runs; `lab clean` removes them" if left else "none",
    )
    others = [c.name for c in client.containers.list() if "lab.run" not in c.labels]
    yield Finding(
        subject="other containers",
        state="note" if others else "ok",
        sentence=f"running: {', '.join(others[:5])}; they share the machine with a measurement" if others else "none",
    )


def _images(client: docker.DockerClient) -> Iterator[Finding]:
    for base, name in ((PYTHON, Images().python), (NGINX, Images().nginx)):
        plan = plan_base(client, base, name, PLAN_TIMEOUT_S)
        missing = plan.way is Way.MISSING
        sentence = f"cannot be had: {plan.detail}" if missing else f"{plan.way.value} as {plan.name}: {plan.detail}"
        yield Finding(subject=f"image {name}", state="missing" if missing else "ok", sentence=sentence)
