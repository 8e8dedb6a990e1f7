"""While a run goes on: after four blocks, how many would settle each primary (METHOD 6.2)? The plan stays as it is."""

from __future__ import annotations

from collections.abc import Iterator

from lab.analysis.comparison import Comparison, Contest, compare_run
from lab.analysis.power import MAX_BLOCKS, MIN_BLOCKS_TO_ESTIMATE
from lab.analysis.summary import summarise
from lab.analysis.verdict import Reason
from lab.cli.live import QuietView
from lab.load.locust_process import LoadProgress
from lab.plan import Trial
from lab.records import TrialRecord
from lab.results import RunFolder, read_trials


class Forecasting:
    """Passes everything on to a view; once enough blocks are valid, it also says what they let one expect."""

    def __init__(self, view: QuietView, folder: RunFolder) -> None:
        self._view = view
        self._folder = folder
        self._told = False

    def trial_started(self, trial: Trial, number: int, total: int) -> None:
        """A trial begins."""
        self._view.trial_started(trial, number, total)

    def progress(self, trial: Trial, progress: LoadProgress) -> None:
        """Load is running."""
        self._view.progress(trial, progress)

    def trial_finished(self, record: TrialRecord) -> None:
        """A trial is on disk: perhaps it completed the fourth block."""
        self._view.trial_finished(record)
        if self._told or record.block < MIN_BLOCKS_TO_ESTIMATE:
            return
        info = self._folder.info
        comparison = compare_run(summarise(info, read_trials(self._folder.path, info)))
        if len(comparison.decision.used) >= MIN_BLOCKS_TO_ESTIMATE:
            self._told = True
            for sentence in forecasts(comparison):
                self._view.step(sentence)


def forecasts(comparison: Comparison) -> Iterator[str]:
    """One sentence for each primary that is still open."""
    for contest in comparison.primaries:
        if contest.judgement.reason is Reason.SMOKE:
            yield _forecast(contest, comparison.decision.planned)


def _forecast(contest: Contest, planned: int) -> str:
    had = f"after {contest.judgement.n} blocks: {contest.metric} of {contest.arm}"
    if contest.settles_at is None:
        return f"{had} lies too near to its bound: {MAX_BLOCKS} blocks would not settle it"
    enough = "enough" if contest.settles_at <= planned else "not enough"
    return f"{had} would probably be settled by {contest.settles_at} blocks; {planned} are planned, {enough}"
