"""Ladders at a server of which queueing theory knows the capacity, through the real schedule and the real analysis.

One slot, a known service time and Poisson arrivals: M/D/1. How long a request waits is known (Erlang 1909; Tijms, A
First Course in Stochastic Models, 9.6.2), so the rate at which p99 reaches a limit is known too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from random import Random
from statistics import median
from typing import Any

from benchmarks.known.check import Check, exactly, within
from lab.analysis.judge.verdict import Verdict, judge
from lab.analysis.trial.ladder import Climb, climb
from lab.load.arrivals import Timetable
from lab.metrics import METRICS
from lab.metrics.capacity import CAPACITY
from lab.record.types import LadderRecord, Phase, RungRecord
from lab.run.capacity import ladder
from lab.scenario.capacity import Capacity
from tests.gate_records import MEASURE, request, trial

SERVICE_S, LIMIT_S = 0.005, 0.050
QUANTILE = 0.99
TOLERANCE = 0.07
BLOCKS = 12
APART = 0.03  # how much the service time of one deployment differs from that of the next, one standard deviation


def check_capacity() -> Iterator[Check]:
    """The median over 12 blocks against theory, and an arm against itself."""
    known = theory()
    found = [one for one in capacities(1, 0.0) if one is not None]
    yield exactly("M/D/1: blocks whose capacity lies inside the ladder", len(found), BLOCKS)
    yield within("M/D/1, 5 ms, p99 <= 50 ms: capacity", median(found), known, TOLERANCE, "/s")
    judged = judge(capacities(2, APART), capacities(3, APART), METRICS[CAPACITY], 0.10)
    told = judged.verdict if judged.verdict in (Verdict.EQUIVALENT, Verdict.INCONCLUSIVE) else Verdict.EQUIVALENT
    yield exactly("an arm against itself, 12 blocks: capacity", judged.verdict, told)


def capacities(seed: int, apart: float) -> list[float | None]:
    """One a block; a deployment's service time differs by chance, as those of equal arms do."""
    chance = Random(seed)
    return [
        climbed(100 * seed + block, SERVICE_S * math.exp(chance.gauss(0, apart))).capacity for block in range(BLOCKS)
    ]


def theory(service_s: float = SERVICE_S) -> float:
    """The rate at which the wait and the service together take LIMIT_S in one request of a hundred."""
    low, high = 1.0, 0.999 / service_s
    while high - low > 1e-3:
        middle = (low + high) / 2
        low, high = (middle, high) if waits_less(middle, LIMIT_S - service_s, service_s) > QUANTILE else (low, middle)
    return low


def waits_less(rate: float, than_s: float, service_s: float = SERVICE_S) -> float:
    """The share of requests that wait less: Erlang's sum, good for some ten service times."""
    load = rate * service_s
    terms = (
        (load * (number - than_s / service_s)) ** number
        / math.factorial(number)
        * math.exp(-load * (number - than_s / service_s))
        for number in range(int(than_s / service_s) + 1)
    )
    return (1 - load) * math.fsum(terms)


def climbed(seed: int, service_s: float) -> Climb:
    """A ladder of the lab's own around the known capacity, with the lab's own arrivals, served one after the other."""
    asked = Capacity(slo=f"p99 <= {LIMIT_S * 1e3:g}ms", rates=ladder((theory(),)))
    stretches = tuple((rung.start_s, rung.end_s, rung.rate) for rung in asked.rungs)
    times = Timetable(
        rate=asked.rates[0], schedule="poisson", seed=seed, lanes=32, measure_s=asked.length_s, stretches=stretches
    )
    made = trial(list(_served(times, service_s)))
    rungs = tuple(
        RungRecord(rate=r.rate, start_s=_at(r.start_s), count_s=_at(r.count_s), end_s=_at(r.end_s)) for r in asked.rungs
    )
    phases = {**made.record.phases, Phase.MEASURE: replace(MEASURE, end_s=_at(asked.length_s))}
    record = replace(made.record, ladder=LadderRecord(slo=asked.slo, rungs=rungs), phases=phases)
    found = climb(replace(made, record=record))
    if found is None:
        raise AssertionError("a trial with a ladder has a climb")
    return found


def _at(seconds: float) -> float:
    return MEASURE.start_s + seconds


def _served(times: Timetable, service_s: float) -> Iterator[dict[str, Any]]:
    free_s = 0.0
    for arrival in times.measure(MEASURE.start_s):
        free_s = max(free_s, arrival.due_s) + service_s
        yield request(arrival.due_s, t_sent_s=arrival.due_s, t_done_s=free_s, phase=Phase.MEASURE)
