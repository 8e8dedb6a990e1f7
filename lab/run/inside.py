"""Runs inside a run: of one arm and one trial each; what they say belongs to the run that they lie in."""

from collections.abc import Iterator, MutableMapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from lab.analysis.limit_search import Bracket, Fate, Try, anon_peak, brackets_of, fate_of
from lab.analysis.points import PointResult, judge_points
from lab.analysis.trial.trial import TrialSummary, summarise_trial
from lab.record.folder import read_info, read_trials
from lab.record.types import RunInfo, TrialResult
from lab.run.confirmed import confirmed_in
from lab.run.piloted import piloted_in
from lab.scenario.compare import Compare
from lab.scenario.model import Scenario

SEARCHED = "limits"  # the folder of a search for limits
Known = MutableMapping[Path, Try | None]
"""What the runs of a search have said, by folder: one that has ended does not change, and its tables may be large."""


def one_trial(scenario: Scenario, arm: str, **changes: Any) -> Scenario:
    """The scenario with one arm and one trial, which judges nothing."""
    return replace(
        scenario,
        arms=tuple(each for each in scenario.arms if each.name == arm),
        trials=replace(scenario.trials, blocks=1, looks=()),
        compare=Compare(primary=(), baseline=arm),
        expect=(),
        **changes,
    )


def points_in(folder: Path, run: RunInfo) -> tuple[PointResult, ...]:
    """Every point of a run folder judged, with what the runs inside it say."""
    trials = map(summarise_trial, read_trials(folder, run))
    found = judge_points(run, trials, confirmed_in(folder, run), searched_in(folder, run))
    piloted = piloted_in(folder, run)
    return tuple(replace(one, piloted=piloted) for one in found)


def searched_in(folder: Path, run: RunInfo, known: Known | None = None) -> tuple[Bracket, ...]:
    """What a search for limits has found so far: a bracket for each arm and mode; none where nobody searched."""
    asked = run.parsed_scenario
    if asked.limits is None:
        return ()
    tries = tries_in(folder, known)
    return brackets_of([arm.name for arm in asked.arms], asked.limits.modes, tries)


def tries_in(folder: Path, known: Known | None = None) -> list[Try]:
    """All tries of a search, in the order in which they were made; ``known`` saves reading the same run twice."""
    known = {} if known is None else known
    for path in _folders_in(folder):
        if path not in known:
            known[path] = _try(path, read_info(path))
    return [found for path in _folders_in(folder) if (found := known[path]) is not None]


def unlimited_in(folder: Path, arm: str) -> Iterator[TrialResult]:
    """The trials of an arm without a limit that a search has made once more."""
    for path in _folders_in(folder):
        info = read_info(path)
        if info.parsed_scenario.budget.memory.amount is None and arm in info.arms:
            yield from read_trials(path, info)


def _folders_in(folder: Path) -> list[Path]:
    """Names of runs sort by time."""
    place = folder / SEARCHED
    return sorted(place.iterdir()) if place.is_dir() else []


def _try(path: Path, info: RunInfo) -> Try | None:
    """One of them; None for one without a limit, or cut for a fault that is not the arm's."""
    asked = info.parsed_scenario
    quota, arm = asked.budget.memory, asked.arms[0].name
    if quota.amount is None:
        return None
    fate = Fate.DOWN if info.cut_by_end else Fate.LATE
    made = Try(arm=arm, mode=quota.mode, limit_bytes=int(quota.amount), fate=fate, detail=info.cut)
    if info.cut_by_arm:
        return made
    trials = [(trial, summarise_trial(trial)) for trial in read_trials(path, info)]
    return _judged(made, *trials[-1], asked.limits.slo if asked.limits else "") if trials else None


def _judged(made: Try, trial: TrialResult, summary: TrialSummary, slo: str) -> Try:
    fate, detail = fate_of(trial, summary, slo)
    return replace(made, fate=fate, detail=detail, anon_bytes=anon_peak(trial))
