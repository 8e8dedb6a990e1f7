"""The ends of an arm's containers, asked for again and again while a trial runs: an engine soon forgets them."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from lab.record.types import Event

EVERY_S = 5.0  # Docker remembers 256 events of all of its containers, and a health check alone makes three
SAME_S = 0.05  # two comparisons of clocks differ by less, and Docker waits 0.1 s before it starts a container again


@dataclass(slots=True, kw_only=True)
class Ends:
    """What has ended since ``t0``; ``happened``: what the engine still knows of it, see Deployment.

    An end is known again by ``wall``, the engine's own clock: instants of ``clock`` are reckoned anew at each look, and
    are others after somebody has set the time.
    """

    happened: Callable[[float], tuple[Event, ...]]
    t0: float
    clock: Callable[[], float]
    wall: Callable[[], float] = time.time
    _known: list[tuple[float, Event]] = field(default_factory=list)
    _next_s: float = 0.0

    def look(self) -> None:
        """Ask the engine, if that is due."""
        if self.clock() >= self._next_s:
            self.all()
            self._next_s = self.clock() + EVERY_S

    def all(self) -> tuple[Event, ...]:
        """Those until now, each once."""
        to_wall_s = self.wall() - self.clock()
        for event in self.happened(self.t0):
            at_s = event.t_s + to_wall_s
            if not any(each.service == event.service and abs(known_s - at_s) < SAME_S for known_s, each in self._known):
                self._known.append((at_s, event))
        return tuple(event for _, event in self._known)
