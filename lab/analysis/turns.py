"""Where the winner of a metric changes: with N, a quota, the rate, or the fault. Pure."""

from collections.abc import Iterable, Iterator, Sequence

from lab.analysis.card import Line, Place, Turn

FAULT = "fault"


def turns_of(lines: Sequence[Line]) -> tuple[Turn, ...]:
    """Along each axis, everything else equal; what is not settled at a place turns nothing."""
    return (*_swept(lines), *_faults(lines))


def _swept(lines: Iterable[Line]) -> Iterator[Turn]:
    """Inside one run, whose points are alike in all that is not swept."""
    groups: dict[tuple[object, ...], list[Line]] = {}
    for line in lines:
        for key in line.setting:
            others = tuple(item for item in line.setting.items() if item[0] != key)
            groups.setdefault((key, line.run, line.metric, line.arm, others), []).append(line)
    for (swept, *_), own in groups.items():
        axis = str(swept)
        where = ", ".join(called for other, called in own[0].setting.items() if other != axis)
        yield from _turn(own, axis, where, [line.setting[axis] for line in own])


def _faults(lines: Iterable[Line]) -> Iterator[Turn]:
    """Over all runs: a drill is often a run of its own."""
    groups: dict[tuple[str, str, str], list[Line]] = {}
    for line in lines:
        if line.verb:
            groups.setdefault((line.metric, line.arm, line.baseline), []).append(line)
    for own in groups.values():
        faults = [line.point or line.verb for line in own]  # a run may have a verb twice, under two names
        if len({*faults}) > 1:
            yield from _turn(own, FAULT, "", faults)


def _turn(own: Sequence[Line], axis: str, where: str, names: Sequence[str]) -> Iterator[Turn]:
    if len({line.winner for line in own if line.winner}) > 1:
        places = (Place(at=at, winner=line.winner, run=line.run) for at, line in zip(names, own, strict=True))
        topic = "drills" if axis == FAULT else own[0].topic
        yield Turn(topic=topic, metric=own[0].metric, axis=axis, where=where, places=tuple(places))
