"""The pilot of a search for capacity: which rates are worth a ladder, and what is asked at them (METHOD 10.2, 10.3).

Nothing of it counts. It climbs from LOWEST by COARSE until every arm has failed, and once more in finer steps around
the places at which they did.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lab.analysis.trial.ladder import Climb, Edge, Held, climb
from lab.errors import InterruptedRunError, LabError, LoadError, ScenarioError
from lab.host.places import scratch
from lab.plan.blocks import Plan, build_plan
from lab.record.folder import RunFolder, new_run_id, read_trials
from lab.record.types import TrialResult
from lab.run.calibration import load_cores
from lab.run.run import run_scenario
from lab.run.surroundings import REAL, Surroundings
from lab.run.view import QuietView
from lab.scenario.capacity import LEAST_RUNGS, MAX_RUNGS, Capacity
from lab.scenario.compare import Compare
from lab.scenario.model import Scenario
from lab.units import format_seconds

LOWEST = 50.0  # arrivals a second
COARSE = 1.5
FINE = 1.1
STAGE = 8  # rungs of one climb: an arm that fails the first is not overloaded by twenty
LEAST_LIMIT_S = 0.025  # of an objective that nobody gave: p99 at LOWEST times SLACK, but never less than this
SLACK = 5.0
BELOW, ABOVE = 0.75, 1.25  # of the least and the greatest boundary: where the common ladder begins and ends
APART = 1.6  # boundaries that differ by more get a longer ladder
RUNGS, LONG_RUNGS, QUICK_RUNGS = 8, 12, 6
HALF = 0.5  # of the generator's ceiling: beyond, it would be the generator that is measured

ViewOf = Callable[[Plan], QuietView]


def with_ladder(
    scenario: Scenario, out: Path, view_of: ViewOf, say: Callable[[str], None], *, around: Surroundings = REAL
) -> Scenario:
    """The scenario with what its pilot found: objective, rates, load processes. Raises LabError.

    ScenarioError where an arm does not hold the lowest rate, LoadError where the generator's ceiling comes before any
    arm's. What a pilot that failed has left is kept below ``out``: its logs tell why.
    """
    asked = scenario.capacity or Capacity()
    if asked.rates:
        return scenario
    with scratch("pilot") as folder:
        pilot = _Pilot(replace(scenario, capacity=asked), folder, view_of, say, around)
        try:
            boundaries = pilot.boundaries()
        except InterruptedRunError:
            raise InterruptedRunError("interrupted in the pilot; nothing was measured that counts") from None
        except LabError as error:
            raise _kept(error, folder, out) from None
    rates = pilot.within_reach(ladder(boundaries, quick=asked.quick))
    say(f"the ladder: {', '.join(f'{rate:g}' for rate in rates)} requests a second; {pilot.slo}")
    load = replace(scenario.load, processes=pilot.processes)
    return replace(scenario, load=load, capacity=replace(asked, slo=pilot.slo, rates=rates))


def _kept(error: LabError, folder: Path, out: Path) -> LabError:
    """The same error, whose hint says where the logs are now; a pilot is not resumed."""
    if any(folder.iterdir()):
        kept = out / new_run_id("pilot-failed")
        shutil.copytree(folder, kept)
        error.hint = error.hint.replace(str(folder), str(kept))
    error.hint = "; ".join(part for part in error.hint.split("; ") if "--resume" not in part)
    return error


def ladder(boundaries: Mapping[str, float], *, quick: bool = False) -> tuple[float, ...]:
    """Rates in geometric steps, common to all arms, from the boundary that the pilot found of each."""
    low, high = min(boundaries.values()), max(boundaries.values())
    count = QUICK_RUNGS if quick else LONG_RUNGS if high > APART * low else RUNGS
    return geometric(BELOW * low, ABOVE * high, count)


def geometric(low: float, high: float, count: int) -> tuple[float, ...]:
    """``count`` rates from ``low`` to ``high`` in equal ratios, each of three digits."""
    step = (high / low) ** (1 / (count - 1))
    return tuple(dict.fromkeys(_three_digits(low * step**number) for number in range(count)))


def _three_digits(rate: float) -> float:
    return float(f"{rate:.3g}")


class _Pilot:
    """Climbs of one deployment an arm, until every arm has failed; ``slo`` is known after the first.

    ``processes``: of the load generator, as many as the rates that are worth a rung take.
    """

    def __init__(
        self, scenario: Scenario, out: Path, view_of: ViewOf, say: Callable[[str], None], around: Surroundings
    ) -> None:
        self._scenario = scenario
        self._out = out
        self._view_of = view_of
        self._say = say
        self._around = around
        self._top = math.inf  # half of the generator's ceiling; unknown before the first climb
        self._cores = 1
        self.processes = scenario.load.processes
        self.slo = scenario.capacity.slo if scenario.capacity else ""

    def boundaries(self) -> Mapping[str, float]:
        """The rate at which each arm ceases to hold. Raises LoadError where the generator cannot go as far as an arm.

        ScenarioError where an arm does not hold the lowest rate.
        """
        found: dict[str, float] = {}
        held = 0.0
        rates = _stage(LOWEST)
        while waiting := [arm.name for arm in self._scenario.arms if arm.name not in found]:
            reached = self._reached(rates, waiting, held)
            for arm, climbed in self._climbed(waiting, reached).items():
                boundary = _boundary(arm, climbed, held)
                if boundary is not None and boundary <= self._top:  # known after the first climb only
                    found[arm] = boundary
            held = max((rate for rate in reached if rate <= self._top), default=held)
            rates = _stage(held * COARSE or LOWEST)
        return found if self._scenario.capacity and self._scenario.capacity.quick else self._finer(found)

    def within_reach(self, rates: tuple[float, ...]) -> tuple[float, ...]:
        """The rates up to half the generator's ceiling, with more load processes where that helps.

        Says what was cut. Raises LoadError where fewer than LEAST_RUNGS are left.
        """
        while rates[-1] > self._top and self.processes < self._cores:
            self._more_processes()
        reached = tuple(rate for rate in rates if rate <= self._top)
        within = f"half of what the load generator can do with {self.processes} processes is {self._top:.0f} a second"
        if len(reached) < LEAST_RUNGS:
            raise LoadError(
                f"{within}, and {len(reached)} of the {len(rates)} rates of the ladder are below it ({rates[0]:g} to "
                f"{rates[-1]:g}): {LEAST_RUNGS} are needed",
                "a tighter objective (capacity.slo), a smaller quota (budget.cpus) or a machine with more cores",
            )
        if cut := rates[len(reached) :]:
            self._say(
                f"the ladder is cut at {reached[-1]:g}, without {', '.join(f'{rate:g}' for rate in cut)}: {within}"
            )
        return reached

    def _reached(self, rates: Sequence[float], waiting: Sequence[str], held: float) -> tuple[float, ...]:
        """Those of the next rates that the generator can send."""
        while rates[0] > self._top and self.processes < self._cores:
            self._more_processes()
        if rates[0] > self._top:
            raise LoadError(
                f"{', '.join(waiting)}: still held at {held:g} requests a second, and half of what the load generator "
                f"can do with {self.processes} processes on {self._cores} cores is {self._top:.0f}",
                "a tighter objective (capacity.slo), a smaller quota (budget.cpus) or a machine with more cores",
            )
        return tuple(rate for rate in rates if rate <= self._top)

    def _more_processes(self) -> None:
        """One more, hoped to do as much as each of the others; the next run measures what they do."""
        self._top *= (self.processes + 1) / self.processes
        self.processes += 1
        self._say(f"the load generator gets {self.processes} processes: half of what fewer can do is too little")

    def _finer(self, found: Mapping[str, float]) -> Mapping[str, float]:
        """Once more, around what was found, in FINE steps; where that says nothing, what was found stands."""
        step = math.sqrt(COARSE)
        low, high = min(found.values()) / step, max(found.values()) * step
        count = min(MAX_RUNGS, 2 + math.ceil(math.log(high / low) / math.log(FINE)))
        climbs = self._climbed(list(found), geometric(low, high, count))
        return {arm: climbs[arm].capacity or boundary for arm, boundary in found.items()}

    def _climbed(self, arms: Sequence[str], rates: Sequence[float]) -> Mapping[str, Climb]:
        return {trial.record.arm: self._of(trial) for trial in self._run(arms, rates)}

    def _run(self, arms: Sequence[str], rates: Sequence[float]) -> tuple[TrialResult, ...]:
        """One deployment of each of these arms, which climbs these rates."""
        slo = self.slo or f"p99 <= {LEAST_LIMIT_S * 1e3:g}ms"
        plan = build_plan(
            replace(
                self._scenario,
                arms=tuple(arm for arm in self._scenario.arms if arm.name in arms),
                load=replace(self._scenario.load, processes=self.processes),
                capacity=Capacity.short(slo, _enough(rates)),
                trials=replace(self._scenario.trials, blocks=1, looks=()),
                compare=Compare(primary=()),
                expect=(),
            )
        )
        self._say(f"pilot: {', '.join(arms)} at {rates[0]:g} to {rates[-1]:g} requests a second")
        folder = run_scenario(plan, "pilot", self._out, self._view_of(plan), around=self._around, use_floor=False)
        trials = tuple(read_trials(folder.path, folder.info))
        self._learn(folder, trials)
        return trials

    def _learn(self, folder: RunFolder, trials: Sequence[TrialResult]) -> None:
        """How far the generator goes, and from the first climb the objective where none was given."""
        self._cores = load_cores(folder.info.environment)
        if folder.info.calibration is not None:
            self._top = HALF * folder.info.calibration.ceiling_per_s
        if self.slo:
            return
        slowest = max((self._of(trial).rungs[0].quantile_s for trial in trials), default=math.inf)
        if math.isinf(slowest):
            raise ScenarioError(
                f"requests failed at {LOWEST:g} requests a second: there is nothing to build an objective on",
                "give one (capacity.slo), or see why they fail: `lab run` with one block",
            )
        limit_s = max(LEAST_LIMIT_S, SLACK * slowest)
        self.slo = f"p99 <= {math.ceil(round(limit_s * 1e3, 3))}ms"  # 50.000001 is 50
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


def _stage(lowest: float) -> list[float]:
    """The rates of one climb."""
    return [_three_digits(lowest * COARSE**number) for number in range(STAGE)]


def _enough(rates: Sequence[float]) -> tuple[float, ...]:
    """A ladder has three rungs at least: near the generator's limit the highest is split."""
    return tuple(rates) if len(rates) >= LEAST_RUNGS else geometric(rates[0] / FINE, rates[-1], LEAST_RUNGS)


def _boundary(arm: str, found: Climb, held: float) -> float | None:
    """Where an arm ceases to hold; None where it held every rung. ``held``: the rate that an earlier climb held."""
    if found.edge is Edge.UNKNOWN:
        short = next((rung for rung in found.rungs if rung.held is Held.SHORT), found.rungs[0])
        raise LoadError(
            f"{arm}: the load generator could not send {short.rate:g} requests a second",
            "more lanes (load.lanes), or a simpler locustfile",
        )
    if found.edge is Edge.BOTTOM and not held:
        raise ScenarioError(
            f"{arm}: the objective ({found.slo}) is not held at {found.rungs[0].rate:g} requests a second either",
            "give a wider one (capacity.slo), or rates of your own (capacity.rates)",
        )
    if found.edge is Edge.BOTTOM:
        return math.sqrt(held * found.rungs[0].rate)
    return found.capacity
