"""How long a search for capacity takes, before its pilot and after it."""

from __future__ import annotations

from dataclasses import replace

from lab.plan.blocks import build_plan
from lab.plan.loading import LEAST_WARMUP_S
from lab.run.capacity import LONG_RUNGS, QUICK_RUNGS, RUNGS
from lab.run.confirm import LENGTH_S
from lab.run.pilot import COARSE, LOWEST, STAGE, geometric
from lab.scenario.capacity import Capacity
from lab.scenario.model import Scenario

PREPARE_S = 30.0  # before the first trial of a command: images, versions, fronts (20 to 40 s on two cores)
AGAIN_S = 12.0  # before a further run of it: what fronts let pass is known
AROUND_S = 7.0  # what a trial takes beside its load
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
    climbs = [geometric(LOWEST, LOWEST * COARSE ** (STAGE - 1), STAGE)]
    climbs += [] if form.quick else [geometric(*LIKELY_RANGE, LONG_RUNGS)]
    plans = (
        build_plan(replace(asked, capacity=Capacity.short(form.slo or LIKELY_SLO, rates)), blocks=1) for rates in climbs
    )
    return sum(AGAIN_S + plan.estimated_s for plan in plans)


def ladder_s(climbing: Scenario) -> float:
    """Seconds of a search whose ladder is known: of its trials, and of the confirmations where it is no look."""
    alone_s = AGAIN_S + AROUND_S + max(climbing.load.warmup, LEAST_WARMUP_S) + LENGTH_S
    look = climbing.capacity is not None and climbing.capacity.quick
    return build_plan(climbing).estimated_s + (0.0 if look else len(climbing.arms) * alone_s)
