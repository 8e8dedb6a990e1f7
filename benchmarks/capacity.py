"""Is the capacity that the lab finds true? A real ladder at an arm of which queueing theory knows the capacity.

    python -m benchmarks.capacity                              # 12 blocks, about 35 minutes, on a quiet machine
    python -m benchmarks.capacity --blocks 1 --engine process  # three minutes: does it work?

The arm is one process that blocks its event loop for 5 ms in every request: one slot, and M/D/1. What HTTP costs beside
the 5 ms is in its service time, which is read from the lowest rung: a tenth of its requests that wait for nobody. The
other arm is the same once more. The exit code is 1 when the capacity is more than 7% from theory, or when equal arms
are told apart.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

import polars as pl

from benchmarks.known.capacity import BLOCKS, LIMIT_S, SERVICE_S, TOLERANCE, theory
from benchmarks.known.check import Check, exactly, row, within
from lab.analysis.judge.verdict import Verdict
from lab.analysis.trial.latency import measured
from lab.cli.live.view import PlainView
from lab.errors import InvalidRunError, LabError
from lab.host.places import scratch
from lab.metrics.capacity import CAPACITY
from lab.plan.blocks import build_plan
from lab.plan.cores import apart
from lab.record.folder import new_run_id, read_info, read_trials
from lab.record.types import TrialResult
from lab.run.capacity import ladder
from lab.run.conclude import Conclusion, conclude
from lab.run.run import run_scenario
from lab.run.surroundings import BESIDE_OTHERS
from lab.scenario.budget import Budget
from lab.scenario.capacity import Capacity
from lab.scenario.compare import Compare
from lab.scenario.model import App, Arm, Load, Scenario
from lab.scenario.trials import Trials

REPOSITORY = Path(__file__).parents[1]
ARMS = ("one", "again")
UNDISTURBED = 0.1  # of the requests at the lowest rung: far more wait for nobody, of a server busy 6 parts in 10
LOCUSTFILE = f"""\
from locust import FastHttpUser, constant, task


class Blocking(FastHttpUser):
    wait_time = constant(0)

    @task
    def block(self):
        self.client.get("/block?ms={SERVICE_S * 1e3:g}", name="/block")
"""


def main() -> int:
    """Run the ladder, print what was found beside what is known; 0 when all of it holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=BLOCKS, help="blocks of the two arms")
    parser.add_argument("--engine", default="docker", help="docker, or process")
    options = parser.parse_args()
    try:
        with scratch("known-capacity") as folder:
            checks = list(check(folder, options.engine, options.blocks))
    except LabError as error:
        raise SystemExit(f"{error}\n{error.hint}") from None
    print(row("", "case", "planted", "printed", "allowed"))
    for each in checks:
        print(each)
    return 0 if all(each.holds is not False for each in checks) else 1


def check(folder: Path, engine: str, blocks: int) -> Iterator[Check]:
    """The service time, the capacity against theory, and the two equal arms against each other."""
    plan, valid = build_plan(scenario(folder, engine, blocks)), "yes"
    try:
        run_scenario(plan, "known", folder / "runs", PlainView(), around=BESIDE_OTHERS, use_floor=False)
    except InvalidRunError as error:  # what was measured is shown all the same, and nothing of it holds
        valid = "no"
        print(f"not valid: {error}\n{error.hint}\n")
    (path,) = (folder / "runs").iterdir()
    trials, found = list(read_trials(path, read_info(path))), conclude(path)
    yield exactly("the run is valid", valid, "yes")
    service_s = median(map(undisturbed_s, trials))
    yield Check(
        case="service time, HTTP included", planted=f"{SERVICE_S * 1e3:g} ms", printed=f"{service_s * 1e3:.2f} ms"
    )
    values = [trial.values[CAPACITY] for trial in found.summary.trials]
    known = [value for value in values if value is not None]
    yield exactly("trials whose capacity lies inside the ladder", len(known), len(values))
    if known:
        yield within("capacity, p99 <= 50 ms", median(known), theory(service_s), TOLERANCE, "/s")
    yield against_itself(found)


def against_itself(found: Conclusion) -> Check:
    """The verdict on the equal arms, where there are enough blocks for one."""
    judged = found.comparison.primaries[0].judgement
    told = judged.verdict.value if judged.verdict else judged.reason.value
    allowed = (Verdict.EQUIVALENT, Verdict.INCONCLUSIVE, None)
    return Check(
        case=f"an arm against itself, {judged.n} blocks",
        planted="equivalent",
        printed=told,
        allowed="or inconclusive",
        holds=judged.verdict in allowed,
    )


def undisturbed_s(trial: TrialResult) -> float:
    """What the server takes for a request that waits for no other, by the kernel's instants of the load."""
    if trial.record.ladder is None:
        raise AssertionError("every trial climbs the ladder")
    lowest = trial.record.ladder.rungs[0]
    counted = pl.col("t_scheduled_s").is_between(lowest.count_s, lowest.end_s)
    rows = measured(trial.tables.requests).filter("ok", counted)
    taken = rows.select((pl.col("t_done_s") - pl.col("t_sent_s")).quantile(UNDISTURBED)).item()
    return float(taken)


def scenario(folder: Path, engine: str, blocks: int) -> Scenario:
    """Two equal arms of one process each, and a ladder around the known capacity."""
    locustfile = folder / "known.py"
    locustfile.write_text(LOCUSTFILE, encoding="utf-8")
    rates: Sequence[float] = ladder((theory(),))
    asked = Scenario(
        question="Is a known capacity found?",
        engine=engine,
        app=App(build=REPOSITORY, requirements=REPOSITORY / "requirements" / "app.txt"),
        arms=tuple(Arm(name=name, model="workers", front="direct") for name in ARMS),
        budget=Budget(processes=1),
        load=Load(locustfile=locustfile, rate=rates[0]),
        capacity=Capacity(slo=f"p99 <= {LIMIT_S * 1e3:g}ms", rates=tuple(rates)),
        trials=Trials(blocks=blocks),
        compare=Compare(baseline=ARMS[0], primary=(CAPACITY,)),
    )
    pins = BESIDE_OTHERS.pins(asked, new_run_id("cores"))
    return apart(asked, sorted(os.sched_getaffinity(0))) if pins else asked


if __name__ == "__main__":
    raise SystemExit(main())
