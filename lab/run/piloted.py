"""What the runs of a pilot say beside the ladder that they found: they are kept inside the run that climbs it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from lab.analysis.ladders import told_times
from lab.record.folder import read_info, read_trials
from lab.record.types import RunInfo

PILOT = "pilot"  # their folder


def piloted_in(folder: Path, run: RunInfo) -> Mapping[str, Sequence[tuple[float, float]]]:
    """By arm, rates and the objective's percentile in seconds there; nothing of them is judged."""
    place, asked = folder / PILOT, run.parsed_scenario.capacity
    if asked is None or not place.is_dir():
        return {}
    found: dict[str, dict[float, float]] = {}
    for path in sorted(place.iterdir()):  # names of runs sort by time: the last climb at a rate counts
        for trial in read_trials(path, read_info(path)):
            found.setdefault(trial.record.arm, {}).update(told_times(trial, asked.slo))
    return {arm: tuple(sorted(times.items())) for arm, times in found.items()}
