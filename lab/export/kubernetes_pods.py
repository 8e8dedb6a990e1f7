"""The pods of a Kubernetes export: containers, their probes, resources, rights and folders."""

import math
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

from lab.export.compose_parts import certificate_files, configs, digest, mebibytes, name_of
from lab.export.deployment import TLS_FILES, Deployment
from lab.export.tokens import secret_in
from lab.export.yaml_text import kept
from lab.plan.certificate import CERTIFICATE, FOR_ALL, KEY
from lab.plan.kinds import ServiceKind
from lab.plan.models.model import GRACEFUL_SHUTDOWN_S
from lab.plan.topology import SCRATCH, Service
from lab.scenario.beside import Ready

PRE_STOP_S = 5  # until no Service leads to a pod that is to end
GRACE_S = PRE_STOP_S + GRACEFUL_SHUTDOWN_S + 7  # above both, or the app's own shutdown is cut
SCRATCH_SIZE = "256Mi"
PROBE_EVERY_S = 2
LIVE_EVERY_S, LIVE_FAILURES = 10, 6  # a minute of silence: a busy app must not be killed for being busy
SECRETS, TLS = "secrets", "tls"  # names of the Secrets that a person makes
FOR_GROUP = 0o440
LOW_PORTS = 1024  # below, a kernel wants a right for each


def pod(deployment: Deployment, service: Service, name: str, before: Iterable[Service] = ()) -> dict[str, Any]:
    """The pod of a container called ``name``; ``before``: jobs that run in it first, one after the other."""
    user, group = service.ids
    initial = list(before)
    return kept(
        {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,  # variables such as APP_PORT would be taken for the app's own
            "terminationGracePeriodSeconds": GRACE_S,
            "securityContext": kept({"fsGroup": group if group is not None else user, "sysctls": _sysctls(service)}),
            "initContainers": [container(deployment, job, job_name(deployment, job)) for job in initial],
            "containers": [container(deployment, service, name)],
            "volumes": _volumes(service, *initial),
        }
    )


def marks(service: Service) -> dict[str, Any]:
    """Annotations of a pod: a file that is mounted by itself is never made anew, so another one takes another pod."""
    texts = [file.text for file in configs(service)]
    return {"annotations": {"process-model-lab/files": digest(*texts)}} if texts else {}


def _sysctls(service: Service) -> list[dict[str, str]]:
    """As Docker has it in its own networks: else without capabilities not even root may listen on a low port.

    On which ports a sidecar listens nobody has said.
    """
    low = service.kind is ServiceKind.SIDECAR or any(port < LOW_PORTS for port in service.ports)
    return [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}] if low else []


def container(deployment: Deployment, service: Service, name: str) -> dict[str, Any]:
    """One container; only what serves has ports, probes and a pause before it ends."""
    serves = bool(service.ports)
    entrypoint, command = service.program
    port = [{"name": "clients", "containerPort": service.ports[0]}] if serves else []
    return kept(
        {
            "name": name,
            "image": image_of(deployment, service),
            "command": list(map(_literal, entrypoint or ())),
            "args": list(map(_literal, command)),
            "env": [_variable(variable, text) for variable, text in service.env],
            "ports": port,
            "resources": resources(deployment, service),
            **_probes(deployment, service),
            "lifecycle": {"preStop": {"sleep": {"seconds": PRE_STOP_S}}} if serves else None,
            "securityContext": _rights(service),
            "volumeMounts": list(_mounts(service)),
        }
    )


def image_of(deployment: Deployment, service: Service) -> str:
    """The name that kustomization.yaml replaces: ``"app"``, ``"nginx"``, ``"db"``."""
    return deployment.image_value(service).removesuffix("_IMAGE").lower().replace("_", "-")


def job_name(deployment: Deployment, service: Service) -> str:
    """The name of the job that a container is a run of."""
    return next(job.name for job in deployment.jobs if job.service is service)


def resources(deployment: Deployment, service: Service) -> dict[str, Any]:
    """Requests: what was measured; limits: as for every target."""
    need, limit, cpus = deployment.need(service), deployment.memory_limit(service), service.limits.cpus
    memory = need.memory_bytes and min(need.memory_bytes, limit or need.memory_bytes)
    cores = need.cores and min(need.cores, cpus or need.cores)
    requests = {
        "cpu": cores and f"{math.ceil(cores * 100) * 10}m",
        "memory": memory and f"{mebibytes(memory)}Mi",
    }
    limits = {
        "cpu": cpus and f"{math.ceil(cpus * 1000)}m",
        "memory": limit and f"{mebibytes(limit)}Mi",
    }
    return kept({"requests": kept(requests), "limits": kept(limits)})


