"""The checks of `lab doctor`: each check is one function that gives one finding."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import docker

from lab.engines.docker.engine import connect, describe
from lab.engines.docker.rights import may_trace
from lab.engines.images.images import PLAN_TIMEOUT_S, ImagePlan, Way, plan_base
from lab.engines.images.prepare import TAKE_BASE, fixed_base, plan_named
from lab.engines.kinds import ENGINE_KINDS, surely_plain
from lab.engines.leftovers import find_leftovers
from lab.engines.process.programs import find_program
from lab.errors import MissingError
from lab.host.ports import free_ports
from lab.scenario.choices import AUTO, image_sources
from lab.scenario.images import ImageSource
from lab.scenario.kinds import FRONTS
from lab.scenario.model import Scenario
from lab.units import GIB, count_of, format_bytes

BRING = "bring it here with `docker pull {name}` or `docker load`"
FIXED = f"the app's Dockerfile fixes FROM, so nothing may stand in for it: {TAKE_BASE}, or "
ROOM_WANTED_BYTES = 2 * GIB  # two base images, the app's image and a long run
BUSY = 0.5  # load average for each core above which a measurement would be disturbed
NEAR_RANGE = (20000, 29999)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: ``state`` is ok, note (works, but know this) or missing (a run cannot start)."""

    subject: str
    state: str
    sentence: str


def examine(engine: str = AUTO) -> list[Finding]:
    """Every finding for runs on this engine, the engine's own last; ``auto`` falls back as a run does."""
    findings = [_python(), _cores(), _room(), _ports()]
    if surely_plain(engine):
        return [*findings, *_plain_processes()]
    try:
        client = connect()
    except MissingError as error:
        if engine != AUTO:
            return [*findings, Finding("docker", "missing", f"{error}; {error.hint}")]
        other = next(name for name, kind in ENGINE_KINDS.items() if kind.automatic and not kind.contained)
        instead = f"{error}; runs take engine {other} instead: plain processes, without containers"
        return [*findings, Finding("docker", "note", instead), *_plain_processes()]
    return [*findings, _rights(), *_engine(client)]


def _python() -> Finding:
    version = sys.version.split()[0]
    return Finding("python", "ok", f"{version} at {sys.executable}")


def _cores() -> Finding:
    cores, load = os.cpu_count() or 1, os.getloadavg()[0]
    busy = load > BUSY * cores
    sentence = f"{count_of(cores, 'core')}, load average {load:.2f}"
    told = "; something else is running, measurements would be disturbed" if busy else ""
    return Finding("quiet machine", "note" if busy else "ok", sentence + told)


def _room() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free
    enough = free >= ROOM_WANTED_BYTES
    wanted = "" if enough else f"; {format_bytes(ROOM_WANTED_BYTES)} are wanted"
    return Finding("disk", "ok" if enough else "note", f"{format_bytes(free)} free{wanted}")


def _rights() -> Finding:
    if may_trace():
        return Finding("rights", "ok", "memory (PSS) of every process can be read")
    return Finding(
        "rights",
        "note",
        "an ordinary user: memory (PSS) of containers is read through a small agent container, which is "
        "built on first need; pooled budgets need root",
    )


def _ports() -> Finding:
    try:
        free_ports(17, NEAR_RANGE, seed=0)
    except MissingError as error:
        return Finding("ports", "note", str(error))
    return Finding("ports", "ok", "{}-{} on 127.0.0.1".format(*NEAR_RANGE))


def _engine(client: docker.DockerClient) -> Iterator[Finding]:
    facts = describe(client)
    yield Finding(
        "docker",
        "ok",
        f"{facts.docker} (API {facts.docker_api}), storage {facts.storage_driver}, "
        f"cgroup v{facts.cgroup_version} with {facts.cgroup_driver}",
    )
    if facts.storage_driver != "overlay2":
        told = f"{facts.storage_driver}: containers may share fewer file pages than with overlay2"
        yield Finding("storage driver", "note", told)
    yield from _images(client)
    yield _leftovers(client)
    others = [c.name for c in client.containers.list(ignore_removed=True) if "lab.run" not in c.labels]
    told = f"running: {', '.join(others[:5])}; they share the machine with a measurement" if others else "none"
    yield Finding("other containers", "note" if others else "ok", told)


def _leftovers(client: docker.DockerClient | None) -> Finding:
    left = find_leftovers(client=client)
    told = f"{len(left)} of earlier runs; `lab clean` removes them" if left else "none"
    return Finding("leftovers", "note" if left else "ok", told)


def _plain_processes() -> Iterator[Finding]:
    """A front that is not here is only missed by scenarios that choose it, as long as there is another."""
    found = [_program(front.image) for front in FRONTS.values() if front.image is not None]
    some = any(finding.state == "ok" for finding in found)
    yield from (replace(finding, state="note") if some and finding.state == "missing" else finding for finding in found)
    yield _leftovers(None)


def _program(image: ImageSource) -> Finding:
    try:
        return Finding(image.key, "ok", find_program(image).name)
    except MissingError as error:
        return Finding(image.key, "missing", f"{error}; {error.hint}")


def examine_images(scenario: Scenario) -> Iterator[Finding]:
    """Every image that the app's Dockerfile names, or that the app or an arm is; nothing where no Docker answers."""
    try:
        client = connect()
    except MissingError:
        return  # which was told
    with closing(client):
        fixed = fixed_base(scenario.app)
        yield from (_named(plan, fixed) for plan in plan_named(client, scenario))


def _named(plan: ImagePlan, fixed: str) -> Finding:
    if plan.way is not Way.MISSING:
        return Finding(f"image {plan.name}", "ok", plan.detail)
    advice = ((FIXED if plan.name == fixed else "") + BRING).format(name=plan.name)
    return Finding(f"image {plan.name}", "missing", f"cannot be had: {plan.detail}; {advice}")


def _images(client: docker.DockerClient) -> Iterator[Finding]:
    for image in image_sources().values():
        name = image.reference
        plan = plan_base(client, image, name, PLAN_TIMEOUT_S)
        missing = plan.way is Way.MISSING
        sentence = f"cannot be had: {plan.detail}" if missing else f"{plan.way.value} as {plan.name}: {plan.detail}"
        yield Finding(f"image {name}", "missing" if missing else "ok", sentence)
