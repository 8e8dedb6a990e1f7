"""What a killed lab left behind: found by label (containers, volumes) or by our own parent folder (cgroups)."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

import docker

from lab.engines import pool
from lab.engines.docker import connect, remove_container
from lab.engines.labels import RUN, owner_lives


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """One thing that carries the lab's label: ``kind`` is container, volume or cgroup."""

    kind: str
    name: str
    identity: str

    def describe(self) -> dict[str, str]:
        """Plain values for --json."""
        return asdict(self)


def find_leftovers(*, include_owned: bool = False, client: docker.DockerClient | None = None) -> list[Leftover]:
    """Everything labelled, without what belongs to a lab that still runs. Raises MissingError without an engine."""
    client = client or connect()
    selection = {"label": RUN}
    things = [
        ("container", container.name, container.id, container.labels)
        for container in client.containers.list(all=True, filters=selection, ignore_removed=True)
    ]
    things += [
        ("volume", volume.name, volume.id, volume.attrs.get("Labels") or {})
        for volume in client.volumes.list(filters=selection)
    ]
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


def remove_leftovers(found: Sequence[Leftover], client: docker.DockerClient | None = None) -> None:
    """Containers first, in parallel; then their volumes and cgroups."""
    client = client or connect()
    with ThreadPoolExecutor(16) as threads:
        containers = [item for item in found if item.kind == "container"]
        list(threads.map(lambda item: remove_container(client, item.identity), containers))
    for item in found:
        if item.kind == "volume":
            client.volumes.get(item.identity).remove()
        elif item.kind == "cgroup":
            pool.remove(item.name)
