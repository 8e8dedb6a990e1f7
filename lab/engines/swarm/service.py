"""From a Service to what a Swarm is asked for: pure, so that a test can read it."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from lab.engines.docker.container import LOG_SIZE, NO_HEALTHCHECK, PIDS_LIMIT
from lab.host.labels import RUN, SERVICE, TRIAL
from lab.plan.kinds import ServiceKind
from lab.plan.topology import SCRATCH, ConfigFile, Service
from lab.units import MIB

SCRATCH_BYTES = 256 * MIB
SCRATCH_MODE = 0o1777
MAX_NAME = 63  # of a label in the domain name system, which a service's name is
GRACE_NS = 10 * 10**9  # Docker's own, said because each version of it may have another one
Asked = dict[str, Any]


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
    files: Sequence[tuple[ConfigFile, str, str]],
) -> Asked:
    """The task of a service on a node; ``files``: each with the id and the name of the config or secret that holds it.

    It ends for good when its container does: what a trial is to show would be gone with it.
    """
    return {
        "ContainerSpec": _container(service, image_id, marks, files),
        "Resources": {"Limits": _limits(service)},
        "RestartPolicy": {"Condition": "none"},
        "Placement": {"Constraints": [f"node.id=={node_id}"]},
        "Networks": [{"Target": network_id, "Aliases": [service.host]}],
        "LogDriver": {"Name": "json-file", "Options": {"max-size": LOG_SIZE, "max-file": "1"}},
    }


def mode_of(service: Service) -> Asked:
    """One task; of a job, and of a sidecar that must end well, a task that is complete then."""
    if service.kind is ServiceKind.JOB or service.ready.kind == "exit":
        return {"ReplicatedJob": {"MaxConcurrent": 1, "TotalCompletions": 1}}
    return {"Replicated": {"Replicas": 1}}


def _container(
    service: Service, image_id: str, marks: Mapping[str, str], files: Sequence[tuple[ConfigFile, str, str]]
) -> Asked:
    asked: Asked = {
        "Image": image_id,
        "Labels": dict(marks),
        "Args": list(service.argv),
        "Env": [f"{name}={value}" for name, value in service.env],
        "ReadOnly": service.read_only,
        "CapabilityDrop": ["ALL"],
        "CapabilityAdd": [f"CAP_{name}" for name in service.capabilities],
        "Mounts": [_tmpfs(SCRATCH, SCRATCH_BYTES, SCRATCH_MODE), *map(_volume, service.volumes)],
        "Configs": [_file("Config", *each, service.user) for each in files if each[0].recorded],
        "Secrets": [_file("Secret", *each, service.user) for each in files if not each[0].recorded],
        "StopGracePeriod": GRACE_NS,
    }
    if service.entrypoint is not None:
        asked["Command"] = list(service.entrypoint)
    if service.user:
        asked["User"] = service.user
    if not service.healthcheck:
        asked["Healthcheck"] = {"Test": NO_HEALTHCHECK["test"]}
    return asked


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
    return {"Type": "tmpfs", "Target": path, "TmpfsOptions": {"SizeBytes": size, "Mode": mode}}


def _file(kind: str, file: ConfigFile, identity: str, name: str, user: str) -> Asked:
    owner, _, group = (user or "0:0").partition(":")
    target = {"Name": file.path, "UID": owner, "GID": group or owner, "Mode": file.mode}
    return {"File": target, f"{kind}ID": identity, f"{kind}Name": name}
