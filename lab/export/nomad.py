"""Target ``nomad``: a job of one group for the app and one for the front, which finds the app's containers itself."""

import re
from collections.abc import Iterator
from typing import Any

from lab.export.before import reordered
from lab.export.compose_parts import configs
from lab.export.deployment import TLS_FILES, Deployment, Value, front_before, refused_front
from lab.export.hcl import Block, Expression, hcl
from lab.export.header import header
from lab.export.nomad_tasks import UPSTREAM, batches, task
from lab.export.program import refused_program
from lab.export.target import ExportedFile, Target
from lab.export.tokens import secret_in
from lab.plan.topology import Service

CORE_MHZ = Value(
    name="CORE_MHZ", what="MHz of a core: Nomad asks for CPU in MHz, the run counted cores", default="2000"
)
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*", re.ASCII)
NOTES = ("checks, and updates one container at a time", "ports of hosts between the front and the app")


def _files(deployment: Deployment) -> tuple[ExportedFile, ...]:
    head = header(deployment, NOMAD, *NOTES, by_hand=_by_hand(deployment))
    variables = "".join(map(hcl, _variables(deployment)))
    groups = [_app(deployment), *(_front(deployment, hop) for hop in front_before(deployment, UPSTREAM))]
    files = [ExportedFile(name="job.nomad.hcl", text=head + variables + hcl(_job(deployment.name, "service", groups)))]
    for name, stage in batches(deployment):
        groups = [Block("group", job.name, [task(deployment, job.service, job.name)]) for job in stage.jobs]
        text = head + variables + hcl(_job(name, "batch", groups))
        files.append(ExportedFile(name=_file_of(deployment, name), text=text))
    return tuple(files)


def _file_of(deployment: Deployment, name: str) -> str:
    return f"{name.removeprefix(f'{deployment.name}-')}.nomad.hcl"


def _by_hand(deployment: Deployment) -> Iterator[str]:
    yield "a login to the registry, if it asks for one: auth in the config of each task"
    yield from reordered(deployment)
    inside = [job.name for job in deployment.named_jobs if deployment.inside(job)]
    if len(inside) > 1:
        yield f"order of jobs {', '.join(inside)}: Nomad runs those of a group side by side; make one command of them"


def _variables(deployment: Deployment) -> Iterator[Block]:
    for value in _values(deployment):
        if not value.secret:
            number = value.default.isdecimal()
            kind = Expression("number" if number else "string")
            usual = int(value.default) if number else value.default
            yield Block("variable", value.name.lower(), [("type", kind), ("default", usual)])


def _job(name: str, kind: str, groups: list[Block]) -> Block:
    update = [("max_parallel", 1), ("health_check", "checks"), ("min_healthy_time", "10s"), ("auto_revert", True)]
    updated = [Block("update", "", update)] if kind == "service" else []
    return Block("job", name, [("type", kind), *updated, *groups])


def _app(deployment: Deployment) -> Block:
    app = deployment.app[0]
    inside = [job for job in deployment.named_jobs if deployment.inside(job)]
    return Block(
        "group",
        "app",
        [
            ("count", len(deployment.app)),
            _network(app, published=not deployment.front),
            _service(deployment, "app", _check(deployment)),
            _restart(),
            *(task(deployment, job.service, job.name, prestart=True) for job in inside),
            task(deployment, app, "app"),
        ],
    )


def _front(deployment: Deployment, hop: Service) -> Block:
    check: list[tuple[str, Any] | Block] = [("type", "tcp"), ("interval", "2s"), ("timeout", "2s")]
    return Block(
        "group",
        hop.name,
        [
            _network(hop, published=hop.name == deployment.entry.name),
            _service(deployment, hop.name, Block("check", "", check)),
            _restart(),
            task(deployment, hop, hop.name),
        ],
    )


def _network(service: Service, *, published: bool) -> Block:
    static = Expression("var.published_port") if published else None
    return Block("network", "", [Block("port", "clients", [("static", static), ("to", service.ports[0])])])


def _restart() -> Block:
    """A front without an app to ask ends at once: it is started again until there is one."""
    return Block("restart", "", [("attempts", 10), ("interval", "5m"), ("delay", "5s"), ("mode", "delay")])


def _service(deployment: Deployment, name: str, check: Block) -> Block:
    known = f"{deployment.name}-{name}"
    return Block("service", "", [("name", known), ("port", "clients"), ("provider", "nomad"), check])


def _check(deployment: Deployment) -> Block:
    """Of the app; a header that is a secret, or that HCL has no word for, leaves only its port to be asked."""
    headers = deployment.topology.probe_headers
    times: list[tuple[str, Any] | Block] = [("interval", "2s"), ("timeout", "2s")]
    if any(map(secret_in, headers.values())) or not all(map(IDENTIFIER.fullmatch, headers)):
        return Block("check", "", [("type", "tcp"), *times])
    scheme = ("protocol", "https" if deployment.arm.tls_in_app else None)
    told = [Block("header", "", [(name, [text]) for name, text in headers.items()])] if headers else []
    return Block("check", "", [("type", "http"), scheme, ("path", deployment.topology.ready_path), *times, *told])


def _values(deployment: Deployment) -> tuple[Value, ...]:
    return (*deployment.values, CORE_MHZ)


def _start(deployment: Deployment) -> str:
    name, given = deployment.name, []
    secrets = [value.name for value in deployment.values if value.secret]
    files = set(TLS_FILES.values())
    if secrets:
        put = " ".join(f"{secret}={'@FILE' if secret in files else 'VALUE'}" for secret in secrets)
        given.append(f"nomad var put nomad/jobs/{name} {put}")
    wanted = [value.name.lower() for value in _values(deployment) if not value.secret and not value.default]
    words = " ".join(f"-var {one}=VALUE" for one in wanted)
    for batch, _ in batches(deployment):
        given.append(f"nomad job run {words} {_file_of(deployment, batch)}; wait until it is complete")
        if secrets:
            given[0] += f", and the same for nomad/jobs/{batch}"
    return "; ".join((*given, f"nomad job run {words} job.nomad.hcl"))


def _refusal(deployment: Deployment) -> str:
    if refused := refused_front(deployment) or refused_program(deployment):
        return refused
    if deployment.topology.sidecars:
        names = ", ".join(sidecar.name for sidecar in deployment.topology.sidecars)
        return f"Nomad gives no service a name that an app could ask for, and the app asks for {names}"
    for hop in front_before(deployment, UPSTREAM):
        for line in (line for file in configs(hop) for line in file.text.splitlines()):
            if UPSTREAM.address in line and line.rstrip().endswith("{"):
                return f"the configuration of {hop.name} has all addresses of the app in one line, none for each"
    return ""


NOMAD = Target(
    name="nomad",
    title="Nomad job",
    files=_files,
    start=_start,
    run_by_us="parsed as HCL, never run by us",
    refusal=_refusal,
    values=_values,
)
