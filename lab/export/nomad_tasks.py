"""The tasks of a Nomad job: containers, their folders and files, and what Nomad fills in when it starts them."""

from collections.abc import Iterator

from lab.export.compose_parts import certificate_files, configs, mebibytes, name_of
from lab.export.deployment import TLS_FILES, Deployment, secret_in
from lab.export.hcl import Block, Expression
from lab.plan.kinds import ServiceKind
from lab.plan.models.model import GRACEFUL_SHUTDOWN_S
from lab.plan.topology import SCRATCH, Endpoint, Service
from lab.units import MIB

UPSTREAM = Endpoint(host="upstream.invalid", port=1)  # in a configuration: stands for every container of the app
FIRST, NUMBERED = "app-1", "app-{{ $number }}"  # what a configuration calls them, where it does
BEFORE = "-before"  # behind the job's name: a job that is awaited
STOP_S = GRACEFUL_SHUTDOWN_S + 2


def task(deployment: Deployment, service: Service, name: str, *, prestart: bool = False) -> Block:
    """The task of a container; ``prestart``: one that must end well before the others of its group start."""
    first = [Block("lifecycle", "", [("hook", "prestart"), ("sidecar", False)])] if prestart else []
    plain = {key: text for key, text in service.env if not secret_in(text)}
    return Block(
        "task",
        name,
        [
            ("driver", "docker"),
            ("user", service.user),
            ("kill_timeout", f"{STOP_S}s"),
            *first,
            _config(deployment, service),
            ("env", plain),
            *_templates(deployment, service),
            _resources(deployment, service),
        ],
    )


def _config(deployment: Deployment, service: Service) -> Block:
    folders = [(SCRATCH, 256 * MIB), *((volume.path, volume.size) for volume in service.volumes)]
    files = [(f"local/{name_of(file)}", file.path) for file in configs(service)]
    files += [(f"secrets/{name_of(file)}", file.path) for file in certificate_files(service)]
    return Block(
        "config",
        "",
        [
            ("image", Expression(f"var.{deployment.image_value(service).lower()}")),
            ("entrypoint", None if service.entrypoint is None else list(service.entrypoint)),
            ("args", list(service.argv)),
            ("ports", ["clients"] if service.ports else None),
            ("readonly_rootfs", service.read_only or None),
            ("cap_drop", ["all"]),
            ("cap_add", [capability.lower() for capability in service.capabilities]),
            ("security_opt", ["no-new-privileges"]),
            *(_tmpfs(path, size) for path, size in folders),
            *(_bound(source, path) for source, path in files),
        ],
    )


def _tmpfs(path: str, size: int) -> Block:
    return Block("mount", "", [("type", "tmpfs"), ("target", path), Block("tmpfs_options", "", [("size", size)])])


def _bound(source: str, path: str) -> Block:
    return Block("mount", "", [("type", "bind"), ("source", source), ("target", path), ("readonly", True)])


def _templates(deployment: Deployment, service: Service) -> Iterator[Block]:
    """Configurations with the app's addresses, and what Nomad keeps as variables of the job: secrets, certificate."""
    for file in configs(service):
        text = _with_addresses(deployment, file.text)
        yield Block("template", "", [("destination", f"local/{name_of(file)}"), ("data", text)])
    for file in certificate_files(service):
        data = _kept_by_nomad(deployment, service, "{{ ." + TLS_FILES[file.path] + " }}")
        where = f"secrets/{name_of(file)}"
        owner = [("uid", int(part)) for part in service.user.partition(":")[:1] if part.isdecimal()]
        yield Block("template", "", [("destination", where), ("perms", "0400"), *owner, ("data", data)])
    secrets = {name: secret for name, text in service.env if (secret := secret_in(text))}
    if secrets:
        lines = "\n".join(f"{name}={{{{ .{secret} }}}}" for name, secret in secrets.items())
        data = _kept_by_nomad(deployment, service, lines)
        yield Block("template", "", [("destination", "secrets/values.env"), ("env", True), ("data", data)])


def _kept_by_nomad(deployment: Deployment, service: Service, text: str) -> str:
    """A job may read the variables below its own name only."""
    before = any(job.service is service and not deployment.inside(job) for job in deployment.named_jobs)
    name = f"{deployment.name}{BEFORE if before else ''}"
    return f'{{{{ with nomadVar "nomad/jobs/{name}" }}}}{text}{{{{ end }}}}'


def _with_addresses(deployment: Deployment, text: str) -> str:
    """The line that names the app's address, once for each container that Nomad knows."""
    lines = []
    for line in text.splitlines():
        if UPSTREAM.address not in line:
            lines.append(line)
            continue
        each = line.replace(UPSTREAM.address, "{{ $each.Address }}:{{ $each.Port }}").replace(
            FIRST, "app-{{ $number }}"
        )
        known = f'{{{{ range $number, $each := nomadService "{deployment.name}-app" }}}}'
        lines += [known + each, "{{ end }}"]
    return "\n".join(lines) + "\n"


def _resources(deployment: Deployment, service: Service) -> Block:
    """Memory is the limit: Nomad's ``memory_max`` above what is asked for counts only where a cluster allows it."""
    limit, cores = deployment.memory_limit(service), service.limits.cpus or deployment.need(service).cores
    known = service.kind is not ServiceKind.JOB
    cpu = Expression(f"ceil({cores:.3f} * var.core_mhz)") if cores and known else None
    return Block("resources", "", [("cpu", cpu), ("memory", limit and mebibytes(limit))])
