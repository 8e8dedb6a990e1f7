"""Target ``swarm``: stack files, with the services of the arm by their names, and before them sidecars and jobs."""

import hashlib
from collections.abc import Iterable
from typing import Any

from lab.export.compose_parts import checks_to_write, common, config_files, file_sources, resources
from lab.export.deployment import PORT_VALUE, PUBLISHED_PORT, Deployment, Value, refused_front
from lab.export.header import header, values_text
from lab.export.naming import LEAST, MAX_NAME
from lab.export.target import ExportedFile, Target
from lab.export.yaml_text import kept, words, yaml_text
from lab.plan.kinds import ServiceKind
from lab.plan.topology import SCRATCH, Service
from lab.units import MIB

FORMAT = "3.9"  # the first with jobs
SCRATCH_BYTES = 256 * MIB
MODE_VALUE = "ENDPOINT_MODE"
MODE = Value(
    name=MODE_VALUE,
    what="how a name leads to a task: vip, or dnsrr where the kernel has no IPVS; fronts that ask for the address of a "
    "name only when they start must then be updated after the app",
    default="vip",
)
NOTES = (
    "the overlay network, and how tasks lie on nodes: nothing here places them",
    "no-new-privileges, which stack files do not have",
)
MONITOR_S = 10


def _files(deployment: Deployment) -> tuple[ExportedFile, ...]:
    before = [service for stage in deployment.topology.before for service in stage.containers]
    head = header(deployment, SWARM, *NOTES, by_hand=checks_to_write(deployment))
    sources = file_sources(deployment)
    for name, source in sources.get("configs", {}).items():
        source["name"] = f"{_stack(deployment)}-{_digest(deployment, name)}-{name}"  # a config cannot be changed
    stack = {"version": FORMAT, "services": _services(deployment, [*deployment.app, *deployment.front]), **sources}
    beside = {"version": FORMAT, "services": _services(deployment, before)}
    return (
        ExportedFile(name="stack.yaml", text=head + yaml_text(stack)),
        *((ExportedFile(name="before.yaml", text=head + yaml_text(beside)),) if before else ()),
        ExportedFile(name="values.env", text=values_text(deployment, MODE)),
        *config_files(deployment),
    )


def _digest(deployment: Deployment, name: str) -> str:
    text = next(file.text for file in config_files(deployment) if file.name == name)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _services(deployment: Deployment, services: Iterable[Service]) -> dict[str, Any]:
    return {service.name: _service(deployment, service) for service in services}


def _service(deployment: Deployment, service: Service) -> dict[str, Any]:
    checked = service.ready.kind == "exec"
    check = {"test": ["CMD", *words(service.ready.command)], "interval": "2s", "retries": 30}
    entry = service.name == deployment.entry.name
    published: dict[str, Any] = {"target": service.ports[0] if entry else 0, "mode": "host"}
    published["published"] = f"${{{PORT_VALUE}:-{PUBLISHED_PORT}}}"
    return kept(
        {
            **common(deployment, service),
            **({"healthcheck": check} if checked else {}),
            "volumes": [_tmpfs(SCRATCH, SCRATCH_BYTES), *(_tmpfs(each.path, each.size) for each in service.volumes)],
            "ports": [published] if entry else None,
            "deploy": _deploy(deployment, service, entry=entry),
        }
    )


def _deploy(deployment: Deployment, service: Service, *, entry: bool) -> dict[str, Any]:
    """Two of one published port cannot be on one node: there the old task ends first."""
    limits = resources(deployment, service)
    if service.kind is ServiceKind.JOB or service.ready.kind == "exit":
        tried = {"condition": "on-failure", "delay": "2s", "max_attempts": 10}
        return kept({"mode": "replicated-job", "replicas": 1, "restart_policy": tried, "resources": limits})
    order = "stop-first" if entry or service.kind is ServiceKind.SIDECAR else "start-first"
    update = {"parallelism": 1, "order": order, "monitor": f"{MONITOR_S}s"}
    everywhere = deployment.scenario.swarm.everywhere and service.kind is ServiceKind.PROXY
    return kept(
        {
            **({"mode": "global"} if everywhere else {"replicas": 1}),
            "endpoint_mode": "dnsrr" if entry else f"${{{MODE_VALUE}:-{MODE.default}}}",
            "restart_policy": {"condition": "any", "delay": "1s"},
            "update_config": {**update, "failure_action": "rollback"},
            "rollback_config": update,
            "resources": limits,
        }
    )


def _tmpfs(path: str, size: int) -> dict[str, Any]:
    return {"type": "tmpfs", "target": path, "tmpfs": {"size": size}}


def _start(deployment: Deployment) -> str:
    name = _stack(deployment)
    steps = ["fill in values.env; set -a; . ./values.env; set +a"]
    if deployment.topology.before:
        steps.append(f"docker stack deploy -c before.yaml {name}; wait until its jobs are complete")
    return "; ".join((*steps, f"docker stack deploy -c stack.yaml {name}"))


def _refusal(deployment: Deployment) -> str:
    if refused := refused_front(deployment):
        return refused
    if _room(deployment) < LEAST:
        longest = max(_names(deployment), key=len)
        return f"Swarm joins the names of stack and service, {LONGEST} characters at most: {longest!r} leaves no room"
    return ""


LONGEST = 62  # and the character between them


def _stack(deployment: Deployment) -> str:
    return deployment.short_name(min(MAX_NAME, _room(deployment)))


def _room(deployment: Deployment) -> int:
    """How long the name of the stack may be."""
    return LONGEST - max(map(len, _names(deployment)))


def _names(deployment: Deployment) -> list[str]:
    return [service.name for stage in deployment.stages for service in stage.containers]


SWARM = Target(
    name="swarm",
    title="Swarm stack",
    files=_files,
    start=_start,
    run_by_us="files of this form are deployed by a test of the lab on a Swarm of two nodes, without IPVS, and answer",
    refusal=_refusal,
    values=lambda deployment: (*deployment.values, MODE),
)
