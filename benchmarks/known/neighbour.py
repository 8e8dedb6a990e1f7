"""A real run beside a program that takes half of the machine now and then: memory stands, latency does not."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path

from benchmarks.known.check import Check, exactly
from benchmarks.known.costs import LOCUSTFILE, REPOSITORY, WORKERS
from benchmarks.known.verdicts import words_of
from lab.analysis.comparison import Comparison
from lab.cli.live.view import PlainView
from lab.errors import InvalidRunError
from lab.metric_types import Family
from lab.plan.blocks import build_plan
from lab.run.conclude import conclude
from lab.run.run import run_scenario
from lab.run.surroundings import REAL
from lab.run.view import QuietView
from lab.scenario.budget import Budget
from lab.scenario.compare import Compare
from lab.scenario.model import App, Load, Scenario
from lab.scenario.trials import Trials

BLOCKS = 7  # what two judged intervals take
ALONE = 2  # blocks, at the beginning
METRICS = ("memory.pss.total", "p50")
BURN = "while True: pass"


class Neighbour:
    """Runs during every second trial, from the third block on; told before each trial."""

    def __init__(self) -> None:
        self._trials = count()
        self._running: list[subprocess.Popen[bytes]] = []

    def before_trial(self, _view: QuietView) -> None:
        """Come or go."""
        self.go()
        if (number := next(self._trials)) >= 2 * ALONE and number % 2 == 0:
            half = max(1, (os.cpu_count() or 1) // 2)
            self._running = [subprocess.Popen([sys.executable, "-c", BURN]) for _ in range(half)]

    def go(self) -> None:
        """Leave the machine alone."""
        for process in self._running:
            process.kill()
            process.wait()
        self._running = []


def check_neighbour() -> Iterator[Check]:
    """One arm twice, so that no word but equivalent is right; of latency there is none in so few quiet blocks."""
    found = _run()
    case = f"A/A in containers, a busy neighbour in {BLOCKS - ALONE} of {BLOCKS} blocks"
    complete, valid = found.decision.complete, found.decision.valid_for
    yield exactly(f"{case}: valid for memory", len(valid(Family.MEMORY)), len(complete))
    quiet = len(valid(Family.TIME))
    yield Check(
        case=f"{case}: valid for latency",
        planted=f"{ALONE}",
        printed=str(quiet),
        allowed=f"at most {ALONE}",
        holds=quiet <= ALONE,
    )
    words = words_of(found)
    for metric, planted in zip(METRICS, ("equivalent", "no verdict"), strict=True):
        yield exactly(f"{case}: {metric}", words[metric], planted)


def _run() -> Comparison:
    neighbour = Neighbour()
    around = replace(REAL, tools=replace(REAL.tools, settle=lambda view, _machines: neighbour.before_trial(view)))
    with tempfile.TemporaryDirectory() as folder:
        locustfile = Path(folder) / "known.py"
        locustfile.write_text(LOCUSTFILE, encoding="utf-8")
        scenario = Scenario(
            question="Does memory stand where latency does not?",
            app=App(build=REPOSITORY, requirements=REPOSITORY / "requirements" / "app.txt"),
            arms=(WORKERS, replace(WORKERS, name="again")),
            budget=Budget(processes=2),
            load=Load(locustfile=locustfile, users=("Baseline",), rate=150, lanes=16, warmup=3.0, measure=4.0),
            trials=Trials(blocks=BLOCKS),
            compare=Compare(baseline=WORKERS.name, primary=METRICS),
        )
        out = Path(folder) / "runs"
        try:
            with suppress(InvalidRunError):  # too many blocks are invalid for latency, as planted
                run_scenario(build_plan(scenario), "neighbour", out, PlainView(), around=around, use_floor=False)
        finally:
            neighbour.go()
        (path,) = out.iterdir()
        return conclude(path).comparison
