"""How long an analysis takes and what it weighs: 10 blocks × 4 arms × 30 000 requests, from the raw run folder.

    python -m benchmarks.analysis [--blocks 10] [--requests 30000]

Goals: at most 3 s and at most 500 MB of resident memory, in a process that has done nothing else. Exit code 1 when
one is missed. What the report costs on top: ``python -m benchmarks.report``.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from benchmarks.run_folders import ARMS, RATE, run_folder
from lab.analysis.comparison import compare_run, floors_of
from lab.analysis.summary import summarise
from lab.record.folder import read_info, read_trials

GOAL_S = 3.0
GOAL_MB = 500.0


def analyse(path: Path) -> tuple[float, float, int]:
    """Read, summarise and judge a run folder: seconds, peak RSS of this process in MB, requests of measure phases."""
    started = time.perf_counter()
    run = read_info(path)
    summary = summarise(run, read_trials(path, run))
    compare_run(summary, floors_of(run))
    took_s = time.perf_counter() - started
    requests = sum(trial.counts.requests for trial in summary.trials)
    return took_s, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6, requests


def main() -> int:
    """Print both figures beside their goals."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=10)
    parser.add_argument("--requests", type=int, default=30_000, help="in the measure phase of each trial")
    options = parser.parse_args()
    apart = multiprocessing.get_context("spawn")  # the memory of making the folder is not that of reading it
    with run_folder(options.blocks, options.requests // RATE) as path, ProcessPoolExecutor(1, mp_context=apart) as own:
        size_mb = sum(file.stat().st_size for file in path.rglob("*.parquet")) / 1e6
        took_s, peak_mb, requests = own.submit(analyse, path).result()
    print(f"{options.blocks} blocks × {len(ARMS)} arms, {requests} measured requests, {size_mb:.0f} MB of Parquet")
    print(f"time     {took_s:6.2f} s    (goal at most {GOAL_S:.0f} s)")
    print(f"memory   {peak_mb:6.0f} MB   (goal at most {GOAL_MB:.0f} MB)")
    return int(took_s > GOAL_S or peak_mb > GOAL_MB)


if __name__ == "__main__":
    sys.exit(main())
