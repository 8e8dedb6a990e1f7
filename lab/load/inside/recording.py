"""The raw recording of one load process: fixed-size rows in one file, the strings they refer to in another.

Written inside Locust, so it imports nothing heavy. Memory stays flat: rows leave within a second, and the string
table is capped, because a hostile server can answer every request with a new error text.
"""

import json
import struct
from collections.abc import Callable
from math import nan
from pathlib import Path

from lab.record.schema import RequestKind

COLUMNS = (
    ("scheduled_s", "<f8"),  # CLOCK_MONOTONIC; NaN: none
    ("sent_s", "<f8"),
    ("done_s", "<f8"),
    ("opened_s", "<f8"),  # seconds; NaN: on a connection that was there
    ("bytes", "<i8"),
    ("status", "<i4"),
    ("lane", "<i4"),
    ("name", "<u4"),  # strings: line of the string table, counted from 1; 0: none
    ("server", "<u4"),
    ("error", "<u4"),
    ("client_port", "<u2"),  # 0: not noted
    ("kind", "u1"),  # index into KINDS
    ("secured", "u1"),  # of the connection that was made: one of openings
    ("upstream", "u1"),  # 1: "server" is the balancer's upstream address, not the app's own header
)
EVENT_COLUMNS = (
    ("t_s", "<f8"),  # CLOCK_MONOTONIC
    ("value", "<f8"),  # NaN: no number
    ("length", "<f8"),
    ("lane", "<i4"),
    ("type", "<u4"),  # strings
    ("name", "<u4"),
    ("error", "<u4"),
)
CODES = {"<f8": "d", "<i8": "q", "<i4": "i", "<u4": "I", "<u2": "H", "u1": "B"}  # NumPy's words, and those of struct
ROW, EVENT_ROW = (
    struct.Struct("<" + "".join(CODES[kind] for _, kind in columns)) for columns in (COLUMNS, EVENT_COLUMNS)
)
KINDS = tuple(kind.value for kind in RequestKind)
ARRIVAL, FOLLOW, START, DROP, EMPTY = range(len(KINDS))

MAX_STRINGS = 10_000
MAX_LENGTH = 300
FLUSH_BYTES = 64 * 1024


def strings_file(rows: Path) -> Path:
    """Tell where the strings of a recording lie."""
    return rows.with_suffix(".strings")


def events_file(rows: Path) -> Path:
    """Tell where the events of a recording lie."""
    return rows.with_suffix(".events")


class RequestRecorder:
    """Appends rows. Not thread-safe: everything in Locust runs in one thread."""

    def __init__(self, path: Path) -> None:
        self._rows = path.open("xb")
        self._strings = strings_file(path).open("xb")
        self._events = events_file(path).open("xb")
        self._pending = bytearray()
        self._pending_events = bytearray()
        self._pending_strings: list[str] = []
        self._next_id = 1
        self._name = _Interner("other names", self._add_string)
        self._server = _Interner("other servers", self._add_string)
        self._error = _Interner("other errors", self._add_string)
        self._type = _Interner("other types", self._add_string)
        self.count = 0
        """Rows so far."""

    def write(
        self,
        kind: int,
        *,
        lane: int,
        scheduled_s: float = nan,
        sent_s: float = nan,
        done_s: float = nan,
        size: int = 0,
        status: int = 0,
        name: str | None = None,
        server: str | None = None,
        upstream: bool = False,
        client_port: int = 0,
        opened_s: float = nan,
        secured: int = 0,
        error: str | None = None,
    ) -> None:
        """Append one row; instants are CLOCK_MONOTONIC seconds."""
        self._pending += ROW.pack(
            scheduled_s,
            sent_s,
            done_s,
            opened_s,
            size,
            status,
            lane,
            self._name[name] if name else 0,
            self._server[server] if server else 0,
            self._error[error] if error else 0,
            client_port,
            kind,
            secured,
            upstream,
        )
        self.count += 1
        if len(self._pending) >= FLUSH_BYTES:
            self.flush()

    def write_event(
        self, at_s: float, kind: str, name: str, *, value: float, length: float, lane: int, error: str | None
    ) -> None:
        """Append one event; ``at_s`` is CLOCK_MONOTONIC, NaN as ``value`` or ``length`` that there is none."""
        strings = self._type[kind], self._name[name], self._error[error] if error else 0
        self._pending_events += EVENT_ROW.pack(at_s, value, length, lane, *strings)
        if len(self._pending_events) >= FLUSH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Hand everything to the operating system. Strings first: a row never refers to one that is not there."""
        if self._pending_strings:
            self._strings.write("".join(json.dumps(text) + "\n" for text in self._pending_strings).encode())
            self._strings.flush()
            self._pending_strings.clear()
        for file, pending in ((self._rows, self._pending), (self._events, self._pending_events)):
            if pending:
                file.write(pending)
                file.flush()
                pending.clear()

    def close(self) -> None:
        """Flush and close."""
        self.flush()
        for file in (self._rows, self._events, self._strings):
            file.close()

    def _add_string(self, text: str) -> int:
        self._pending_strings.append(text)
        self._next_id += 1
        return self._next_id - 1


class _Interner(dict[str, int]):
    """Texts of one sort → ids; after MAX_STRINGS different ones every new text becomes ``overflow``.

    A dictionary, so that a text which is known costs no call.
    """

    def __init__(self, overflow: str, add: Callable[[str], int]) -> None:
        super().__init__()
        self._overflow = overflow
        self._add = add

    def __missing__(self, text: str) -> int:
        if len(text) > MAX_LENGTH:
            return self[text[: MAX_LENGTH - 1] + "…"]
        if len(self) >= MAX_STRINGS and text != self._overflow:
            return self[self._overflow]
        self[text] = self._add(text)
        return self[text]
