"""Guess from a folder or an image what `lab init` needs to know about the app in it. The person may replace each."""

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lab.engines.images.dockerfile import PORT, read_dockerfile
from lab.engines.images.instructions import takes_base
from lab.starter.folder import MAX_NAMED, check_folder, find_apps, reader
from lab.starter.packages import DOCKERFILE, Packages, below_src, fetched_for, instead_of
from lab.starter.routes import Routes
from lab.starter.servers import app_in
from lab.starter.start import Start, beside_own, instead, understand
from lab.units import plural

UNWRITTEN = "ARG PYTHON_IMAGE\nFROM ${PYTHON_IMAGE}\n"  # what there is to read of a Dockerfile that the lab will write
PARAMETERS = "only you know values"
HEALTH_URL = re.compile(r"""https?://[^/\s'"\\]+(/[\w./~%?=:@+-]*)(.?)""")
UNFINISHED = ("$", "{", "&", "*")  # what follows is part of the path, and only a shell could tell which
READY_WORDS = ("ready", "readyz", "readiness", "healthz", "health", "livez", "ping", "status")
ALWAYS = "/openapi.json"  # every FastAPI app has it that was not told otherwise
TOLD_BY_ENV = {"tiangolo/uvicorn-gunicorn": {"PORT": "{port}", "WEB_CONCURRENCY": "{workers}"}}  # bases with a start.sh

PathsOf = Callable[[str], tuple[str, ...]]  # module:name of an app -> its GET paths


@dataclass(frozen=True, slots=True, kw_only=True)
class Guesses:
    """Guesses; "" and () where nothing says. ``taken`` tells for start, ready and paths where each was found.

    ``requirements`` is set when the Dockerfile can use wheels that the lab fetches; ``packages`` where there is no
    Dockerfile, and the lab can write one that installs these. ``many``: GET paths with parameters, for which only a
    person knows values; ``left``: these and all other routes that a guess leaves out, "GET /path" → why. ``foreign``:
    how it starts, with what says so, where no server of Python and no app was found in that; else "".
    """

    start: Start = field(default_factory=Start)
    ready_path: str = ""
    paths: tuple[str, ...] = ()
    many: tuple[str, ...] = ()
    left: Mapping[str, str] = field(default_factory=dict)
    requirements: str = ""
    packages: Packages | None = None
    needs_registry: bool = False
    taken: Mapping[str, str] = field(default_factory=dict)
    entrypoint: tuple[str, ...] = ()
    foreign: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a person, or a compose file, has said about the app already; "" and None for nothing.

    ``port``: where it listens today. ``entrypoint``, ``command`` and ``healthcheck`` replace those of the image.
    """

    port: int | None = None
    target: str = ""
    dockerfile: str = DOCKERFILE
    stage: str = ""
    build_args: Mapping[str, str] = field(default_factory=dict)
    entrypoint: Sequence[str] | None = None
    command: Sequence[str] | None = None
    healthcheck: Sequence[str] | None = None

    @property
    def as_in_image(self) -> bool:
        """Whether nothing replaces how the image starts by itself."""
        return self.command is None and self.entrypoint is None and not self.target


def look_at(folder: Path, wanted: Wanted | None = None) -> Guesses:
    """Look into a folder with a Dockerfile, or with what the lab can write one from.

    Raises UsageError when there is neither, ScenarioError without that stage.
    """
    wanted = wanted or Wanted()
    check_folder(folder)
    file = folder / wanted.dockerfile
    packages = None if file.is_file() else instead_of(folder, wanted.dockerfile)
    text = UNWRITTEN if packages else file.read_text(encoding="utf-8", errors="replace")
    stage = read_dockerfile(text, wanted.build_args).stage(wanted.stage)
    config = _checked(stage.config, wanted)
    start, said = _start(config, wanted, reader(folder), stage.image)
    apps = find_apps(folder)
    named = [name for name in apps if not name.endswith("()")]
    if not (start.target or start.command) and named:
        start, said = _served_by_uvicorn(start, named, config, said)
        start = below_src(start, folder) if packages else start
    elif said and wanted.as_in_image:
        said = f"{said} of {wanted.dockerfile}" + _stages(stage.origin)
    routes = _routes_of(apps, start)
    return _look(
        config,
        start,
        routes.paths,
        {"start": said, "paths": "GET in the source"},
        {f"{route.method} {route.path}": route.why_not for route in routes.others},
        requirements=packages.name if packages else fetched_for(folder, text),
        packages=packages,
        needs_registry=not takes_base(text),
        foreign=_foreign(start, config, wanted),
    )


def look_at_image(
    config: Mapping[str, Any],
    wanted: Wanted | None = None,
    paths_of: PathsOf = lambda _: (),
    read: Callable[[str], str | None] = lambda _: None,
) -> Guesses:
    """Guess from a finished image: how it starts, what its health check asks for, and which paths its app has.

    ``config`` is that of the OCI image specification. ``paths_of`` asks the app, module:name, itself; it is called
    when a person named that or the start does. ``read`` gives the text of a file in the image.
    """
    wanted = wanted or Wanted()
    config = _checked(config, wanted)
    start, said = _start(config, wanted, read, "")
    app = wanted.target or start.app
    taken = {
        "start": f"{said} of the image" if said and wanted.as_in_image else said,
        "paths": f"{app}, asked in the image",
    }
    return _look(config, start, paths_of(app) if app else (), taken, foreign=_foreign(start, config, wanted))


def _look(
    config: Mapping[str, Any],
    start: Start,
    paths: tuple[str, ...],
    taken: Mapping[str, str],
    others: Mapping[str, str] | None = None,
    **more: Any,
) -> Guesses:
    plain = tuple(path for path in paths if "{" not in path)
    health = _health_path(" ".join((config.get("Healthcheck") or {}).get("Test") or ()))
    ready, said = next(
        (each for each in ((health, "HEALTHCHECK"), (ready_path(plain), taken["paths"])) if each[0]), ("", "")
    )
    if not ready and paths:
        ready, said = (plain[0], "the first GET without parameters") if plain else (ALWAYS, "no GET without parameters")
    loaded = tuple(path for path in plain if path != ready) or tuple(filter(None, (ready,)))
    return Guesses(
        start=start,
        ready_path=ready,
        paths=loaded if paths else (),
        many=tuple(path for path in paths if "{" in path),
        left={**{f"GET {path}": PARAMETERS for path in paths if "{" in path}, **(others or {})},
        taken={**taken, "ready": said},
        entrypoint=tuple(config.get("Entrypoint") or ()),
        **more,
    )


def _checked(config: Mapping[str, Any], wanted: Wanted) -> dict[str, Any]:
    return {**config, **({"Healthcheck": {"Test": list(wanted.healthcheck)}} if wanted.healthcheck else {})}


def _start(
    config: Mapping[str, Any], wanted: Wanted, read: Callable[[str], str | None], base: str
) -> tuple[Start, str]:
    """The start, and what said so. A new entrypoint drops the image's command, as it does in Docker and Compose."""
    entrypoint, command = _words(config, wanted)
    if wanted.target:
        return beside_own(entrypoint, wanted.target), "--target"
    said = _said(entrypoint, command)
    env = next((env for name, env in TOLD_BY_ENV.items() if base.startswith(name)), None)
    if env and not said:
        return Start(command="{image}", env=env, notes=(f"the start script of {base} takes {', '.join(env)}",)), base
    return understand(entrypoint, command, wanted.port or _port(config), read), said


