"""What a folder says about the app in it: guesses for `lab init`, each of which the person may replace."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from lab.errors import UsageError
from lab.starter.command import plain_target, template
from lab.starter.dockerfile import Start, read_start
from lab.starter.source import FoundApp, find_apps, ready_path

DOCKERFILE, REQUIREMENTS = "Dockerfile", "requirements.txt"
HASHED = re.compile(r"--hash=sha256:")


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
    target, command = _start(start, apps, port)
    paths = _paths_of(apps, target, command)
    ready = start.ready_path or ready_path(paths)
    return Look(
        target=target,
        command=command,
        ready_path=ready,
        paths=tuple(path for path in paths if path != ready),
        requirements=_requirements(folder, start),
        needs_registry=not start.takes_base,
    )


def look_at_image(start: Start, port: int | None = None) -> Look:
    """What a finished image says: how it starts, and perhaps what its health check asks for."""
    target, command = _start(start, [], port)
    return Look(target=target, command=command, ready_path=start.ready_path)


def _start(start: Start, apps: list[FoundApp], port: int | None) -> tuple[str, str]:
    """(target, command). A command that is no more than uvicorn with an app is the lab's to write."""
    words = start.command
    if words and not start.entrypoint and (target := plain_target(words)):
        return target, ""
    if words or start.entrypoint:
        program = start.entrypoint[-1] if start.entrypoint else ""
        return "", command_text(template(words or (), port or start.port, program))
    return (apps[0].target if apps else ""), ""


def command_text(words: list[str]) -> str:
    """Words as one line that shlex splits into the same words; placeholders stay readable."""
    return " ".join(
        word if re.fullmatch(r"[\w@%+=:,./{}-]+", word) else "'" + word.replace("'", "'\"'\"'") + "'" for word in words
    )


def _paths_of(apps: list[FoundApp], target: str, command: str) -> tuple[str, ...]:
    chosen = [app for app in apps if app.target == target or app.target in command.split()]
    return (chosen or apps)[0].paths if apps else ()


def _requirements(folder: Path, start: Start) -> str:
    file = folder / REQUIREMENTS
    if not (start.takes_base and start.takes_wheels and file.is_file()):
        return ""
    return REQUIREMENTS if HASHED.search(file.read_text(encoding="utf-8", errors="replace")) else ""
