"""How long a search for capacity takes, before its pilot and after it."""

from __future__ import annotations

from dataclasses import replace

from lab.analysis.comparison import least_blocks
from lab.plan.blocks import build_plan
from lab.plan.loading import LEAST_WARMUP_S
from lab.plan.order import period
from lab.run.capacity import LONG_RUNGS, QUICK_RUNGS, RUNGS
from lab.run.confirm import LENGTH_S
from lab.run.rungs import coarse_climb, first_climb, geometric
from lab.scenario.capacity import Capacity
from lab.scenario.model import Scenario

PREPARE_S = 20.0  # before the first trial: engine, versions, fronts, ceiling (10 to 14 s on two cores; images apart)
AGAIN_S = 6.0  # before a further run of it: what fronts let pass is known (4 to 5 s, busy or not)
AROUND_S = 5.0  # what a trial takes beside its load (4.7 s)
FULL_S = 2400.0  # what a search may take that is no look, with two arms; more arms take as much more
LEAST_BLOCKS = 8  # METHOD 10.7: they show a difference of 10%
# Nobody knows before the pilot. Arms that carry 200 a second or more; higher rates take no longer. Its ratio is the
# most that a ladder of RUNGS has: 1.25 × 1.6 ÷ 0.75 (``lab.run.capacity``).
LIKELY_RANGE = (150.0, 400.0)
LIKELY_SLO = "p99 <= 50ms"


def nominal(asked: Scenario) -> Scenario:
    """The search with a likely ladder, where its own is not known yet: for plans and estimates."""
    form = asked.capacity or Capacity()
    if form.rates:
        return asked
    rates = geometric(*LIKELY_RANGE, QUICK_RUNGS if form.quick else RUNGS)
    return replace(asked, capacity=replace(form, slo=form.slo or LIKELY_SLO, rates=rates))


def search_s(asked: Scenario) -> float:
    """Seconds of preparation, pilot, ladder and confirmation, as far as they can be known."""
    return PREPARE_S + pilot_s(asked) + ladder_s(nominal(asked))


def pilot_s(asked: Scenario) -> float:
    """Seconds of the pilot of a search that has one, and of the second preparation that it brings."""
    form = asked.capacity or Capacity()
    if form.rates:
        return 0.0
    slo = form.slo or LIKELY_SLO
    climbs = [coarse_climb(asked, slo, first_climb(asked))]
    climbs += [] if form.quick else [Capacity.short(slo, geometric(*LIKELY_RANGE, LONG_RUNGS))]
    return sum(AGAIN_S + build_plan(replace(asked, capacity=climb), blocks=1).estimated_s for climb in climbs)


def ladder_s(climbing: Scenario) -> float:
    """Seconds of a search whose ladder is known: of its trials, and of the confirmations where it is no look."""
    alone_s = AGAIN_S + AROUND_S + max(climbing.load.warmup, LEAST_WARMUP_S) + LENGTH_S
    look = climbing.capacity is not None and climbing.capacity.quick
    return build_plan(climbing).estimated_s + (0.0 if look else len(climbing.arms) * alone_s)


def fitting_blocks(climbing: Scenario, before_s: float) -> int:
    """How many blocks of a ladder that is known fit into FULL_S for two arms, LEAST_BLOCKS to those of the scenario.

    Never fewer than a verdict takes. The rungs of slow arms last until they have their requests. ``before_s``: seconds
    of preparation and pilot.
    """
    room_s = FULL_S * len(climbing.arms) / 2 - before_s
    most, least = climbing.trials.blocks, max(LEAST_BLOCKS, least_blocks(climbing))
    found = most
    for blocks in range(most, least - 1, -period(len(climbing.arms))):  # so that orders stay balanced
        found = blocks
        if ladder_s(replace(climbing, trials=replace(climbing.trials, blocks=blocks))) <= room_s:
            break
    return found
