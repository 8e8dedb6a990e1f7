"""Read what a builder says while it builds. The classic one sends text; BuildKit sends messages of its own. Pure.

BuildKit's are ``StatusResponse`` of moby.buildkit.v1 (api/services/control/control.proto), of which only the texts
are read here: names of steps and their output.
"""

from base64 import b64decode
from collections.abc import Iterator, Mapping
from typing import Any

TRACE = "moby.buildkit.trace"
VERTEX, LOG = 1, 3  # fields of StatusResponse
NAME, STARTED, COMPLETED = 3, 5, 6  # fields of Vertex
OUTPUT = 4  # field of VertexLog
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # wire types of protobuf


def lines_of(event: Mapping[str, Any]) -> Iterator[str]:
    """The lines of text in one event of a build."""
    if event.get("id") != TRACE:
        yield from str(event.get("stream", "")).splitlines()
        return
    for number, content in fields(b64decode(event["aux"])):
        inside = dict(fields(content)) if number in (VERTEX, LOG) else {}
        if number == LOG:
            yield from _text(inside.get(OUTPUT)).splitlines()
        elif number == VERTEX and STARTED in inside and COMPLETED not in inside:
            yield _text(inside.get(NAME))


def fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """(number, content) of the fields of a protobuf message that hold bytes; numbers are skipped."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == BYTES:
            length, at = _varint(message, at)
            yield key >> 3, message[at : at + length]
            at += length
        elif kind == VARINT:
            _, at = _varint(message, at)
        elif kind in (FIXED64, FIXED32):
            at += 8 if kind == FIXED64 else 4
        else:
            raise ValueError(f"wire type {kind} is none of protobuf's that BuildKit sends")


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def _text(content: bytes | None) -> str:
    return (content or b"").decode(errors="replace")
