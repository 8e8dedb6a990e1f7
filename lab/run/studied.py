"""A study that goes on: which of the runs that are there is which of its parts, and what they lack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from lab.errors import UsageError
from lab.record.folder import read_info
from lab.record.types import RunInfo, TrialState
from lab.run.study import Study

WHOLE = (TrialState.DONE, TrialState.SKIPPED, TrialState.LOST)


def begun_of(planned: Study, names: Mapping[str, str], runs: Sequence[Path]) -> Mapping[str, Path]:
    """By the key of a part its run. ``names``: what runs of each part are called. Raises UsageError for another run."""
    begun: dict[str, Path] = {}
    for path in runs:
        info = read_info(path)
        begun[_part_of(planned, names, path, info)] = path
    return begun


def is_whole(path: Path) -> bool:
    """Whether a run lacks nothing, be it valid or not."""
    info = read_info(path)
    return not info.cut and all(state in WHOLE for state in info.states.values())


def _part_of(planned: Study, names: Mapping[str, str], path: Path, info: RunInfo) -> str:
    for part in planned.parts:
        order = tuple(trial.id for trial in part.nominal.trials)
        if info.scenario_name == names[part.key] and info.order[: len(order)] == order:
            return part.key
    raise UsageError(
        f"--resume: {path} is no part of this study: it has another scenario, or other trials",
        "give the scenario, --time and --engine with which the study began",
    )
