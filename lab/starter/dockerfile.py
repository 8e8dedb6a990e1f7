"""How a Dockerfile starts its image, as far as its text says, or how a finished image says it itself. Pure."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

INSTRUCTION = re.compile(r"^\s*([A-Za-z]+)\s+(.*)$", re.DOTALL)
SHELL_ONLY = re.compile(r"[$;&|<>`*?(){}]")
PORT = re.compile(r"\d+(/\w+)?")
FLAGS = re.MULTILINE | re.IGNORECASE
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
    """What a Dockerfile says: what the image that it makes would say, and what its build takes."""
    config: dict[str, Any] = {}
    for keyword, rest in _instructions(text):
        if keyword == "FROM":
            config = {}
        elif keyword in ("CMD", "ENTRYPOINT"):
            config[{"CMD": "Cmd", "ENTRYPOINT": "Entrypoint"}[keyword]] = _form(rest)
        elif keyword == "EXPOSE":
            config["ExposedPorts"] = rest.split()
        elif keyword == "HEALTHCHECK":
            config["Healthcheck"] = {"Test": _form(rest.partition("CMD")[2].strip())}
    return replace(
        image_start(config),
        takes_base=re.search(r"^\s*ARG\s+PYTHON_IMAGE\b", text, FLAGS) is not None,
        takes_wheels=re.search(r"^\s*COPY\s.*\.wheelhouse", text, FLAGS) is not None,
    )


def image_start(config: Mapping[str, Any]) -> Start:
    """What the configuration of a finished image says (the OCI image specification's ``config``)."""
    words = tuple(config.get("Cmd") or ())
    ports = [int(text.partition("/")[0]) for text in config.get("ExposedPorts") or () if PORT.fullmatch(text)]
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


def _form(rest: str) -> list[str]:
    """The words of an exec form; a shell form as Docker stores it."""
    try:
        words = json.loads(rest)
    except ValueError:
        return [*SHELL, rest] if rest else []
    return list(map(str, words)) if isinstance(words, list) else []


def _words(text: str) -> tuple[str, ...] | None:
    """A shell form that is no more than words."""
    try:
        return None if SHELL_ONLY.search(text) else tuple(shlex.split(text.removeprefix("exec ")))
    except ValueError:
        return None


def _health_path(text: str) -> str:
    found = HEALTH_URL.search(text)
    return found[1] if found and found[2] not in UNFINISHED else ""
