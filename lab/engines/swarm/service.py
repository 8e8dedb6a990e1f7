"""From a Service to what a Swarm is asked for: pure, so that a test can read it."""

import hashlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from lab.engines.docker.container import LOG_SIZE, NO_HEALTHCHECK, PIDS_LIMIT, owner_of
from lab.host.labels import RUN, SERVICE, TRIAL
from lab.plan.swarm_text import swarm_literal
from lab.plan.topology import SCRATCH, ConfigFile, Service
from lab.scenario.drills import Update
from lab.units import MIB

SCRATCH_BYTES = 256 * MIB
SCRATCH_MODE = 0o1777
MAX_NAME = 63  # of a label in the domain name system, which a service's name is
GRACE_NS = 10 * 10**9  # Docker's own, said because each version of it may have another one
Asked = dict[str, Any]
Held = tuple[ConfigFile, str, str]  # a file, the id and the name of the config or secret that holds it
NOTHING: Mapping[str, str] = MappingProxyType({})


def service_name(marks: Mapping[str, str]) -> str:
    """A name that nothing else in the Swarm has: run and trial as a digest, for it must be short."""
    digest = hashlib.sha256(f"{marks[RUN]}/{marks[TRIAL]}".encode()).hexdigest()[:12]
    return f"lab-{digest}-{marks[SERVICE]}"[:MAX_NAME]


def file_name(marks: Mapping[str, str], number: int) -> str:
    """The name of the config or secret that a file of a service becomes."""
    return f"{service_name(marks)[: MAX_NAME - 4]}-{number}"


def task_template(
    service: Service,
    image_id: str,
    marks: Mapping[str, str],
    *,
    network_id: str,
    node_id: str,
    files: Sequence[Held],
    volumes: Mapping[str, str] = NOTHING,
) -> Asked:
    """The task of a service on a node. ``volumes``: folder → volume of the node that is there already.

    It ends for good when its container does: what a trial is to show would be gone with it.
    """
    return {
        "ContainerSpec": _container(service, image_id, marks, files, volumes),
        "Resources": {"Limits": _limits(service)},
        "RestartPolicy": {"Condition": "none"},
        "Placement": {"Constraints": [f"node.id=={node_id}"]},
        "Networks": [{"Target": network_id, "Aliases": [service.host]}],
        "LogDriver": {"Name": "json-file", "Options": {"max-size": LOG_SIZE, "max-file": "1"}},
    }


def mode_of(service: Service) -> Asked:
    """One task; of a job, and of a sidecar that must end well, a task that is complete then."""
    if service.ends:
        return {"ReplicatedJob": {"MaxConcurrent": 1, "TotalCompletions": 1}}
    return {"Replicated": {"Replicas": 1}}


def _container(
    service: Service,
    image_id: str,
    marks: Mapping[str, str],
    files: Sequence[Held],
    volumes: Mapping[str, str],
) -> Asked:
    asked: Asked = {
        "Image": image_id,
        "Labels": dict(marks),
        **invocation(service),
        "Env": [f"{name}={swarm_literal(value)}" for name, value in service.env],
        "ReadOnly": service.read_only,
        "CapabilityDrop": ["ALL"],
        "CapabilityAdd": [f"CAP_{name}" for name in service.capabilities],
        "Mounts": [
            _tmpfs(SCRATCH, SCRATCH_BYTES, SCRATCH_MODE),
            *map(_volume, service.volumes),
            *({"Type": "volume", "Source": name, "Target": folder} for folder, name in volumes.items()),
        ],
        "StopGracePeriod": GRACE_NS,
        **_files({}, files, service.user),
    }
    if service.user:
        asked["User"] = service.user
    if not service.healthcheck:
        asked["Healthcheck"] = {"Test": NO_HEALTHCHECK["test"]}
    return asked


def invocation(service: Service) -> Asked:
    """What a container starts. A Swarm keeps the image's entrypoint unless it is given words in its place."""
    entrypoint, command = service.program
    return {**({} if entrypoint is None else {"Command": list(entrypoint)}), "Args": list(command)}


def _limits(service: Service) -> Asked:
    limits: Asked = {"Pids": PIDS_LIMIT}
    if service.limits.cpus is not None:
        limits["NanoCPUs"] = round(service.limits.cpus * 1e9)
    if service.limits.memory_bytes is not None:
        limits["MemoryBytes"] = service.limits.memory_bytes
    return limits


def _volume(volume: Any) -> Asked:
    return _tmpfs(volume.path, volume.size, int(volume.mode, 8))


def _tmpfs(path: str, size: int, mode: int) -> Asked:
    return {"Type": "tmpfs", "Target": swarm_literal(path), "TmpfsOptions": {"SizeBytes": size, "Mode": mode}}


def _files(container: Asked, files: Sequence[Held], user: str) -> Asked:
    """Those of a container, with these in the place of what it had at the same paths: configs and secrets stay."""
    paths, found = {file.path for file, _, _ in files}, Asked()
    for kind, recorded in (("Config", True), ("Secret", False)):
        kept = [each for each in container.get(f"{kind}s") or () if each["File"]["Name"] not in paths]
        found[f"{kind}s"] = [*kept, *(_file(kind, *each, user) for each in files if each[0].recorded is recorded)]
    return found


def _file(kind: str, file: ConfigFile, identity: str, name: str, user: str) -> Asked:
    owner, group = map(str, owner_of(user))
    target = {"Name": file.path, "UID": owner, "GID": group, "Mode": file.mode}
    return {"File": target, f"{kind}ID": identity, f"{kind}Name": name}


def settings(how: Update) -> tuple[Asked, Asked]:
    """The update of a service, which has one task, and its rollback: by the same settings, and paused if it fails."""
    asked = {
        "Parallelism": 1,
        "Delay": 0,
        "Order": how.order,
        "Monitor": round(how.monitor * 1e9),
        "MaxFailureRatio": 0.0,
        "FailureAction": how.failure,
    }
    return asked, {**asked, "FailureAction": "pause"}


def renewed(
    template: Asked, image_id: str, constraints: Sequence[str] = (), files: Sequence[Held] = (), user: str = ""
) -> Asked:
    """The task of a service that is to be replaced, though nothing of it but perhaps its image is another.

    ``constraints``: on its place, instead of those that it had; ``files`` likewise, for its ``user``.
    """
    given = template["ContainerSpec"]
    container = {**given, "Image": image_id, **(_files(given, files, user) if files else {})}
    place = {"Constraints": list(constraints)} if constraints else template["Placement"]
    forced = int(template.get("ForceUpdate") or 0) + 1
    return {**template, "ContainerSpec": container, "Placement": place, "ForceUpdate": forced}
