"""The display of a run that goes on: a view that moves on a terminal, plain lines elsewhere, or next to nothing."""

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack

from rich.console import Console, Group
from rich.live import Live
from rich.padding import Padding
from rich.text import Text

from lab.analysis.comparison import Comparison
from lab.analysis.gates import CAVEAT, INVALID, PASS
from lab.attest.claims import Evidence
from lab.cli.console import say, shown
from lab.cli.live.estimates import estimates
from lab.cli.live.remarks import TrialRemarks
from lab.cli.live.screen import screen
from lab.cli.live.tables import BAD, PLAIN, WARN
from lab.cli.live.watch import Watch
from lab.host.interrupts import INTERRUPTS
from lab.load.locust_process import LoadProgress
from lab.plan.blocks import Plan
from lab.plan.trial import Trial
from lab.record.folder import RunFolder
from lab.record.types import GateResult, TrialRecord
from lab.report.parts.gate_sentences import finding_sentence, gate_sentence
from lab.report.parts.late_answers import KEEPALIVE
from lab.report.parts.unusual import unasked_engine
from lab.report.renderers.text import one_line
from lab.run.steps import Step
from lab.run.view import QuietView
from lab.units import format_seconds

REFRESH_HZ = 2  # the sampler reads as often
TOLD_ONCE = {(KEEPALIVE, CAVEAT)}  # what the image has, every trial would say again
WAITING_EVERY_S = 30.0  # between two lines of a log about the same wait


class PlainView(QuietView):
    """One line a step, a trial and a block: for logs and pipes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._folder: RunFolder | None = None
        self._step = ("", "")
        self._remarks: TrialRemarks | None = None
        self._silent_until_s = 0.0
        self._advised: set[tuple[str, str]] = set()  # gates of which it was said what to do

    def watch(self, folder: RunFolder) -> None:
        """Its trials' files are followed."""
        self._folder = folder

    def trial_step(self, trial: Trial, name: str) -> None:
        """Only while a trial is measured there is something to say of the machine."""
        self._step = (trial.id, name)

    def progress(self, trial: Trial, progress: LoadProgress) -> None:
        """Print what a gate on the machine would find now: once a trial, when it first happens."""
        measuring = self._step == (trial.id, Step.MEASURE) and not progress.finished
        for remark in self._remarks.new(measuring=measuring) if self._remarks else ():
            self._put(remark.sentence, indent=2)

    def step(self, text: str) -> None:
        """Print the step."""
        self._put(one_line(text))

    def trial_started(self, trial: Trial, number: int, total: int) -> None:
        """Print which trial begins."""
        self._remarks = TrialRemarks(self._folder.staging(trial.id), self._clock) if self._folder else None
        self._silent_until_s = 0.0
        point = f", {trial.point.title}" if trial.point.title else ""
        self._put(f"trial {number}/{total}: block {trial.block}{point}, arm {trial.arm.name}")

    def waiting(self, why: str) -> None:
        """Print what disturbs, now and then."""
        if (now_s := self._clock()) >= self._silent_until_s:
            self._silent_until_s = now_s + WAITING_EVERY_S
            self._put(one_line(why), indent=2)

    def trial_finished(self, record: TrialRecord) -> None:
        """Print what came out, and every gate that did not pass, and what the arm did."""
        self._put(f"ready after {format_seconds(record.boot_s)}, {record.load.started} requests started", indent=2)
        for gate in record.gates:
            if gate.outcome != PASS and (gate.key, gate.outcome) not in self._advised & TOLD_ONCE:
                self._put_gate(gate, record)
        for finding in record.findings:
            if finding.value is not None:
                self._put(one_line(finding_sentence(finding)), indent=2)

    def compared(self, comparison: Comparison, where: str) -> None:
        """Print the running estimate of each primary."""
        at = f", {where}" if where else ""
        for estimate in estimates(comparison):
            self._put(f"so far{at}: {estimate.sentence(comparison.baseline)}", indent=2)

    def _put(self, text: str, indent: int = 0) -> None:
        say(" " * indent + text)

    def _put_gate(self, gate: GateResult, record: TrialRecord) -> None:
        self._put(f"{gate.outcome}: {self._told(gate, record)}", indent=2)

    def _told(self, gate: GateResult, record: TrialRecord) -> str:
        """What a gate found; what to do about it only the first time."""
        known = (gate.key, gate.outcome) in self._advised
        self._advised.add((gate.key, gate.outcome))
        return one_line(gate_sentence(gate, record, brief=known))


class TerminalView(PlainView):
    """The live view, above it the finished trials and what their gates found."""

    def __init__(self, plan: Plan, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        self._console = console
        self._closing = ExitStack()
        self._watch = Watch(plan, clock)
        self._live = Live(console=console, refresh_per_second=REFRESH_HZ, transient=True, get_renderable=self._draw)

    def watch(self, folder: RunFolder) -> None:
        """Name the run."""
        super().watch(folder)
        self._watch.watch(folder)

    def trial_started(self, trial: Trial, number: int, total: int) -> None:
        """Show it."""
        self._watch.trial_started(trial, number, total)
        if not self._live.is_started:
            self._closing.enter_context(INTERRUPTS.before_messages(self._live.stop))
            self._live.start()

    def trial_step(self, trial: Trial, name: str) -> None:
        """Name it where there is no load to show."""
        self._watch.trial_step(trial, name)

    def waiting(self, why: str) -> None:
        """Show it as the step; the trial has not begun."""
        self._watch.waiting(why)

    def attested(self, trial: Trial, evidence: Evidence) -> None:
        """From now on there are files to follow."""
        self._watch.attested(trial, evidence)

    def progress(self, trial: Trial, progress: LoadProgress) -> None:
        """Phase and counters."""
        self._watch.progress(trial, progress)

    def trial_finished(self, record: TrialRecord) -> None:
        """Print it above the view."""
        self._watch.trial_finished(record)
        self._put(f"{record.trial_id}:")
        super().trial_finished(record)

    def compared(self, comparison: Comparison, where: str) -> None:
        """Take over the running estimates."""
        self._watch.compared(comparison, where)

    def close(self) -> None:
        """Give the terminal back, without the view."""
        self._live.stop()
        self._closing.close()

    def _put(self, text: str, indent: int = 0) -> None:
        self._console.print(Padding(Text(shown(text)), (0, 0, 0, indent)))

    def _put_gate(self, gate: GateResult, record: TrialRecord) -> None:
        sign = Text(f"{gate.outcome}: ", BAD if gate.outcome == INVALID else WARN)
        self._console.print(Padding(sign.append(shown(self._told(gate, record)), PLAIN), (0, 0, 0, 2)))

    def _draw(self) -> Group:
        size = self._console.size
        return screen(self._watch.now(), size.width, size.height)


class SilentView(QuietView):
    """Nothing but that no containers are measured though nobody asked for that, once; other views have it as a step."""

    def __init__(self) -> None:
        self._told = False

    def watch(self, folder: RunFolder) -> None:
        """Its environment says on what it runs."""
        note = unasked_engine(folder.info)
        if note and not self._told:
            self._told = True
            say(note)


def view_for(plan: Plan) -> QuietView:
    """The view that fits: the live one on a terminal that can move its cursor, or lines."""
    console = Console(stderr=True, highlight=False, soft_wrap=False)
    moves = sys.stderr.isatty() and not console.is_dumb_terminal and console.encoding.startswith("utf")
    return TerminalView(plan, console) if moves else PlainView()