def secret_headers(deployment: Deployment) -> bool:
    """Whether a header of the probes is a secret, which no probe of Kubernetes can be given."""
    return any(map(secret_in, deployment.topology.probe_headers.values()))


def _probes(deployment: Deployment, service: Service) -> dict[str, Any]:
    if service.kind is ServiceKind.SIDECAR:
        found = _of_sidecar(service.ready)
        return {"readinessProbe": {**found, "periodSeconds": PROBE_EVERY_S}} if found else {}
    if service.kind is ServiceKind.PROXY:
        return {"readinessProbe": {"tcpSocket": {"port": "clients"}, "periodSeconds": PROBE_EVERY_S}}
    if service.kind is not ServiceKind.APP:
        return {}
    asked = _of_app(deployment)
    tries = max(1, math.ceil(deployment.topology.ready_timeout_s / PROBE_EVERY_S))
    return {
        "startupProbe": {**asked, "periodSeconds": PROBE_EVERY_S, "failureThreshold": tries},
        "readinessProbe": {**asked, "periodSeconds": PROBE_EVERY_S, "timeoutSeconds": PROBE_EVERY_S},
        "livenessProbe": {
            **asked,
            "periodSeconds": LIVE_EVERY_S,
            "timeoutSeconds": LIVE_EVERY_S,
            "failureThreshold": LIVE_FAILURES,
        },
    }


def _of_app(deployment: Deployment) -> dict[str, Any]:
    topology = deployment.topology
    if secret_headers(deployment):
        return {"tcpSocket": {"port": "clients"}}
    asked = {
        "path": topology.ready_path,
        "port": "clients",
        "scheme": "HTTPS" if deployment.arm.tls_in_app else None,
        "httpHeaders": [{"name": name, "value": text} for name, text in topology.probe_headers.items()],
    }
    return {"httpGet": kept(asked)}


def _of_sidecar(ready: Ready) -> dict[str, Any]:
    if ready.kind == "exec":
        return {"exec": {"command": list(ready.command)}}
    if ready.kind == "http":
        return {"httpGet": {"path": ready.path, "port": ready.port}}
    return {"tcpSocket": {"port": ready.port}} if ready.kind == "tcp" else {}


def _variable(name: str, text: str) -> dict[str, Any]:
    if secret := secret_in(text):
        return {"name": name, "valueFrom": {"secretKeyRef": {"name": SECRETS, "key": secret}}}
    return {"name": name, "value": _literal(text)}


def _literal(text: str) -> str:
    """The text as it is: Kubernetes replaces ``$(NAME)`` in it, and writes ``$$`` as ``$``."""
    return text.replace("$", "$$") if "$(" in text or "$$" in text else text


def _rights(service: Service) -> dict[str, Any]:
    user, group = service.ids
    rights = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": service.read_only or None,
        "runAsUser": user,
        "runAsGroup": group,
        "capabilities": kept({"drop": ["ALL"], "add": list(service.capabilities)}),
    }
    return kept(rights)


def _mounts(service: Service) -> Iterable[dict[str, Any]]:
    yield {"name": "scratch", "mountPath": SCRATCH}
    for number, volume in enumerate(service.volumes, 1):
        yield {"name": _folder(service, number), "mountPath": volume.path}
    for file in configs(service):
        yield {"name": "files", "mountPath": file.path, "subPath": name_of(file), "readOnly": True}
    if certificate_files(service):
        yield {"name": TLS, "mountPath": str(PurePosixPath(CERTIFICATE).parent), "readOnly": True}


def _folder(service: Service, number: int) -> str:
    """A job in the app's image has the same folders, each its own."""
    return f"{'job' if service.kind is ServiceKind.JOB else 'folder'}-{number}"


def _volumes(service: Service, *initial: Service) -> list[dict[str, Any]]:
    volumes: dict[str, dict[str, Any]] = {"scratch": _in_memory(SCRATCH_SIZE)}
    for one in (service, *initial):
        for number, volume in enumerate(one.volumes, 1):
            volumes[_folder(one, number)] = _in_memory(str(volume.size))
    if configs(service):
        volumes["files"] = {"configMap": {"name": f"{service.name}-files"}}
    if certificate_files(service):
        names = {CERTIFICATE: "tls.crt", KEY: "tls.key"}
        items = [{"key": names[path], "path": PurePosixPath(path).name} for path in TLS_FILES]
        mode = FOR_ALL if service.ids == (None, None) else FOR_GROUP  # the pod's group is only known with the user
        volumes[TLS] = {"secret": {"secretName": TLS, "defaultMode": mode, "items": items}}
    return [{"name": name, **source} for name, source in volumes.items()]


def _in_memory(size: str) -> dict[str, Any]:
    return {"emptyDir": {"medium": "Memory", "sizeLimit": size}}
