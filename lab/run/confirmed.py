"""What the runs that confirm a capacity say: they lie inside the run that they confirm."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from lab.analysis.ladders import Confirmation, confirmations
from lab.analysis.trial.trial import TrialSummary, summarise_trial
from lab.record.folder import read_info, read_trials
from lab.record.types import RunInfo, TrialResult

CONFIRMED = "confirm"  # their folder


def confirmed_in(folder: Path, run: RunInfo) -> Mapping[str, Confirmation]:
    """What the runs inside a run say, by arm."""
    place = folder / CONFIRMED
    if not place.is_dir():
        return {}
    asked = run.parsed_scenario.capacity
    return confirmations(asked.slo, _trials(place)) if asked else {}


def _trials(place: Path) -> Iterator[tuple[TrialResult, TrialSummary]]:
    for path in sorted(place.iterdir()):
        for trial in read_trials(path, read_info(path)):
            yield trial, summarise_trial(trial)
