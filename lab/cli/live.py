"""What a person sees while a run goes on: one line that moves on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from lab.cli.console import say
from lab.load.locust_process import LoadProgress
from lab.plan import Plan, Trial
from lab.records import TrialRecord
from lab.units import format_seconds


class QuietView:
    """Says nothing."""

    def step(self, text: str) -> None:
        """A preparation step begins."""

    def trial_started(self, trial: Trial, number: int, total: int) -> None:
        """A trial begins."""

    def progress(self, trial: Trial, progress: LoadProgress) -> None:
        """Load is running."""

    def trial_finished(self, record: TrialRecord) -> None:
        """A trial is on disk."""

    def close(self) -> None:
        """The run is over."""


class PlainView(QuietView):
    """One line a step and one a trial: for logs and pipes."""

    def step(self, text: str) -> None:
        """Print the step."""
        say(text)

    def trial_started(self, trial: Trial, number: int, total: int) -> None:
        """Print which trial begins."""
        say(f"trial {number}/{total}: block {trial.block}, arm {trial.arm.name}")

    def trial_finished(self, record: TrialRecord) -> None:
        """Print what came out, and every gate that did not pass."""
        say(f"  ready after {format_seconds(record.boot_s)}, {record.load.started} requests started")
        for gate in record.gates:
            if gate.outcome != "pass":
                say(f"  {gate.outcome}: {gate.sentence}")


class TerminalView(PlainView):
    """A progress bar with the current trial, phase and rates, above it the finished trials."""

    def __init__(self, plan: Plan) -> None:
        self._console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f} trials"),
            TimeRemainingColumn(),
            console=self._console,
            refresh_per_second=4,
            transient=True,
        )
        self._task: TaskID = self._bar.add_task(plan.scenario.question[:40], total=len(plan.trials))
        self._started = False

    def trial_started(self, trial: Trial, number: int, total: int) -> None:
        """Name the trial in the bar."""
        if not self._started:
            self._bar.start()
            self._started = True
        self._bar.update(self._task, description=f"{trial.id}  deploying", completed=number - 1, total=total)

    def progress(self, trial: Trial, progress: LoadProgress) -> None:
        """Phase, rate and latency of the last second."""
        self._bar.update(self._task, description=f"{trial.id}  {progress.line()}")

    def close(self) -> None:
        """Give the terminal back."""
        self._bar.stop()


def view_for(plan: Plan, *, quiet: bool) -> QuietView:
    """The view that fits: none, a bar on a terminal, or lines."""
    if quiet:
        return QuietView()
    return TerminalView(plan) if sys.stderr.isatty() else PlainView()
