"""Thousands of malformed scenarios, damaged run folders and broken recordings, new ones each time.

    python -m benchmarks.hostile [--examples 3000] [--only scenarios]

Every case must end with the right result, or with a sentence and the right exit code. Exit code 1 when one did not;
the smallest such case is printed.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from functools import partial
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings

from tests.hostile import folders, recordings, scenarios

PROPERTIES: dict[str, tuple[Any, Any]] = {
    "scenarios": (scenarios.scenarios(), scenarios.scenario_is_read_or_refused),
    "folders": (folders.damages(), partial(folders.folder_is_read_or_refused, rendered=True)),
    "recordings": (recordings.recordings, recordings.recording_is_read_or_refused),
    "samplings": (recordings.samplings(), recordings.sampling_is_read_or_refused),
}
DEADLINE_MS = 20_000  # of one case: a hang


def main() -> int:
    """Run them and print how many held."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=3000, help="of each kind")
    parser.add_argument("--only", choices=sorted(PROPERTIES), help="one kind")
    options = parser.parse_args()
    failed = [name for name in PROPERTIES if options.only in (None, name) and not holds(name, options.examples)]
    return int(bool(failed))


def holds(name: str, examples: int) -> bool:
    """Run one property; print the smallest case in which it does not hold."""
    strategy, check = PROPERTIES[name]
    count = 0

    thorough = settings(
        max_examples=examples,
        deadline=DEADLINE_MS,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )

    @thorough
    @given(strategy)
    def cases(value: Any) -> None:
        nonlocal count
        count += 1
        check(value)

    began_s = time.monotonic()
    try:
        cases()
    except Exception:  # noqa: BLE001  whatever a case raises is the finding, and the others still run
        traceback.print_exc()
        print(f"MISS {name}: see above ({count} cases)")
        return False
    print(f"ok   {name}: {count} cases in {time.monotonic() - began_s:.0f} s")
    return True


if __name__ == "__main__":
    sys.exit(main())
