"""In what the runs of a card differ: the setting of each, and circumstances unlike those of the first. Pure."""

import math
from collections.abc import Mapping, Sequence

from lab.analysis.across import Difference
from lab.analysis.history import ARMS, between
from lab.analysis.points import PointResult
from lab.plan.axes import AXES, Axis, mode_of
from lab.scenario.model import Scenario

NO_LIMIT: Mapping[str, str] = {"cpus": "no CPU quota", "memory": "no memory limit"}
AFTER_ALL = ("unlimited", math.inf)  # sorts behind "pooled" and "split"
LADDER, CLOSED = "a ladder of rates", "closed model"
TOLD_APART = (ARMS, "scenario.sweep", "scenario.drills", "scenario.capacity", "scenario.limits", "scenario.budget")
OF_THE_LOAD = ("args", "schedule", "nodes", "users", "tags", "exclude_tags")  # what is asked, not for how long


def settings_of(points: Sequence[PointResult]) -> Mapping[str, Mapping[str, str]]:
    """By run, in words, what it has of each axis on which the runs differ; not of one that it sweeps itself."""
    runs = {one.run.run_id: one.whole.parsed_scenario for one in points}
    values = {axis: {run: _called(axis, scenario) for run, scenario in runs.items()} for axis in AXES.values()}
    unlike = [axis for axis, told in values.items() if len({word for words in told.values() for word in words}) > 1]
    return {
        run: {axis.key: values[axis][run][0] for axis in unlike if not axis.swept(scenario)}
        for run, scenario in runs.items()
    }


def unlike_first(points: Sequence[PointResult]) -> Mapping[str, tuple[Difference, ...]]:
    """By run, in what else it differs from the first one: machine, versions, images, files, app, arms, what is asked.

    What a run has as a question of its own (drills, a ladder, how long it measures) is no difference of this kind.
    """
    first, *others = {one.run.run_id: one.whole for one in points}.values()
    found = {run.run_id: tuple(each for each in between(first, run) if _tells(each.key)) for run in others}
    return {run: told for run, told in found.items() if told}


def values_of(point: Scenario) -> Mapping[str, tuple[str, float]]:
    """The place of a point on each axis: values in order sort as the axis does, those of one mode together.

    Without a limit it is at the end; on no axis is what has no such value, as a ladder and the closed model no rate.
    """
    found = {axis.key: axis.at(point) for axis in AXES.values() if not (axis.key == "rate" and point.capacity)}
    return {key: _place(AXES[key], value) for key, value in found.items() if value is not None}


def _place(axis: Axis, value: object) -> tuple[str, float]:
    return AFTER_ALL if getattr(value, "amount", "") is None else (mode_of(value), axis.number(value))


def _tells(key: str) -> bool:
    if key.startswith("scenario.load."):
        return key.removeprefix("scenario.load.").partition(".")[0] in OF_THE_LOAD
    return key != "scenario.app.restart" and not key.startswith(TOLD_APART)


def _called(axis: Axis, scenario: Scenario) -> tuple[str, ...]:
    """All its values in words: those that are swept, or the one that it has."""
    if axis.key == "rate" and scenario.capacity:
        return (LADDER,)
    return tuple(_word(axis, value) for value in axis.swept(scenario) or (axis.at(scenario),))


def _word(axis: Axis, value: object) -> str:
    if value is None:
        return CLOSED
    return NO_LIMIT[axis.key] if getattr(value, "amount", "") is None else axis.called(value)
