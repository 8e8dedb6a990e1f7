"""Guess from a folder what `lab init` needs to know about the app in it. The person may replace each guess."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from lab.errors import UsageError
from lab.starter.command import Start, plain_target, read_start, template

DOCKERFILE, REQUIREMENTS = "Dockerfile", "requirements.txt"
HASHED = re.compile(r"--hash=sha256:")
TARGET = re.compile(r"[\w.]+:[\w.]+")
APP = re.compile(r"^(\w+)[ \t]*(?::[^=\n]+)?=[ \t]*(?:[\w.]+\.)?FastAPI\(", re.MULTILINE)
GET = re.compile(r"""^@(\w+)\.get\(\s*["'](/[^"'{\n]*)["']""", re.MULTILINE)  # without parameters
SKIPPED = {"node_modules", "site-packages", "tests", "test", "venv", "__pycache__"}
READY_WORDS = ("ready", "readyz", "readiness", "healthz", "health", "livez", "ping", "status")
MAX_FILES = 2_000
MAX_BYTES = 1_000_000

PathsOf = Callable[[str], tuple[str, ...]]  # module:name of an app -> its GET paths


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Guesses; "" and () where the folder does not say. Either ``target`` or ``command`` is set, or neither.

    ``requirements`` is set when the Dockerfile can use wheels that the lab fetches, and the file is pinned with hashes.
    """

    target: str = ""
    command: str = ""
    ready_path: str = ""
    paths: tuple[str, ...] = ()
    requirements: str = ""
    needs_registry: bool = False


def look_at(folder: Path, port: int | None = None) -> Look:
    """Look into the folder; ``port`` is where the app listens today, else EXPOSE may say. Raises UsageError."""
    if not folder.is_dir():
        raise UsageError(f"--folder: there is no folder {folder}", "give the folder that holds your Dockerfile")
    dockerfile = folder / DOCKERFILE
    if not dockerfile.is_file():
        raise UsageError(
            f"--folder: there is no {DOCKERFILE} in {folder}",
            "write one (FastAPI's documentation shows how), or name a finished image with --image",
        )
    start = read_start(dockerfile.read_text(encoding="utf-8", errors="replace"))
    apps = find_apps(folder)
    target, command = _start(start, port, next(iter(apps), ""))
    look = _look(start, target, command, _paths_of(apps, target, command))
    return replace(look, requirements=_requirements(folder, start), needs_registry=not start.takes_base)


def look_at_image(start: Start, port: int | None = None, app: str = "", paths_of: PathsOf = lambda _: ()) -> Look:
    """Guess from a finished image: how it starts, what its health check asks for, and which paths its app has.

    ``paths_of`` asks the ``app``, module:name, itself; it is called when that is given or the start names one.
    """
    target, command = _start(start, port)
    app = app or target or _app_in(command.split())
    return _look(start, target, command, paths_of(app) if app else ())


def _app_in(words: list[str]) -> str:
    """The app that a command names as module:name or, for `fastapi run`, by its file; "" when it names none."""
    files = (f"{word.removesuffix('.py').replace('/', '.')}:app" for word in words if word.endswith(".py"))
    return next(filter(TARGET.fullmatch, [*words, *files]), "")


def _look(start: Start, target: str, command: str, paths: tuple[str, ...]) -> Look:
    ready = start.ready_path or ready_path(paths)
    return Look(target=target, command=command, ready_path=ready, paths=tuple(path for path in paths if path != ready))


def _start(start: Start, port: int | None, app: str = "") -> tuple[str, str]:
    """(target, command). A command that is no more than uvicorn with an app is the lab's to write."""
    words = start.command
    if words and not start.entrypoint and (target := plain_target(words)):
        return target, ""
    if words or start.entrypoint:
        program = start.entrypoint[-1] if start.entrypoint else ""
        return "", command_text(template(words or (), port or start.port, program))
    return app, ""


def command_text(words: list[str]) -> str:
    """Words as one line that shlex splits into the same words; placeholders stay readable."""
    return " ".join(
        word if re.fullmatch(r"[\w@%+=:,./{}-]+", word) else "'" + word.replace("'", "'\"'\"'") + "'" for word in words
    )


def ready_path(paths: tuple[str, ...]) -> str:
    """The path that looks as if it said whether the app is ready; "" when none does."""
    named = {path.rstrip("/").rpartition("/")[2].lower(): path for path in reversed(paths)}
    return next((named[word] for word in READY_WORDS if word in named), "")


def find_apps(folder: Path) -> dict[str, tuple[str, ...]]:
    """Each ``name = FastAPI(`` as uvicorn's module:name, with the GET paths beside it; those at the top come first.

    Read as text: running what lies in a folder would run anything, and its packages need not be here.
    """
    found: dict[str, tuple[str, ...]] = {}
    for path in islice(_files(folder), MAX_FILES):
        with path.open("rb") as file:
            text = file.read(MAX_BYTES).decode(errors="replace")
        module = ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__")
        for name in APP.findall(text):
            found[f"{module}:{name}"] = tuple(path for app, path in GET.findall(text) if app == name)
    return dict(sorted(found.items(), key=lambda item: (item[0].count("."), item[0])))


def _files(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if name not in SKIPPED and not name.startswith(".") and not Path(root, name, "pyvenv.cfg").exists()
        )
        yield from (Path(root, name) for name in sorted(names) if name.endswith(".py"))


def _paths_of(apps: Mapping[str, tuple[str, ...]], target: str, command: str) -> tuple[str, ...]:
    named = (paths for name, paths in apps.items() if name == target or name in command.split())
    return next(named, next(iter(apps.values()), ()))


def _requirements(folder: Path, start: Start) -> str:
    file = folder / REQUIREMENTS
    if not (start.takes_base and start.takes_wheels and file.is_file()):
        return ""
    return REQUIREMENTS if HASHED.search(file.read_text(encoding="utf-8", errors="replace")) else ""
