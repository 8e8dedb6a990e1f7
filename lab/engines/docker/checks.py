"""Run a command inside a container for a limited time, as the probe of a sidecar."""

import time
from collections.abc import Sequence
from contextlib import closing
from threading import Event
from typing import Any, NamedTuple

import docker.errors
from docker.models.containers import Container

from lab.engines.docker.agent.attached import HEADER
from lab.engines.docker.removal import one_line

LISTEN_S = 0.05  # between two looks at the time
PIECE_BYTES = 65536


class Checked(NamedTuple):
    """What came of it: ``code`` is None where it has not ended in time, or could not be started."""

    code: int | None
    output: str


def run_check(container: Container, command: Sequence[str], give_up_at: float, stop: Event) -> Checked:
    """Run it until it ends, until CLOCK_MONOTONIC is ``give_up_at``, or until ``stop``; it ends with its container.

    A command that Docker refuses has failed too, with Docker's words: the container may have ended meanwhile.
    """
    api = container.client.api
    try:
        identity = api.exec_create(container.id, list(command))["Id"]
        held = api.exec_start(identity, socket=True)
        stream: Any = getattr(held, "_sock", held)  # the SDK's object only borrows it
        with closing(stream), closing(held):
            said = _read(stream, give_up_at, stop)
        return Checked(api.exec_inspect(identity)["ExitCode"], said)
    except docker.errors.APIError as error:
        return Checked(None, one_line(error))


def _read(stream: Any, give_up_at: float, stop: Event) -> str:
    """What it has printed on both of its streams."""
    stream.settimeout(LISTEN_S)
    received = bytearray()
    while not stop.is_set() and time.monotonic() < give_up_at:
        try:
            piece = stream.recv(PIECE_BYTES)
        except TimeoutError:
            continue
        if not piece:
            break
        received += piece
    return _text(bytes(received))


def _text(received: bytes) -> str:
    """The text of a stream in pieces, each behind a header; the last one may not be whole."""
    text = b""
    while received:
        end = HEADER + int.from_bytes(received[4:HEADER])
        text, received = text + received[HEADER:end], received[end:]
    return text.decode(errors="replace")
