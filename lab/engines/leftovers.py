"""What a killed lab left behind: found by label (containers, volumes, processes) or in folders of our own (cgroups)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

import docker

from lab.engines.docker import pool
from lab.engines.docker.engine import connect
from lab.engines.docker.removal import remove_container, remove_volume
from lab.engines.process import leftovers as process_leftovers
from lab.errors import MissingError
from lab.host.labels import RUN, owner_lives

Thing = tuple[str, str, str, Mapping[str, str]]  # kind, name, identity, labels


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """One thing that carries the lab's label: ``kind`` is container, volume, process, folder or cgroup."""

    kind: str
    name: str
    identity: str

    def describe(self) -> dict[str, str]:
        """Plain values for --json."""
        return asdict(self)


def reach_docker() -> tuple[docker.DockerClient | None, str]:
    """A client, or why there is none: plain processes are left behind on machines without Docker too."""
    try:
        return connect(), ""
    except MissingError as error:
        return None, str(error)


def find_leftovers(*, include_owned: bool = False, client: docker.DockerClient | None) -> list[Leftover]:
    """Everything labelled, without what belongs to a lab that still runs. Without a client no containers."""
    things = [*(_of_docker(client) if client else ()), *process_leftovers.things()]
    owned = [thing for thing in things if not include_owned and owner_lives(thing[3])]
    living_runs = {marks[RUN] for _, _, _, marks in owned}
    found = [
        Leftover(kind=kind, name=name, identity=identity)
        for kind, name, identity, marks in things
        if marks[RUN] not in living_runs
    ]
    found += [
        Leftover(kind="cgroup", name=name, identity=name)
        for name in pool.leftovers()
        if not any(name.startswith(run) for run in living_runs)
    ]
    return found


def _of_docker(client: docker.DockerClient) -> Iterator[Thing]:
    selection = {"label": RUN}
    for container in client.containers.list(all=True, filters=selection, ignore_removed=True):
        yield "container", container.name, container.id, container.labels
    for volume in client.volumes.list(filters=selection):
        yield "volume", volume.name, volume.id, volume.attrs.get("Labels") or {}


def remove_leftovers(found: Sequence[Leftover], client: docker.DockerClient | None) -> None:
    """What runs first: containers, in parallel, and processes; then volumes, folders and cgroups.

    Raises DeploymentError when a process cannot be ended.
    """
    if client:
        with ThreadPoolExecutor(16) as threads:
            list(threads.map(lambda identity: remove_container(client, identity), _identities(found, "container")))
        for identity in _identities(found, "volume"):
            remove_volume(client, identity)
    process_leftovers.remove(_identities(found, "process"), _identities(found, "folder"))
    for identity in _identities(found, "cgroup"):
        pool.remove(identity)


def _identities(found: Iterable[Leftover], kind: str) -> list[str]:
    return [item.identity for item in found if item.kind == kind]
