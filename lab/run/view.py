"""Everything that a run tells while it goes on. This view says nothing; cli/ prints and draws."""

from collections.abc import Callable

from lab.analysis.comparison import Comparison
from lab.attest.claims import Evidence
from lab.errors import LabError
from lab.load.locust_process import LoadProgress
from lab.plan.trial import Trial
from lab.record.folder import RunFolder
from lab.record.types import TrialRecord


class QuietView:
    """Says nothing; a view that does overrides what it wants to know."""

    def step(self, text: str) -> None:
        """A preparation step begins, or there is something to know about the run."""

    def watch(self, folder: RunFolder) -> None:
        """The run has a folder."""

    def serving(self, url: str) -> None:
        """A session by hand has a page; its first arm is on its way."""

    def trial_started(self, trial: Trial, number: int, total: int) -> None:
        """A trial begins; ``number`` counts from 1, ``total`` is 0 where nobody knows."""

    def waiting(self, why: str) -> None:
        """The machine is not quiet enough for the trial that was started; told again and again while that lasts."""

    def trial_step(self, trial: Trial, name: str) -> None:
        """A step of a trial begins: a value of steps.Step."""

    def attested(self, trial: Trial, evidence: Evidence) -> None:
        """The arm is up and is what it says; nothing is sampled or sent yet."""

    def progress(self, trial: Trial, progress: LoadProgress) -> None:
        """Load is running: about ten times a second."""

    def trial_finished(self, record: TrialRecord) -> None:
        """A trial is on disk."""

    def trial_dropped(self, trial: Trial, error: LabError | None) -> None:
        """A session by hand keeps nothing of a trial: it failed, or (None) no test was started."""

    def compared(self, comparison: Comparison, where: str) -> None:
        """Another block is complete; ``where``: at which point of the run, "" for its only one."""

    def close(self) -> None:
        """The run is over."""


def together(*views: QuietView) -> QuietView:
    """One view that tells all of them the same, in this order."""

    def to_all(name: str) -> Callable[..., None]:
        def tell(_self: QuietView, *told: object) -> None:
            for view in views:
                getattr(view, name)(*told)

        return tell

    told = {name: to_all(name) for name in vars(QuietView) if not name.startswith("_")}
    view: QuietView = type("Together", (QuietView,), told)()
    return view
