"""Where the winner of a metric changes: with N, a quota, the rate, or the fault. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from lab.analysis.across import Difference
from lab.analysis.card import AxisPlace, Line, Turn
from lab.plan.axes import NAMED
from lab.scenario.drills import Verb

FAULT = "fault"
VERBS = tuple(Verb)
Unlike = Mapping[str, Sequence[Difference]]
ALIKE: Unlike = {}
Group = tuple[object, ...]


def turns_of(lines: Sequence[Line], unlike: Unlike = ALIKE) -> tuple[Turn, ...]:
    """Along each axis, everything else equal; what is not settled at a place turns nothing.

    Over all runs that are alike in all else: a rate, an N, a quota or a fault is often a run of its own.
    ``unlike``: in what runs differ from the first one beside their settings.
    """
    return (*(turn for axis in NAMED for turn in _along(axis, lines, unlike)), *_faults(lines, unlike))


def _along(axis: str, lines: Iterable[Line], unlike: Unlike) -> Iterator[Turn]:
    """In the order of the values of the axis, whatever order they were given or measured in."""
    groups: dict[Group, list[Line]] = {}
    for line in lines:
        there = _there(line)
        if axis in there and axis in line.values:  # a ladder, or a closed model, is at no rate
            others = tuple(sorted(item for item in there.items() if item[0] != axis))
            alike = (_fault(line), others, *unlike.get(line.run, ()))
            key = (line.metric, line.arm, line.baseline, alike)
            groups.setdefault(key, []).append(line)
    for own in groups.values():
        placed = sorted(own, key=lambda line: line.values[axis])
        where = ", ".join(filter(None, (_fault(own[0]), *_told(own[0], without=axis))))
        yield from _turn(placed, axis, where, [_there(line)[axis] for line in placed])


def _there(line: Line) -> Mapping[str, str]:
    """Where it is on every axis along which the card has more than one place."""
    return {**line.conditions, **line.setting}


def _told(line: Line, without: str) -> Iterator[str]:
    yield from (called for key, called in _there(line).items() if key != without)


def _faults(lines: Iterable[Line], unlike: Unlike) -> Iterator[Turn]:
    groups: dict[Group, list[Line]] = {}
    for line in lines:
        if line.verb:
            alike = (tuple(sorted(line.conditions.items())), tuple(unlike.get(line.run, ())))
            groups.setdefault((line.metric, line.arm, line.baseline, alike), []).append(line)
    for own in groups.values():
        placed = sorted(own, key=lambda line: VERBS.index(Verb(line.verb)))
        where = ", ".join(own[0].conditions.values())
        yield from _turn(placed, FAULT, where, [_fault(line) for line in placed])


def _fault(line: Line) -> str:
    """By its name, for a run may have a verb twice; "" where nothing is broken."""
    return line.verb and (line.point or line.verb)


def _turn(own: Sequence[Line], axis: str, where: str, names: Sequence[str]) -> Iterator[Turn]:
    """One where two places have different winners; runs that disagree at one place are no turn.

    Nor is a winner that another storage driver, or the engine's own processes, may turn round.
    """
    winners: dict[str, set[str]] = {}
    for line, at in zip(own, names, strict=True):
        if line.winner:
            winners.setdefault(at, set()).add(line.winner)
    firm = {(at, line.winner) for line, at in zip(own, names, strict=True) if not line.placed}
    agreed = {winner for at, there in winners.items() if len(there) == 1 for winner in there if (at, winner) in firm}
    if len(agreed) > 1:
        places = (
            AxisPlace(at=at, winner=line.winner, run=line.run, driven=line.driven, alone=line.alone)
            for at, line in zip(names, own, strict=True)
        )
        topic = "drills" if axis == FAULT else own[0].topic
        yield Turn(topic=topic, metric=own[0].metric, axis=axis, where=where, places=tuple(places))
