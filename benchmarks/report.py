"""How long analysis and report take, and what they weigh: 10 blocks × 4 arms × 30 000 requests in the measure phase.

Run with ``python -m benchmarks.report``. Budgets: analysis ≤ 3 s and ≤ 500 MB, report ≤ 5 s and ≤ 2.5 MB.
"""

from __future__ import annotations

import resource
import shutil
import tempfile
import time
from pathlib import Path

from lab.analysis.summary import summarise
from lab.plan import build_plan
from lab.report.build import build_content
from lab.report.reporters import REPORTERS
from lab.results import RunFolder, read_trials
from tests.builders import REPLICAS, REPLICAS_LEAST, WORKERS, WORKERS_NGINX, make_run, make_scenario, make_trial

BLOCKS = 10
LOAD = {"locustfile": "locustfiles/json_api.py", "rate": 300, "lanes": 32, "warmup": "5s", "measure": "100s"}


def main() -> None:
    """Build a run folder on disk, then time its analysis and its report from the raw files."""
    scenario = make_scenario(
        (WORKERS, WORKERS_NGINX, REPLICAS, REPLICAS_LEAST), load=LOAD, trials={"blocks": BLOCKS, "seed": 7}
    )
    run = make_run(scenario)
    root = Path(tempfile.mkdtemp(prefix="lab-bench-"))
    try:
        folder = RunFolder.create(root, run)
        for trial in build_plan(scenario).trials:
            result = make_trial(scenario, trial)
            staging = folder.stage(trial.id)
            for name in ("requests", "processes", "cgroups", "host"):
                getattr(result.tables, name).write_parquet(staging / f"{name}.parquet")
            folder.commit(result.record)
        before_mb = _peak_mb()
        started = time.perf_counter()
        summary = summarise(run, read_trials(folder.path, run))
        analysed = time.perf_counter()
        content = build_content(run, summary)
        built = time.perf_counter()
        print(f"analysis from the raw folder  {analysed - started:6.2f} s   peak RSS {_peak_mb():.0f} MB")
        print(f"content                       {built - analysed:6.2f} s   (before the analysis: {before_mb:.0f} MB)")
        for name, reporter in REPORTERS.items():
            began = time.perf_counter()
            files = reporter(content)
            size = sum(len(text.encode()) for text in files.values())
            print(f"{name:29} {time.perf_counter() - began:6.2f} s   {size / 1e6:.2f} MB in {len(files)} files")
        print(f"content and reports together  {time.perf_counter() - analysed:6.2f} s   peak RSS {_peak_mb():.0f} MB")
    finally:
        shutil.rmtree(root)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


if __name__ == "__main__":
    main()
