"""Leftovers of killed labs, for `lab clean`: all that carries its labels, cgroups, drafts, folders."""

import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import docker

from lab.engines.docker import pool
from lab.engines.docker.engine import connect
from lab.engines.docker.removal import SWARM, remove_container, remove_volume
from lab.engines.process import scratch as private
from lab.engines.swarm.draining import activate, drained
from lab.engines.swarm.removal import is_manager, remove_file, remove_service, remove_used_network
from lab.errors import MissingError
from lab.host.labels import RUN, foreign, owner_lives
from lab.host.lock import folder_is_free
from lab.host.places import abandoned, cache_folder

Thing = tuple[str, str, str, Mapping[str, str]]  # kind, name, identity, labels
ANONYMOUS = re.compile(r"[0-9a-f]{64}", re.ASCII)  # what Docker calls a volume that an image asks for
DRAFTS = (".*.part", "trials/.*.part")


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """One thing that carries the lab's label.

    ``kind`` is service, container, volume, network, config, secret, process, folder or cgroup, or drain: of a node of a
    Swarm, which runs tasks again when it is taken away. ``node``: the machine of a scenario that has it, "" for this.
    """

    kind: str
    name: str
    identity: str
    node: str = ""

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
    return _twice(lambda: _found(client, include_owned=include_owned))


def _twice(look: Callable[[], list[Leftover]]) -> list[Leftover]:
    """What is there at two looks: a lab that ends while its things are listed has removed them by then."""
    found = look()
    again = look() if found else []
    return [each for each in found if each in again]


def _found(client: docker.DockerClient | None, *, include_owned: bool) -> list[Leftover]:
    things = [*(_of_docker(client) if client else ()), *private.things()]
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


def count_foreign(client: docker.DockerClient) -> int:
    """How many things of an engine belong to labs on other machines: whether these still run, nobody here can tell."""
    return sum(foreign(marks) for _, _, _, marks in _of_docker(client))


def find_leftovers_of(client: docker.DockerClient, *, include_owned: bool = False) -> list[Leftover]:
    """Those of another machine's engine, without what a lab owns that still runs, or that another machine started."""
    return _twice(
        lambda: [
            Leftover(kind=kind, name=name, identity=identity)
            for kind, name, identity, marks in _of_docker(client)
            if include_owned or not owner_lives(marks)
        ]
    )


def _of_docker(client: docker.DockerClient) -> Iterator[Thing]:
    selection, manages = {"label": RUN}, is_manager(client)
    yield from _of_swarm(client) if manages else ()
    for container in client.containers.list(all=True, filters=selection, ignore_removed=True):
        yield "container", container.name, container.id, container.labels
        for mount in container.attrs["Mounts"]:  # no label says whose an anonymous volume is, only its container
            if mount["Type"] == "volume" and ANONYMOUS.fullmatch(mount["Name"]):
                yield "volume", mount["Name"], mount["Name"], container.labels
    for volume in client.volumes.list(filters=selection):
        yield "volume", volume.name, volume.id, volume.attrs.get("Labels") or {}
    for network in client.networks.list(filters=selection):
        if manages or network.attrs.get("Scope") != SWARM:  # those of a Swarm are removed by a manager
            yield "network", network.name, network.id, network.attrs.get("Labels") or {}


def _of_swarm(client: docker.DockerClient) -> Iterator[Thing]:
    for kind, listed in (("service", client.services), ("config", client.configs), ("secret", client.secrets)):
        for each in listed.list(filters={"label": RUN}):
            yield kind, each.name, each.id, each.attrs["Spec"].get("Labels") or {}
    for name, identity, marks in drained(client):
        yield "drain", name, identity, marks


def remove_leftovers(found: Sequence[Leftover], client: docker.DockerClient | None) -> None:
    """Remove what runs first (containers, in parallel, and processes), then volumes, networks, folders and cgroups.

    Raises DeploymentError when a process cannot be ended.
    """
    if client:
        remove_leftovers_of(found, client)
    private.remove(_identities(found, "process"), _identities(found, "folder"))
    for identity in _identities(found, "cgroup"):
        pool.remove(identity)


def remove_leftovers_of(found: Sequence[Leftover], client: docker.DockerClient) -> None:
    """Remove what an engine holds; of a Swarm the services first, for they start their tasks again."""
    for identity in _identities(found, "service"):
        remove_service(client, identity)
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda identity: remove_container(client, identity), _identities(found, "container")))
    for identity in _identities(found, "drain"):
        activate(client, identity)
    for identity in _identities(found, "volume"):
        remove_volume(client, identity)
    for identity in _identities(found, "network"):
        remove_used_network(client, identity)
    for kind in ("config", "secret"):
        for identity in _identities(found, kind):
            remove_file(client, kind, identity)


def _identities(found: Iterable[Leftover], kind: str) -> list[str]:
    return [item.identity for item in found if item.kind == kind]


def find_leftover_files(out: Path) -> list[Leftover]:
    """Those of the run folders below ``out`` that no lab writes now, and of this machine."""
    return [
        Leftover(kind="folder" if path.is_dir() else "file", name=str(path), identity=str(path))
        for path in (*_drafts(out), *_scratch())
    ]


def remove_leftover_files(found: Sequence[Leftover]) -> None:
    """Remove them; that one is gone already is fine."""
    for path in [Path(item.identity) for item in found]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _drafts(out: Path) -> Iterator[Path]:
    for info in sorted(out.glob("*/run.json")):
        if folder_is_free(info.parent):
            for pattern in DRAFTS:
                yield from sorted(info.parent.glob(pattern))


def _scratch() -> Iterator[Path]:
    yield from abandoned()
    for cache in sorted(cache_folder().glob("*/")):
        yield from abandoned(cache)
