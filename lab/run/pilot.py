"""The pilot of a search for capacity: which rates are worth a ladder, and what is asked at them (METHOD 10.2).

Nothing of it counts. It climbs by COARSE until every arm has failed, and once more around the places at which they did:
in finer steps, and because a disturbed machine makes an arm fail far below its capacity. The ladder has room for both
places, and whoever holds all of the second climb goes on from there. The first climb goes by the rate that the scenario
asks for, so that for most arms these two are all: a further one costs as much as a dozen rungs. Where the generator may
end before the arms do, they climb about that once, which for a quick look is the second climb.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lab.analysis.gates.rungs import busiest_cores
from lab.analysis.trial.ladder import Climb, Held, climb
from lab.errors import LabError, ScenarioError
from lab.plan.blocks import Plan, build_plan
from lab.record.folder import RunFolder, read_trials
from lab.record.types import Calibration, TrialResult
from lab.run.fronts import Opaque
from lab.run.generator import Generator, Spent
from lab.run.run import measured_ceiling, run_scenario
from lab.run.rungs import (
    COARSE,
    FINE,
    LEAST_LIMIT_S,
    LOWEST,
    boundary_of,
    coarse_climb,
    finer,
    first_climb,
    geometric,
    stage,
    usual_objective,
    whole_top,
)
from lab.run.surroundings import Surroundings, knowing_fronts
from lab.run.view import QuietView
from lab.scenario.capacity import MAX_RUNGS, Capacity
from lab.scenario.compare import Compare
from lab.scenario.load import Load
from lab.scenario.model import Scenario
from lab.units import format_seconds

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
        self._looked = 0.0  # so far went the look about what the generator can send; 0: there was none
        self._twice: set[str] = set()  # arms that took part in it, after another climb
        self._fronts: Opaque | None = None
        self.generator = Generator(scenario.load, self._ceiling, say)
        form = scenario.capacity or Capacity()
        self.slo, self._quick = form.slo, form.quick

    @property
    def around(self) -> Surroundings:
        """The surroundings, of which is known what fronts let pass: a search looks at that once."""
        return self._around if self._fronts is None else knowing_fronts(self._around, self._fronts)

    def boundaries(self) -> tuple[float, ...]:
        """The rates at which arms ceased to hold, in either climb; how far the generator goes, for one that holds that.

        Raises LoadError where all of them do, and ScenarioError where an arm does not hold the lowest rate.
        """
        found = self._ends({}, 0.0)
        if self._quick and self._twice >= set(found):
            return tuple(found.values())
        again = self._around_all(found)
        held = {arm: top for arm, one in again.items() if (top := whole_top(one, found[arm])) is not None}
        if held:  # what made them fail was not the rate: they go on from there
            self._say(f"{', '.join(held)}: held {min(held.values()):g} requests a second as well, the second time")
        second = {arm: again[arm].capacity or found[arm] for arm in found if arm not in held}
        ends = self._ends(second, min(held.values(), default=0.0))
        return (*found.values(), *ends.values())

    def _ends(self, known: Mapping[str, float], held: float) -> Mapping[str, float]:
        """Where each arm ceases to hold, climbing by COARSE; ``held``: by all of which nothing is ``known``."""
        found = dict(known)
        while waiting := [arm.name for arm in self._scenario.arms if arm.name not in found]:
            if not (rates := self._reached(held)):
                found |= self._beyond(waiting, held, found)
                break
            climbs = self._climbed(waiting, coarse_climb(self._scenario, self._known, rates))
            self._twice |= set(waiting if rates[-1] == self._looked else ())
            if not self.slo:  # the generator fell short at the rate that tells it
                self._help(climbs)
                continue
            for arm, climbed in climbs.items():
                boundary = boundary_of(arm, climbed, held)
                if boundary is not None and boundary <= self.generator.top:  # known after the first climb only
                    found[arm] = boundary
            going_on = {arm: one for arm, one in climbs.items() if arm not in found}
            self._help(going_on)
            held = max(held, min(map(self._held, going_on.values()), default=0.0))
        return found

    def _held(self, found: Climb) -> float:
        """The highest rate that an arm without a boundary was really asked, and has held; 0 for none."""
        most = min(self.generator.top, found.capacity or math.inf)
        return max((rung.rate for rung in found.rungs if rung.counts and rung.rate <= most), default=0.0)

    def _reached(self, held: float) -> tuple[float, ...]:
        """Those of the next rates that the generator can send; finer ones about the last that it can; none beyond."""
        rates = stage(held * COARSE) if held else first_climb(self._scenario)
        if self.generator.carries(rates[0]):
            return tuple(rate for rate in rates if rate <= self.generator.top)
        highest = self.generator.highest
        rates = finer(held, highest) if highest > self._looked else ()
        self._looked = max(rates, default=self._looked)
        return rates

    def _beyond(self, arms: Sequence[str], held: float, found: Mapping[str, float]) -> Mapping[str, float]:
        """How far the generator goes, for arms that go farther. Raises LoadError where no other arm ends below that."""
        error = self.generator.too_weak(arms, held)
        if not found:
            raise error
        self._say(f"{error}: there the ladder ends, and what an arm carries beyond it is told as that or more")
        return dict.fromkeys(arms, self.generator.highest)

    def _help(self, climbs: Mapping[str, Climb]) -> None:
        """Give a generator that fell short before an arm did more processes, or where it has all, one more chance."""
        late = {arm: [rung.rate for rung in one.rungs if rung.held is Held.SHORT] for arm, one in climbs.items()}
        short = {arm: rates[0] for arm, rates in late.items() if rates and rates[0] <= self.generator.top}
        self._looked = 0.0 if short else self._looked
        if not short or self.generator.grow():
            return
        arm, rate = min(short.items(), key=lambda pair: pair[1])
        if self._excused:
            raise self.generator.too_late(arm, rate)
        self._excused = True
        self._say(f"{arm}: the load generator could not send {rate:g} requests a second in time; once more")

    def _around_all(self, found: Mapping[str, float]) -> Mapping[str, Climb]:
        """Climb once more, around what was found: in FINE steps, or for a look in few: one climb may be disturbed."""
        step = math.sqrt(COARSE)
        low, high = min(found.values()) / step, min(max(found.values()) * step, self.generator.highest)
        fine = COARSE if self._quick else FINE
        count = min(MAX_RUNGS, 2 + math.ceil(round(math.log(high / low, fine), 3)))
        return self._climbed(list(found), Capacity.short(self._known, geometric(low, high, count)))

    def _climbed(self, arms: Sequence[str], climb: Capacity) -> Mapping[str, Climb]:
        return {trial.record.arm: self._of(trial) for trial in self._run(arms, climb)}

    @property
    def _known(self) -> str:
        """The objective, or one that stands for it until it is known."""
        return self.slo or f"p99 <= {LEAST_LIMIT_S * 1e3:g}ms"

    def _plan(self, arms: Sequence[str], climb: Capacity, load: Load) -> Plan:
        """One deployment of each of these arms, which climbs these rates."""
        return build_plan(
            replace(
                self._scenario,
                arms=tuple(arm for arm in self._scenario.arms if arm.name in arms),
                load=load,
                capacity=climb,
                trials=replace(self._scenario.trials, blocks=1, looks=()),
                compare=Compare(primary=()),
                expect=(),
            )
        )

    def _run(self, arms: Sequence[str], climb: Capacity) -> tuple[TrialResult, ...]:
        plan = self._plan(arms, climb, self.generator.load)
        self._say(f"pilot: {', '.join(arms)} at {climb.rates[0]:g} to {climb.rates[-1]:g} requests a second")
        folder = run_scenario(plan, "pilot", self._out, self._view_of(plan), around=self.around, use_floor=False)
        if self._fronts is None:
            self._fronts = folder.info.fronts  # of all arms: those of later climbs are among them
        trials = tuple(read_trials(folder.path, folder.info))
        self._learn(folder, trials)
        return trials

    def _ceiling(self, load: Load) -> Calibration | None:
        arms = [arm.name for arm in self._scenario.arms]
        plan = self._plan(arms, coarse_climb(self._scenario, self._known, stage(LOWEST)), load)
        return measured_ceiling(plan, self._view_of(plan), self._around)

    def _learn(self, folder: RunFolder, trials: Sequence[TrialResult]) -> None:
        """From the first climb the objective where none was given; by that, how far the generator goes."""
        if not self.slo:
            self._find_objective(trials)
        self.generator.learn(folder.info, self._spent(trials))

    def _find_objective(self, trials: Sequence[TrialResult]) -> None:
        """From the lowest rung, where all is well; none if the generator fell short there. Raises ScenarioError."""
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

    def _spent(self, trials: Sequence[TrialResult]) -> Iterator[tuple[str, Spent]]:
        """By arm, what requests took of the generator at each rung that was answered: failing ones take else."""
        for trial in trials:
            answered = {rung.rate for rung in self._of(trial).answered}
            for rung in trial.record.ladder.rungs if trial.record.ladder else ():
                if rung.rate in answered and (cores := busiest_cores(trial, rung)):
                    yield trial.record.arm, Spent(rate=rung.rate / self.generator.load.processes, cores=cores)

    def _of(self, trial: TrialResult) -> Climb:
        """The climb of a trial, held against the objective as it is known now."""
        if trial.record.ladder is None:
            raise LabError(f"{trial.record.trial_id} has no ladder")
        record = replace(trial.record, ladder=replace(trial.record.ladder, slo=self.slo or trial.record.ladder.slo))
        found = climb(replace(trial, record=record))
        if found is None:
            raise LabError(f"{trial.record.trial_id} has no ladder")
        return found
