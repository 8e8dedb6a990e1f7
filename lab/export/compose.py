"""Target ``compose``: one Compose file for one machine, with the services of the arm as they were measured."""

from collections.abc import Iterator
from typing import Any

from lab.export.compose_parts import (
    certificate_files,
    checks_to_write,
    common,
    config_files,
    file_sources,
    resources,
)
from lab.export.deployment import KEY_VALUE, PORT_VALUE, PUBLISHED_PORT, Deployment, refused_front
from lab.export.header import header, published, values_file
from lab.export.target import ExportedFile, Target
from lab.export.tried import untried
from lab.export.yaml_text import kept, words, yaml_text
from lab.plan.kinds import ServiceKind
from lab.plan.topology import SCRATCH, Service, Stage
from lab.scenario.beside import Ready

SCRATCH_OPTIONS = "mode=1777,size=256m"
CHECK_EVERY_S = 2
NAME = "compose.yaml"
PORT = "Docker's own port: connections to the published one pass through its proxy or its rules, which this run avoided"
EVERY_ADDRESS = (
    "Docker's own port on every address of the machine: the run published it on {address} only, for load from another "
    "machine; from the machine itself connections pass through Docker's proxy"
)
SWAP = "swap: Compose lets a container use as much again, where the machine has any"
ADDRESSES = (
    "containers of the app that end and come again by themselves: a front that looks names up only when it starts does "
    "not find one that has another address then; restart the front: "
    "docker compose --env-file values.env restart {front}"
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
            name=NAME,
            text=header(deployment, COMPOSE, *_notes(deployment), by_hand=_by_hand(deployment)) + yaml_text(document),
        ),
        values_file(deployment, NAME),
        *config_files(deployment, NAME),
    )


def _notes(deployment: Deployment) -> Iterator[str]:
    """What Docker does here that it did not do in the run."""
    yield EVERY_ADDRESS.format(address=deployment.scenario.nodes[0].address) if published(deployment) else PORT
    yield SWAP
    if deployment.front:
        yield ADDRESSES.format(front=deployment.front[0].name)


def _by_hand(deployment: Deployment) -> Iterator[str]:
    yield "a login to the registry, if it asks for one: docker login, before all"
    yield from checks_to_write(deployment)
    for service in deployment.topology.services:
        if certificate_files(service):
            who = f"user {service.user} in {service.name}" if service.user else f"whoever {service.name} runs as"
            yield f"owner and mode of the file {KEY_VALUE}: Compose mounts it as it is, and {who} has to read it"
            break


def _service(deployment: Deployment, service: Service, earlier: list[Stage]) -> dict[str, Any]:
    checked = service.ready.kind == "exec"
    more = kept(
        {
            **({"healthcheck": _check(service.ready)} if checked else {}),
            "security_opt": ["no-new-privileges:true"],
            "tmpfs": [f"{SCRATCH}:{SCRATCH_OPTIONS}", *(_tmpfs(service))],
            "depends_on": {
                needed.name: {"condition": _condition(needed), **_followed(service, needed)}
                for stage in earlier
                for needed in stage.containers
            },
            "ports": [_published(service)] if service.name == deployment.entry.name else None,
            "restart": "no" if service.ends else "unless-stopped",
            "deploy": kept({"resources": resources(deployment, service)}),
        }
    )
    return {**common(deployment, service, _program(service)), **more}


def _program(service: Service) -> dict[str, Any]:
    """An empty entrypoint is none at all, not that of the image."""
    own = {} if service.entrypoint is None else {"entrypoint": words(service.entrypoint)}
    return {**own, **kept({"command": words(service.argv)})}


def _tmpfs(service: Service) -> list[str]:
    return [f"{v.path}:size={v.size},mode={v.mode},uid={v.uid},gid={v.gid},exec" for v in service.volumes]


def _check(ready: Ready) -> dict[str, Any]:
    return {"test": ["CMD", *words(ready.command)], "interval": f"{CHECK_EVERY_S}s", "retries": 30}


def _condition(service: Service) -> str:
    """When what comes after a service may start."""
    if service.ends:
        return "service_completed_successfully"
    return "service_healthy" if service.ready.kind == "exec" else "service_started"


def _followed(service: Service, needed: Service) -> dict[str, bool]:
    """A front that knew the addresses of the app's containers from its start is to ask for those of new ones."""
    front = service.kind is ServiceKind.PROXY and needed.kind is ServiceKind.APP
    return {"restart": True} if front else {}


def _published(service: Service) -> str:
    return f"${{{PORT_VALUE}:-{PUBLISHED_PORT}}}:{service.ports[0]}"


def _untried(deployment: Deployment) -> Iterator[str]:
    return untried(deployment, COMPOSE.name)


COMPOSE = Target(
    name="compose",
    title="Compose file",
    files=_files,
    start=lambda _deployment: "fill in values.env, then: docker compose --env-file values.env up --detach --wait",
    run_by_us="files of this form are started by a test of the lab with Docker Compose, and answer",
    untried=_untried,
    refusal=refused_front,
)
