"""The live view as lines (REPORT.md): what is known at one moment, for a terminal of any size. Nothing is read here."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePath

from rich.style import Style

from lab.analysis.gates.limits import CAVEAT, INVALID, LOAD_CPU, PASS
from lab.cli.live.estimates import Estimate, estimate_lines
from lab.cli.live.lines import BAD, CPU, FAINT, GOOD, PLAIN, STRONG, WARN, Line, cut, first_that_fits, progress_bar
from lab.cli.live.processes import process_lines
from lab.cli.live.remarks import Remark
from lab.live.figures import LiveFigures
from lab.load.locust_process import LoadProgress
from lab.plan.blocks import Plan, Trial
from lab.plan.models import MODELS
from lab.record.types import Phase
from lab.report.renderers.text import one_line
from lab.scenario.model import IMAGE_COMMAND, Arm, Scenario
from lab.units import format_seconds

WIDE = 110
MIN_BAR = 6
ROOM_FOR_PROMPT = 1
STYLES = {PASS: PLAIN, CAVEAT: WARN, INVALID: BAD}


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Everything that the view shows. ``now_s`` and the instants in ``progress`` are CLOCK_MONOTONIC.

    ``step`` is what the trial is doing, for ``step_s`` seconds now; while it is ``loaded``, the phase says more.
    ``judged`` trials have gates behind them, ``caveats`` are the gates that left a doubt, ``invalid`` the trials that
    one of them refused; ``remarks`` are on this trial, which no gate has seen yet.
    """

    name: str
    plan: Plan
    trial: Trial
    total: int
    left_s: float
    now_s: float
    step: str
    step_s: float
    loaded: bool = False
    progress: LoadProgress | None = None
    figures: LiveFigures = field(default_factory=LiveFigures)
    estimates: tuple[Estimate, ...] = ()
    judged: int = 0
    caveats: int = 0
    invalid: int = 0
    remarks: tuple[Remark, ...] = ()


def screen(moment: Moment, width: int, height: int) -> list[Line]:
    """At most ``height`` lines; where they are too few, processes are summed by role and estimates left out."""
    top = [_heading(moment, width), _now(moment, width), _load(moment, width)]
    room = height - ROOM_FOR_PROMPT - len(top)
    baseline = moment.plan.scenario.baseline
    processes = process_lines(moment.figures.processes, width, room - min(2, len(moment.estimates)))
    estimates = estimate_lines(moment.estimates, baseline, width, room - len(processes))
    return [*top, *processes, *estimates]


def left(duration_s: float) -> str:
    """A duration that is only an estimate: whole seconds."""
    return f"{duration_s:.0f} s" if duration_s < 120 else format_seconds(duration_s)


def _heading(moment: Moment, width: int) -> Line:
    gates = [*_gates(moment), *_remarks(moment, width)]
    right = sum(len(text) for text, _ in gates) + 3 * max(0, len(gates) - 1)
    arms, blocks = len(moment.plan.scenario.arms), max(moment.plan.blocks, moment.trial.block)
    name, tail = one_line(moment.name), f"block {moment.trial.block}/{blocks} · {left(moment.left_s)} left"
    candidates = (
        f"{name} · {arms} arms × {blocks} block{'s' if blocks > 1 else ''} · {tail}",
        f"{name} · {arms} arms · {tail}",
        f"{name} · {tail}",
        tail,
    )
    line = Line()
    line.add(first_that_fits(candidates, width - right - 3), STRONG).gap_to(width - right - 1)
    for place, (text, style) in enumerate(gates):
        line.add(" · " if place else "", FAINT).add(text, style)
    return line


def _gates(moment: Moment) -> Iterator[tuple[str, Style]]:
    if moment.invalid:
        yield f"{moment.invalid} invalid", BAD
    elif moment.judged:
        yield "gates ok", GOOD
    if moment.caveats:
        yield f"{moment.caveats} caveat{'s' if moment.caveats > 1 else ''}", WARN


def _remarks(moment: Moment, width: int) -> Iterator[tuple[str, Style]]:
    """All of them on a wide terminal, else the one that matters most."""
    for remark in moment.remarks if width >= WIDE else moment.remarks[:1]:
        yield remark.text, STYLES[remark.outcome]


