"""Target ``swarm``: stack files, with the services of the arm by their names, and one for each stage before them."""

from collections.abc import Iterable, Iterator
from typing import Any

from lab.export.before import numbered
from lab.export.compose_parts import checks_to_write, common, config_files, digest, file_sources, resources
from lab.export.deployment import PORT_VALUE, PUBLISHED_PORT, Deployment, Value, refused_front
from lab.export.header import header, over_nodes, published, values_file
from lab.export.naming import LEAST, MAX_NAME
from lab.export.program import refused_program
from lab.export.target import ExportedFile, Target
from lab.export.tried import untried
from lab.export.yaml_text import kept, words, yaml_text
from lab.plan.kinds import ServiceKind
from lab.plan.swarm_text import BRACES, swarm_literal
from lab.plan.topology import SCRATCH, Service, Stage
from lab.scenario.swarm import DNSRR
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
RENEWED = Value(
    name="TLS_VERSION",
    what="of the certificate: count it up with each new one, for Swarm changes no secret",
    default="1",
)
NAME = "stack.yaml"
OVERLAY = "the overlay network"
PORT = "the port that is published on the node of {entry} (mode: host): the run published nothing"
EVERY_ADDRESS = (
    "the port that Swarm publishes on every address of the node of {entry} (mode: host): the run published it on "
    "{address} only, without a Swarm"
)
VIRTUAL = f"names that lead to virtual addresses, through the kernel's IPVS ({MODE_VALUE}=vip, the default here)"
IN_THE_RUN = ": in the run they led straight to tasks, as with dnsrr"
STRAIGHT = f"names that lead straight to tasks ({MODE_VALUE}=dnsrr): in the run they led to virtual addresses"
NOTES = (
    "how tasks lie on nodes: nothing here places them",
    "no-new-privileges, which stack files do not have",
)
MONITOR_S = 10
DEPLOY = "docker stack deploy --with-registry-auth"
TEMPLATES = f". Swarm takes values for templates: write {{{{ as {BRACES}"


def _files(deployment: Deployment) -> tuple[ExportedFile, ...]:
    head = header(deployment, SWARM, *_notes(deployment), by_hand=_by_hand(deployment))
    sources = file_sources(deployment)
    for name, source in sources.get("configs", {}).items():
        text = next(file.text for file in config_files(deployment, NAME) if file.name == name)
        source["name"] = f"{_stack(deployment)}-{digest(text)}-{name}"  # a config cannot be changed
    for name, source in sources.get("secrets", {}).items():
        source["name"] = f"{_stack(deployment)}-${{{RENEWED.name}:-{RENEWED.default}}}-{name}"  # nor can a secret
    stack = {"version": FORMAT, "services": _services(deployment, [*deployment.app, *deployment.front]), **sources}
    before = {
        name: {"version": FORMAT, "services": _services(deployment, stage.containers)}
        for name, stage in _before(deployment)
    }
    return (
        ExportedFile(name=NAME, text=head + yaml_text(stack)),
        *(ExportedFile(name=f"{name}.yaml", text=head + yaml_text(beside)) for name, beside in before.items()),
        values_file(deployment, NAME, *_values(deployment), besides=TEMPLATES),
        *config_files(deployment, NAME),
    )


def _notes(deployment: Deployment) -> Iterator[str]:
    """What of a Swarm the run did not have: another engine had nothing of it, and one on a Swarm publishes nothing."""
    over = over_nodes(deployment)
    if not over:
        yield OVERLAY
    entry, node = deployment.entry.name, deployment.scenario.nodes[:1]
    yield (
        EVERY_ADDRESS.format(entry=entry, address=node[0].address)
        if published(deployment)
        else PORT.format(entry=entry)
    )
    if _named(deployment):
        straight = deployment.scenario.swarm.endpoint_mode == DNSRR
        yield (VIRTUAL + IN_THE_RUN if straight else STRAIGHT) if over else VIRTUAL
    yield from NOTES


def _named(deployment: Deployment) -> bool:
    """Whether anything is asked for by name, in whichever mode; what clients connect to is not."""
    services = [service for stage in deployment.stages for service in stage.containers]
    return any(service.name != deployment.entry.name and not service.ends for service in services)


def _values(deployment: Deployment) -> tuple[Value, ...]:
    """What this target asks for beside the values of all."""
    return (*((MODE,) if _named(deployment) else ()), *((RENEWED,) if deployment.arm.tls else ()))