def _words(config: Mapping[str, Any], wanted: Wanted) -> tuple[list[str], list[str]]:
    """The ENTRYPOINT and CMD that count."""
    entrypoint = list(config.get("Entrypoint") or ()) if wanted.entrypoint is None else list(wanted.entrypoint)
    inherited = list(config.get("Cmd") or ()) if wanted.entrypoint is None else []
    return entrypoint, inherited if wanted.command is None else list(wanted.command)


def _said(entrypoint: Sequence[str], command: Sequence[str]) -> str:
    return " and ".join(name for name, words in (("ENTRYPOINT", entrypoint), ("CMD", command)) if words)


def _foreign(start: Start, config: Mapping[str, Any], wanted: Wanted) -> str:
    """How it starts, where that is nothing that is known; "" where it is, or where nothing says how."""
    entrypoint, command = _words(config, wanted)
    if start.target or start.command or not (entrypoint or command):
        return ""
    words = shlex.join([*entrypoint, *command])
    return f"it starts `{words}` ({_said(entrypoint, command)}), in which no server of Python is known"


def _served_by_uvicorn(start: Start, apps: Sequence[str], config: Mapping[str, Any], said: str) -> tuple[Start, str]:
    """For an image whose start is not understood: uvicorn serves the first of the apps that stand in the source."""
    app, *others = apps
    own = instead(config.get("Entrypoint") or (), config.get("Cmd") or (), app)
    note = (f"{said} of the image is not understood: uvicorn serves {app} instead",) if said else ()
    choice = (f"--target takes another app of the source: {', '.join(others[:MAX_NAMED])}",) if others else ()
    return replace(own, notes=(*start.notes, *note, *choice)), "FastAPI( in the source"


def _stages(origin: Mapping[str, str]) -> str:
    named = dict.fromkeys(origin[key] for key in ("Entrypoint", "Cmd") if not origin.get(key, "0").isdecimal())
    return f", {plural('stage', len(named))} {' and '.join(named)}" if named else ""


def _port(config: Mapping[str, Any]) -> int | None:
    exposed = config.get("ExposedPorts") or ()
    return min((int(text.partition("/")[0]) for text in exposed if PORT.fullmatch(text)), default=None)


def ready_path(paths: tuple[str, ...]) -> str:
    """The path that looks as if it said whether the app is ready; "" when none does."""
    named = {path.rstrip("/").rpartition("/")[2].lower(): path for path in reversed(paths)}
    return next((named[word] for word in READY_WORDS if word in named), "")


def _routes_of(apps: Mapping[str, Routes], start: Start) -> Routes:
    """The routes of the app that is started; of the first one where its name does not lead to one."""
    app = (start.app or app_in(start.command.split())).removesuffix("()")
    named = (routes for name, routes in apps.items() if app and f".{name.removesuffix('()')}".endswith(f".{app}"))
    found = next(named, next(iter(apps.values()), Routes()))
    return found if found.paths or not apps else replace(found, paths=(ALWAYS,))


def _health_path(text: str) -> str:
    return found[1] if (found := HEALTH_URL.search(text)) and found[2] not in UNFINISHED else ""
