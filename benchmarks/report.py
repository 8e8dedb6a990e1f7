"""How long analysis and report take, and what they weigh, on two runs that are built on disk first.

Run with ``python -m benchmarks.report``. Budgets, checked at the end: 10 blocks × 4 arms × 30 000 measured requests in
5 s and 2.5 MB; a trial of one hour with 32 processes in each of 2 arms in 10 s and 4 MB.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.run.conclude import conclude
from lab.scenario.model import Scenario
from tests.builders import ARMS, REPLICAS, REPLICAS_LEAST, WORKERS, make_scenario
from tests.run_folders import write_run

LOAD: dict[str, Any] = {"locustfile": "locustfiles/json_api.py", "rate": 300, "lanes": 32, "warmup": "5s"}


@dataclass(frozen=True)
class Case:
    """A run, and what its report may cost."""

    name: str
    scenario: Scenario
    limit_s: float
    limit_mb: float


CASES = (
    Case(
        "10 blocks × 4 arms × 30 000 requests",
        make_scenario((*ARMS, REPLICAS_LEAST), load=LOAD | {"measure": "100s"}, trials={"blocks": 10, "seed": 7}),
        limit_s=5,
        limit_mb=2.5,
    ),
    Case(
        "1 h × 32 processes × 2 arms",
        make_scenario(
            (WORKERS, REPLICAS),
            load=LOAD | {"measure": "1h"},
            trials={"blocks": 1, "seed": 7},
            budget={"processes": 32},
        ),
        limit_s=10,
        limit_mb=4,
    ),
)


def main() -> int:
    """Time every case; 1 when one is beyond its budget."""
    within = [_measured(case) for case in CASES]
    return int(not all(within))


def _measured(case: Case) -> bool:
    root = Path(tempfile.mkdtemp(prefix="lab-bench-"))
    try:
        folder = write_run(case.scenario, root)
        began = time.perf_counter()
        written = conclude(folder).written
        took_s = time.perf_counter() - began
        size_mb = written.html.stat().st_size / 1e6
    finally:
        shutil.rmtree(root)
    within = took_s <= case.limit_s and size_mb <= case.limit_mb
    print(
        f"{case.name}: raw folder to report {took_s:.2f} s (≤ {case.limit_s:g} s), page {size_mb:.2f} MB "
        f"(≤ {case.limit_mb:g} MB){'' if within else '  BEYOND BUDGET'}"
    )
    return within


if __name__ == "__main__":
    sys.exit(main())
