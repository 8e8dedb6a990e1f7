"""Make a start command a template for every arm: host, port and number of workers become placeholders. Pure."""

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePath

from lab.scenario.servers import SERVERS

HOSTS = ("0.0.0.0", "127.0.0.1", "localhost", "::", "[::]")  # noqa: S104  recognised, never bound
HOST_OPTIONS = ("--host",)
PORT_OPTIONS = ("--port", "-p")
BIND_OPTIONS = ("--bind", "-b")
WORKER_OPTIONS = ("--workers", "-w")
BY_BIND = ("gunicorn", "hypercorn")  # what they listen on is one word; the others have a host and a port
PLAIN_OPTIONS = (*HOST_OPTIONS, *PORT_OPTIONS, *WORKER_OPTIONS)
ONE_PROCESS = ("--reload", "--debug")  # they make a server ignore --workers
ELSEWHERE = ("--uds", "--fd")  # with a value; where they stand, --host and --port say nothing
# The lab asks an app in plain HTTP: TLS is a front's business.
TLS = re.compile(r"--(?:ssl-[\w-]+|certfile|keyfile|keyfile-password|ca-certs|ciphers)(?==|$)")
TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*(\(\))?")


def server_of(words: Sequence[str]) -> str:
    """``"uvicorn"`` in ``tini -- python -m uvicorn …`` as well; "" when no word is a known server."""
    return next((name for name in map(_name, words) if name in SERVERS), "")


def server_at(words: Sequence[str]) -> int:
    """Give the position of the first word that is a known server, or -1."""
    return next((place for place, word in enumerate(words) if _name(word) in SERVERS), -1)


def _name(word: str) -> str:
    return PurePath(word.strip("\"'")).name


def template(words: Sequence[str], port: int | None = None) -> list[str]:
    """The words with placeholders; options of known servers that are not there are added.

    ``port`` is where it listens today: that number becomes {port} wherever it is a word of its own or behind a colon.
    """
    server = server_of(words)
    filled = list(_filled(list(_kept(words)) if server else words, port))
    if server == "fastapi":
        filled = ["run" if word == "dev" else word for word in filled]
    if server:
        filled += missing_options(server, " ".join(filled))
    return filled


def _kept(words: Sequence[str]) -> Iterator[str]:
    """Without options that would let it serve with one process, or where nobody asks, or in another way."""
    without = False
    for word in words:
        option, equals, _ = word.partition("=")
        dropped = option in ELSEWHERE or TLS.match(word) is not None
        if not (without or dropped or word in ONE_PROCESS):
            yield word
        without = dropped and not equals


def missing_options(server: str, text: str) -> list[str]:
    """The options that a command of this server still needs, so that it has each placeholder."""
    more: list[str] = []
    if "{port}" not in text:
        more += ["--bind", "{host}:{port}"] if server in BY_BIND else ["--port", "{port}"]
    if "{host}" not in " ".join([text, *more]):
        more += ["--host", "{host}"]
    return more if "{workers}" in text else [*more, "--workers", "{workers}"]


def plain_target(words: Sequence[str]) -> str:
    """``shop:api`` when the command is uvicorn, found on PATH, with nothing but an app, host, port and workers."""
    if not words or words[0] != "uvicorn":
        return ""
    rest, targets = list(words[1:]), []
    while rest:
        word = rest.pop(0)
        if word in PLAIN_OPTIONS and rest:
            rest.pop(0)
        elif word.partition("=")[0] not in PLAIN_OPTIONS:
            targets.append(word)
    return targets[0] if len(targets) == 1 and re.fullmatch(r"[\w.]+:[\w.]+", targets[0]) else ""


def app_in(words: Sequence[str]) -> str:
    """The app that a command names as module:name or, for `fastapi run`, by its file; "" when it names none."""
    files = (f"{word.removesuffix('.py').replace('/', '.')}:app" for word in words if word.endswith(".py"))
    return next(filter(TARGET.fullmatch, [*words, *files]), "")


def command_text(words: Sequence[str]) -> str:
    """Words as one line that shlex splits into the same words; placeholders stay readable."""
    return " ".join(
        word if re.fullmatch(r"[\w@%+=:,./{}-]+", word) else "'" + word.replace("'", "'\"'\"'") + "'" for word in words
    )


def _filled(words: Sequence[str], port: int | None) -> Iterator[str]:
    before = ""
    for word in words:
        option, equals, value = word.partition("=")
        if equals and (filled := placeholder(option, value, port)) is not None:
            yield f"{option}={filled}"
        else:
            filled = placeholder(before, word, port)
            yield word if filled is None else filled
        before = word


def placeholder(option: str, value: str, port: int | None) -> str | None:
    """Give the placeholder for the value of an option; None when it may stay. A shell's variable is a value too."""
    value = value.strip("\"'")
    if option in WORKER_OPTIONS and _number(value):
        return "{workers}"
    if option in BIND_OPTIONS:
        return "{host}:{port}"
    if value in HOSTS or (option in HOST_OPTIONS and value.startswith("$")):
        return "{host}"
    if (option in PORT_OPTIONS and _number(value)) or (port is not None and value == str(port)):
        return "{port}"
    if port is not None and value.endswith(f":{port}"):
        host = value.removesuffix(f":{port}")
        return ("{host}" if host in HOSTS else host) + ":{port}"
    return None


def _number(value: str) -> bool:
    return value.isdecimal() or value.startswith("$")
