"""How a Dockerfile starts its image, as far as its text says, or how a finished image says it itself. Pure."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

INSTRUCTION = re.compile(r"^\s*([A-Za-z]+)\s+(.*)$", re.DOTALL)
SHELL_ONLY = re.compile(r"[$;&|<>`*?(){}]")
BASE_ARG = re.compile(r"^PYTHON_IMAGE\b")
SHELL = ("/bin/sh", "-c")  # what Docker puts in front of a CMD that is no list
HEALTH_URL = re.compile(r"""https?://[^/\s'"\\]+(/[\w./~%?=:@+-]*)(.?)""")
UNFINISHED = ("$", "{", "&", "*")  # what follows is part of the path, and only a shell could tell which


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Of the last stage: words of ENTRYPOINT and CMD, the port of EXPOSE, the path that HEALTHCHECK asks for.

    ``command`` is None when only a shell could tell what it means. ``takes_base``: ARG PYTHON_IMAGE is there, so that
    the lab can hand in another base image where no registry answers; ``takes_wheels``: .wheelhouse is copied.
    """

    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] | None = ()
    port: int | None = None
    ready_path: str = ""
    takes_base: bool = False
    takes_wheels: bool = False


def read_start(text: str) -> Start:
    """What a Dockerfile says."""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] | None = ()
    port: int | None = None
    ready = ""
    takes_base = takes_wheels = False
    for keyword, rest in _instructions(text):
        if keyword == "FROM":
            entrypoint, command, port, ready = (), (), None, ""
        elif keyword == "ENTRYPOINT":
            entrypoint = _words(rest) or ()
        elif keyword == "CMD":
            command = _words(rest)
        elif keyword == "EXPOSE":
            port = _port(rest) or port
        elif keyword == "HEALTHCHECK":
            ready = _health_path(" ".join(_words(rest.partition("CMD")[2].strip()) or (rest,)))
        elif keyword == "ARG":
            takes_base |= BASE_ARG.match(rest) is not None
        elif keyword == "COPY":
            takes_wheels |= ".wheelhouse" in rest
    return Start(
        entrypoint=entrypoint,
        command=command,
        port=port,
        ready_path=ready,
        takes_base=takes_base,
        takes_wheels=takes_wheels,
    )


def image_start(config: Mapping[str, Any]) -> Start:
    """What the configuration of a finished image says (the OCI image specification's ``config``)."""
    words = tuple(config.get("Cmd") or ())
    ports = [number for text in config.get("ExposedPorts") or () if (number := _port(text)) is not None]
    return Start(
        entrypoint=tuple(config.get("Entrypoint") or ()),
        command=_words(words[2]) if words[:2] == SHELL and len(words) == 3 else words,
        port=min(ports, default=None),
        ready_path=_health_path(" ".join((config.get("Healthcheck") or {}).get("Test") or ())),
    )


def _instructions(text: str) -> list[tuple[str, str]]:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\[ \t]*\n", " ", "\n".join(lines))
    found = (INSTRUCTION.match(line) for line in joined.splitlines())
    return [(match[1].upper(), match[2].strip()) for match in found if match]


def _words(rest: str) -> tuple[str, ...] | None:
    """Exec form, or a shell form that is no more than words."""
    try:
        words = json.loads(rest)
    except ValueError:
        if SHELL_ONLY.search(rest):
            return None
        try:
            words = shlex.split(rest.removeprefix("exec "))
        except ValueError:
            return None
    return tuple(map(str, words)) if isinstance(words, list) else None


def _health_path(text: str) -> str:
    found = HEALTH_URL.search(text)
    return found[1] if found and found[2] not in UNFINISHED else ""


def _port(rest: str) -> int | None:
    number = rest.split()[0].partition("/")[0] if rest else ""
    return int(number) if number.isdecimal() else None
