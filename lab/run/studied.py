"""A study that goes on: which of the runs that are there is which of its parts, and what they lack."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lab.analysis.blocks import BlockDecision
from lab.errors import UsageError
from lab.plan.blocks import Plan
from lab.plan.points import without
from lab.record.folder import read_info, read_records
from lab.record.types import RunInfo, TrialState
from lab.run.blocks import decision_at
from lab.run.estimate import PREPARE_S
from lab.run.generator import grown
from lab.run.repeat import changed_inputs
from lab.run.run import planned as planned_run
from lab.run.study import DRILLS, Part, Study, drills_title, part_of
from lab.scenario.drills import Drill
from lab.scenario.file import scenario_to_json
from lab.scenario.model import Scenario

WHOLE = (TrialState.DONE, TrialState.SKIPPED, TrialState.LOST)
LEFT_OPEN = ("load.root",)  # which a run finds out where its scenario does not say it
BY_PILOT = ("capacity.slo", "capacity.rates", "load.cores", "budget.cpuset")  # and these too after a pilot
AGAIN = "-again"  # ends the key of the part that measures once more what is not valid of another one
GROWN = ("load.processes", "load.lanes")  # a pilot adds to them, whatever the scenario says


def begun_of(planned: Study, names: Mapping[str, str], runs: Sequence[Path]) -> Mapping[str, Path]:
    """By the key of a part its run. ``names``: what runs of each part are called. Raises UsageError for another run."""
    begun: dict[str, Path] = {}
    for path in runs:
        key = _part_of(planned, names, path)
        if begun.setdefault(key, path) != path:
            raise UsageError(f"--resume: {begun[key]} and {path} are two runs of one part", "give the one to keep")
    return begun


def is_whole(path: Path) -> bool:
    """Whether a run lacks nothing, be it valid or not."""
    info = read_info(path)
    return not info.cut and all(state in WHOLE for state in info.states.values())


def is_lost(path: Path) -> bool:
    """Whether a run stays invalid for all that is judged, at all of its points, whatever is still measured in it."""
    return all(decision.hopeless for decision in _decisions(path))


def is_valid(path: Path) -> bool:
    """Whether a run that is whole has its blocks, at every point."""
    return not any(decision.exhausted or not decision.used for decision in _decisions(path))


def is_worth_keeping(path: Path) -> bool:
    """Whether a run that is whole is valid, or one of drills of which some are: the others can be made anew alone."""
    return is_valid(path) or bool(not_valid(path))


def not_valid(path: Path) -> tuple[Drill, ...]:
    """The drills of a whole run that are not valid, where others of it are; empty where none is, or all are not."""
    decided = zip(planned_run(path).points, _decisions(path), strict=True)
    bad = [point.drill for point, decision in decided if decision.exhausted or not decision.used]
    drills = tuple(drill for drill in bad if drill is not None)
    return drills if len(drills) < len(read_info(path).parsed_scenario.drills) else ()


def with_drills_again(planned: Study, name_of: Callable[[str], str], runs: Sequence[Path]) -> Study:
    """The study with a part more for the drills that are not valid in a run of them that is given: the others stand.

    So on for those that are not valid in a run of that part either. ``name_of``: what runs of a part are called, by its
    key.
    """
    parts = list(planned.parts)
    drilled = next((part for part in parts if part.key == DRILLS), None)
    while drilled is not None and (bad := _to_repeat(name_of(drilled.key), runs)):
        scenario = replace(drilled.scenario, drills=bad)
        drilled = part_of(f"{drilled.key}{AGAIN}", f"{drills_title(bad)}, once more", scenario)
        parts.append(drilled)
    return replace(planned, parts=tuple(parts))


def _to_repeat(name: str, runs: Sequence[Path]) -> tuple[Drill, ...]:
    """What is not valid of the whole run with that name; each time fewer drills, so that there is an end to it."""
    run = next((run for run in runs if read_info(run).scenario_name == name and is_whole(run)), None)
    return not_valid(run) if run else ()


def lacks(path: Path) -> int:
    """How many of the planned trials of a run are still to be made."""
    return len(_missing(path).trials)


def left_s(part: Part, begun: Path | None) -> float:
    """How long a part still takes: all of it without a run, nothing where that is whole."""
    if begun is None:
        return part.estimated_s
    return 0.0 if is_whole(begun) else PREPARE_S + _missing(begun).estimated_s


def _missing(path: Path) -> Plan:
    states, plan = read_info(path).states, planned_run(path)
    return replace(plan, trials=tuple(trial for trial in plan.trials if states.get(trial.id) not in WHOLE))


def _decisions(path: Path) -> Sequence[BlockDecision]:
    info, plan = read_info(path), planned_run(path)
    records = tuple(read_records(path, info))
    points = [without(point, info.fallen.get(point.key, ())) for point in plan.points]
    return [decision_at(info, records, point, plan.blocks) for point in points]


def _part_of(planned: Study, names: Mapping[str, str], path: Path) -> str:
    info = read_info(path)
    part = next((part for part in planned.parts if info.scenario_name == names[part.key]), None)
    unlike = [f"no part of it is called {info.scenario_name}"] if part is None else list(_unlike(part, path, info))
    if part is None or unlike:
        raise UsageError(
            f"--resume: {path} is no part of this study: {'; '.join(unlike)}",
            "give the scenario, --time and --engine with which the study began, and its runs",
        )
    return part.key


def _unlike(part: Part, path: Path, info: RunInfo) -> Iterator[str]:
    """What makes a run another one than that of the part, for people."""
    if keys := list(_other_keys(part, info.parsed_scenario)):
        yield f"its scenario has another {', '.join(keys)}"
    if inputs := changed_inputs(path, part.scenario):
        yield f"another content now has {', '.join(inputs)}"
    order = tuple(trial.id for trial in part.nominal.trials)
    if info.order[: len(order)] != order:
        yield "it has other trials"


def _other_keys(part: Part, kept: Scenario) -> Iterator[str]:
    """The keys in which a run has another scenario than the part; what it has found out itself is no difference."""
    then, now, load = _flat(kept), _flat(part.scenario), part.scenario.load
    found = (*LEFT_OPEN, *(BY_PILOT if part.climbs else ()))
    has_grown = part.climbs and kept.load.lanes == grown(load, max(load.processes, kept.load.processes)).lanes
    for key in dict.fromkeys((*now, *then)):
        is_found = (key in found and not now.get(key)) or (has_grown and key in GROWN)
        if then.get(key) != now.get(key) and not is_found:
            yield key


def _flat(scenario: Scenario) -> dict[str, Any]:
    """The keys of a scenario as its file has them, ``"load.rate"``; its lists of tables as one value each."""
    flat: dict[str, Any] = {}
    for name, value in _without_marks(scenario_to_json(scenario)).items():
        flat |= {f"{name}.{key}": own for key, own in value.items()} if isinstance(value, dict) else {name: value}
    return flat


def _without_marks(value: Any) -> Any:
    """The same, with every secret alike: a run that goes on asks for the value with which it began."""
    if isinstance(value, list):
        return [_without_marks(each) for each in value]
    if not isinstance(value, dict):
        return value
    if value.get("secret") is True and "mark" in value:
        return {"secret": True}
    return {key: _without_marks(each) for key, each in value.items()}
