"""A start command as somebody wrote it → a template for every arm, with {host}, {port} and {workers}. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePath

HOSTS = ("0.0.0.0", "127.0.0.1", "localhost", "::", "[::]")  # noqa: S104  recognised, never bound
HOST_OPTIONS = ("--host",)
PORT_OPTIONS = ("--port", "-p")
BIND_OPTIONS = ("--bind", "-b")
WORKER_OPTIONS = ("--workers", "-w")
BY_BIND = ("gunicorn", "hypercorn")  # what they listen on is one word; the others have a host and a port
KNOWN = ("uvicorn", "fastapi", "granian", *BY_BIND)
PLAIN_OPTIONS = (*HOST_OPTIONS, *PORT_OPTIONS, *WORKER_OPTIONS)


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
    """What stands for the value of an option; None when it may stay."""
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
