"""The pilot of a search for capacity: which rates are worth a ladder, and what is asked at them (METHOD 10.2).

Nothing of it counts. It climbs from LOWEST by COARSE until every arm has failed, and once more in finer steps around
the places at which they did.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lab.analysis.trial.ladder import Climb, Edge, Held, climb
from lab.errors import LabError, ScenarioError
from lab.plan.blocks import Plan, build_plan
from lab.record.folder import RunFolder, read_trials
from lab.record.types import Calibration, TrialResult
from lab.run.fronts import Opaque
from lab.run.generator import Generator
from lab.run.run import measured_ceiling, run_scenario
from lab.run.surroundings import Surroundings, knowing_fronts
from lab.run.view import QuietView
from lab.scenario.capacity import LEAST_RUNGS, MAX_RUNGS, Capacity
from lab.scenario.compare import Compare
from lab.scenario.load import Load
from lab.scenario.model import Scenario
from lab.units import format_seconds

LOWEST = 50.0  # arrivals a second
COARSE = 1.5
FINE = 1.1
STAGE = 8  # rungs of one climb: an arm that fails the first is not overloaded by twenty
LEAST_LIMIT_S = 0.025  # of an objective that nobody gave: p99 at LOWEST times SLACK, but never less than this
SLACK = 5.0

ViewOf = Callable[[Plan], QuietView]


class Pilot:
    """Climbs of one deployment an arm, until every arm has failed; ``slo`` is known after the first."""

    def __init__(
        self, scenario: Scenario, out: Path, view_of: ViewOf, say: Callable[[str], None], around: Surroundings
    ) -> None:
        self._scenario = scenario
        self._out = out
        self._view_of = view_of
        self._say = say
        self._around = around
        self._excused = False
        self._fronts: Opaque | None = None
        self.generator = Generator(scenario.load, self._ceiling, say)
        self.slo = scenario.capacity.slo if scenario.capacity else ""

    @property
    def around(self) -> Surroundings:
        """The surroundings, of which is known what fronts let pass: a search looks at that once."""
        return self._around if self._fronts is None else knowing_fronts(self._around, self._fronts)

    def boundaries(self) -> Mapping[str, float]:
        """The rate at which each arm ceases to hold. Raises LoadError where the generator cannot go as far as an arm.

        ScenarioError where an arm does not hold the lowest rate.
        """
        found: dict[str, float] = {}
        held = 0.0
        while waiting := [arm.name for arm in self._scenario.arms if arm.name not in found]:
            reached = self._reached(waiting, held)
            climbs = self._climbed(waiting, reached)
            if not self.slo:  # the generator fell short at the rate that tells it
                self._help(climbs)
                continue
            for arm, climbed in climbs.items():
                boundary = _boundary(arm, climbed, held)
                if boundary is not None and boundary <= self.generator.top:  # known after the first climb only
                    found[arm] = boundary
            going_on = {arm: one for arm, one in climbs.items() if arm not in found}
            self._help(going_on)
            held = max(held, min(map(self._held, going_on.values()), default=0.0))
        return found if self._scenario.capacity and self._scenario.capacity.quick else self._finer(found)

    def _held(self, found: Climb) -> float:
        """The highest rate at which an arm that has not failed was really asked; 0 for none."""
        return max((rung.rate for rung in found.rungs if rung.counts and rung.rate <= self.generator.top), default=0.0)

    def _reached(self, waiting: Sequence[str], held: float) -> tuple[float, ...]:
        """Those of the next rates that the generator can send."""
        rates = _stage(held * COARSE or LOWEST)
        if not self.generator.carries(rates[0]):
            raise self.generator.too_weak(waiting, held)
        return tuple(rate for rate in rates if rate <= self.generator.top)

    def _help(self, climbs: Mapping[str, Climb]) -> None:
        """Give a generator that fell short before an arm did more processes, or where it has all, one more chance."""
        short = {
            arm: next(rung.rate for rung in one.rungs if rung.held is Held.SHORT)
            for arm, one in climbs.items()
            if one.short
        }
        if not short or self.generator.grow():
            return
        arm, rate = min(short.items(), key=lambda pair: pair[1])
        if self._excused:
            raise self.generator.too_late(arm, rate)
        self._excused = True
        self._say(f"{arm}: the load generator could not send {rate:g} requests a second in time; once more")

    def _finer(self, found: Mapping[str, float]) -> Mapping[str, float]:
        """Once more, around what was found, in FINE steps; where that says nothing, what was found stands."""
        step = math.sqrt(COARSE)
        low, high = min(found.values()) / step, max(found.values()) * step
        count = min(MAX_RUNGS, 2 + math.ceil(math.log(high / low) / math.log(FINE)))
        climbs = self._climbed(list(found), geometric(low, high, count))
        return {arm: climbs[arm].capacity or boundary for arm, boundary in found.items()}

    def _climbed(self, arms: Sequence[str], rates: Sequence[float]) -> Mapping[str, Climb]:
        return {trial.record.arm: self._of(trial) for trial in self._run(arms, rates)}

    def _plan(self, arms: Sequence[str], rates: Sequence[float], load: Load) -> Plan:
        """One deployment of each of these arms, which climbs these rates."""
        slo = self.slo or f"p99 <= {LEAST_LIMIT_S * 1e3:g}ms"
        return build_plan(
            replace(
                self._scenario,
                arms=tuple(arm for arm in self._scenario.arms if arm.name in arms),
                load=load,
                capacity=Capacity.short(slo, _enough(rates)),
                trials=replace(self._scenario.trials, blocks=1, looks=()),
                compare=Compare(primary=()),
                expect=(),
            )
        )

    def _run(self, arms: Sequence[str], rates: Sequence[float]) -> tuple[TrialResult, ...]:
        plan = self._plan(arms, rates, self.generator.load)
        self._say(f"pilot: {', '.join(arms)} at {rates[0]:g} to {rates[-1]:g} requests a second")
        folder = run_scenario(plan, "pilot", self._out, self._view_of(plan), around=self.around, use_floor=False)
        if self._fronts is None:
            self._fronts = folder.info.fronts  # of all arms: those of later climbs are among them
        trials = tuple(read_trials(folder.path, folder.info))
        self._learn(folder, trials)
        return trials

    def _ceiling(self, load: Load) -> Calibration | None:
        plan = self._plan([arm.name for arm in self._scenario.arms], _stage(LOWEST), load)
        return measured_ceiling(plan, self._view_of(plan), self._around)

    def _learn(self, folder: RunFolder, trials: Sequence[TrialResult]) -> None:
        """How far the generator goes, and from the first climb the objective where none was given."""
        self.generator.learn(folder.info)
        if self.slo:
            return
        lowest = [self._of(trial).rungs[0] for trial in trials]
        if not all(rung.counts for rung in lowest):
            return
        slowest = max((rung.quantile_s for rung in lowest), default=math.inf)
        if math.isinf(slowest):
            raise ScenarioError(
                f"requests failed at {LOWEST:g} requests a second: there is nothing to build an objective on",
                "give one (capacity.slo), or see why they fail: `lab run` with one block",
            )
        self.slo = usual_objective(slowest)
        self._say(f"the objective: {self.slo} (p99 at {LOWEST:g} a second was {format_seconds(slowest)})")

    def _of(self, trial: TrialResult) -> Climb:
        """The climb of a trial, held against the objective as it is known now."""
        if trial.record.ladder is None:
            raise LabError(f"{trial.record.trial_id} has no ladder")
        record = replace(trial.record, ladder=replace(trial.record.ladder, slo=self.slo or trial.record.ladder.slo))
        found = climb(replace(trial, record=record))
        if found is None:
            raise LabError(f"{trial.record.trial_id} has no ladder")
        return found


def geometric(low: float, high: float, count: int) -> tuple[float, ...]:
    """``count`` rates from ``low`` to ``high`` in equal ratios, each of three digits."""
    step = (high / low) ** (1 / (count - 1))
    return tuple(dict.fromkeys(_three_digits(low * step**number) for number in range(count)))


def usual_objective(calm_s: float) -> str:
    """The objective where nobody gave one, from the p99 in seconds of the slowest arm where all is well."""
    limit_s = max(LEAST_LIMIT_S, SLACK * calm_s)
    return f"p99 <= {math.ceil(round(limit_s * 1e3, 3))}ms"  # 50.000001 is 50


def _three_digits(rate: float) -> float:
    return float(f"{rate:.3g}")


def _stage(lowest: float) -> list[float]:
    """The rates of one climb."""
    return [_three_digits(lowest * COARSE**number) for number in range(STAGE)]


def _enough(rates: Sequence[float]) -> tuple[float, ...]:
    """A ladder has three rungs at least: near the generator's limit the highest is split."""
    return tuple(rates) if len(rates) >= LEAST_RUNGS else geometric(rates[0] / FINE, rates[-1], LEAST_RUNGS)


def _boundary(arm: str, found: Climb, held: float) -> float | None:
    """Where an arm ceases to hold; None where it held every rung that counts. ``held``: what an earlier climb held."""
    if found.edge is Edge.BOTTOM and not held:
        raise ScenarioError(
            f"{arm}: the objective ({found.slo}) is not held at {found.rungs[0].rate:g} requests a second either",
            "give a wider one (capacity.slo), or rates of your own (capacity.rates)",
        )
    if found.edge is Edge.BOTTOM:
        return math.sqrt(held * found.rungs[0].rate)
    return found.capacity
