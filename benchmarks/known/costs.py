"""Memory and CPU of known size, through real trials: containers, sampler, ledger and metrics as in a run."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.known.check import Check, within
from lab.analysis.trial.trial import summarise_trial
from lab.cli.live.view import PlainView
from lab.engines.kinds import open_engine
from lab.load.locust_process import loads
from lab.plan.blocks import build_plan
from lab.record.folder import RunFolder, new_run_id, new_run_info, read_trials
from lab.run.drive import Scheduled
from lab.run.environment import describe_environment
from lab.run.tools import Run
from lab.run.trial import run_trial
from lab.scenario.budget import Budget
from lab.scenario.model import App, Arm, Load, Scenario
from lab.scenario.trials import Trials

REPOSITORY = Path(__file__).parents[2]
PROCESSES = 2
BALLAST_MB = 100
BALLAST_TOLERANCE = 0.02
BURN_MS = 5
PAIRS = 3  # CPU for a request varies by some 7 % from trial to trial on shared cores
BURN_TOLERANCE = 0.10
LOCUSTFILE = f"""\
from locust import FastHttpUser, constant, task


class Baseline(FastHttpUser):
    wait_time = constant(0)

    @task
    def get(self):
        self.client.get("/cpu?ms=0", name="/cpu")


class Burning(FastHttpUser):
    wait_time = constant(0)

    @task
    def get(self):
        self.client.get("/cpu?ms={BURN_MS}", name="/cpu")
"""

WORKERS = Arm(name="workers", model="workers", front="direct")
REPLICAS = Arm(name="replicas", model="replicas", front="nginx")
Values = Mapping[str, Mapping[str, float | None]]
"""Metrics of each arm."""


def check_ballast() -> Iterator[Check]:
    """Two trials of each process model, which differ in BALLAST_MB only; PSS of the whole ledger, for each process."""
    arms = [
        replace(arm, name=f"{arm.name}-{size}", env={"BALLAST_MB": str(size)})
        for arm in (WORKERS, REPLICAS)
        for size in (0, BALLAST_MB)
    ]
    values = run_once(arms, "Baseline", rate=120, measure_s=4.0)
    for arm in (WORKERS, REPLICAS):
        without, with_ballast = (_known(values, f"{arm.name}-{size}", "memory.pss.total") for size in (0, BALLAST_MB))
        each_mb = (with_ballast - without) / PROCESSES / 1e6
        yield within(f"ballast of each process of {arm.name}", each_mb, BALLAST_MB, BALLAST_TOLERANCE, "MB")


def check_cpu() -> Iterator[Check]:
    """Pairs of trials of each process model, which differ in the CPU that a request burns; medians of the pairs."""
    measure = partial(run_once, (WORKERS, REPLICAS), rate=100, measure_s=8.0)
    pairs = [(measure("Baseline"), measure("Burning")) for _ in range(PAIRS)]
    for arm in (WORKERS, REPLICAS):
        spent = [[_known(values, arm.name, "cpu.per_1k") for values in pair] for pair in pairs]
        above_s = median(burning - baseline for baseline, burning in spent)
        without_s = median(pair[0] for pair in spent)
        what = f"{BURN_MS} ms a request burnt by {arm.name}: CPU for 1 000 above {without_s:.2f} s"
        yield within(what, above_s, BURN_MS, BURN_TOLERANCE, "s")


def run_once(arms: tuple[Arm, ...] | list[Arm], users: str, *, rate: float, measure_s: float) -> Values:
    """One trial of each arm. Gates are printed and refuse nothing: figures with known values judge themselves."""
    with tempfile.TemporaryDirectory() as folder:
        locustfile = Path(folder) / "known.py"
        locustfile.write_text(LOCUSTFILE, encoding="utf-8")
        load = Load(locustfile=locustfile, users=(users,), rate=rate, lanes=16, warmup=3.0, measure=measure_s)
        scenario = Scenario(
            question="Are known costs measured as what they are?",
            app=App(build=REPOSITORY, requirements=REPOSITORY / "requirements" / "app.txt"),
            arms=tuple(arms),
            budget=Budget(processes=PROCESSES),
            load=load,
            trials=Trials(blocks=1),
        )
        return _run(scenario, Path(folder) / "runs")


def _run(scenario: Scenario, root: Path) -> Values:
    run_id, plan, view = new_run_id("accuracy"), build_plan(scenario), PlainView()
    engine, images = open_engine(scenario, run_id, view.step)
    environment = describe_environment(engine.describe(), images["app"].versions)
    facts = {key: image.describe() for key, image in images.items()}
    info = new_run_info(run_id, "accuracy", plan, environment, facts)
    folder = RunFolder.create(root, info)
    run = Run(plan=plan, folder=folder, engine=engine, view=view)
    view.watch(folder)
    with loads(folder.path) as starter:
        drive = Scheduled(starter)
        for number, trial in enumerate(plan.trials, start=1):
            view.trial_started(trial, number, len(plan.trials))
            run_trial(run, trial, drive)
    return {trial.record.arm: summarise_trial(trial).values for trial in read_trials(folder.path, folder.info)}


def _known(values: Values, arm: str, metric: str) -> float:
    value = values[arm][metric]
    if value is None:
        raise SystemExit(f"{arm}: {metric} could not be measured")
    return value
