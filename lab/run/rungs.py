"""Which rates a search for capacity asks for, and where the climbs of its pilot end (METHOD 10.2 and 10.3)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lab.analysis.trial.ladder import Climb, Edge
from lab.errors import ScenarioError
from lab.metric_types import PRINT_BEYOND
from lab.plan.loading import SPARE_LANES
from lab.scenario.capacity import LEAST_RUNGS, PILOT_BEYOND, Capacity
from lab.scenario.model import Scenario
from lab.scenario.sweep import MOST_RATE

LOWEST = 50.0  # arrivals a second
COARSE = 1.5
FINE = 1.1
NEAREST = 1.02  # of what was held: nearer rates say nothing more
FINEST, FURTHER = 1.07, 3  # the greatest step of a look about the generator's end, and how many of these go beyond it
GAP = 1.6  # between two rungs of which one failed: a wider one is looked into once more
STAGE = 8  # rungs of a further climb: an arm that fails the first is not overloaded by twenty
NEAR, FAR = 0.4, 10.0  # times the rate that is asked: between these the first climb looks, beside LOWEST
FAR_LANES = 1024  # and not so far that answers within the objective would take more
TOLD_BEYOND = PRINT_BEYOND + 1  # requests past the percentile: arrivals come by chance, and 10 take 1,000 at p99
SLACK = 5.0
LEAST_LIMIT_S = 0.025  # of an objective that nobody gave: p99 at LOWEST times SLACK, but never less than this


def first_climb(scenario: Scenario) -> tuple[float, ...]:
    """LOWEST, which tells the objective, and rates around the one that is asked: arms should carry that."""
    form, asked = scenario.capacity, scenario.load.rate or LOWEST
    limit_s = form.objective.limit_s if form and form.slo else LEAST_LIMIT_S
    far = min(FAR * asked, FAR_LANES / (SPARE_LANES * limit_s), MOST_RATE)
    count = max(STAGE, 1 + math.floor(math.log(far / LOWEST) / math.log(COARSE)))
    first, *others = (three_digits(LOWEST * COARSE**number) for number in range(count))
    return (first, *(rate for rate in others if rate >= NEAR * asked or rate in others[1 - STAGE :]))


def coarse_climb(scenario: Scenario, slo: str, rates: Sequence[float]) -> Capacity:
    """A climb by COARSE, but for a look of rungs that tell the percentile below the ladder too (METHOD 10.9)."""
    look = scenario.capacity is not None and scenario.capacity.quick
    return Capacity.short(slo, enough(rates), PILOT_BEYOND if look else TOLD_BEYOND)


def geometric(low: float, high: float, count: int) -> tuple[float, ...]:
    """``count`` rates from ``low`` to ``high`` in equal ratios, each of three digits."""
    step = (high / low) ** (1 / (count - 1))
    return tuple(dict.fromkeys(three_digits(low * step**number) for number in range(count)))


def three_digits(rate: float) -> float:
    """A rate as it is told and asked for."""
    return float(f"{rate:.3g}")


def stage(lowest: float) -> list[float]:
    """The rates of one climb."""
    return [three_digits(lowest * COARSE**number) for number in range(STAGE)]


def enough(rates: Sequence[float]) -> tuple[float, ...]:
    """A ladder has three rungs at least: near the generator's limit the highest is split."""
    return tuple(rates) if len(rates) >= LEAST_RUNGS else geometric(rates[0] / FINE, rates[-1], LEAST_RUNGS)


def finer(held: float, highest: float) -> tuple[float, ...]:
    """Rates from one that was held to ``highest``, the last that the generator is thought to send, and beyond.

    Beyond, because that is an estimate, which rises with the rates, and every further look is a deployment of each arm.
    None where ``highest`` is too near.
    """
    if not held or highest <= held * NEAREST:
        return ()
    steps = math.ceil(math.log(highest / held) / math.log(FINEST))
    step = (highest / held) ** (1 / steps)
    within = tuple(three_digits(held * step**number) for number in range(1, steps))
    return (*within, *geometric(highest, highest * FINEST**FURTHER, FURTHER + 1))


def floored(rate: float) -> float:
    """The highest rate of three digits that is not beyond it."""
    unit = 10.0 ** (math.floor(math.log10(rate)) - 2)
    return three_digits(math.floor(rate / unit) * unit)


def usual_objective(calm_s: float) -> str:
    """The objective where nobody gave one, from the p99 in seconds of the slowest arm where all is well."""
    limit_s = max(LEAST_LIMIT_S, SLACK * calm_s)
    return f"p99 <= {math.ceil(round(limit_s * 1e3, 3))}ms"  # 50.000001 is 50


def whole_top(found: Climb, boundary: float) -> float | None:
    """The highest rate of a climb that an arm held as a whole, and beyond its boundary; None where it did not."""
    return found.top if found.edge is Edge.TOP and found.top is not None and found.top > boundary else None


def boundary_of(arm: str, found: Climb, held: float) -> float | None:
    """Where an arm ceases to hold; None where it held every rung that counts, or where two leave a gap.

    ``held``: what an earlier climb held.
    """
    if found.edge is Edge.BOTTOM and not held:
        raise ScenarioError(
            f"{arm}: the objective ({found.slo}) is not held at {found.rungs[0].rate:g} requests a second either",
            "give a wider one (capacity.slo), or rates of your own (capacity.rates)",
        )
    if found.edge is Edge.BOTTOM:
        return math.sqrt(held * found.rungs[0].rate)
    if found.capacity is None:
        return None
    below = max(rung.rate for rung in found.rungs if rung.rate <= found.capacity)
    above = min(rung.rate for rung in found.rungs if rung.rate >= found.capacity)
    return found.capacity if above <= GAP * below else None
