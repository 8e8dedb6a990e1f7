"""What the lab costs on several machines: CPU of the sampler of each node, and time in a trial beside its phases.

Run as root on a quiet machine: .venv/bin/python -m benchmarks.nodes [nodes] [swarm] [--blocks 3] [--measure 20]
On two hosts of its own, once as [[nodes]] (arms on one, load from the other) and once as a Swarm (arms on both): about
six minutes. Overhead is what is neither boot nor warm-up nor measure, as benchmarks/overhead.py has it for one machine.
CPU is that of the measure phase, as the run folder has it for the gate sampler.cpu, and the worst trial counts.
Budgets: 2 % of a core a node, 5 s a trial (median). Exit code 1 where one is not kept.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from benchmarks.overhead import Stopwatch
from lab.analysis.gates import PASS
from lab.analysis.gates.counters import rate
from lab.plan.blocks import build_plan
from lab.record.folder import read_info, read_trials
from lab.record.types import TrialResult
from lab.run.run import run_scenario
from lab.scenario.file import read_scenario
from tests.swarm_hosts import swarm_hosts
from tests.two_hosts import Host, two_hosts

REPOSITORY = Path(__file__).parents[1]
SAMPLER_BUDGET, OVERHEAD_BUDGET_S = 0.02, 5.0
SCENARIO = """
question = "What does the lab cost on several machines?"
{engine}
[app]
build = "{repository}"
requirements = "{repository}/requirements/app.txt"
[budget]
processes = 4
[[nodes]]
name = "one"
engine = "{first.engine.host}"
{address}
[[nodes]]
name = "two"
engine = "{second.engine.host}"
[[arms]]
name = "workers"
model = "workers"
front = "nginx"
[[arms]]
name = "replicas"
model = "replicas"
front = "nginx"
[load]
locustfile = "{repository}/locustfiles/json_api.py"
{driver}
rate = 60
lanes = 8
warmup = "3s"
measure = "{measure}s"
[trials]
blocks = {blocks}
[compare]
primary = []
"""


def _two() -> Iterator[tuple[Host, Host]]:
    with two_hosts() as (first, second):
        yield first, second


def _in_a_swarm() -> Iterator[tuple[Host, Host]]:
    with swarm_hosts() as (first, second):
        yield first, second


# Which hosts, and what of the scenario is its own.
WAYS: Mapping[str, tuple[Callable[[], Iterator[tuple[Host, Host]]], Mapping[str, str]]] = {
    "nodes": (_two, {"engine": "", "address": 'address = "{first.address}"', "driver": 'nodes = ["two"]'}),
    "swarm": (_in_a_swarm, {"engine": 'engine = "swarm"', "address": "", "driver": ""}),
}


def run(way: str, options: argparse.Namespace) -> tuple[Stopwatch, list[TrialResult]]:
    """One run on hosts that are made for it, and gone afterwards: how long its trials took, and what they recorded."""
    (made, own), watch = WAYS[way], Stopwatch()
    with contextmanager(made)() as (first, second), tempfile.TemporaryDirectory() as name:
        path = Path(name) / f"{way}.toml"
        own = {key: value.format(first=first) for key, value in own.items()}
        asked = {"repository": REPOSITORY, "blocks": options.blocks, "measure": options.measure}
        path.write_text(SCENARIO.format(first=first, second=second, **asked, **own), encoding="utf-8")
        folder = run_scenario(build_plan(read_scenario(path)), "nodes", Path(name) / "out", watch)
        return watch, list(read_trials(folder.path, read_info(folder.path)))


def sampler_shares(trials: list[TrialResult]) -> Mapping[str, float]:
    """The most that the sampler of each node took in the measure phase of a trial, in cores."""
    shares: dict[str, float] = {}
    for trial in trials:
        for host in trial.tables.host.partition_by("node"):
            share, node = rate(host, "sampler_cpu_s", trial.record.measure), str(host["node"].first())
            if share is None:
                sys.exit(f"{trial.record.trial_id}: the readings of node {node} do not reach both ends")
            shares[node] = max(shares.get(node, 0.0), share)
    return shares


def told(way: str, watch: Stopwatch, trials: list[TrialResult]) -> bool:
    """Print the figures of a way, and whether they are within their budgets."""
    overhead_s, shares = median(watch.overheads.values()), sampler_shares(trials)
    for node, share in sorted(shares.items()):
        print(f"{way}: sampler of node {node}: {share:.2%} of a core (allowed {SAMPLER_BUDGET:.0%})")
    worst_s = max(watch.overheads.values())
    print(
        f"{way}: a trial's overhead: median {overhead_s:.2f} s, worst {worst_s:.2f} s (allowed {OVERHEAD_BUDGET_S:g})"
    )
    disturbed = sorted({gate.key for trial in trials for gate in trial.record.gates if gate.outcome != PASS})
    print(f"{way}: {len(trials)} trials; gates that did not pass: {', '.join(disturbed) or 'none'}", flush=True)
    return overhead_s <= OVERHEAD_BUDGET_S and max(shares.values()) <= SAMPLER_BUDGET and set(shares) == {"one", "two"}


def main() -> int:
    """Run each way and print its figures; 0 when all are within their budgets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ways", nargs="*", metavar="WAY", help=f"{' or '.join(WAYS)}; without one, both")
    parser.add_argument("--blocks", type=int, default=3)
    parser.add_argument("--measure", type=int, default=20, help="seconds")
    options = parser.parse_args()
    if unknown := set(options.ways) - set(WAYS):
        parser.error(f"no such way: {', '.join(sorted(unknown))}")
    kept = [told(way, *run(way, options)) for way in options.ways or WAYS]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
