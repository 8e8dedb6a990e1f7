"""What the lab itself costs: time in a trial beside boot, warm-up and measure, and memory of the lab process.

And what a network of its own adds to a whole trial, from its first step until everything of it is removed: an arm with
each network, in pairs, first one and then the other.

Run: .venv/bin/python -m benchmarks.overhead [--blocks 2] [--pairs 4] [--scenario scenarios/quickstart.toml]
Budgets: under 2 s a trial for 4 processes, the lab process under 250 MB; `own` adds 1.5 s to a trial at most.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

import polars as pl

from lab.plan.blocks import build_plan
from lab.plan.trial import Trial
from lab.record.types import Phase, TrialRecord
from lab.run.run import run_scenario
from lab.run.view import QuietView
from lab.scenario.budget import Budget
from lab.scenario.compare import Compare
from lab.scenario.file import read_scenario
from lab.scenario.model import Arm, Scenario
from lab.scenario.trials import Trials

OVERHEAD_BUDGET_S = 2.0
MEMORY_BUDGET_MB = 250.0
NETWORK_BUDGET_S = 1.5
PROCESSES = 4


class Stopwatch(QuietView):
    """Times each trial from its start to its record on disk."""

    def __init__(self) -> None:
        self.overheads: dict[str, float] = {}
        self.wholes: dict[str, float] = {}
        self._started_s = 0.0

    def step(self, text: str) -> None:
        """Show what is being prepared: it is not part of a trial."""
        print(text)

    def trial_started(self, trial: Trial, number: int, total: int) -> None:
        """A trial begins."""
        self._started_s = time.monotonic()

    def trial_finished(self, record: TrialRecord) -> None:
        """A trial is on disk: what was neither boot nor warm-up nor measure is overhead."""
        whole = time.monotonic() - self._started_s
        wanted = record.boot_s + sum(record.phases[phase].length_s for phase in (Phase.WARMUP, Phase.MEASURE))
        self.overheads[record.trial_id] = whole - wanted
        self.wholes[record.trial_id] = whole
        idle, cooldown = record.phases[Phase.IDLE].length_s, record.phases[Phase.COOLDOWN].length_s
        print(f"{record.trial_id}: {whole - wanted:.2f} s, of which {idle:.2f} s idle, {cooldown:.2f} s cooldown")


def measured(scenario: Scenario) -> tuple[Stopwatch, float]:
    """Run every trial; its times, and the most memory of the lab process in MB."""
    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as out:
        folder = run_scenario(build_plan(scenario), "overhead", Path(out), watch)
        tables = pl.concat(pl.read_parquet(path) for path in folder.path.glob("trials/*/host.parquet"))
    return watch, float(tables.select(pl.col("lab_rss_bytes").max()).item()) / 1e6


def network_price(scenario: Scenario, pairs: int) -> float:
    """Seconds that a network of its own adds to a trial of replicas behind nginx; prints every pair."""
    arms = tuple(Arm(name=name, model="replicas", front="nginx", network=name) for name in ("host", "own"))
    budget, load = Budget(processes=PROCESSES), replace(scenario.load, idle=0.0, warmup=1.0, measure=2.0)
    trials, compare = Trials(blocks=pairs, seed=1), Compare(primary=())
    watch, _ = measured(
        replace(scenario, arms=arms, budget=budget, load=load, trials=trials, compare=compare, expect=())
    )
    added = []
    for block in range(1, pairs + 1):
        host, own = (watch.wholes[f"b{block:02d}-{arm.name}"] for arm in arms)
        added.append(own - host)
        print(f"pair {block}: host {host:.2f} s, own {own:.2f} s, {own - host:+.2f} s")
    return median(added)


def main() -> None:
    """Run both once and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenario", type=Path, default=Path("scenarios/quickstart.toml"))
    parser.add_argument("--blocks", type=int, default=2, help="0: only the price of the network")
    parser.add_argument("--pairs", type=int, default=4, help="0: no price of the network")
    options = parser.parse_args()
    scenario, over = read_scenario(options.scenario), []
    if options.blocks:
        watch, memory_mb = measured(replace(scenario, trials=replace(scenario.trials, blocks=options.blocks)))
        overhead_s = median(watch.overheads.values())
        print(f"overhead: median {overhead_s:.2f} s, worst {max(watch.overheads.values()):.2f} s")
        print(f"lab process: {memory_mb:.0f} MB at most")
        over += [overhead_s > OVERHEAD_BUDGET_S, memory_mb > MEMORY_BUDGET_MB]
    if options.pairs:
        added_s = network_price(scenario, options.pairs)
        print(f"a network of its own adds {added_s:.2f} s to a trial of {PROCESSES} processes (median of pairs)")
        over.append(added_s > NETWORK_BUDGET_S)
    if any(over):
        raise SystemExit("over budget")


if __name__ == "__main__":
    main()
