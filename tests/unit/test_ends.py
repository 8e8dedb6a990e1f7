"""Ends of containers that an engine forgets: what was told once stays, and is told once."""

from __future__ import annotations

from lab.record.types import Event
from lab.run.ends import EVERY_S, Ends


def end(t_s: float, service: str = "app", kind: str = "ended") -> Event:
    return Event(t_s=t_s, kind=kind, service=service, detail="1")


def test_what_the_engine_forgets_is_kept_and_nothing_counts_twice() -> None:
    """Instants differ a little each time that clocks are compared; a kill whose sign is forgotten is the same."""
    told = [(end(1.0, kind="out of memory"), end(1.0, "other")), (end(1.01), end(2.0)), (end(2.0), end(9.0))]
    ends = Ends(happened=lambda _t0_s: told.pop(0), t0=0.0, clock=lambda: 0.0, wall=lambda: 0.0)

    ends.all()
    ends.all()
    assert ends.all() == (end(1.0, kind="out of memory"), end(1.0, "other"), end(2.0), end(9.0))


def test_the_engine_is_not_asked_all_the_time() -> None:
    """A question costs it something, beside what is measured."""
    now_s, asked = [100.0], list[float]()

    def happened(t0_s: float) -> tuple[Event, ...]:
        asked.append(t0_s)
        return ()

    ends = Ends(happened=happened, t0=7.0, clock=lambda: now_s[0])
    for after_s in (0.0, 0.1, EVERY_S, EVERY_S + 0.1):
        now_s[0] = 100.0 + after_s
        ends.look()

    assert asked == [7.0, 7.0]


def test_an_end_counts_once_although_somebody_sets_the_clock() -> None:
    """Ten seconds ahead between two looks: what is reckoned from the engine's instants is ten seconds earlier then."""
    walls, told = [1000.0, 1010.0], [(end(1.0),), (end(-9.0), end(2.0))]
    ends = Ends(happened=lambda _t0_s: told.pop(0), t0=0.0, clock=lambda: 0.0, wall=lambda: walls.pop(0))

    ends.all()
    assert ends.all() == (end(1.0), end(2.0))
