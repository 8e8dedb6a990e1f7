"""Follow files that another process is still writing: every call gives what is whole and new."""

from __future__ import annotations

import csv
from pathlib import Path


class Tail:
    """What a growing file has gained. A record that is only half there waits for its rest; no file is no gain."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def rows(self) -> list[list[str]]:
        """The rows of a CSV file whose last line has ended. A row may be cut where a field holds a line break."""
        gained = self._gained()
        whole = gained[: gained.rfind(b"\n") + 1]
        self._offset += len(whole)
        return list(csv.reader(whole.decode(errors="replace").splitlines(keepends=True)))

    def records(self, size: int) -> bytes:
        """Whole records of ``size`` bytes each."""
        gained = self._gained()
        whole = gained[: len(gained) // size * size]
        self._offset += len(whole)
        return whole

    def _gained(self) -> bytes:
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                return file.read()
        except FileNotFoundError:  # not begun yet, or collected already
            return b""


def number(text: object) -> float | None:
    """A field of a CSV row; None for an empty one, and for the heading."""
    try:
        return float(str(text))
    except ValueError:
        return None
