"""The live view: what is known at one moment, for a terminal of any size. Nothing is read here."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePath

from rich.console import Group
from rich.text import Text

from lab.analysis.gates.gate import CAVEAT, INVALID, PASS
from lab.analysis.gates.limits import LOAD_CPU
from lab.cli.live.estimates import Estimate
from lab.cli.live.remarks import Remark
from lab.cli.live.tables import (
    BAD,
    CPU,
    FAINT,
    GOOD,
    PLAIN,
    STRONG,
    WARN,
    cut,
    estimate_table,
    first_that_fits,
    height_of,
    line,
    process_table,
    progress_bar,
)
from lab.live.figures import LiveFigures, MachineFigures
from lab.load.locust_process import LoadProgress
from lab.plan.blocks import Plan
from lab.plan.loading import warmup_s
from lab.plan.models.model import model_of
from lab.plan.trial import Trial
from lab.record.types import Phase
from lab.report.renderers.text import one_line
from lab.run.steps import Step
from lab.scenario.app import IMAGE_COMMAND
from lab.scenario.model import Arm, Scenario
from lab.units import count_of, format_duration

WIDE = 110
MIN_BAR, MAX_BAR = 6, 40
ROOM_FOR_PROMPT = 1
STYLES = {PASS: PLAIN, CAVEAT: WARN, INVALID: BAD}
LOADED = (Step.WARM_UP, Step.MEASURE, Step.COOL_DOWN)  # the steps in which there is progress to show


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Everything that the view shows. Instants are CLOCK_MONOTONIC; ``trial`` is the one that runs since ``begun_s``.

    ``step`` is what the trial has been doing since ``step_since_s``; under load, the phase says more. ``lengths_s`` are
    those of the trials that gates have judged, ``caveats`` are the gates that left a doubt, ``invalid`` counts the
    trials that one of them refused; ``remarks`` are on this trial, which no gate has seen yet.
    """

    plan: Plan
    trial: Trial
    estimates: tuple[Estimate, ...]
    name: str = ""
    number: int = 1
    total: int = 1
    begun_s: float = 0.0
    now_s: float = 0.0
    step: str = Step.PREPARE
    step_since_s: float = 0.0
    progress: LoadProgress | None = None
    figures: LiveFigures = field(default_factory=LiveFigures)
    machine: MachineFigures = field(default_factory=MachineFigures)
    remarks: tuple[Remark, ...] = ()
    lengths_s: tuple[float, ...] = ()
    caveats: frozenset[str] = frozenset()
    invalid: int = 0

    @property
    def left_s(self) -> float:
        """By the trials so far, else by the plan; a trial that takes longer than that has nothing left."""
        known, plan = self.lengths_s, self.plan
        each_s = sum(known) / len(known) if known else plan.estimated_s / len(plan.trials)
        return each_s * (self.total - self.number) + max(0.0, each_s - (self.now_s - self.begun_s))


def screen(moment: Moment, width: int, height: int) -> Group:
    """At most ``height`` lines; where they are too few, processes are summed by role and estimates left out."""
    top = [_heading(moment, width), _now(moment, width), _load(moment, width)]
    room = height - ROOM_FOR_PROMPT - len(top)
    processes = process_table(moment.figures.processes, width, room - min(2, len(moment.estimates)))
    room -= height_of(processes)
    estimates = estimate_table(moment.estimates, moment.plan.scenario.baseline, width, room)
    return Group(*top, *(table for table in (processes, estimates) if table))


def left(duration_s: float) -> str:
    """A duration that is only an estimate: whole seconds."""
    return format_duration(round(duration_s))


def _heading(moment: Moment, width: int) -> Text:
    gates = Text.assemble((" · ", FAINT)).join([*_gates(moment), *_remarks(moment, width)])
    arms = count_of(len(moment.plan.scenario.arms), "arm")
    blocks = max(moment.plan.blocks, moment.trial.block)
    name = " · ".join(filter(None, (one_line(moment.name), moment.trial.point.title)))
    tail = f"block {moment.trial.block}/{blocks} · {left(moment.left_s)} left"
    candidates = (
        f"{name} · {arms} × {count_of(blocks, 'block')} · {tail}",
        f"{name} · {arms} · {tail}",
        f"{name} · {tail}",
        tail,
    )
    text = line().append(first_that_fits(candidates, width - gates.cell_len - 3), STRONG)
    text.pad_right(max(0, width - gates.cell_len - 1 - text.cell_len))
    return text.append_text(gates)


def _gates(moment: Moment) -> Iterator[Text]:
    if moment.invalid:
        yield Text(f"{moment.invalid} invalid", BAD)
    elif moment.lengths_s:
        yield Text("gates ok", GOOD)
    if doubts := len(moment.caveats):
        yield Text(count_of(doubts, "caveat"), WARN)


