"""The service that is compared, and what it needs beside it: taken over key by key, with a reason for what is not."""

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from lab.errors import UsageError
from lab.starter.compose.environment import environment, plain_text
from lab.starter.compose.filling import filled_keys
from lab.starter.compose.patience import patience_s
from lab.starter.compose.reading import Project, pairs

COMPLETED = "service_completed_successfully"
MEMORY = "it is empty and in memory in every trial"
LIMITS = "limits and numbers of containers are the lab's to set: [budget] and [[arms]]"
REASONS = {  # why a key of a service stays behind
    "restart": 'a death is to end the trial; app.restart = "on-failure" would keep it',
    **dict.fromkeys(("deploy", "scale", "mem_limit", "memswap_limit", "mem_reservation", "cpus", "cpuset"), LIMITS),
    "networks": "every trial has one network, in which all reach each other by name",
    "network_mode": "every trial has one network, in which all reach each other by name",
    "labels": "nobody reads them in a trial; a front is an arm's: [[arms]] front = …",
    "logging": "the lab keeps the logs of every trial",
    "secrets": "files of this machine: hand them over in env, as { from = NAME }",
    "configs": "files of this machine: let the image hold them (COPY)",
    "working_dir": "say it in the image (WORKDIR)",
    "cap_drop": "all capabilities are dropped; app.capabilities gives some back",
    "security_opt": "no container gets new privileges",
    "privileged": "no container gets it; app.capabilities gives single rights",
}
UNKNOWN = "the lab has no key for it"
BUILD_TAKEN = {
    *("context", "dockerfile", "args", "target"),
    *("cache_from", "cache_to", "labels", "no_cache", "pull", "tags", "provenance", "sbom"),  # the image is the same
}
BUILD_REASONS = {
    "dockerfile_inline": "write it into a file of the folder",
    **dict.fromkeys(("secrets", "ssh"), "the lab builds without: build it yourself and name the image"),
}
WITHOUT_EFFECT = {
    "container_name",
    "hostname",
    "pull_policy",
    "tty",
    "stdin_open",
    "develop",
    "expose",
    "links",
    "extends",
}
TAKEN = {
    *("image", "build", "command", "entrypoint", "environment", "env_file", "ports", "depends_on", "healthcheck"),
    *("user", "volumes", "tmpfs", "cap_add", "read_only", "profiles"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service of a compose file, its variables filled.

    ``env`` holds text, or ``{"from": NAME}`` for a secret that comes from outside the file; ``needs`` tells for each
    NAME where its value is. ``left``: (key, reason) of what was not taken over. ``entrypoint`` and ``command`` are None
    where the image's own stay. ``ready_timeout``: after how many seconds its health check gives up, if it says so.
    """

    name: str
    image: str = ""
    build: Mapping[str, Any] = field(default_factory=dict)
    entrypoint: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None
    env: Mapping[str, Any] = field(default_factory=dict)
    ports: tuple[int, ...] = ()
    depends: Mapping[str, str] = field(default_factory=dict)
    healthcheck: tuple[str, ...] = ()
    ready_timeout: float | None = None
    user: str = ""
    volumes: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    read_only: bool = False
    profiles: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    left: tuple[tuple[str, str], ...] = ()
    needs: Mapping[str, str] = field(default_factory=dict)


def service_of(project: Project, name: str) -> Service:
    """A service of the project. Raises UsageError when it is malformed, or needs a variable that is not set."""
    try:
        return _service(project, name, project.services[name])
    except (TypeError, AttributeError, KeyError, ValueError, RecursionError) as error:
        raise UsageError(
            f"the compose file has a service {name!r} that Compose would not take either: {error}",
            "`docker compose config` says which key it is",
        ) from None


def _service(project: Project, name: str, raw: Mapping[str, Any]) -> Service:
    known, held = filled_keys(raw, project.variables)
    env, left, needs = environment(raw, project)
    volumes, lost = _volumes(known, project.folder)
    return Service(
        name=name,
        image=str(known.get("image") or ""),
        build=_build(known.get("build"), project.folder),
        entrypoint=_words(known.get("entrypoint")),
        command=_words(known.get("command")),
        env=env,
        ports=tuple(_ports(known)),
        depends=_depends(known),
        healthcheck=_healthcheck(known.get("healthcheck")),
        ready_timeout=patience_s(known.get("healthcheck")),
        user=str(known.get("user") or ""),
        volumes=volumes,
        capabilities=tuple(map(str, known.get("cap_add") or ())),
        read_only=known.get("read_only") in (True, "true"),
        profiles=tuple(map(str, known.get("profiles") or ())),
        aliases=tuple(_aliases(known)),
        left=(*held, *left, *lost, *_left(known), *_left_of_build(known.get("build"))),
        needs=needs,
    )


def _words(value: Any) -> tuple[str, ...] | None:
    """A command: a list as it is, a text split as Compose splits it, without a shell."""
    if value is None:
        return None
    try:
        return tuple(map(str, value)) if isinstance(value, list) else tuple(shlex.split(str(value)))
    except ValueError as error:
        raise UsageError(f"the compose file has a command that cannot be split into words: {error}") from None


def _build(value: Any, folder: Path) -> dict[str, Any]:
    """``context`` as a path, ``dockerfile``, ``args`` and ``target``."""
    if value is None:
        return {}
    table = value if isinstance(value, Mapping) else {"context": value}
    args = {name: plain_text(each) for name, each in pairs(table.get("args")).items() if each is not None}
    context = (folder / str(table.get("context", "."))).resolve()
    dockerfile = str(table.get("dockerfile") or "Dockerfile")
    return {"context": context, "dockerfile": dockerfile, "args": args, "target": str(table.get("target") or "")}


def _ports(known: Mapping[str, Any]) -> Iterator[int]:
    """The ports in the container: of what is published, then of what is exposed."""
    for port in (*(known.get("ports") or ()), *(known.get("expose") or ())):
        text = str(port.get("target", "") if isinstance(port, Mapping) else port).rpartition(":")[2].partition("/")[0]
        if text.isdecimal():
            yield int(text)


def _depends(known: Mapping[str, Any]) -> dict[str, str]:
    """Service -> condition, of depends_on and links."""
    links = {str(link).partition(":")[0]: None for link in known.get("links") or ()}
    found = {**links, **pairs(known.get("depends_on"))}
    return {name: str((each or {}).get("condition", "service_started")) for name, each in found.items()}


def _healthcheck(value: Any) -> tuple[str, ...]:
    """The words of its test, as an image has them: ``("CMD", …)`` or ``("CMD-SHELL", text)``; () for none."""
    if not isinstance(value, Mapping) or value.get("disable") or not value.get("test"):
        return ()
    test = value["test"]
    words = ("CMD-SHELL", test) if isinstance(test, str) else tuple(map(str, test))
    return () if words[:1] == ("NONE",) else words


def _volumes(known: Mapping[str, Any], folder: Path) -> tuple[tuple[str, ...], list[tuple[str, str]]]:
    """Folders that may be empty and in memory, and what is mounted from this machine."""
    folders: list[str] = []
    left: list[tuple[str, str]] = []
    tmpfs = known.get("tmpfs") or ()
    for entry in (*(known.get("volumes") or ()), *([tmpfs] if isinstance(tmpfs, str) else tmpfs)):
        source, target, kind = _mount(entry)
        if kind == "bind":
            here = source.replace(f"{folder}/", "./") if source != str(folder) else "."  # Compose makes it absolute
            left.append((f"volumes: {here} at {target}", "a folder of this machine: let the image hold it (COPY)"))
        elif target not in folders and PurePosixPath(target) != PurePosixPath("/tmp"):  # noqa: S108  the container's
            folders.append(target)
            if kind == "volume" and source:
                left.append((f"volumes: what {source} holds", f"{target} is taken over, but {MEMORY}"))
    return tuple(folders), left


def _mount(entry: Any) -> tuple[str, str, str]:
    """(source, target, kind) of one volume in either form."""
    if isinstance(entry, Mapping):
        return str(entry.get("source") or ""), str(entry.get("target")), str(entry.get("type", "volume"))
    parts = str(entry).split(":")
    source, target = (parts[0], parts[1]) if len(parts) > 1 and parts[1].startswith("/") else ("", parts[0])
    return source, target, "bind" if source.startswith((".", "/", "~")) else "volume"


def _aliases(known: Mapping[str, Any]) -> Iterator[str]:
    """Other names by which the service is reached."""
    yield from (str(known[key]) for key in ("container_name", "hostname") if known.get(key))
    networks = known.get("networks")
    for network in networks.values() if isinstance(networks, Mapping) else ():
        yield from map(str, (network or {}).get("aliases") or ())


def _left(known: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key in known:
        if key == "networks" and list(known[key] or ()) == ["default"]:
            continue  # Compose's own reading says so for every service
        if key not in TAKEN | WITHOUT_EFFECT and not str(key).startswith("x-"):
            yield str(key), REASONS.get(str(key), UNKNOWN)


def _left_of_build(build: Any) -> Iterator[tuple[str, str]]:
    for key in build if isinstance(build, Mapping) else ():
        if key not in BUILD_TAKEN and not str(key).startswith("x-"):
            yield f"build.{key}", BUILD_REASONS.get(str(key), UNKNOWN)


def replace_names(value: Any, names: Mapping[str, str]) -> Any:
    """A text in which services are called by other names; anything else as it is."""
    if not isinstance(value, str):
        return value
    for old, new in names.items():
        value = re.sub(rf"(?<![\w.-]){re.escape(old)}(?![\w.-])", new, value)
    return value


ASKED_BY = re.compile(r"(?i)cors|origin|allowed|trusted")  # a variable for who may ask the app
HELD_BY = re.compile(r"(?i)host|server|addr|ur[li]|endpoint|dsn|broker|node|service|upstream")


def mentions(env: Mapping[str, Any], services: Iterable[Service]) -> Iterator[str]:
    """Names of services that stand in a variable as the host to ask: ``@db:5432``, ``//cache/0``, ``db:5432``.

    A name alone is a host where the variable is for one: DB_HOST = db, and not DB_USER, IMAGE or BACKEND.
    """
    texts = {key: value for key, value in env.items() if isinstance(value, str) and not ASKED_BY.search(key)}
    for service in services:
        names = "|".join(map(re.escape, (service.name, *service.aliases)))
        host = re.compile(rf"(?:@|//)(?:{names})(?=$|[:/,?])|(?:^|,)(?:{names}):\d")
        alone = re.compile(rf"(?:^|,)(?:{names})(?=$|,)")
        if any(host.search(text) or (HELD_BY.search(key) and alone.search(text)) for key, text in texts.items()):
            yield service.name
