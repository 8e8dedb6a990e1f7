"""Does a long run stay flat? A real ``lab run`` of one trial at a fixed rate, while the memory of the lab, of its
sampler and of Locust is read from outside.

    python -m benchmarks.soak --minutes 30 --rate 300

Goals: each of the three grows by at most 10 % after the first 2 minutes of load; every arrival has its row; the run
ends with a report. Exit code 1 when one is missed. A gate that finds the machine too busy is told, and no failure: a
soak asks whether anything leaks or is lost, not how fast an arm is.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl
import psutil

REPOSITORY = Path(__file__).parents[1]
GROWTH_GOAL = 0.10
SETTLE_S = 120.0  # of load; buffers, pools and allocators find their size
SHORT_RUN = 0.4  # of a run that is too short for that
EVERY_S = 1.0
WINDOW = 15  # readings whose median is a level: one reading may meet a passing peak
TASKS = {"lab.sampling": "sampler", "lab.load.inside.plugin": "Locust"}  # by the module on the command line
SCENARIO = """
question = "Does a long run stay flat?"
ports = "31000-31999"
[app]
build = "{app}"
requirements = "{app}/requirements/app.txt"
[budget]
processes = 2
[[arms]]
name = "replicas"
model = "replicas"
front = "nginx"
[load]
locustfile = "{root}/locustfiles/json_api.py"
rate = {rate}
lanes = 32
warmup = "5s"
measure = "{measure_s}s"
[trials]
blocks = 1
[compare]
primary = ["p50"]
"""

Readings = Mapping[str, list[tuple[float, float]]]  # process -> (seconds since load began, resident MB)


def main() -> int:
    """Run it and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=300.0)
    parser.add_argument("--app", type=Path, default=REPOSITORY, help="folder of the Dockerfile")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lab-soak-") as folder:
        scenario = Path(folder) / "soak.toml"
        measure_s = round(60 * options.minutes)
        scenario.write_text(
            SCENARIO.format(root=REPOSITORY, app=options.app.resolve(), rate=options.rate, measure_s=measure_s)
        )
        command = [sys.executable, "-m", "lab", "run", str(scenario), "--out", folder]
        child = subprocess.Popen(command, cwd=REPOSITORY)
        try:
            readings = watch(psutil.Process(child.pid))
            code = child.wait()
        finally:
            child.terminate()  # the lab takes its containers down
            child.wait()
        settle_s = min(SETTLE_S, SHORT_RUN * measure_s)
        lines = [*_memory(readings, settle_s), *_results(Path(folder), code, options.rate * measure_s)]
    for met, line in lines:
        print(f"{'ok  ' if met else 'MISS'} {line}")
    return int(not all(met for met, _ in lines))


def watch(lab: psutil.Process) -> Readings:
    """Resident memory of the lab and its children, once a second, as long as there is load."""
    readings: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    began_s = None
    while lab.is_running() and lab.status() != psutil.STATUS_ZOMBIE:
        found = dict(_resident(lab))
        if "Locust" in found:
            began_s = began_s or time.monotonic()
            for name, resident_mb in found.items():
                readings[name].append((time.monotonic() - began_s, resident_mb))
        time.sleep(EVERY_S)
    return readings


def _resident(lab: psutil.Process) -> Iterator[tuple[str, float]]:
    try:
        yield "lab", lab.memory_info().rss / 1e6
        for child in lab.children():
            words = child.cmdline()
            if task := next((name for module, name in TASKS.items() if module in words), ""):
                yield task, child.memory_info().rss / 1e6
    except psutil.NoSuchProcess:
        return  # it ended between listing and reading: the next round sees who is left


def _memory(readings: Readings, settle_s: float) -> Iterator[tuple[bool, str]]:
    for name in ("lab", *TASKS.values()):
        last_s = max((at_s for at_s, _ in readings[name]), default=0.0)
        settled = [mb for at_s, mb in readings[name] if settle_s <= at_s < last_s - EVERY_S]
        levels = [statistics.median(settled[at : at + WINDOW]) for at in range(0, len(settled) - WINDOW + 1, WINDOW)]
        if len(levels) < 2:
            yield False, f"memory of {name}: too few readings ({len(settled)})"
            continue
        growth = max(levels) / levels[0] - 1
        told = (
            f"{levels[0]:.1f} MB after {settle_s:.0f} s, then at most {max(levels):.1f} MB, at the end {levels[-1]:.1f}"
        )
        yield growth <= GROWTH_GOAL, f"memory of {name}: {told}: {growth:+.1%} (goal at most {GROWTH_GOAL:.0%})"


def _results(out: Path, code: int, expected: float) -> Iterator[tuple[bool, str]]:
    run = next(path for path in out.iterdir() if path.is_dir())
    record_file = next(run.glob("trials/b01-*/record.json"), None)
    if record_file is None:
        yield False, f"the trial was not finished: exit code {code}"
        return
    record = json.loads(record_file.read_text())
    requests = pl.scan_parquet(record_file.with_name("requests.parquet"))
    kinds = dict(requests.group_by("kind").len().collect().iter_rows())
    rows = sum(kinds.get(kind, 0) for kind in ("arrival", "drop", "empty"))
    counted = record["load"]
    told = f"{counted['scheduled']} arrivals (asked for about {expected:.0f}), {rows} rows"
    lost = f"{counted['dropped']} dropped, {counted['unfinished']} unfinished"
    yield rows == counted["scheduled"] >= 0.98 * expected, f"{told}; {lost}"
    measured = requests.filter(pl.col("phase") == "measure").select(pl.len()).collect().item()
    yield 0.98 <= measured / expected <= 1.02, f"{measured} rows in the measure phase"
    yield (run / "report.html").is_file() and code in (0, 3), f"exit code {code}, report {(run / 'report.html').name}"
    for gate in record["gates"]:
        if gate["outcome"] != "pass":
            yield True, f"gate {gate['key']}, {gate['outcome']}: {gate['sentence']}"


if __name__ == "__main__":
    sys.exit(main())
