"""What changes in the numbers when the generator has a machine of its own: one arm, one schedule, both ways in turn.

Two engines in networks of their own on this machine, with a cable between them, stand for two machines of a core each:
once the arm and its load share core 0 of the first, once the load is on core 1 of the second. It shows that and nothing
more: both share caches, memory and a kernel, and the cable is as short as cables can be.

Run as root on a quiet machine: .venv/bin/python -m benchmarks.generator [--pairs 6] [--rate 150] [--measure 20]
Every pair takes about 90 s. A row is one metric: its median each way, and the median of the ratios of the pairs.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from lab.analysis.gates import GATES
from lab.analysis.trial.trial import summarise_trial
from lab.metrics import METRICS
from lab.record.folder import read_info, read_trials
from lab.report.parts.cells import metric_quantity, quantity
from lab.units import format_factor
from tests.two_hosts import Host, two_hosts

REPOSITORY = Path(__file__).parents[1]
METRIC_KEYS = ("p50", "p99", "throughput", "cpu.per_1k", "memory.pss.total")
GATE_KEYS = ("load.lag", "load.cpu", "machine.foreign")
SCENARIO = """
question = "What does a generator on a machine of its own change?"
[app]
build = "{repository}"
requirements = "{repository}/requirements/app.txt"
[budget]
processes = 1
cpuset = "0"
[[arms]]
name = "workers"
model = "workers"
front = "direct"
[[nodes]]
name = "server"
engine = "{first.engine.host}"
address = "{first.address}"
cores = "0"
{generator}
[load]
locustfile = "{repository}/locustfiles/json_api.py"
rate = {rate}
nodes = ["{driver}"]
measure = "{measure}s"
[trials]
blocks = 1
"""
GENERATOR = '[[nodes]]\nname = "generator"\nengine = "{second.engine.host}"\ncores = "1"\n'
WAYS = {"shared": ("server", ""), "apart": ("generator", GENERATOR)}
Found = Mapping[str, float]


def measure(way: str, hosts: tuple[Host, Host], folder: Path, options: argparse.Namespace) -> Found:
    """One run of one trial: its metrics, and what its gates found."""
    driver, generator = WAYS[way]
    first, second = hosts
    path = folder / f"{way}.toml"
    text = SCENARIO.format(
        repository=REPOSITORY,
        first=first,
        generator=generator.format(second=second),
        driver=driver,
        rate=options.rate,
        measure=options.measure,
    )
    path.write_text(text, encoding="utf-8")
    out = Path(tempfile.mkdtemp(prefix=f"{way}-", dir=folder))
    command = [sys.executable, "-m", "lab", "run", str(path), "--out", str(out), "--quiet"]
    command += ["--allow-concurrent"] if options.allow_concurrent else []
    done = subprocess.run(command, cwd=REPOSITORY, check=False, capture_output=True, text=True)
    (run,) = out.iterdir() if any(out.iterdir()) else sys.exit(done.stderr)
    (trial,) = read_trials(run, read_info(run))
    values = summarise_trial(trial).values
    known = {key: value for key in METRIC_KEYS if (value := values[key]) is not None}
    return known | {
        gate.key: gate.value for gate in trial.record.gates if gate.key in GATE_KEYS and gate.value is not None
    }


def row(key: str, pairs: list[tuple[Found, Found]]) -> str:
    """The medians of both ways, and that of the ratios."""
    both = [(shared[key], apart[key]) for shared, apart in pairs if key in shared and key in apart]
    if not both:
        return f"{key:26} not known"
    shown = [_shown(key, median(column)) for column in zip(*both, strict=True)]
    ratios = [apart / shared for shared, apart in both if shared]
    return f"{key:26} {shown[0]:>14} {shown[1]:>14} {format_factor(median(ratios)) if ratios else '–':>10}"


def _shown(key: str, value: float) -> str:
    if key in METRICS:
        return metric_quantity(METRICS[key], value)
    return quantity(GATES[key].unit, value)


def main() -> None:
    """Both ways in turn, as many times as asked for, and one table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--rate", type=float, default=150.0)
    parser.add_argument("--measure", type=float, default=20.0, help="seconds of each trial")
    parser.add_argument(
        "--allow-concurrent", action="store_true", help="only to see that it works: figures say nothing"
    )
    options = parser.parse_args()
    pairs: list[tuple[Found, Found]] = []
    with two_hosts() as hosts, tempfile.TemporaryDirectory() as folder:
        for number in range(options.pairs):
            order = ("shared", "apart") if number % 2 == 0 else ("apart", "shared")
            found = {way: measure(way, hosts, Path(folder), options) for way in order}
            pairs.append((found["shared"], found["apart"]))
            print(f"pair {number + 1} of {options.pairs}", file=sys.stderr)
    print(
        f"{len(pairs)} pairs at {options.rate:g} arrivals a second: core 0 shared, and load on core 1 of another host"
    )
    print(f"{'':26} {'shared':>14} {'apart':>14} {'apart ÷ shared':>10}")
    for key in (*METRIC_KEYS, *GATE_KEYS):
        print(row(key, pairs))


if __name__ == "__main__":
    main()
