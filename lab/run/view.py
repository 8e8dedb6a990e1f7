"""The view of a run: everything it is told of while it goes on. This one says nothing; cli/live/ draws."""

from __future__ import annotations

from lab.analysis.comparison import Comparison
from lab.attest.claims import Evidence
from lab.load.locust_process import LoadProgress
from lab.plan.blocks import Trial
from lab.record.folder import RunFolder
from lab.record.types import TrialRecord


class QuietView:
    """Says nothing."""

    def step(self, text: str) -> None:
        """A preparation step begins, or there is something to know about the run."""

    def watch(self, folder: RunFolder) -> None:
        """The run has a folder."""

    def trial_started(self, trial: Trial, number: int, total: int) -> None:
        """A trial begins."""

    def trial_step(self, trial: Trial, name: str) -> None:
        """A step of a trial begins."""

    def attested(self, trial: Trial, evidence: Evidence) -> None:
        """An arm is up."""

    def progress(self, trial: Trial, progress: LoadProgress) -> None:
        """Load is running."""

    def trial_finished(self, record: TrialRecord) -> None:
        """A trial is on disk."""

    def compared(self, comparison: Comparison) -> None:
        """Another block is complete."""

    def close(self) -> None:
        """The run is over."""