def _remarks(moment: Moment, width: int) -> Iterator[Text]:
    """All of them on a wide terminal, else the one that matters most."""
    for remark in moment.remarks if width >= WIDE else moment.remarks[:1]:
        yield Text(remark.text, STYLES[remark.outcome])


def _now(moment: Moment, width: int) -> Text:
    phase, fraction, clock = _clock(moment, width)
    arm, text = moment.trial.arm, line("now")
    room = width - text.cell_len - len(phase) - len(clock) - 4 - MIN_BAR - 1
    text.append(cut(arm.name, room), STRONG)
    text.append(" " + cut(f"({how(moment.trial.scenario, arm)})", room - len(arm.name) - 1) + f"  {phase} ")
    if fraction is None:
        return text.append(clock, FAINT)
    cells = max(MIN_BAR, min(MAX_BAR, width - text.cell_len - len(clock) - 2))
    done, to_do = progress_bar(fraction, cells)
    return text.append(done, CPU).append(to_do, FAINT).append(f" {clock}")


def how(scenario: Scenario, arm: Arm) -> str:
    """``"nginx → 4 × uvicorn"``: what clients meet, and what serves them."""
    processes, command = scenario.budget.processes, scenario.command_of(arm)
    words = shlex.split(command) if command else ["uvicorn"]
    program = "the image" if command == IMAGE_COMMAND else PurePath(words[0]).name
    containers = model_of(arm).containers(arm.model, processes)
    served = f"{program}, {count_of(processes, 'worker')}" if containers == 1 else f"{containers} × {program}"
    return f"{arm.front.kind} → {served}" if arm.fronted else served


def _clock(moment: Moment, width: int) -> tuple[str, float | None, str]:
    """Phase, how much of it is over, and that as text; without load the step and how long it has taken so far."""
    progress, load = moment.progress, moment.trial.scenario.load
    start_s, length_s = None, 0.0
    if progress is not None and moment.step in LOADED:
        if progress.phase == Phase.WARMUP:
            start_s, length_s = progress.warmup_start_s, warmup_s(moment.trial.scenario)
        elif progress.phase == Phase.MEASURE:
            start_s, length_s = progress.measure_start_s, load.measure
    if progress is None or start_s is None or not length_s:
        return cut(moment.step, width // 2), None, left(moment.now_s - moment.step_since_s)
    spent_s = max(0.0, moment.now_s - start_s)
    clock = f"{spent_s:.1f} / {length_s:g} s"
    if width >= WIDE:
        clock += f", {max(0.0, length_s - spent_s):.1f} s left"
    return progress.phase, spent_s / length_s, clock


def _load(moment: Moment, width: int) -> Text:
    load, wide = moment.trial.scenario.load, width >= WIDE
    closed = f"closed model, {count_of(load.lanes, 'connection')}"
    asked = Text(closed if load.rate is None else f"{load.rate:g}/s asked")
    if moment.progress is None:
        return line("load").append(asked.plain, FAINT)
    gap, measured = Text("   " if wide else "  "), list(_measured(moment, moment.progress, wide=wide))
    whole = line("load").append_text(gap.join([asked, *measured]))
    if whole.cell_len <= width:
        return whole
    return line("load").append_text(gap.join(measured))  # what was asked for stands in the scenario


def _measured(moment: Moment, progress: LoadProgress, *, wide: bool) -> Iterator[Text]:
    """Tell how much load there was in this phase so far, and what it costs."""
    requests, busy = moment.figures.requests, moment.figures.load_cpu
    if requests.per_second is not None:
        yield Text(f"{requests.per_second:.1f}/s sent")
    if requests.p50_s is not None and requests.p99_s is not None:
        yield Text(f"p50 {short(requests.p50_s)}", STRONG)
        yield Text(f"p99 {short(requests.p99_s)}", STRONG)
    yield Text(f"{progress.failed} failed", BAD if progress.failed else PLAIN)
    if progress.dropped:
        yield Text(f"{progress.dropped} dropped", BAD)
    if busy is not None:
        yield Text(f"Locust {busy * 100:.0f}%{' of a core' if wide else ''}", STYLES[LOAD_CPU.outcome(busy)])


def short(duration_s: float) -> str:
    """Two digits: a moving number is read at a glance. ``"1.6 ms"``, ``"76 ms"``, ``"0.83 ms"``, ``"2.1 s"``."""
    value, unit = (duration_s, "s") if duration_s >= 0.9995 else (duration_s * 1e3, "ms")
    return (
        f"{value:.0f} {unit}" if value >= 9.95 else f"{value:.1f} {unit}" if value >= 0.995 else f"{value:.2f} {unit}"
    )
