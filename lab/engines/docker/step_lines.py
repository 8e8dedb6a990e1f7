"""The words by which an app tells of its own start-up steps, read from a container's log with the engine's instants."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from docker.models.containers import Container

from lab.engines import StepMark
from lab.engines.docker.fate import timed_log_of
from lab.plan.kinds import ServiceKind
from lab.plan.topology import Service

LINE = re.compile(r"(?P<at>\S+) .*?\blab-step (?P<name>[\w.-]{1,80}) (?P<edge>begin|end)\b", re.ASCII)


def marks_of(
    pairs: Iterable[tuple[Service, Container]], wall_offset_s: float = 0.0, gone: Iterable[tuple[Service, str]] = ()
) -> list[StepMark]:
    """What the containers of the app told of their start-up steps; ``wall_offset_s``: of the engine's clock to ours.

    ``gone``: the logs of those that are not there any more, first.
    """
    apps = [(service, container) for service, container in pairs if service.kind is ServiceKind.APP]
    before = [(service.name, log) for service, log in gone if service.kind is ServiceKind.APP]
    logs = [*before, *((service.name, timed_log_of(container)) for service, container in apps)]
    marks = (mark for name, log in logs for mark in step_marks(name, log))
    return [replace(mark, epoch_s=mark.epoch_s - wall_offset_s) for mark in marks]


def step_marks(service: str, log: str) -> Iterator[StepMark]:
    """Every such line of a log whose lines begin with an instant; other words may stand before them in a line."""
    for line in log.splitlines():
        if (found := LINE.match(line)) is not None:
            instant = epoch_s(found["at"])
            yield StepMark(service=service, name=found["name"], begins=found["edge"] == "begin", epoch_s=instant)


def epoch_s(told: str) -> float:
    """An instant of the engine, whose fraction has up to nine digits: Python reads six of them."""
    seconds, _, fraction = told.removesuffix("Z").partition(".")
    return datetime.fromisoformat(f"{seconds}.{fraction[:6]:0<6}+00:00").timestamp()
