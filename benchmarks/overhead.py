"""What the lab itself costs: time in a trial beside boot, warm-up and measure, and memory of the lab process.

Run: .venv/bin/python -m benchmarks.overhead [--blocks 2] [--scenario scenarios/quickstart.toml]
Budgets: under 2 s a trial for 4 processes, the lab process under 250 MB.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

import polars as pl

from lab.plan.blocks import Trial, build_plan
from lab.record.types import Phase, TrialRecord
from lab.run.run import run_scenario
from lab.run.view import QuietView
from lab.scenario.file import read_scenario

OVERHEAD_BUDGET_S = 2.0
MEMORY_BUDGET_MB = 250.0


class Stopwatch(QuietView):
    """Times each trial from its start to its record on disk."""

    def __init__(self) -> None:
        self.overheads: dict[str, float] = {}
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
        idle, cooldown = record.phases[Phase.IDLE].length_s, record.phases[Phase.COOLDOWN].length_s
        print(f"{record.trial_id}: {whole - wanted:.2f} s, of which {idle:.2f} s idle, {cooldown:.2f} s cooldown")


def main() -> None:
    """Run the scenario once and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", type=Path, default=Path("scenarios/quickstart.toml"))
    parser.add_argument("--blocks", type=int, default=2)
    options = parser.parse_args()
    scenario = read_scenario(options.scenario)
    plan = build_plan(replace(scenario, trials=replace(scenario.trials, blocks=options.blocks)))
    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as out:
        folder = run_scenario(plan, "overhead", Path(out), watch)
        tables = pl.concat(pl.read_parquet(path) for path in folder.path.glob("trials/*/host.parquet"))
    memory_mb = float(tables.select(pl.col("lab_rss_bytes").max()).item()) / 1e6
    print(f"overhead: median {median(watch.overheads.values()):.2f} s, worst {max(watch.overheads.values()):.2f} s")
    print(f"lab process: {memory_mb:.0f} MB at most")
    if median(watch.overheads.values()) > OVERHEAD_BUDGET_S or memory_mb > MEMORY_BUDGET_MB:
        raise SystemExit("over budget")


if __name__ == "__main__":
    main()
