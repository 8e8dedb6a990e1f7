"""How long a search for capacity takes, before its pilot and after it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lab.analysis.comparison import least_blocks
from lab.plan.blocks import build_plan
from lab.plan.loading import LEAST_WARMUP_S
from lab.plan.order import period
from lab.run.capacity import ABOVE, APART, BELOW, LONG_RUNGS, QUICK_RUNGS, RUNGS
from lab.run.confirm import LENGTH_S
from lab.run.rungs import LOWEST, coarse_climb, first_climb, geometric
from lab.scenario.capacity import LEAST_RUNGS, Capacity
from lab.scenario.model import Scenario

PREPARE_S = 15.0  # before the first trial: engine, versions, fronts, ceiling (10 to 14 s on two cores; images apart)
AGAIN_S = 6.0  # before a further run of it: what fronts let pass is known (4 to 5 s, busy or not)
AROUND_S = 5.0  # what a trial takes beside its load (4.7 s)
FULL_S = 2400.0  # what a search may take that is no look, with two arms; more arms take as much more
LEAST_BLOCKS = 8  # METHOD 10.7: they show a difference of 10%
# Nobody knows before the pilot. Arms that carry 200 a second or more; higher rates take no longer. Its ratio is the
# most that a ladder of RUNGS has: 1.25 × 1.6 ÷ 0.75 (``lab.run.capacity``).
LIKELY_RANGE = (150.0, 400.0)
LIKELY_SLO = "p99 <= 50ms"
NEAR = 0.15  # of what was said: times that differ by less are told as one


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """How long a search takes, in seconds: ``likely`` with fast arms; ``least`` to ``most`` for all that may be.

    That is for arms that carry ``carried`` requests a second or more; ``at_worst`` is ``most`` for arms that carry as
    little as a search can find.
    """

    likely: float
    least: float
    most: float
    carried: float
    at_worst: float

    @property
    def is_known(self) -> bool:
        """Tell whether one number says it."""
        return max(self.most - self.likely, self.likely - self.least) <= NEAR * self.likely

    @property
    def may_be_longer(self) -> bool:
        """Tell whether arms that carry less than is asked of them take notably longer."""
        return self.at_worst > (1 + NEAR) * self.most


def nominal(asked: Scenario) -> Scenario:
    """The search with a likely ladder, where its own is not known yet: for plans and estimates."""
    form = asked.capacity or Capacity()
    if form.rates:
        return asked
    rates = geometric(*LIKELY_RANGE, QUICK_RUNGS if form.quick else RUNGS)
    return replace(asked, capacity=replace(form, slo=form.slo or LIKELY_SLO, rates=rates))


def slowest(asked: Scenario) -> Scenario:
    """The search with the ladder that takes longest of those that may be, for arms that carry what is asked of them."""
    return max(_ladders(asked, carried_by(asked)), key=ladder_s)


def _ladders(asked: Scenario, carried: float) -> tuple[Scenario, ...]:
    """The search with ladders that it may come to, the likely one first, if all arms carry ``carried`` or more.

    Beside that: of equal arms that carry no more, and of arms far apart, which takes more rungs but for a look.
    """
    form = asked.capacity or Capacity()
    if form.rates:
        return (asked,)
    low = min(carried, LIKELY_RANGE[0] / BELOW)  # higher rates take no longer
    ends = ((ABOVE, QUICK_RUNGS),) if form.quick else ((ABOVE, RUNGS), (ABOVE * APART, LONG_RUNGS))
    forms = [replace(form, slo=form.slo or LIKELY_SLO, rates=geometric(BELOW * low, high * low, n)) for high, n in ends]
    return (nominal(asked), *(replace(asked, capacity=capacity) for capacity in forms))


def carried_by(asked: Scenario) -> float:
    """What arms should carry, in requests a second: before the pilot there is no other hint of where they end.

    A search ends with a sentence where they do not carry LOWEST.
    """
    return max(LOWEST, asked.load.rate or LOWEST)


def search_span(asked: Scenario, *, fits: bool) -> Span:
    """How long a search takes, as far as that can be known before its pilot. ``fits``: with ``fitted`` blocks."""
    before, carried = before_s(asked), carried_by(asked)

    def all_s(carried: float) -> list[float]:
        found = _ladders(asked, carried)
        return [before + ladder_s(fitted(one, before) if fits else one) for one in found]

    told = all_s(carried)
    return Span(likely=told[0], least=min(told), most=max(told), carried=carried, at_worst=max(all_s(LOWEST)))


def before_s(asked: Scenario) -> float:
    """Seconds of preparation and pilot."""
    return PREPARE_S + pilot_s(asked)


def pilot_s(asked: Scenario) -> float:
    """Seconds of the pilot of a search that has one, and of the second preparation that it brings."""
    form = asked.capacity or Capacity()
    if form.rates:
        return 0.0
    slo = form.slo or LIKELY_SLO
    again = Capacity.short(slo, geometric(*LIKELY_RANGE, LEAST_RUNGS if form.quick else LONG_RUNGS))
    climbs = (coarse_climb(asked, slo, first_climb(asked)), again)
    return sum(AGAIN_S + build_plan(replace(asked, capacity=climb), blocks=1).estimated_s for climb in climbs)


def ladder_s(climbing: Scenario) -> float:
    """Seconds of a search whose ladder is known: of its trials, and of the confirmations where it is no look."""
    alone_s = AGAIN_S + AROUND_S + max(climbing.load.warmup, LEAST_WARMUP_S) + LENGTH_S
    look = climbing.capacity is not None and climbing.capacity.quick
    return build_plan(climbing).estimated_s + (0.0 if look else len(climbing.arms) * alone_s)


def fitted(climbing: Scenario, before: float) -> Scenario:
    """The search with as many blocks of a ladder that is known as fit into FULL_S for two arms.

    Between those of the scenario and LEAST_BLOCKS, which are also made where they do not fit: the rungs of slow arms
    last until they have their requests. Never fewer than a verdict takes. ``before``: see ``before_s``.
    """
    room_s = FULL_S * len(climbing.arms) / 2 - before
    most, least = climbing.trials.blocks, max(LEAST_BLOCKS, least_blocks(climbing))
    found = climbing
    for blocks in range(most, least - 1, -period(len(climbing.arms))):  # so that orders stay balanced
        found = replace(climbing, trials=replace(climbing.trials, blocks=blocks))
        if ladder_s(found) <= room_s:
            break
    return found
