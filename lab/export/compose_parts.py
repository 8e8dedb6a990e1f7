"""The parts of a service that a Compose file and a Swarm stack have in common."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from lab.export.deployment import TLS_FILES, Deployment
from lab.export.header import origin
from lab.export.target import ExportedFile
from lab.export.tokens import secret_in
from lab.export.yaml_text import kept
from lab.plan.fronts.front import front_of
from lab.plan.models.model import GRACEFUL_SHUTDOWN_S
from lab.plan.topology import ConfigFile, Service
from lab.units import MIB

STOP_MARGIN_S = 2  # above the app's own grace, as Docker's 10 s are


def common(deployment: Deployment, service: Service, program: Mapping[str, Any]) -> dict[str, Any]:
    """The keys that mean the same in both, but for what is empty; ``program``: entrypoint and command."""
    image = {"image": required(deployment, deployment.image_value(service))}
    told = kept(
        {
            "environment": {name: environment_value(text) for name, text in service.env},
            "user": service.user,
            "read_only": service.read_only or None,
            "cap_drop": ["ALL"],
            "cap_add": list(service.capabilities),
            "healthcheck": None if service.healthcheck else {"disable": True},
            "stop_grace_period": f"{GRACEFUL_SHUTDOWN_S + STOP_MARGIN_S}s",
            "configs": [{"source": name_of(file), "target": file.path} for file in configs(service)],
            "secrets": [
                {"source": TLS_FILES[file.path].lower(), "target": file.path} for file in certificate_files(service)
            ],
        }
    )
    return {**image, **program, **told}


def resources(deployment: Deployment, service: Service) -> dict[str, Any]:
    """Limits: those of the run, and memory from the measured peak; and what the peak asks for."""
    limit, need = deployment.memory_limit(service), deployment.need(service)
    asked = need.memory_bytes and min(need.memory_bytes, limit or need.memory_bytes)
    limits = {
        "cpus": None if service.limits.cpus is None else f"{service.limits.cpus:.4g}",
        "memory": limit and f"{mebibytes(limit)}M",
    }
    return kept({"limits": kept(limits), "reservations": kept({"memory": asked and f"{mebibytes(asked)}M"})})


def mebibytes(size: float) -> int:
    """Whole MiB, rounded up; Docker's ``M`` are such."""
    return -int(-size // MIB)


def required(deployment: Deployment, name: str) -> str:
    """``"${APP_IMAGE:?…}"``: Compose says what is missing before it does anything."""
    value = next(value for value in deployment.values if value.name == name)
    return f"${{{name}:-{value.default}}}" if value.default else f"${{{name}:?see values.env}}"


def environment_value(text: str) -> str:
    """A plain value, or where a secret is to be found."""
    secret = secret_in(text)
    return f"${{{secret}:?a secret, see values.env}}" if secret else text.replace("$", "$$")


def configs(service: Service) -> tuple[ConfigFile, ...]:
    """The files that may be shown."""
    return tuple(file for file in service.files if file.recorded)


def certificate_files(service: Service) -> tuple[ConfigFile, ...]:
    """The files that the deployment's own certificate takes the place of."""
    return tuple(file for file in service.files if file.path in TLS_FILES)


def checks_to_write(deployment: Deployment) -> Iterator[str]:
    """Sidecars for which the run waited from outside, as neither Compose nor Swarm can."""
    for sidecar in deployment.topology.sidecars:
        ready = sidecar.ready
        if ready.kind in ("tcp", "http"):
            asked = f"{ready.kind}:{ready.port}{ready.path}"
            yield f"a health check of {sidecar.name} that its image can run; the run waited for {asked}"


def name_of(file: ConfigFile) -> str:
    """``"nginx.conf"``: of a file of a front, which is written beside the deployment."""
    return PurePosixPath(file.path).name


def digest(*texts: str) -> str:
    """Eight characters that are others for another text: of a name, or a mark, that must follow its file."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:8]


def config_files(deployment: Deployment, whole: str) -> tuple[ExportedFile, ...]:
    """The configurations of the front as files, which say from which run they are; ``whole`` says all the rest."""
    files = [file for hop in deployment.front for file in configs(hop)]
    comment = front_of(deployment.arm).comment
    return tuple(
        ExportedFile(
            name=name_of(file),
            text=(origin(deployment, name_of(file), whole, comment) if comment else "") + file.text,
        )
        for file in files
    )


def file_sources(deployment: Deployment) -> Mapping[str, Any]:
    """The tables ``configs`` and ``secrets`` of the whole file."""
    services = deployment.topology.services
    names = dict.fromkeys(name_of(file) for service in services for file in configs(service))
    secrets = dict.fromkeys(TLS_FILES[file.path] for service in services for file in certificate_files(service))
    return kept(
        {
            "configs": {name: {"file": f"./{name}"} for name in names},
            "secrets": {name.lower(): {"file": f"${{{name}:?see values.env}}"} for name in secrets},
        }
    )
