"""While a run goes on: what the finished blocks say, and after four of them, how many would settle it (METHOD 6.2).

The plan stays as it is, whatever they say.
"""

from collections.abc import Iterator

from lab.analysis.comparison import Comparison, compare_run
from lab.analysis.judge.power import MIN_BLOCKS_TO_ESTIMATE, Outlook
from lab.analysis.points import parts_of
from lab.analysis.summary import summarise_done
from lab.analysis.trial.trial import TrialSummary, summarise_trial
from lab.plan.trial import Trial
from lab.record.folder import RunFolder, read_trial
from lab.record.types import TrialState
from lab.report.sections.answer_sentences import outlook_text
from lab.run.view import QuietView


class Forecast:
    """Tells a view what the blocks so far say, and once for each point what they let one expect."""

    def __init__(self, folder: RunFolder, view: QuietView) -> None:
        self._folder = folder
        self._view = view
        self._summaries: dict[str, TrialSummary] = {}
        self._told: set[str] = set()

    def trial_finished(self, trial: Trial) -> None:
        """Compare again when the trial completed a block: each is read once, when nothing is measured."""
        point, part = next(each for each in parts_of(self._folder.info) if each[0].key == trial.point.key)
        if len(part.arms) == 1:  # a search, or a confirmation: reading what it measured took as long as all else
            return
        done = [trial_id for trial_id in part.order if part.states.get(trial_id) is TrialState.DONE]
        if (len(done) + len(part.lost)) % len(part.arms):
            return
        for trial_id in done:
            if trial_id not in self._summaries:
                self._summaries[trial_id] = summarise_trial(read_trial(self._folder.path / "trials" / trial_id))
        comparison = compare_run(summarise_done(part, [self._summaries[trial_id] for trial_id in done]))
        if not comparison.decision.used:
            return
        self._view.compared(comparison, point.title)
        if point.key not in self._told and len(comparison.decision.used) >= MIN_BLOCKS_TO_ESTIMATE:
            self._told.add(point.key)
            where = f"{point.title}: " if point.key else ""
            for sentence in forecasts(comparison):
                self._view.step(f"{where}{sentence}")


def forecasts(comparison: Comparison) -> Iterator[str]:
    """One sentence for each primary that is still open."""
    for contest in comparison.primaries:
        if contest.outlook is not None:
            told = _forecast(contest.outlook, comparison.decision.planned, comparison.block_s)
            yield f"after {contest.judgement.n} blocks: {contest.metric} of {contest.arm} is {told}"


def _forecast(found: Outlook, planned: int, block_s: float | None) -> str:
    """Whether the blocks that are planned will settle it; else what more would do."""
    if found.high is not None and found.high <= planned:
        return f"on course, the {planned} blocks that are planned will probably settle it."
    told = f"open. {outlook_text(found, block_s)}"
    if found.low is None:
        return told
    return f"{told} {planned} are planned, {'perhaps' if found.low <= planned else 'probably not'} enough."
