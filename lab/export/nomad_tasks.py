"""The tasks of a Nomad job: containers, their folders and files, and what Nomad fills in when it starts them."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from lab.export.before import Before, numbered, stages_before
from lab.export.compose_parts import certificate_files, configs, mebibytes
from lab.export.deployment import TLS_FILES, Deployment
from lab.export.hcl import Block, Expression
from lab.export.tokens import secret_in
from lab.plan.certificate import FOR_ALL, FOR_ONE
from lab.plan.fronts.front import front_of
from lab.plan.kinds import ServiceKind
from lab.plan.models.model import GRACEFUL_SHUTDOWN_S
from lab.plan.topology import SCRATCH, ConfigFile, Endpoint, Service
from lab.units import MIB

UPSTREAM = Endpoint(host="upstream.invalid", port=1)  # in a configuration: stands for every container of the app
FIRST, NUMBERED = "app-1", "app-{{ $number }}"  # what a configuration calls them, where it does
CONFIGURED, FILES = "/etc/lab", "secrets/lab"  # the folder of all files in a container, and where Nomad has it
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
    entrypoint, command = service.program
    return Block(
        "config",
        "",
        [
            ("image", Expression(f"var.{deployment.image_value(service).lower()}")),
            ("entrypoint", list(entrypoint or ())),
            ("args", list(command)),
            ("ports", ["clients"] if service.ports else None),
            ("readonly_rootfs", service.read_only or None),
            ("cap_drop", ["all"]),
            ("cap_add", [capability.lower() for capability in service.capabilities]),
            ("security_opt", ["no-new-privileges"]),
            *(_tmpfs(path, size) for path, size in folders),
            *([_bound(FILES, CONFIGURED)] if service.files else []),
        ],
    )


def _tmpfs(path: str, size: int) -> Block:
    return Block("mount", "", [("type", "tmpfs"), ("target", path), Block("tmpfs_options", "", [("size", size)])])


def _bound(source: str, path: str) -> Block:
    return Block("mount", "", [("type", "bind"), ("source", source), ("target", path), ("readonly", True)])


def _templates(deployment: Deployment, service: Service) -> Iterator[Block]:
    """Configurations with the app's addresses, and what Nomad keeps as variables of the job: secrets, certificate.

    Nomad replaces a file whose text has changed: a folder shows the new one, where a mounted file stays the old one.
    """
    again = _reloading(deployment, service)
    for file in configs(service):
        text = _with_addresses(deployment, file.text)
        yield Block("template", "", [("destination", _place_of(file)), *again, ("data", text)])
    for file in certificate_files(service):
        data = _kept_by_nomad(deployment, service, "{{ ." + TLS_FILES[file.path] + " }}")
        user, _ = service.ids
        owner = [] if user is None else [("uid", user)]
        perms = f"{FOR_ONE if owner else FOR_ALL:04o}"  # as whom it runs may be known to its image only
        where = ("destination", _place_of(file))
        yield Block("template", "", [where, ("perms", perms), *owner, *again, ("data", data)])
    secrets = {name: secret for name, text in service.env if (secret := secret_in(text))}
    if secrets:
        lines = "\n".join(f"{name}={{{{ .{secret}.Value | toJSON }}}}" for name, secret in secrets.items())
        data = _kept_by_nomad(deployment, service, lines)
        yield Block("template", "", [("destination", "secrets/values.env"), ("env", True), ("data", data)])


def _place_of(file: ConfigFile) -> str:
    """Where Nomad writes a file that the container finds at its path: below one folder, which is no disk's."""
    return f"{FILES}/{PurePosixPath(file.path).relative_to(CONFIGURED)}"


def _reloading(deployment: Deployment, service: Service) -> list[tuple[str, str]]:
    """What follows when a text is another one: an address of the app must not start the whole front again."""
    signal = front_of(deployment.arm).reload
    if service.kind is not ServiceKind.PROXY or signal is None:
        return []
    return [("change_mode", "signal"), ("change_signal", signal.name)]


def batches(deployment: Deployment) -> list[tuple[str, Before]]:
    """The jobs of Nomad that are awaited, by their names: one for each stage, for it starts all of one side by side."""
    stages = stages_before(deployment)
    names = [f"{deployment.name}-{name}" for name in numbered(len(stages))]
    return list(zip(names, stages, strict=True))


def _kept_by_nomad(deployment: Deployment, service: Service, text: str) -> str:
    """A job may read the variables below its own name only."""
    before = (name for name, stage in batches(deployment) if any(job.service is service for job in stage.jobs))
    name = next(before, deployment.name)
    return f'{{{{ with nomadVar "nomad/jobs/{name}" }}}}{text}{{{{ end }}}}'


def _with_addresses(deployment: Deployment, text: str) -> str:
    """The line that names the app's address, once for each container that Nomad knows."""
    lines = []
    for line in text.splitlines():
        if UPSTREAM.address not in line:
            lines.append(line)
            continue
        each = line.replace(UPSTREAM.address, "{{ $each.Address }}:{{ $each.Port }}").replace(FIRST, NUMBERED)
        known = f'{{{{ range $number, $each := nomadService "{deployment.name}-app" }}}}'
        lines += [known + each, "{{ end }}"]
    return "\n".join(lines) + "\n"


def _resources(deployment: Deployment, service: Service) -> Block:
    """Memory is the limit: Nomad's ``memory_max`` above what is asked for counts only where a cluster allows it."""
    limit, cores = deployment.memory_limit(service), service.limits.cpus or deployment.need(service).cores
    known = service.kind is not ServiceKind.JOB
    cpu = Expression(f"ceil({cores:.3f} * var.core_mhz)") if cores and known else None
    return Block("resources", "", [("cpu", cpu), ("memory", limit and mebibytes(limit))])
