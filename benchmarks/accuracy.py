"""Is what the lab prints true? Everything here has a known answer; the exit code is 1 when one is missed.

    python -m benchmarks.accuracy                                # all of it, about 10 minutes on a quiet machine
    python -m benchmarks.accuracy --only overload,equal,looks    # needs neither Docker nor a quiet machine

Numbers and words of made-up trials, through the real gates and the real analysis:
overload   arrivals above a known capacity: throughput and CPU for 1 000 requests
growth     memory that grows evenly while it is measured
hung       one request in 1 000 that is never answered
drops      arrivals that found the queue full
failures   the slowest 30 % of an arm's requests are 503
equal      an arm against itself, alone and beside a program that takes half of the machine
looks      1 000 runs of an arm against itself that may end early
capacity   a ladder at a server of which queueing theory knows the capacity, and an arm against itself
deaths     a killed process: the time that it takes to start, an arm against itself, and against a slower one

The real load at a server that logs by its own clock:
stall      a generator that stands still for 250 ms
freeze     a server that stands still for 1 s of 10
latency    service times of 5, 20 and 100 ms at 200/s, against the server's own log and beside wrk

Real trials in containers:
neighbour  an arm against itself, while another program takes half of the machine in 5 of 7 blocks
ballast    100 MB more in every process
cpu        5 ms of CPU more in every request
startup    an app that takes 3 s to start, killed, direct and behind a front
repeats    a process that hangs, behind a front that asks another one and behind one that does not
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from benchmarks.known.capacity import check_capacity
from benchmarks.known.check import Check, row
from benchmarks.known.costs import check_ballast, check_cpu
from benchmarks.known.drills import check_deaths, check_repeats, check_startup
from benchmarks.known.freeze import check_freeze
from benchmarks.known.latency import check_latency
from benchmarks.known.neighbour import check_neighbour
from benchmarks.known.numbers import check_drops, check_growth, check_hung, check_overload
from benchmarks.known.stall import check_stall
from benchmarks.known.verdicts import check_equal, check_failures, check_looks
from lab.errors import LabError

CASES: Mapping[str, Callable[[], Iterable[Check]]] = {
    "overload": check_overload,
    "growth": check_growth,
    "hung": check_hung,
    "drops": check_drops,
    "failures": check_failures,
    "equal": check_equal,
    "looks": check_looks,
    "capacity": check_capacity,
    "deaths": check_deaths,
    "stall": check_stall,
    "freeze": check_freeze,
    "latency": check_latency,
    "neighbour": check_neighbour,
    "ballast": check_ballast,
    "cpu": check_cpu,
    "startup": check_startup,
    "repeats": check_repeats,
}


def main() -> int:
    """Print a line of the table for each figure of the cases that are asked for; 0 when every one holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=cases, default=tuple(CASES), metavar=",".join(CASES), help="only these")
    parser.add_argument("--alternations", type=int, default=5, help="runs of the lab and of wrk (latency)")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of one of them (latency)")
    options = parser.parse_args()
    checks: dict[str, Callable[[], Iterable[Check]]] = {
        **CASES,
        "latency": partial(check_latency, options.alternations, options.seconds),
    }
    print(row("", "case", "planted", "printed", "allowed"))
    holds = True
    try:
        for case in options.only:
            for check in checks[case]():
                print(check, flush=True)
                holds &= check.holds is not False
    except LabError as error:
        raise SystemExit(f"{error}\n{error.hint}") from None
    return 0 if holds else 1


def cases(text: str) -> tuple[str, ...]:
    """``"cpu,looks"`` → the cases, in their own order."""
    asked = text.split(",")
    if unknown := sorted(set(asked) - set(CASES)):
        raise argparse.ArgumentTypeError(f"unknown case {unknown[0]!r}, known are {', '.join(CASES)}")
    return tuple(case for case in CASES if case in asked)


if __name__ == "__main__":
    raise SystemExit(main())
