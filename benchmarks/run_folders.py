"""A run folder of known size on disk, made without running anything: what the benchmarks of the analysis read."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.builders import REPLICAS, REPLICAS_LEAST, WORKERS, WORKERS_NGINX, make_scenario
from tests.run_folders import write_run

ARMS = (WORKERS, WORKERS_NGINX, REPLICAS, REPLICAS_LEAST)
RATE = 300


@contextmanager
def run_folder(blocks: int = 10, measure_s: int = 100) -> Iterator[Path]:
    """A finished run of four arms, ``300 * measure_s`` requests in the measure phase of each trial; gone afterwards."""
    load = {"locustfile": "x.py", "rate": RATE, "lanes": 32, "warmup": "5s", "measure": f"{measure_s}s"}
    scenario = make_scenario(ARMS, load=load, trials={"blocks": blocks, "seed": 7})
    root = Path(tempfile.mkdtemp(prefix="lab-bench-"))
    try:
        yield write_run(scenario, root)
    finally:
        shutil.rmtree(root)
