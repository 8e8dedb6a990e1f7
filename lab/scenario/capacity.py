"""The search for an arm's capacity: the highest rate at which it holds a service level objective (METHOD 10).

Every arm climbs one ladder of rates inside one trial. A rung is settled in, measured, and given time to drain, so that
what one rung left undone is seen before the next begins.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, Field, model_validator
from pydantic.dataclasses import dataclass

from lab.metric_types import JUDGE_BEYOND, least_count
from lab.metrics import METRICS
from lab.scenario.compare import STRICT
from lab.scenario.expectation_tree import Expectation, Measured, evaluate, readings
from lab.scenario.quantities import Seconds
from lab.scenario.slo import parsed
from lab.scenario.sweep import Rate

MAX_RUNGS = 24
LEAST_RUNGS = 3  # fewer show no place at which an objective stops to hold
FULL_BEYOND, QUICK_BEYOND, PILOT_BEYOND = JUDGE_BEYOND, 4, 3  # requests past the percentile, of every rung
QUICK_S, PILOT_S = (0.5, 3.0, 0.5), (0.5, 2.0, 0.5)  # settle, measure, drain
ENOUGH = 1000  # requests of a rung (METHOD 10.4): over 12 blocks and the rungs on both sides of a crossing that will do
MOST_DRAIN_S = 10.0  # METHOD 10.4
BAD_SHARE = 0.001  # of requests may be bad where the objective does not say
PERCENTILES = ("p50", "p95", "p99")
FORM = 'expected an objective like "p99 <= 50ms", or "p99 <= 50ms and errors <= 0.1%"'


class Objective(NamedTuple):
    """A percentile of the response times that must not exceed ``limit_s``, and the share of requests that may fail."""

    quantile: float
    limit_s: float
    bad_share: float


class Rung(NamedTuple):
    """One rate (arrivals a second) of a ladder, in seconds from the start of the measure phase.

    Arrivals come from ``start_s`` to ``end_s``, and count from ``count_s`` on; the next rung starts a drain later.
    """

    rate: float
    start_s: float
    count_s: float
    end_s: float


def objective(slo: str) -> Objective:
    """``"p99 <= 50ms and errors <= 0.1%"`` → Objective. Raises ValueError that says what was expected."""
    try:
        limits = [_limit(clause) for clause in parsed(slo)]
    except ValueError as error:
        raise ValueError(f"{FORM}; {error}") from None
    found = dict(limits)
    shares = found.pop("errors", BAD_SHARE)
    if len(found) != 1 or len(limits) > len(found) + 1 or len({key for key, _ in limits}) < len(limits):
        raise ValueError(f"{FORM}, with one percentile of {', '.join(PERCENTILES)}, got {slo[:80]!r}")
    key, limit_s = found.popitem()
    return Objective(quantile=METRICS[key].quantile or 0.0, limit_s=limit_s, bad_share=shares)


def _limit(clause: Expectation) -> tuple[str, float]:
    """The metric and its limit: a percentile in seconds, failed requests as a share. Raises ValueError."""
    told = clause.text.replace("(arm)", "")[:40]
    if not isinstance(clause.left, Measured) or any(readings(clause.right)):
        raise ValueError(f"{told!r}: write one metric, <= and a number")
    key, limit = clause.left.reading.metric, evaluate(clause.right, {})
    if key not in (*PERCENTILES, "errors"):
        raise ValueError(f"{told!r}: an objective is about {', '.join(PERCENTILES)} and errors")
    if key == "errors" and not (clause.shares and 0 < limit < 1):
        without = f"leave it out for {BAD_SHARE:.1%}"
        raise ValueError(f'{told!r}: write a share above zero, as in "errors <= 0.1%"; {without}')
    if clause.comparison != "<=" or not limit > 0:
        raise ValueError(f"{told!r}: write <= and a limit above zero")
    return key, limit


def check_objective(slo: str) -> str:
    """The text itself. Raises ValueError that says what was expected; nothing is an objective yet to be found."""
    if slo:
        objective(slo)
    return slo


@dataclass(config=STRICT, kw_only=True)
class Capacity:
    """The ladder that each arm climbs, and the objective at which it counts as carrying a rate.

    What is left out, ``slo`` and ``rates``, `lab capacity` finds in a pilot, and writes down. A rung settles for
    ``settle``, is measured for ``measure`` or until its percentile can be judged, whichever is longer, and drains for
    ``drain``, or for as long as the objective allows an answer. ``quick``: a look, with few and short rungs, that may
    only tell large differences. ``beyond``: how many requests past its percentile a rung has at least, though but for a
    look it is not prolonged for more than ENOUGH of them all told.
    """

    slo: Annotated[str, AfterValidator(check_objective)] = ""
    rates: Annotated[tuple[Rate, ...], Field(max_length=MAX_RUNGS)] = ()
    settle: Annotated[Seconds, Field(gt=0, le=60)] = 2.0
    measure: Annotated[Seconds, Field(gt=0, le=600)] = 6.0
    drain: Annotated[Seconds, Field(gt=0, le=MOST_DRAIN_S)] = 0.5
    quick: Annotated[bool, Field(strict=True)] = False
    beyond: Annotated[int, Field(strict=True, ge=1, le=1000)] = FULL_BEYOND

    @classmethod
    def look(cls, slo: str) -> Capacity:
        """Few and short rungs, whose rates a pilot has yet to find."""
        settle, measure, drain = QUICK_S
        return cls(slo=slo, settle=settle, measure=measure, drain=drain, quick=True, beyond=QUICK_BEYOND)

    @classmethod
    def short(cls, slo: str, rates: tuple[float, ...], beyond: int = PILOT_BEYOND) -> Capacity:
        """A climb of a pilot: it tells where to look, and nothing of it counts."""
        settle, measure, drain = PILOT_S
        return cls(slo=slo, rates=rates, settle=settle, measure=measure, drain=drain, quick=True, beyond=beyond)

    @model_validator(mode="after")
    def _climbs(self) -> Capacity:
        if self.rates and (len(self.rates) < LEAST_RUNGS or list(self.rates) != sorted(set(self.rates))):
            raise ValueError(f"rates: {LEAST_RUNGS} or more that grow, got {list(self.rates)}")
        if self.rates and not self.slo:
            raise ValueError("rates: a ladder needs an objective as well: give slo")
        return self

    @property
    def objective(self) -> Objective:
        """What an arm must hold. Raises ValueError before the pilot has found it."""
        return objective(self.slo)

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """The ladder, one rung after the other; empty before the pilot."""
        return tuple(self._rungs()) if self.rates else ()

    @property
    def length_s(self) -> float:
        """How long an arm climbs: to the end of the last rung's drain."""
        return self.rungs[-1].end_s + self.drained_s

    @property
    def drained_s(self) -> float:
        """How long a rung drains: an answer within the limit is never cut off by the next one."""
        return min(MOST_DRAIN_S, max(self.drain, self.objective.limit_s))

    def _rungs(self) -> Iterator[Rung]:
        needed, start_s = least_count(self.objective.quantile, self.beyond), 0.0
        needed = needed if self.quick else min(ENOUGH, needed)
        for rate in self.rates:
            count_s = start_s + self.settle
            end_s = count_s + max(self.measure, math.ceil(needed / rate * 10) / 10)
            yield Rung(rate=rate, start_s=start_s, count_s=count_s, end_s=end_s)
            start_s = end_s + self.drained_s