def _by_hand(deployment: Deployment) -> Iterator[str]:
    yield "a login to the registry, if it asks for one: docker login, before all; --with-registry-auth hands it on"
    yield from checks_to_write(deployment)
    if not deployment.app[0].healthcheck:
        asked = deployment.topology.ready_path
        yield (
            f"a health check of the app that its image can run; the run asked for {asked}. Without one an update ends "
            "each container before its successor starts, and takes that for up before it listens"
        )
    services = [service for stage in deployment.stages for service in stage.containers]
    if names := [service.name for service in services if service.volumes]:
        whose = ", ".join(names)
        yield f"folders in memory of {whose}: here everybody may write to them, and nothing in them can run"


def _before(deployment: Deployment) -> list[tuple[str, Stage]]:
    """A stack file for each stage before the arm: Swarm starts all that is in one side by side."""
    stages = deployment.topology.before
    return list(zip(numbered(len(stages)), stages, strict=True))


def _services(deployment: Deployment, services: Iterable[Service]) -> dict[str, Any]:
    return {service.name: _service(deployment, service) for service in services}


def _service(deployment: Deployment, service: Service) -> dict[str, Any]:
    checked = service.ready.kind == "exec"
    check = {"test": ["CMD", *words(service.ready.command)], "interval": "2s", "retries": 30}
    entry = service.name == deployment.entry.name
    published: dict[str, Any] = {"target": service.ports[0] if entry else 0, "mode": "host"}
    published["published"] = f"${{{PORT_VALUE}:-{PUBLISHED_PORT}}}"
    entrypoint, command = service.program
    program = kept({"entrypoint": words(entrypoint or ()), "command": words(command)})
    more = kept(
        {
            **({"healthcheck": check} if checked else {}),
            "volumes": [_tmpfs(SCRATCH, SCRATCH_BYTES), *(_tmpfs(each.path, each.size) for each in service.volumes)],
            "ports": [published] if entry else None,
            "deploy": _deploy(deployment, service, entry=entry),
        }
    )
    told = common(deployment, service, program)
    environment = {name: swarm_literal(text) for name, text in told.get("environment", {}).items()}
    return {**told, **kept({"environment": environment}), **more}


def _deploy(deployment: Deployment, service: Service, *, entry: bool) -> dict[str, Any]:
    """Two of one published port cannot be on one node: there the old task ends first.

    So does that of an app whose image has no health check: Swarm would end it before the new one listens.
    """
    limits = resources(deployment, service)
    if service.ends:
        tried = {"condition": "on-failure", "delay": "2s", "max_attempts": 10}
        return kept({"mode": "replicated-job", "replicas": 1, "restart_policy": tried, "resources": limits})
    checked = service.healthcheck or service.kind is not ServiceKind.APP  # else a task is up before it listens
    order = "stop-first" if entry or service.kind is ServiceKind.SIDECAR or not checked else "start-first"
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
    return {"type": "tmpfs", "target": swarm_literal(path), "tmpfs": {"size": size}}


def _start(deployment: Deployment) -> str:
    name = _stack(deployment)
    steps = ["fill in values.env; set -a; . ./values.env; set +a"]
    for file, stage in _before(deployment):
        steps.append(f"{DEPLOY} -c {file}.yaml {name}; wait until {_awaited(stage)}: docker service ls")
    return "; ".join((*steps, f"{DEPLOY} -c stack.yaml {name}"))


def _awaited(stage: Stage) -> str:
    """What is to be seen of a stage; a sidecar that is ready when it ends is a job for Swarm."""
    ends = {service.ends for service in stage.containers}
    words = {False: "its services are up", True: "its jobs are complete"}
    return " and ".join(word for ending, word in words.items() if ending in ends)


def _refusal(deployment: Deployment) -> str:
    if refused := refused_front(deployment) or refused_program(deployment):
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


def _untried(deployment: Deployment) -> Iterator[str]:
    return untried(deployment, SWARM.name)


SWARM = Target(
    name="swarm",
    title="Swarm stack",
    files=_files,
    start=_start,
    run_by_us="files of this form are deployed by a test of the lab on a Swarm of two nodes, without IPVS, and answer",
    untried=_untried,
    refusal=_refusal,
    values=lambda deployment: (*deployment.values, *_values(deployment)),
)
