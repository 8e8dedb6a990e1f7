"""From the services of a compose file to the tables of a scenario: the app, its sidecars, its jobs."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lab.errors import UsageError
from lab.scenario.beside import OTHER_USER
from lab.scenario.expectation import nearest
from lab.starter.compose.reading import Project
from lab.starter.compose.services import COMPLETED, Service, mentions, replace_names, service_of
from lab.starter.guesses import Wanted

PORTS = {  # of well-known images whose compose files seldom say when they are ready
    **dict.fromkeys(("postgres", "postgis", "pgvector", "timescaledb"), 5432),
    **dict.fromkeys(("redis", "valkey", "keydb", "dragonfly"), 6379),
    **dict.fromkeys(("mysql", "mariadb", "percona"), 3306),
    **{"mongo": 27017, "rabbitmq": 5672, "memcached": 11211, "nats": 4222, "minio": 9000, "kafka": 9092},
}
STAYS = "nothing that the app depends on or names: left out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a scenario takes from a compose file.

    ``wanted`` goes to whoever looks at the image; ``app`` has further keys of [app]; ``sidecars`` and ``jobs`` are
    tables as the scenario writes them, paths absolute. ``left``: sentences, what was not taken over and why.
    ``needs``: variables of the environment that a run will need, and where their values are.
    """

    name: str
    folder: Path | None
    image: str
    wanted: Wanted
    app: Mapping[str, Any] = field(default_factory=dict)
    sidecars: tuple[Mapping[str, Any], ...] = ()
    jobs: tuple[Mapping[str, Any], ...] = ()
    left: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


def take_over(project: Project, name: str = "", profiles: Sequence[str] = (), stated: Wanted | None = None) -> Taken:
    """The scenario's part of a compose file. ``name``: the service to compare, "" where only one can be meant.

    ``stated``: what the person has said. Raises UsageError when the service is not there or several may be meant.
    """
    services = {each: service_of(project, each) for each in project.services}
    active = {each: one for each, one in services.items() if not one.profiles or set(one.profiles) & set(profiles)}
    app = services[_chosen(services, active, name)]
    beside, once = _beside(app, services, active)
    reached = {each: (each, *services[each].aliases) for each in (*beside, *once)}
    names = {old: _dns(each) for each, olds in reached.items() for old in olds if old != _dns(each)}
    stated = stated or Wanted()
    left = [f"{key}: {reason}" for key, reason in project.left]
    left += [f"services.{app.name}.{key}: {reason}" for key, reason in app.left]
    sidecars = tuple(_sidecar(services[each], names, beside, once, left) for each in beside)
    jobs = tuple(filter(None, (_job(services[each], app, names, left) for each in once)))
    left += [f"services.{each}: {STAYS}" for each in active if each not in (app.name, *beside, *once)]
    left += [
        f"services.{each}: the app names it, but its profile is off: --profile {services[each].profiles[0]} takes it"
        for each in mentions(app.env, (one for one in services.values() if one.name not in active))
    ]
    env = {key: replace_names(value, names) for key, value in app.env.items()}
    needs = {key: why for each in (app.name, *beside, *once) for key, why in services[each].needs.items()}
    return Taken(
        name=app.name,
        folder=app.build.get("context"),
        image="" if app.build else app.image,
        wanted=_wanted(app, stated),
        app=_app_keys(app, env),
        sidecars=sidecars,
        jobs=jobs,
        left=tuple(left),
        needs=tuple(f"{key}, {why}" for key, why in needs.items()),
    )


def _chosen(services: Mapping[str, Service], active: Mapping[str, Service], name: str) -> str:
    if name:
        if name not in services:
            raise UsageError(f"--service: there is no service {name!r} in it: {nearest(name, services)}")
        return name
    waited = {each for one in services.values() for each, condition in one.depends.items() if condition == COMPLETED}
    needed = {each for one in active.values() for each in (*one.depends, *mentions(one.env, active.values()))}
    built = [each for each, one in active.items() if one.build and each not in waited]
    built = built or [each for each in active if each not in needed]
    published = [each for each in built if active[each].ports]
    found = built if len(built) == 1 else published
    if len(found) == 1:
        return found[0]
    which = ", ".join(found or built or active)
    raise UsageError(f"--service is missing: {which} may be meant", "name the one whose process models are compared")


