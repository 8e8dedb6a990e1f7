"""What a person sees while a run goes on: a view that moves on a terminal, plain lines elsewhere, or nothing."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace

from rich.console import Console
from rich.live import Live
from rich.padding import Padding
from rich.text import Text

from lab.analysis.comparison import Comparison
from lab.analysis.gates import INVALID, PASS
from lab.attest.claims import Evidence
from lab.cli.console import say, shown
from lab.cli.live.estimates import Estimate, estimates, nothing_yet
from lab.cli.live.lines import BAD, PLAIN, WARN, Lines
from lab.cli.live.remarks import TrialRemarks, remarks
from lab.cli.live.screen import Moment, screen
from lab.host.interrupts import INTERRUPTS
from lab.live.figures import LiveFigures, TrialFollower
from lab.live.machine import MachineFigures, MachineFollower
from lab.load.locust_process import LoadProgress
from lab.plan.blocks import Plan, Trial
from lab.plan.topology import HOST
from lab.record.folder import RunFolder
from lab.record.types import GateResult, TrialRecord
from lab.report.renderers.text import one_line
from lab.run.steps import Step
from lab.run.view import QuietView
from lab.units import format_seconds

REFRESH_HZ = 2  # the sampler reads as often
LOADED = (Step.WARM_UP, Step.MEASURE, Step.COOL_DOWN)  # the steps in which there is progress to show


class PlainView(QuietView):
    """One line a step, a trial and a block: for logs and pipes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._folder: RunFolder | None = None
        self._step = ("", "")
        self._remarks: TrialRemarks | None = None

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
        self._put(f"trial {number}/{total}: block {trial.block}, arm {trial.arm.name}")

    def trial_finished(self, record: TrialRecord) -> None:
        """Print what came out, and every gate that did not pass."""
        self._put(f"ready after {format_seconds(record.boot_s)}, {record.load.started} requests started", indent=2)
        for gate in record.gates:
            if gate.outcome != PASS:
                self._put_gate(gate)

    def compared(self, comparison: Comparison) -> None:
        """Print the running estimate of each primary."""
        for estimate in estimates(comparison):
            self._put(f"so far: {estimate.sentence(comparison.baseline)}", indent=2)

    def _put(self, text: str, indent: int = 0) -> None:
        say(" " * indent + text)

    def _put_gate(self, gate: GateResult) -> None:
        self._put(f"{gate.outcome}: {one_line(gate.sentence)}", indent=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Current:
    """The trial that runs. Replaced as a whole: another thread draws it."""

    trial: Trial
    number: int
    total: int
    since_s: float
    step: str = Step.PREPARE
    step_since_s: float
    follower: TrialFollower | None = None
    machine: MachineFollower | None = None
    progress: LoadProgress | None = None


class TerminalView(PlainView):
    """The live view, above it the finished trials and what their gates found."""

    def __init__(self, plan: Plan, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        self._plan, self._console = plan, console
        self._closing = ExitStack()
        self._current: _Current | None = None
        self._estimates: tuple[Estimate, ...] = nothing_yet(plan.scenario)
        self._lengths_s: list[float] = []
        self._caveats: set[str] = set()
        self._invalid = 0
        self._live = Live(console=console, refresh_per_second=REFRESH_HZ, transient=True, get_renderable=self._draw)

    def trial_started(self, trial: Trial, number: int, total: int) -> None:
        """Show it."""
        now_s = self._clock()
        self._current = _Current(trial=trial, number=number, total=total, since_s=now_s, step_since_s=now_s)
        if not self._live.is_started:
            self._closing.enter_context(INTERRUPTS.heralded(self._live.stop))
            self._live.start()

    def trial_step(self, trial: Trial, name: str) -> None:
        """Name it where there is no load to show."""
        self._change(trial.id, step=one_line(name), step_since_s=self._clock())

    def attested(self, trial: Trial, evidence: Evidence) -> None:
        """From now on there are files to follow."""
        if self._folder is not None:
            services = evidence.listeners  # empty where the lab may not see who listens
            homes = {name: services[port] for name, port in evidence.homes.items() if port in services}
            homes |= {f"{HOST}:{port}": service for port, service in services.items()}
            staging = self._folder.staging(trial.id)
            self._change(trial.id, follower=TrialFollower(staging, homes), machine=MachineFollower(staging))

    def progress(self, trial: Trial, progress: LoadProgress) -> None:
        """Phase and counters."""
        self._change(trial.id, progress=progress)

    def trial_finished(self, record: TrialRecord) -> None:
        """Print it above the view."""
        current = self._current
        if current is not None:
            self._lengths_s.append(self._clock() - current.since_s)
        self._caveats |= {gate.key for gate in record.gates if gate.outcome not in (PASS, INVALID)}
        self._invalid += any(gate.outcome == INVALID for gate in record.gates)
        self._put(f"{record.trial_id}:")
        super().trial_finished(record)

    def compared(self, comparison: Comparison) -> None:
        """Take over the running estimates."""
        self._estimates = estimates(comparison)

    def close(self) -> None:
        """Give the terminal back, without the view."""
        self._live.stop()
        self._closing.close()

    def _put(self, text: str, indent: int = 0) -> None:
        self._console.print(Padding(Text(shown(text)), (0, 0, 0, indent)))

    def _put_gate(self, gate: GateResult) -> None:
        sign = Text(f"{gate.outcome}: ", BAD if gate.outcome == INVALID else WARN)
        self._console.print(Padding(sign.append(shown(one_line(gate.sentence)), PLAIN), (0, 0, 0, 2)))

    def _change(self, trial: str, **changes: object) -> None:
        if self._current is not None and self._current.trial.id == trial:
            self._current = replace(self._current, **changes)  # type: ignore[arg-type]  # fields of _Current

    def _draw(self) -> Lines:
        current, size = self._current, self._console.size
        if current is None:
            return Lines([])
        now_s, progress = self._clock(), current.progress
        begun_s = None if progress is None else progress.measure_start_s or progress.warmup_start_s
        figures = current.follower.look(begun_s) if current.follower else LiveFigures()
        machine = current.machine.look(measuring=current.step == Step.MEASURE) if current.machine else MachineFigures()
        moment = Moment(
            name=shown(self._folder.info.scenario_name) if self._folder else "",
            plan=self._plan,
            trial=current.trial,
            total=current.total,
            left_s=self._left_s(current, now_s),
            now_s=now_s,
            step=current.step,
            loaded=current.step in LOADED,
            step_s=now_s - current.step_since_s,
            progress=progress,
            figures=figures,
            remarks=remarks(machine),
            estimates=self._estimates,
            judged=len(self._lengths_s),
            caveats=len(self._caveats),
            invalid=self._invalid,
        )
        return Lines(screen(moment, size.width, size.height))

    def _left_s(self, current: _Current, now_s: float) -> float:
        """By the trials so far, else by the plan; a trial that takes longer than that has nothing left."""
        lengths_s = self._lengths_s
        each_s = sum(lengths_s) / len(lengths_s) if lengths_s else self._plan.estimated_s / len(self._plan.trials)
        return each_s * (current.total - current.number) + max(0.0, each_s - (now_s - current.since_s))


def view_for(plan: Plan, *, quiet: bool) -> QuietView:
    """The view that fits: none, the live one on a terminal that can move its cursor, or lines."""
    if quiet:
        return QuietView()
    console = Console(stderr=True, highlight=False, soft_wrap=False)
    moves = sys.stderr.isatty() and not console.is_dumb_terminal and console.encoding.startswith("utf")
    return TerminalView(plan, console) if moves else PlainView()