def _now(moment: Moment, width: int) -> Line:
    phase, fraction, clock = _clock(moment, width)
    right = len(phase) + len(clock) + 4
    arm = moment.trial.arm
    line = Line("now")
    room = width - line.width - right - MIN_BAR - 1
    line.add(cut(arm.name, room), STRONG)
    line.add(" " + cut(f"({how(moment.plan.scenario, arm)})", room - len(arm.name) - 1) + "  ")
    line.add(phase + " ")
    if fraction is None:
        return line.add(clock, FAINT)
    done, to_do = progress_bar(fraction, max(MIN_BAR, min(40, width - line.width - len(clock) - 2)))
    return line.add(done, CPU).add(to_do, FAINT).add(f" {clock}")


def how(scenario: Scenario, arm: Arm) -> str:
    """``"nginx → 4 × uvicorn"``: what clients meet, and what serves them."""
    processes, command = scenario.budget.processes, scenario.app.command
    words = shlex.split(command) if command else ["uvicorn"]
    program = "the image" if command == IMAGE_COMMAND else PurePath(words[0]).name
    containers = MODELS[arm.model].containers(processes)
    served = f"{program}, {processes} workers" if containers == 1 else f"{containers} × {program}"
    return served if arm.front == "direct" else f"{arm.front} → {served}"


def _clock(moment: Moment, width: int) -> tuple[str, float | None, str]:
    """Phase, how much of it is over, and that as text; without load the step and how long it has taken so far."""
    progress, load = moment.progress, moment.plan.scenario.load
    start_s = length_s = None
    if not moment.loaded:
        progress = None
    elif progress is not None and progress.phase == Phase.WARMUP:
        start_s, length_s = progress.warmup_start_s, load.warmup
    elif progress is not None and progress.phase == Phase.MEASURE:
        start_s, length_s = progress.measure_start_s, load.measure
    if progress is None or start_s is None or not length_s:
        return moment.step, None, left(moment.step_s)
    spent_s = max(0.0, moment.now_s - start_s)
    clock = f"{spent_s:.1f} / {length_s:g} s"
    if width >= WIDE:
        clock += f", {max(0.0, length_s - spent_s):.1f} s left"
    return progress.phase, spent_s / length_s, clock


def _load(moment: Moment, width: int) -> Line:
    line, load, progress = Line("load"), moment.plan.scenario.load, moment.progress
    asked = f"closed model, {load.lanes} lanes" if load.rate is None else f"{load.rate:g}/s asked"
    if progress is None:
        return line.add(asked, FAINT)
    requests, busy = moment.figures.requests, moment.figures.load_cpu
    pieces = [(asked, PLAIN)]
    if requests.per_second is not None:
        pieces.append((f"{requests.per_second:.1f}/s sent", PLAIN))
    if requests.p50_s is not None and requests.p99_s is not None:
        pieces.append((f"p50 {short(requests.p50_s)}", STRONG))
        pieces.append((f"p99 {short(requests.p99_s)}", STRONG))
    pieces.append((f"{progress.failed} failed", BAD if progress.failed else PLAIN))
    if progress.dropped:
        pieces.append((f"{progress.dropped} dropped", BAD))
    if busy is not None:
        style = STYLES[LOAD_CPU.outcome(busy)]
        pieces.append((f"Locust {busy * 100:.0f} %" + (" of a core" if width >= WIDE else ""), style))
    if line.width + sum(len(text) + 2 for text, _ in pieces) - 2 > width:
        del pieces[0]  # what was asked for stands in the scenario
    for place, (text, style) in enumerate(pieces):
        line.add(("   " if width >= WIDE else "  ") if place else "").add(text, style)
    return line


def short(duration_s: float) -> str:
    """Two digits: a moving number is read at a glance. ``"1.6 ms"``, ``"76 ms"``, ``"0.83 ms"``, ``"2.1 s"``."""
    value, unit = (duration_s, "s") if duration_s >= 0.9995 else (duration_s * 1e3, "ms")
    return (
        f"{value:.0f} {unit}" if value >= 9.95 else f"{value:.1f} {unit}" if value >= 0.995 else f"{value:.2f} {unit}"
    )
