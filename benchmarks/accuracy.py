"""Is what the lab records true? Everything here has a known value, and is measured as in a run.

    python -m benchmarks.accuracy                          # all of it, about 6 minutes on a quiet machine
    python -m benchmarks.accuracy --only latency,freeze    # needs no Docker

latency   service times of 5, 20 and 100 ms at 200/s, against the server's own log and beside wrk
freeze    a server that stands still for 1 s of 10
ballast   100 MB more in every process
cpu       5 ms of CPU more in every request

Prints a line for each figure; exit code 1 when one of them misses its limit.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping

from benchmarks.known.check import Check
from benchmarks.known.costs import check_ballast, check_cpu
from benchmarks.known.freeze import check_freeze
from benchmarks.known.latency import check_latency
from lab.errors import LabError

PARTS = ("latency", "freeze", "ballast", "cpu")


def main() -> int:
    """Run the parts that are asked for; 0 when every figure holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=parts, default=PARTS, metavar=",".join(PARTS), help="run these parts only")
    parser.add_argument("--alternations", type=int, default=5, help="runs of the lab and of wrk (latency)")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of one of them (latency)")
    options = parser.parse_args()
    checks: Mapping[str, Callable[[], Iterable[Check]]] = {
        "latency": lambda: check_latency(options.alternations, options.seconds),
        "freeze": check_freeze,
        "ballast": check_ballast,
        "cpu": check_cpu,
    }
    holds = True
    try:
        for part in options.only:
            for check in checks[part]():
                print(check, flush=True)
                holds &= check.holds is not False
    except LabError as error:
        raise SystemExit(f"{error}\n{error.hint}") from None
    return 0 if holds else 1


def parts(text: str) -> tuple[str, ...]:
    """``"latency,cpu"`` → the parts, in their own order."""
    asked = text.split(",")
    if unknown := sorted(set(asked) - set(PARTS)):
        raise argparse.ArgumentTypeError(f"unknown part {unknown[0]!r}, known are {', '.join(PARTS)}")
    return tuple(part for part in PARTS if part in asked)


if __name__ == "__main__":
    raise SystemExit(main())
