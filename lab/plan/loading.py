"""Decide how long a trial loads its arm, and how many requests may wait (METHOD 1.4, 6.3)."""

import math
from dataclasses import replace

from lab.errors import ScenarioError
from lab.scenario.load import MOST_LANES, Load
from lab.scenario.model import Scenario

MIN_WARMUP_REQUESTS = 100  # for each serving process (METHOD 6.3)
WARMUP_MARGIN = 1.25  # so many times that number is expected of each: arrivals come by chance
CHANCE_OF_FEWER = 0.001  # that some trial of a run has fewer requests than are counted on
LEAST_WARMUP_S = 5.0  # a shorter one leaves a caveat (METHOD 6.3)
SPARE_LANES = 4  # times those that rate × limit keeps busy: an arm that takes more misses its objective anyway
MAX_WARMUP_S = 30.0  # a slower rate does not prolong the warm-up further; processes that had too few are findings


def loaded_s(scenario: Scenario) -> float:
    """How long an arm is up for: idle, warm-up, measure and settle."""
    load = scenario.load
    return load.idle + warmup_s(scenario) + load.measure + load.settle


def warmup_s(scenario: Scenario) -> float:
    """How long every trial warms up: as asked, or until each serving process can have had its requests (METHOD 6.3).

    The same for all arms, for what is measured after more requests is another state of the app. Nobody knows before
    what the closed model will ask for: there it is as asked.
    """
    load = scenario.load
    needed = WARMUP_MARGIN * MIN_WARMUP_REQUESTS * scenario.budget.processes / load.rate if load.rate else 0.0
    return max(load.warmup, min(MAX_WARMUP_S, needed))


def sure_requests(load: Load, schedules: int) -> float:
    """So many arrivals has the measure phase of every trial, all but certainly; the closed model has none that are due.

    ``schedules``: how many are drawn, one for each block. Chernoff's bound: a Poisson count of mean m is below
    m − x with a chance of exp(−x² ÷ 2m) at most (Boucheron, Lugosi and Massart, Concentration Inequalities, 2.2).
    """
    mean = (load.rate or 0.0) * load.measure
    return mean - _spread(load, schedules) * math.sqrt(mean)


def surely_too_few(requests: int, load: Load) -> bool:
    """Whether any trial all but certainly has fewer arrivals than ``requests`` in its measure phase.

    Bernstein's bound: a Poisson count of mean m reaches m + x with a chance of exp(−x² ÷ 2(m + x ÷ 3)) at most
    (Boucheron, Lugosi and Massart, 2.7).
    """
    mean = (load.rate or 0.0) * load.measure
    missing = requests - mean
    if missing <= 0 or load.schedule == "uniform":
        return missing > 0
    return math.exp(-(missing**2) / (2 * (mean + missing / 3))) < CHANCE_OF_FEWER


def measure_for(requests: int, load: Load, schedules: int) -> float:
    """Seconds of a measure phase that has so many in every trial, as ``sure_requests`` counts; the model is open."""
    spread = _spread(load, schedules)
    mean = ((spread + math.sqrt(spread**2 + 4 * requests)) / 2) ** 2
    return mean / (load.rate or math.inf)


def _spread(load: Load, schedules: int) -> float:
    return 0.0 if load.schedule == "uniform" else math.sqrt(2 * math.log(schedules / CHANCE_OF_FEWER))


def queue_limit(rate: float) -> int:
    """Arrivals that may wait or be in flight before further ones are dropped (METHOD 1.4)."""
    return max(64, math.ceil(2.0 * rate))


def with_lanes(load: Load, rate: float, limit_s: float) -> Load:
    """The load with lanes for ``rate`` and a limit of response times. Raises ScenarioError beyond MOST_LANES.

    An arrival waits for a lane only where as many are busy as answers within the limit keep busy SPARE_LANES times
    over: the arm is then so far beyond the limit that the wait, which counts as its response time, decides nothing.
    More would be connections that the scenario does not have, and each process of an app has its part of them.
    More than ``queue_limit`` are never in flight; each load process has its part of it, rounded up.
    """
    needed = min(math.ceil(SPARE_LANES * rate * limit_s), queue_limit(rate) + load.all_processes)
    if needed > MOST_LANES:
        raise ScenarioError(
            f"capacity: {rate:g} requests a second need {needed} connections (load.lanes), so that none is waited for, "
            f"and {MOST_LANES} are the most there can be",
            "lower rates (capacity.rates), a tighter objective (capacity.slo), or a smaller quota (budget.cpus)",
        )
    return replace(load, lanes=max(load.lanes, needed))