def _beside(
    app: Service, services: Mapping[str, Service], active: Mapping[str, Service]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(sidecars, jobs): what the app waits for, what that waits for, and what its variables name."""
    sidecars: list[str] = []
    jobs: list[str] = []
    waiting = [app]
    while waiting:
        service = waiting.pop(0)
        named = dict.fromkeys(mentions(service.env, (one for one in active.values() if one != service)), "")
        for name, condition in {**named, **service.depends}.items():
            if name in (*sidecars, *jobs, app.name) or name not in services:
                continue
            (jobs if condition == COMPLETED else sidecars).append(name)
            waiting.append(services[name])
    return tuple(sidecars), tuple(jobs)


def _wanted(app: Service, stated: Wanted) -> Wanted:
    return replace(
        stated,
        port=stated.port or next(iter(app.ports), None),
        dockerfile=app.build.get("dockerfile", stated.dockerfile),
        stage=stated.stage or app.build.get("target", ""),
        build_args=app.build.get("args", {}),
        entrypoint=app.entrypoint,
        command=app.command,
        healthcheck=app.healthcheck or None,
    )


def _app_keys(app: Service, env: Mapping[str, Any]) -> dict[str, Any]:
    """Further keys of [app]. Compose's containers may write to their root, so the app may have to."""
    keys = {
        "port": next(iter(app.ports), None),
        "env": env,
        "user": app.user,
        "volumes": list(app.volumes),
        "capabilities": list(app.capabilities),
        "ready_timeout": app.ready_timeout,
        "build_args": app.build.get("args", {}),
    }
    return {key: value for key, value in keys.items() if value} | {"read_only": app.read_only}


def _sidecar(
    service: Service, names: Mapping[str, str], beside: Sequence[str], once: Sequence[str], left: list[str]
) -> dict[str, Any]:
    where = f"services.{service.name}"
    left += [f"{where}.{key}: {reason}" for key, reason in service.left]
    if service.entrypoint:
        left.append(f"{where}.entrypoint: a sidecar keeps that of its image")
    added = [name for name in service.capabilities if name.upper() != "ALL"]
    if len(added) < len(service.capabilities):
        left.append(f"{where}.cap_add ALL: name the capabilities that it needs in [[sidecars]] capabilities")
    left += [f"{where}.depends_on {each}: jobs run after the sidecars" for each in service.depends if each in once]
    built = [key for key in ("target", "args") if service.build.get(key)]
    left += [f"{where}.build.{key}: build it yourself and name it in [[sidecars]] image = …" for key in built]
    source = {"build": service.build["context"]} if service.build else {"image": service.image}
    if service.build and service.build["dockerfile"] != "Dockerfile":
        source["dockerfile"] = service.build["dockerfile"]
    table = {
        "name": _dns(service.name),
        **source,
        "command": shlex.join(service.command or ()),
        "env": {key: replace_names(value, names) for key, value in service.env.items()},
        "ready": _ready(service),
        "ready_timeout": service.ready_timeout,
        "volumes": list(service.volumes),
        "user": service.user,
        "capabilities": list(dict.fromkeys((*OTHER_USER, *added))) if added else [],
        "depends": [_dns(each) for each in service.depends if each in beside],
    }
    return {key: value for key, value in table.items() if value}


def _ready(service: Service) -> str:
    """Its own health check, else the port of a well-known image, else the first port that it names."""
    kind, *words = service.healthcheck or ("",)
    if kind == "CMD":
        return f"exec:{shlex.join(words)}"
    if kind == "CMD-SHELL":
        return f"exec:{shlex.join(['sh', '-c', *words])}"
    image = service.image.partition("@")[0].rpartition("/")[2].partition(":")[0]
    port = PORTS.get(image) or next(iter(service.ports), None)
    return f"tcp:{port}" if port else ""


def _job(service: Service, app: Service, names: Mapping[str, str], left: list[str]) -> dict[str, Any] | None:
    where = f"services.{service.name}"
    words = (*(service.entrypoint or ()), *(service.command or ()))
    other = _other_image(service, app) if service.build else ""
    same = not other if service.build else service.image == app.image
    if not words:
        left.append(f"{where}: it has no command of its own; write one as [[jobs]] command = …")
        return None
    if other:
        left.append(f"{where}: it is built from {other} than the app: build it and name it in [[jobs]] image = …")
        return None
    if service.build and service.build["args"] != app.build["args"]:
        left.append(f"{where}.build.args: it runs in the app's image, which is built with those of the app")
    left += [f"{where}.{key}: {reason}" for key, reason in service.left]
    apps = app.env if same else {}  # a job in the app's image has the app's environment anyway
    env = {key: replace_names(value, names) for key, value in service.env.items() if apps.get(key) != value}
    table = {
        "name": _dns(service.name),
        "image": "" if same else service.image,
        "command": shlex.join(words),
        "times": "once",
        "env": env,
    }
    return {key: value for key, value in table.items() if value}


def _other_image(service: Service, app: Service) -> str:
    """In what the build of a job is another one than the app's; "" where one image does for both."""
    words = {"context": "another folder", "dockerfile": "another Dockerfile", "target": "another stage"}
    return next((said for key, said in words.items() if service.build[key] != app.build.get(key)), "")


def _dns(name: str) -> str:
    """The name as a scenario writes it: small letters, digits, hyphens."""
    return "".join(_letters(name.lower())).strip("-")[:40] or "service"


def _letters(name: str) -> Iterator[str]:
    yield from (letter if letter.isascii() and letter.isalnum() else "-" for letter in name)
