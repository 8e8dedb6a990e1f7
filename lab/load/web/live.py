"""What the Processes tab has to draw: the latest looks at the arms, numbered, so that a page can catch up."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

KEPT_POINTS = 900  # 15 minutes at one look a second

Point = Mapping[str, Any]


class History:
    """Points of the whole session, across arms. Memory stays flat however long it lasts."""

    def __init__(self, kept: int = KEPT_POINTS) -> None:
        self._points: deque[Point] = deque(maxlen=kept)
        self._number = 0

    def add(self, point: Point) -> None:
        """Take the newest point and give it the next number; the first one is 1."""
        self._number += 1
        self._points.append({**point, "number": self._number})

    def since(self, number: int) -> list[Point]:
        """Every kept point after ``number``, oldest first."""
        return [point for point in self._points if point["number"] > number]
