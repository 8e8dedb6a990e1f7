"""Read a compose file: as Compose itself sees it where it is installed, else as YAML with what it extends."""

import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import yaml
from dotenv import dotenv_values

from lab.errors import UsageError

TIMEOUT_S = 30
MAX_BYTES = 1_000_000
MAX_DEPTH = 20  # of services that extend each other
COMPOSE = (("docker", "compose"), ("docker-compose",))
ADVICE = "`docker compose config` shows what Compose makes of it"

INCLUDED = "only Compose itself follows it: install Compose, or give what `docker compose config` prints"

Ask = Callable[[Path], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A compose file: its services as it writes them, and the variables that fill their texts.

    ``by_compose``: whether Compose itself has read it, or why it has not. ``left``: (key, reason) of keys of the whole
    file that nobody has followed.
    """

    folder: Path
    services: Mapping[str, Mapping[str, Any]]
    variables: Mapping[str, str]
    by_compose: str
    left: tuple[tuple[str, str], ...] = ()


def check_file(path: Path) -> None:
    """Raise UsageError where there is no such file."""
    if not path.is_file():
        raise UsageError(f"--compose: there is no file {path}", "give the compose.yaml that starts your app")


def read_compose(path: Path, environ: Mapping[str, str], ask: Ask | None = None) -> Project:
    """Read the file. Raises UsageError when it is none that Compose would take."""
    check_file(path)
    folder = path.resolve().parent
    said = (ask or ask_compose)(path.resolve())
    document = _parsed(path, said) if said is not None else _own(path)
    services = document.get("services")
    if not isinstance(services, Mapping) or not all(isinstance(each, Mapping) for each in services.values()):
        raise UsageError(f"{path}: has no services", ADVICE)
    variables = {**env_file(folder / ".env"), **environ} if (folder / ".env").is_file() else dict(environ)
    return Project(
        folder=folder,
        services=services,
        variables=variables,
        left=(("include", INCLUDED),) if document.get("include") else (),
        by_compose="" if said is not None else "no Compose here could read it, so the lab did: check what it has taken",
    )


def ask_compose(path: Path) -> str | None:
    """The file as Compose sees it, variables not filled; None where no Compose is installed or it fails."""
    for words in COMPOSE:
        if shutil.which(words[0]) is None:
            continue
        argv = [*words, "-f", str(path), "config", "--no-interpolate"]
        try:
            done = subprocess.run(argv, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode == 0 and done.stdout.strip():
            return done.stdout
    return None


def env_file(path: Path) -> dict[str, str]:
    """The variables of a .env file; their own variables are not filled. Raises UsageError when it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise UsageError(
            f"{path}: cannot be read: {said}",
            "the compose file names it in env_file: bring it, or write it as {path: …, required: false}",
        ) from None
    return {name: value or "" for name, value in dotenv_values(stream=StringIO(text), interpolate=False).items()}


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError(f"{path}: is no YAML that can be read: {' '.join(str(error).split())[:300]}", ADVICE) from None
    if not isinstance(document, dict):
        raise UsageError(f"{path}: has no services", ADVICE)
    return document


def _own(path: Path, depth: int = 0) -> dict[str, Any]:
    """The file without Compose: anchors and merges are YAML's own, ``extends`` is followed."""
    if not path.is_file():
        raise UsageError(f"{path}: no such file, and a service extends one in it", ADVICE)
    if path.stat().st_size > MAX_BYTES:
        raise UsageError(f"{path}: larger than {MAX_BYTES} bytes, which no compose file is")
    document = _parsed(path, path.read_text(encoding="utf-8", errors="replace"))
    services = document.get("services")
    if isinstance(services, dict):
        for name in services:
            services[name] = _extended(path, services, name, depth)
    return document


def _extended(path: Path, services: Mapping[str, Any], name: str, depth: int) -> Any:
    service = services[name]
    if not isinstance(service, dict) or "extends" not in service:
        return service
    if depth > MAX_DEPTH:
        raise UsageError(f"{path}: services.{name}: extends go round in a circle", ADVICE)
    extends = service["extends"]
    table = extends if isinstance(extends, dict) else {"service": extends}
    other = str(table.get("service", ""))
    if "file" in table:
        elsewhere = path.parent / str(table["file"])
        others = _own(elsewhere, depth + 1).get("services") or {}
    else:
        others = services
    if other not in others:
        raise UsageError(f"{path}: services.{name}: extends {other!r}, which is not there", ADVICE)
    below = _extended(path, others, other, depth + 1)
    return _merged(below, {key: value for key, value in service.items() if key != "extends"})


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """As Compose merges: tables key by key, lists one behind the other, commands and plain values replaced."""
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        if key in ("environment", "labels", "depends_on") and under is not None:
            merged[key] = {**pairs(under), **pairs(value)}
        elif isinstance(under, Mapping) and isinstance(value, Mapping):
            merged[key] = _merged(under, value)
        elif isinstance(under, list) and isinstance(value, list) and key not in ("command", "entrypoint", "test"):
            merged[key] = [*under, *(each for each in value if each not in under)]
        else:
            merged[key] = value
    return merged


def pairs(value: Any) -> dict[str, Any]:
    """A table that may be written as a list of ``NAME=value`` or ``NAME``, as environments and conditions are."""
    if isinstance(value, Mapping):
        return {str(name): each for name, each in value.items()}
    found = {}
    for word in value if isinstance(value, list) else ():
        name, equals, rest = str(word).partition("=")
        found[name] = rest if equals else None
    return found
