"""Read how an image starts, from its Dockerfile or itself, and make it a template for every arm. Pure."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

HOSTS = ("0.0.0.0", "127.0.0.1", "localhost", "::", "[::]")  # noqa: S104  recognised, never bound
HOST_OPTIONS = ("--host",)
PORT_OPTIONS = ("--port", "-p")
BIND_OPTIONS = ("--bind", "-b")
WORKER_OPTIONS = ("--workers", "-w")
BY_BIND = ("gunicorn", "hypercorn")  # what they listen on is one word; the others have a host and a port
KNOWN = ("uvicorn", "fastapi", "granian", *BY_BIND)
PLAIN_OPTIONS = (*HOST_OPTIONS, *PORT_OPTIONS, *WORKER_OPTIONS)
INSTRUCTION = re.compile(r"^\s*([A-Za-z]+)\s+(.*)$", re.DOTALL)
SHELL_ONLY = re.compile(r"[$;&|<>`*?(){}]")
PORT = re.compile(r"\d+(/\w+)?")
FLAGS = re.MULTILINE | re.IGNORECASE
SHELL = ("/bin/sh", "-c")  # what Docker puts in front of a CMD that is no list
HEALTH_URL = re.compile(r"""https?://[^/\s'"\\]+(/[\w./~%?=:@+-]*)(.?)""")
UNFINISHED = ("$", "{", "&", "*")  # what follows is part of the path, and only a shell could tell which


def template(words: Sequence[str], port: int | None = None, program: str = "") -> list[str]:
    """The words with placeholders; options of known servers that are not there are added.

    ``port`` is where it listens today: that number becomes {port} wherever it is a word of its own or behind a colon.
    ``program`` is who gets the words as arguments, when an ENTRYPOINT is in front of them.
    """
    filled = list(_filled(words, port))
    server = server_of([program, *words] if program else words)
    text = " ".join(filled)
    if server in KNOWN:
        if "{port}" not in text:
            filled += ["--bind", "{host}:{port}"] if server in BY_BIND else ["--port", "{port}"]
        if "{host}" not in " ".join(filled):
            filled += ["--host", "{host}"]
        if "{workers}" not in text:
            filled += ["--workers", "{workers}"]
    return filled


def server_of(words: Sequence[str]) -> str:
    """``"uvicorn"`` in ``python -m uvicorn …`` as well; "" when no server is known in the first words."""
    names = [PurePath(word).name for word in words[:3]]
    return next((name for name in names if name in KNOWN), "")


def plain_target(words: Sequence[str]) -> str:
    """``shop:api`` when the command is uvicorn with nothing but an app, host, port and workers; else ""."""
    if not words or PurePath(words[0]).name != "uvicorn":
        return ""
    rest, targets = list(words[1:]), []
    while rest:
        word = rest.pop(0)
        if word in PLAIN_OPTIONS and rest:
            rest.pop(0)
        elif word.partition("=")[0] not in PLAIN_OPTIONS:
            targets.append(word)
    return targets[0] if len(targets) == 1 and ":" in targets[0] and not targets[0].startswith("-") else ""


def _filled(words: Sequence[str], port: int | None) -> Iterator[str]:
    before = ""
    for word in words:
        option, equals, value = word.partition("=")
        if equals and (filled := _value(option, value, port)) is not None:
            yield f"{option}={filled}"
        else:
            filled = _value(before, word, port)
            yield word if filled is None else filled
        before = word


def _value(option: str, value: str, port: int | None) -> str | None:
    """Give the placeholder for the value of an option; None when it may stay."""
    if option in WORKER_OPTIONS and value.isdecimal():
        return "{workers}"
    if option in BIND_OPTIONS:
        return "{host}:{port}"
    if value in HOSTS:
        return "{host}"
    if (option in PORT_OPTIONS and value.isdecimal()) or (port is not None and value == str(port)):
        return "{port}"
    if port is not None and value.endswith(f":{port}"):
        host = value.removesuffix(f":{port}")
        return ("{host}" if host in HOSTS else host) + ":{port}"
    return None


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
    """Read a Dockerfile: what the image that it makes would say, and what its build takes."""
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
    """Read the configuration of a finished image (the OCI image specification's ``config``)."""
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
