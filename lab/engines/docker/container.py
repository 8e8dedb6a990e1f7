"""From a Service to the arguments of one container: pure, so that a test can read what Docker will be asked for."""

import io
import tarfile
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any

from docker.types import EndpointConfig, LogConfig, Mount

from lab.host.labels import RUN, SERVICE, TRIAL
from lab.plan.topology import SCRATCH, ConfigFile, Service, Topology, ids_of
from lab.scenario.budget import Limits
from lab.scenario.container import Volume
from lab.scenario.nodes import Node

API_VERSION = "1.22"  # the first with networks: the words for them are the same ever since
PIDS_LIMIT = 4096
LOG_SIZE = "10m"
TMPFS = "rw,nosuid,nodev,size=256m"
Published = Mapping[str, tuple[str, int]]
NOWHERE: Published = MappingProxyType({})
NO_HEALTHCHECK = {"test": ["NONE"]}  # it would take CPU in the arm, and its processes are none of the app's


def creation(
    service: Service,
    image_id: str,
    marks: Mapping[str, str],
    parent: str,
    restart: str,
    network: str = "",
    published: Published = NOWHERE,
) -> dict[str, Any]:
    """Keyword arguments for ``client.containers.create``; ``network``: that of the trial, "" for the host's.

    Nothing is published where load is on the same machine: a port published on localhost runs through docker-proxy and
    halves throughput (FIELD 1). ``published``: its port → address and port of the machine, for load from another one.
    """
    mounts = [
        Mount(target=directory, source=volume_name(marks), type="volume") for directory in directories(service.files)
    ]
    return {
        "image": image_id,
        "name": container_name(marks),
        "command": list(service.argv) or None,
        "entrypoint": None if service.entrypoint is None else list(service.entrypoint),
        "environment": dict(service.env),
        "labels": dict(marks),
        "user": service.user or None,
        **attachment(network, service.host),
        "ports": dict(published),
        "cap_drop": ["ALL"],
        "cap_add": list(service.capabilities),
        "security_opt": ["no-new-privileges:true"],
        "read_only": service.read_only,
        "tmpfs": {SCRATCH: TMPFS, **{volume.path: tmpfs(volume) for volume in service.volumes}},
        "healthcheck": None if service.healthcheck else NO_HEALTHCHECK,
        "mounts": mounts,
        "pids_limit": PIDS_LIMIT,
        "log_config": LogConfig(type=LogConfig.types.JSON, config={"max-size": LOG_SIZE, "max-file": "1"}),
        "restart_policy": {"Name": restart} if restart != "no" else None,
        "cgroup_parent": parent or None,
        **budget(service.limits),
    }


def budget(limits: Limits) -> dict[str, Any]:
    """The arguments that hold a container to its part of the budget; swap would be memory beyond it."""
    told: dict[str, Any] = {
        "cpuset_cpus": limits.cpuset or None,
        "nano_cpus": None if limits.cpus is None else round(limits.cpus * 1e9),
    }
    if limits.memory_bytes is None:
        return told
    return {**told, "mem_limit": limits.memory_bytes, "memswap_limit": limits.memory_bytes}


def attachment(network: str, name: str = "") -> dict[str, Any]:
    """The arguments that join a network, in which others find the container as ``name``; "" is the host's."""
    if not network:
        return {"network_mode": "host"}
    return {"network": network, "networking_config": {network: EndpointConfig(API_VERSION, aliases=[name])}}


def entrance(topology: Topology, service: Service, arms: Node) -> Published:
    """What a service publishes on the node of the arms, on its address alone: where clients connect."""
    if topology.entry.address not in (endpoint.address for endpoint in service.endpoints):
        return NOWHERE
    return {f"{topology.entry.port}/tcp": (str(ip_address(arms.address)), arms.port)}


def tmpfs(volume: Volume) -> str:
    """The mount options of a folder in memory; programs in it may run, as in any volume of Docker."""
    owner = f"uid={volume.uid},gid={volume.gid}"
    return f"rw,exec,nosuid,nodev,size={volume.size},mode={volume.mode},{owner}"


def container_name(marks: Mapping[str, str]) -> str:
    """A name that people recognise in ``docker ps``; the labels, not the name, say what is ours."""
    return f"lab-{marks[RUN]}-{marks[TRIAL]}-{marks[SERVICE]}"


def volume_name(marks: Mapping[str, str]) -> str:
    """The volume that carries a service's configuration files: a read-only root takes no ``put_archive``."""
    return f"{container_name(marks)}-files"


def owner_of(user: str) -> tuple[int, int]:
    """User and group that own the files of a container that runs as ``user``, where these are numbers; else root.

    Names are known to the image alone: what is given to them is for all to read.
    """
    uid, gid = ids_of(user)
    return uid or 0, gid or 0


def archive(files: Sequence[ConfigFile], user: str = "") -> list[tuple[str, bytes]]:
    """(directory, tar bytes) for each folder of configuration files, which belong to ``owner_of(user)``."""
    owner = owner_of(user)
    archives = []
    for directory in directories(files):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for file in files:
                if _directory(file) == directory:
                    entry = tarfile.TarInfo(PurePosixPath(file.path).name)
                    entry.size, entry.mode = len(file.content), file.mode
                    entry.uid, entry.gid = owner
                    tar.addfile(entry, io.BytesIO(file.content))
        archives.append((directory, buffer.getvalue()))
    return archives


def _directory(file: ConfigFile) -> str:
    return str(PurePosixPath(file.path).parent)


def directories(files: Sequence[ConfigFile]) -> list[str]:
    """The folders that hold the files, each once."""
    return list(dict.fromkeys(map(_directory, files)))
