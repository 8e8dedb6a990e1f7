"""Target ``compose``: one Compose file for one machine, with the services of the arm as they were measured."""

from typing import Any

from lab.export.compose_parts import checks_to_write, common, config_files, file_sources, resources
from lab.export.deployment import PORT_VALUE, PUBLISHED_PORT, Deployment, refused_front
from lab.export.header import header, values_text
from lab.export.target import ExportedFile, Target
from lab.export.yaml_text import kept, words, yaml_text
from lab.plan.kinds import ServiceKind
from lab.plan.topology import SCRATCH, Service, Stage
from lab.scenario.beside import Ready

SCRATCH_OPTIONS = "mode=1777,size=256m"
CHECK_EVERY_S = 2
NOTES = (
    "Docker's own port: connections to the published one pass through its proxy or its rules, which a run avoids",
    "swap: Compose lets a container use as much again, where the machine has any",
)


def _files(deployment: Deployment) -> tuple[ExportedFile, ...]:
    services: dict[str, Any] = {}
    earlier: list[Stage] = []
    for stage in deployment.stages:
        for service in stage.containers:
            services[service.name] = _service(deployment, service, earlier)
        earlier.append(stage)
    document = {"name": deployment.name, "services": services, **file_sources(deployment)}
    return (
        ExportedFile(
            name="compose.yaml",
            text=header(deployment, COMPOSE, *NOTES, by_hand=checks_to_write(deployment)) + yaml_text(document),
        ),
        ExportedFile(name="values.env", text=values_text(deployment)),
        *config_files(deployment),
    )


def _service(deployment: Deployment, service: Service, earlier: list[Stage]) -> dict[str, Any]:
    job = service.kind is ServiceKind.JOB
    checked = service.ready.kind == "exec"
    return kept(
        {
            **common(deployment, service),
            **({"healthcheck": _check(service.ready)} if checked else {}),
            "security_opt": ["no-new-privileges:true"],
            "tmpfs": [f"{SCRATCH}:{SCRATCH_OPTIONS}", *(_tmpfs(service))],
            "depends_on": {
                needed.name: {"condition": _condition(needed)} for stage in earlier for needed in stage.containers
            },
            "ports": [_published(service)] if service.name == deployment.entry.name else None,
            "restart": "no" if job or service.ready.kind == "exit" else "unless-stopped",
            "deploy": kept({"resources": resources(deployment, service)}),
        }
    )


def _tmpfs(service: Service) -> list[str]:
    return [f"{v.path}:size={v.size},mode={v.mode},uid={v.uid},gid={v.gid},exec" for v in service.volumes]


def _check(ready: Ready) -> dict[str, Any]:
    return {"test": ["CMD", *words(ready.command)], "interval": f"{CHECK_EVERY_S}s", "retries": 30}


def _condition(service: Service) -> str:
    """When what comes after a service may start."""
    if service.kind is ServiceKind.JOB or service.ready.kind == "exit":
        return "service_completed_successfully"
    return "service_healthy" if service.ready.kind == "exec" else "service_started"


def _published(service: Service) -> str:
    return f"${{{PORT_VALUE}:-{PUBLISHED_PORT}}}:{service.ports[0]}"


COMPOSE = Target(
    name="compose",
    title="Compose file",
    files=_files,
    start=lambda _deployment: "fill in values.env, then: docker compose --env-file values.env up --detach --wait",
    run_by_us="files of this form are started by a test of the lab with Docker Compose, and answer",
    refusal=refused_front,
)
