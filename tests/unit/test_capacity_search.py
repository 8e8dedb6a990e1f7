"""The search for capacity on a faked machine: pilot, ladder, load processes, confirmation, and what is left behind."""

from __future__ import annotations

import math
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from lab.analysis.comparison import least_blocks
from lab.cli import app
from lab.cli.capacity import _fitting, _told_longer, capacity, climbing, told_span
from lab.errors import InterruptedRunError, InvalidRunError, LabError, LoadError, ScenarioError
from lab.load.locust_process import LoadOutcome, LoadProgress
from lab.plan.blocks import Plan, build_plan
from lab.plan.topology import Topology
from lab.record.folder import read_trials
from lab.record.types import HOST, REQUESTS, Calibration, GateResult, LoadCounters, TrialResult
from lab.run.capacity import ABOVE, APART, BELOW, QUICK_RUNGS, RUNGS, _kept, ladder, with_ladder
from lab.run.conclude import Conclusion, conclude
from lab.run.confirm import _capacities, alone, concluded, confirm
from lab.run.estimate import LIKELY_RANGE, before_s, fitted, ladder_s, nominal, pilot_s, search_span, slowest
from lab.run.generator import Generator, Spent, full_core
from lab.run.run import planned, resume_run, run_scenario
from lab.run.rungs import coarse_climb, first_climb, geometric
from lab.run.surroundings import Surroundings
from lab.run.view import QuietView
from lab.scenario.capacity import Capacity
from lab.scenario.compare import Expect
from lab.scenario.file import read_scenario
from lab.scenario.model import Load, Scenario
from lab.scenario.toml_text import scenario_text
from lab.units import format_duration
from tests.builders import make_gate, make_run, table_of, with_record
from tests.fake_surroundings import FakeSurroundings, judged, shop
from tests.fakes import RUNTIME, FakeLoad, World

Gates = Callable[[TrialResult, int], tuple[GateResult, ...]]
REPOSITORY = Path(__file__).parents[2]
KNEE = 300.0  # arrivals a second: up to here every answer takes 10 ms, beyond 2 s


class Climbing(FakeLoad):
    """Answers the arrivals of its plan, evenly spaced: quickly up to KNEE, and slowly beyond."""

    knee = KNEE

    def poll(self) -> LoadProgress:
        """Over once the measure phase is."""
        length_s, started = self._world.plans[-1].measure_s, self._started_s
        return replace(
            super().poll(), finished=self._world.now_s >= started + 1 + length_s, measure_end_s=started + 1 + length_s
        )

    def nap(self, seconds: float) -> None:
        """A ladder takes a minute, which nobody waits for."""
        self._world.sleep(max(seconds, 5.0))

    def result(self, target: Path, t0_monotonic_s: float, connections: pl.DataFrame | None = None) -> LoadOutcome:
        """One row an arrival."""
        plan, begin = self._world.plans[-1], self._started_s + 1
        stretches = plan.stretches or ((0.0, plan.measure_s, plan.rate or 0.0),)
        rows = pl.concat(_arrivals(self.knee, begin - t0_monotonic_s, *stretch) for stretch in stretches)
        rows.write_parquet(target)
        counted = LoadCounters(
            open_model=True, lanes=1, scheduled=rows.height, started=rows.height, dropped=0, unfinished=0
        )
        end = begin + plan.measure_s
        return LoadOutcome(
            counters=counted,
            attribution="none",
            warmup_start_s=self._started_s,
            measure_start_s=begin,
            measure_end_s=end,
            finished_s=end + 0.5,
            replaced=0,
            rows=rows.height,
        )


def _arrivals(knee: float, begin_s: float, start_s: float, end_s: float, rate: float) -> pl.DataFrame:
    """The rows of one stretch, made as columns: a search has some 100,000 of them."""
    at_s = begin_s + start_s + np.arange(round((end_s - start_s) * rate)) / rate
    columns: dict[str, Any] = dict.fromkeys(REQUESTS) | {
        "t_scheduled_s": at_s,
        "t_sent_s": at_s,
        "t_done_s": at_s + (0.010 if rate <= knee else 2.0),
        "status": 200,
        "bytes": 1,
        "name": "/",
        "phase": "measure",
        "kind": "arrival",
        "lane": 0,
    }
    return pl.DataFrame(columns).cast(pl.Schema(REQUESTS))


def machine(world: World, ceiling_per_s: float = 1e6) -> Surroundings:
    """A machine of two cores on which each load process does ``ceiling_per_s``."""

    def calibrate(_engine: object, _environment: object, load: Load, *_rest: object) -> Calibration:
        ceiling = ceiling_per_s * load.processes
        return Calibration(ceiling_per_s=ceiling, load_processes=load.processes, lanes=16, measured_at="")

    return replace(FakeSurroundings(world=world).make(), calibrate=calibrate)


def search(folder: Path, around: Surroundings, *, slo: str = "p99 <= 100ms", quick: bool = False) -> Scenario:
    return searched(shop(folder), folder, around, slo=slo, quick=quick)[0]


def searched(
    scenario: Scenario, folder: Path, around: Surroundings, *, slo: str = "p99 <= 100ms", quick: bool = False
) -> tuple[Scenario, list[str]]:
    """The scenario with its ladder, and the climbs of its pilot as they were told."""
    said: list[str] = []
    asked = climbing(scenario, slo, quick=quick, blocks=None)
    with with_ladder(asked, folder / "runs", lambda _plan: QuietView(), said.append, around=around) as found:
        return found.scenario, [text for text in said if text.startswith("pilot: ")]


@pytest.fixture(scope="module")
def climber(tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    """What a search finds where nothing is in its way; its two blocks are then run by several tests."""
    found = search(tmp_path_factory.mktemp("climber"), machine(World(load=Climbing)))
    return replace(found, trials=replace(found.trials, blocks=2))


def test_the_pilot_finds_a_ladder_around_the_boundary(climber: Scenario) -> None:
    """One that reaches from below the knee to above it, common to both arms."""
    found = climber.capacity

    assert found is not None
    assert found.slo == "p99 <= 100ms"
    assert len(found.rates) == 8
    assert found.rates[0] < KNEE < found.rates[-1]
    assert found.rates[-1] / found.rates[0] == pytest.approx(1.25 / 0.75, rel=0.15)


class Fast(Climbing):
    """An arm that carries seven times what the scenario asks of it."""

    knee = 700.0


@pytest.mark.parametrize(("load", "rate", "knee"), [(Climbing, 100.0, KNEE), (Fast, 100.0, 700.0)])
def test_a_look_at_arms_that_carry_what_is_asked_climbs_once_and_around_what_it_found(
    tmp_path: Path, load: type[Climbing], rate: float, knee: float
) -> None:
    """Up to ten times that: a further climb is a further deployment of each arm."""
    asked = replace(shop(tmp_path), load=replace(shop(tmp_path).load, rate=rate))
    found, climbs = searched(asked, tmp_path, machine(World(load=load)), quick=True)

    assert found.capacity is not None
    assert len(climbs) == 2
    assert found.capacity.rates[0] < knee < found.capacity.rates[-1]


class Slow(Climbing):
    """An arm that carries a thirtieth of what the scenario asks of it."""

    knee = 100.0


def test_an_arm_that_fails_far_below_what_is_asked_is_looked_at_once_more(tmp_path: Path) -> None:
    """Between the lowest rate and 169 there is no rung: the first climb says little of where it fails."""
    asked = replace(shop(tmp_path), load=replace(shop(tmp_path).load, rate=3000.0))
    found, climbs = searched(asked, tmp_path, machine(World(load=Slow)), quick=True)
    ends = [text.split(" at ")[1] for text in climbs]

    assert found.capacity is not None
    assert ends[:-1] == ["50 to 1920 requests a second", "75 to 1280 requests a second"]
    assert ends[-1] == "72.9 to 109 requests a second", "around what was found"
    assert found.capacity.rates[0] < Slow.knee < found.capacity.rates[-1]


class Disturbed(Climbing):
    """An arm that carries half as much as long as something else runs on its machine."""

    def result(self, target: Path, t0_monotonic_s: float, connections: pl.DataFrame | None = None) -> LoadOutcome:
        """In the first climb of each arm."""
        self.knee = KNEE / 2 if len(self._world.plans) <= 2 else KNEE
        return super().result(target, t0_monotonic_s, connections)


@pytest.mark.parametrize("quick", [True, False])
def test_arms_that_a_disturbed_machine_made_fail_climb_on(tmp_path: Path, quick: bool) -> None:
    """A ladder that begins and ends below what they carry would find no capacity, in an hour."""
    found, climbs = searched(shop(tmp_path), tmp_path, machine(World(load=Disturbed)), quick=quick)

    assert found.capacity is not None
    assert len(climbs) == 3
    assert found.capacity.rates[0] < KNEE / 2 < KNEE < found.capacity.rates[-1], "it may be disturbed again"


@pytest.mark.parametrize(
    ("rate", "slo", "rates"),
    [
        (300.0, "", (50, 169, 253, 380, 570, 854, 1280, 1920, 2880)),
        (40.0, "", (50, 75, 112, 169, 253, 380, 570, 854)),
        (300.0, "p99 <= 1s", (50, 75, 112, 169, 253, 380, 570, 854)),  # 1,281 would take 5,000 lanes
    ],
)
def test_the_first_climb_goes_by_the_rate_that_is_asked(
    tmp_path: Path, rate: float, slo: str, rates: tuple[float, ...]
) -> None:
    """From 0.4 times to 10 times of it, beside the lowest; the objective keeps the number of lanes small."""
    asked = replace(shop(tmp_path), load=replace(shop(tmp_path).load, rate=rate))

    assert first_climb(climbing(asked, slo, quick=True, blocks=None)) == rates


def test_a_full_search_asks_enough_below_the_ladder_to_tell_the_percentile(tmp_path: Path) -> None:
    """1,000 requests have 10 beyond a p99, and chance may leave out some; a look has no time for it."""
    for quick, least in ((False, 1100), (True, 300)):
        asked = climbing(shop(tmp_path), "p99 <= 50ms", quick=quick, blocks=None)
        rungs = coarse_climb(asked, "p99 <= 50ms", first_climb(asked)).rungs

        assert min(rung.rate * (rung.end_s - rung.count_s) for rung in rungs) == pytest.approx(least, rel=0.02)


def test_an_objective_that_nobody_gave_is_found_and_kept(tmp_path: Path) -> None:
    """Five times the p99 at 50 a second, and never less than 25 ms."""
    found = search(tmp_path, machine(World(load=Climbing)), slo="").capacity

    assert found is not None
    assert found.slo == "p99 <= 50ms"


def test_a_look_has_fewer_rungs_and_blocks(tmp_path: Path) -> None:
    """Six and six, and says so in its scenario."""
    found = search(tmp_path, machine(World(load=Climbing)), quick=True)

    assert found.capacity is not None
    assert (len(found.capacity.rates), found.trials.blocks, found.capacity.quick) == (6, 6, True)
    assert build_plan(found).estimated_s < 8.5 * 60


@pytest.mark.parametrize(("name", "blocks"), [("quickstart", 6), ("hybrid", 7), ("fronts", 7), ("servers", 8)])
def test_a_look_has_the_blocks_that_a_verdict_takes(name: str, blocks: int) -> None:
    """Several judged arms share the error; a number that somebody gives stays."""
    given = read_scenario(REPOSITORY / "scenarios" / f"{name}.toml")
    looks = [climbing(given, "", quick=True, blocks=number) for number in (None, 6)]

    assert [look.trials.blocks for look in looks] == [blocks, 6]
    assert looks[0].trials.blocks >= least_blocks(looks[0])


def planned_s(asked: Scenario) -> float:
    return search_span(asked, fits=False).likely


def test_a_look_at_two_arms_takes_ten_minutes_at_most(tmp_path: Path) -> None:
    """With preparation and pilot; the arms that are there to explain are left out."""
    quickstart = read_scenario(REPOSITORY / "scenarios" / "quickstart.toml")
    asked = climbing(quickstart, "", quick=True, blocks=None)
    whole = climbing(quickstart, "", quick=False, blocks=None)

    assert [arm.name for arm in asked.arms] == ["workers", "replicas"]
    assert len(whole.arms) == 3
    assert planned_s(asked) < 10 * 60
    fast = replace(Capacity(slo="p99 <= 25ms"), rates=geometric(200, 400, 8))
    assert ladder_s(replace(whole, arms=asked.arms, capacity=fast)) < 38 * 60  # the pilot takes 4 minutes
    assert ladder_s(nominal(asked)) < planned_s(asked) - pilot_s(asked)
    assert planned_s(replace(whole, arms=asked.arms)) <= 40 * 60, "preparation, pilot, ladder and confirmation"


@pytest.mark.parametrize("name", ["quickstart", "costly", "cpu_bound"])  # which ask for 300, 150 and 100 a second
def test_a_full_search_of_two_arms_is_planned_within_forty_minutes(name: str) -> None:
    """Whatever rate is asked, by which the pilot goes."""
    given = read_scenario(REPOSITORY / "scenarios" / f"{name}.toml")
    whole = climbing(given, "", quick=False, blocks=None)

    assert 38 * 60 < planned_s(replace(whole, arms=climbing(given, "", quick=True, blocks=None).arms)) <= 40 * 60


def test_the_ladder_that_a_plan_supposes_is_one_that_so_many_rungs_have() -> None:
    """A plan goes by 8 rungs; arms that are further apart get 12, and their ladder takes longer than was said."""
    least, greatest = LIKELY_RANGE[0] / BELOW, LIKELY_RANGE[1] / ABOVE

    assert greatest / least <= APART
    assert len(ladder((least, greatest))) == RUNGS


def test_the_generator_gets_as_many_processes_as_the_ladder_takes(tmp_path: Path) -> None:
    """Half of what one does is less than the arms carry."""
    assert search(tmp_path, machine(World(load=Climbing), 500.0)).load.processes == 2


def test_a_generator_that_is_too_weak_with_all_cores_is_told(tmp_path: Path) -> None:
    """With what was held so far, up to the last rate that it can send, and what it can do."""
    with pytest.raises(LoadError, match=r"still held at 103 requests a second.*2 processes on 2 cores is 104"):
        search(tmp_path, machine(World(load=Climbing), 103.6))


class Uneven(Climbing):
    """Behind a front nothing is slow."""

    def result(self, target: Path, t0_monotonic_s: float, connections: pl.DataFrame | None = None) -> LoadOutcome:
        """As its arm is."""
        last = next(note for note in reversed(self._world.journal) if note.startswith("fronted: "))
        self.knee = math.inf if last == "fronted: True" else KNEE
        return super().result(target, t0_monotonic_s, connections)


@pytest.mark.parametrize("quick", [True, False])
def test_an_arm_that_carries_more_than_the_generator_ends_the_ladder_there(tmp_path: Path, quick: bool) -> None:
    """The other one has a capacity, and this one as much as can be sent, or more; without a further process left."""
    world = World(load=Uneven)

    def runtime(topology: Topology) -> Mapping[str, str]:
        world.note(f"fronted: {topology.fronted}")
        return RUNTIME

    world.runtime = runtime
    found = search(tmp_path, machine(world, 450.0), quick=quick)

    assert found.capacity is not None
    assert found.load.processes == 2
    assert found.capacity.rates[0] < KNEE < found.capacity.rates[-1] == 450.0
    assert len(found.capacity.rates) == (QUICK_RUNGS if quick else RUNGS)


def test_a_ladder_beyond_the_generator_ends_there_and_says_so(tmp_path: Path) -> None:
    """At half of its ceiling, although all arms break below it, with as many rungs as another one."""
    said: list[str] = []
    asked = climbing(shop(tmp_path), "p99 <= 100ms", quick=False, blocks=None)
    around = machine(World(load=Climbing), 330.0)
    with with_ladder(asked, tmp_path / "runs", lambda _plan: QuietView(), said.append, around=around) as found:
        rates = found.scenario.capacity.rates if found.scenario.capacity else ()

    assert rates[-1] == 330.0
    assert len(rates) == RUNGS
    assert [text.partition(" instead of")[0] for text in said if text.startswith("the ladder ends")] == [
        "the ladder ends at 330"
    ]


def test_arms_that_break_just_below_what_the_generator_can_do_are_found(tmp_path: Path) -> None:
    """Between the last rate of a climb that was held and the next one, which cannot be sent."""
    found = search(tmp_path, machine(World(load=Climbing), 312.0)).capacity

    assert found is not None
    assert found.rates[0] < KNEE < found.rates[-1] == 312.0


class Halting(Climbing):
    """Just beyond a rung of the first climb, from which its end is told too high."""

    knee = 260.0


def test_a_look_at_arms_that_climbed_about_the_generators_end_is_no_third_one(tmp_path: Path) -> None:
    """They have climbed twice, the second time in small steps; a full search climbs around what they found too."""
    asked = replace(shop(tmp_path), load=replace(shop(tmp_path).load, processes=2))
    (found, look), (_, full) = (
        searched(asked, tmp_path / str(quick), machine(World(load=Halting), 285.0), quick=quick)
        for quick in (True, False)
    )

    assert found.capacity is not None
    assert found.capacity.rates[0] < Halting.knee < found.capacity.rates[-1]
    assert [text.split(" at ")[1].split()[0] for text in look] == ["50", "269"]
    assert full[:-1] == look


def test_an_objective_out_of_reach_is_told(tmp_path: Path) -> None:
    """Nothing is held at the lowest rate."""
    with pytest.raises(ScenarioError, match="not held at 50 requests a second either"):
        search(tmp_path, machine(World(load=Climbing)), slo="p99 <= 5ms")


@pytest.mark.parametrize(
    ("least", "greatest", "blocks"),
    [(200.0, 200.0, 12), (2000.0, 2000.0, 12), (130.0, 130.0, 10), (100.0, 100.0, 8), (200.0, 600.0, 8)],
)
def test_slow_or_unlike_arms_have_as_many_blocks_as_fit(least: float, greatest: float, blocks: int) -> None:
    """All of it takes 40 minutes with two arms: fewer blocks, in whole periods, and never fewer than 8."""
    quickstart = read_scenario(REPOSITORY / "scenarios" / "quickstart.toml")
    asked = climbing(quickstart, "p99 <= 50ms", quick=False, blocks=None)
    two = replace(asked, arms=climbing(quickstart, "", quick=True, blocks=None).arms)
    before = before_s(two)
    rates = ladder((least, greatest))
    climber = replace(two, capacity=replace(two.capacity or Capacity(), rates=rates))
    found = fitted(climber, before)

    assert found.trials.blocks == blocks
    assert before + ladder_s(found) <= 40 * 60
    assert before + ladder_s(found) > 0.85 * planned_s(two), "what was planned before the pilot is within 15%"


def two_arms(rate: float, *, quick: bool) -> Scenario:
    """The search for the two arms of the quickstart that are judged, where this rate is asked."""
    quickstart = read_scenario(REPOSITORY / "scenarios" / "quickstart.toml")
    asked = replace(quickstart, load=replace(quickstart.load, rate=rate))
    look = climbing(asked, "p99 <= 50ms", quick=True, blocks=None)
    return look if quick else replace(climbing(asked, "p99 <= 50ms", quick=False, blocks=None), arms=look.arms)


@pytest.mark.parametrize("quick", [True, False])
@pytest.mark.parametrize("fits", [True, False])
@pytest.mark.parametrize("asked", [20.0, 60.0, 100.0, 150.0, 300.0, 5000.0])
@pytest.mark.parametrize("apart", [1.0, 1.5, 2.0, 3.0])
def test_a_search_takes_as_long_as_was_said(asked: float, apart: float, quick: bool, fits: bool) -> None:
    """Within 15% of the time, or of the range, that was told before the pilot, for arms that carry what is asked."""
    search = two_arms(asked, quick=quick)
    told = search_span(search, fits=fits and not quick)
    for carried in (1.0, 1.2, 4.0):
        least = max(50.0, asked) * carried
        rates = ladder((least, least * apart), quick=quick)
        climber = replace(search, capacity=replace(search.capacity or Capacity(), rates=rates))
        took = before_s(search) + ladder_s(fitted(climber, before_s(search)) if fits and not quick else climber)

        low, high = (told.likely, told.likely) if told.is_known else (told.least, told.most)
        assert 0.85 * low <= took <= 1.15 * high


def test_a_range_is_told_where_slow_arms_may_take_longer() -> None:
    """Arms of 60 a second took 54 minutes where 39 were said; of 300 it is known, unless they carry far less."""
    slow, fast = (search_span(two_arms(rate, quick=False), fits=True) for rate in (60.0, 300.0))

    assert re.fullmatch(r"about \d\d min to 1 h \d min", told_span(slow))
    assert slow.least < 54 * 60 < slow.most
    assert re.fullmatch(r"about 39 min \d+ s", told_span(fast))
    assert _told_longer(fast) == "; longer if an arm carries less than 300 requests a second"


def test_fewer_blocks_are_told_with_the_time_that_they_take() -> None:
    """Of slow arms not even 8 blocks fit into 40 minutes."""
    said: list[str] = []
    search = two_arms(60.0, quick=False)
    climber = replace(search, capacity=replace(search.capacity or Capacity(), rates=ladder((60.0,))))
    found = _fitting(climber, before_s(search), said.append)
    own = format_duration(round(before_s(search) + ladder_s(found)))

    assert found.trials.blocks == 8
    assert before_s(search) + ladder_s(found) > 50 * 60
    assert f"these take {own}. --blocks 12 asks for all" in said[0]


def test_a_study_plans_the_longest_ladder_of_arms_that_carry_what_is_asked() -> None:
    """Else the search would take the time of what comes after it."""
    search = two_arms(60.0, quick=True)
    rates = ladder((60.0, 60.0), quick=True)
    climber = replace(search, capacity=replace(search.capacity or Capacity(), rates=rates))

    assert ladder_s(slowest(search)) == pytest.approx(ladder_s(climber), rel=0.02)
    assert ladder_s(slowest(search)) > 1.15 * ladder_s(nominal(search))


def test_a_long_ladder_keeps_the_blocks_that_a_verdict_takes() -> None:
    """Seven judged arms share the error, and 8 blocks can show nothing of any."""
    quickstart = read_scenario(REPOSITORY / "scenarios" / "quickstart.toml")
    asked = climbing(quickstart, "p99 <= 50ms", quick=False, blocks=None)
    arms = tuple(replace(asked.arms[0], name=name) for name in ("workers", *"abcdefg"))
    many = replace(asked, arms=arms, capacity=Capacity.short("p99 <= 50ms", (10.0, 15.0, 20.0)))
    many = replace(many, compare=replace(many.compare, baseline="workers", judged=tuple("abcdefg")))
    least = least_blocks(many)

    assert least > 8
    assert fitted(replace(many, trials=replace(many.trials, blocks=16)), 1e6).trials.blocks >= least


def test_an_interrupt_in_the_pilot_leaves_nothing(tmp_path: Path) -> None:
    """Neither a run nor a folder for scratch, and nothing says that it could be resumed."""
    own = f"lab-pilot-{os.getpid()}-*"  # others may be testing as well
    with pytest.raises(InterruptedRunError) as caught:
        search(tmp_path, machine(World(load=Climbing, fail_at={"users": KeyboardInterrupt()})))

    assert "in the pilot" in str(caught.value)
    assert "--resume" not in caught.value.hint
    assert not (tmp_path / "runs").exists()
    assert list(Path(tempfile.gettempdir()).glob(own)) == []


def test_the_logs_of_a_pilot_that_failed_are_kept(tmp_path: Path) -> None:
    """Where the hint says, which does not offer to resume it."""
    with pytest.raises(LabError) as caught:
        search(tmp_path, machine(World(load=Climbing, fail_at={"users": LoadError("no users")})))

    (kept,) = (tmp_path / "runs").iterdir()
    assert str(kept) in caught.value.hint
    assert "--resume" not in caught.value.hint
    assert list(kept.glob("*/trials/*.failed"))


def test_a_pilot_that_failed_is_no_run_with_results(tmp_path: Path) -> None:
    """Though trials of it were finished: it was in a folder that is gone, and a study must not put it on its card."""
    place = tmp_path / "scratch"
    (place / "a-pilot").mkdir(parents=True)
    error = InvalidRunError("something else runs from the same image", f"see {place}")
    error.run = place / "a-pilot"
    found = _kept(error, place, tmp_path / "runs")

    assert found.run is None
    assert str(place) not in found.hint


def test_what_was_found_is_run_confirmed_and_read_again(climber: Scenario, tmp_path: Path) -> None:
    """Both arms carry the same, hold it for a minute, and a second reading says so too."""
    around = machine(World(load=Climbing))
    folder = run_scenario(build_plan(climber), "shop", tmp_path / "runs", QuietView(), around=around)
    confirm(folder, climber, lambda _plan: QuietView(), lambda _text: None, around=around)
    told = conclude(folder.path).points[0]

    assert {arm: one.sustained for arm, one in told.confirmed.items()} == {"workers": True, "replicas": True}
    assert all(one.length_s == 60 for one in told.confirmed.values())
    assert all(200 < (trial.values["capacity.rate"] or 0) < 400 for trial in told.summary.trials)
    report = (folder.path / "report.md").read_text()
    assert "sustained for 60 s at" in report


def test_the_runs_of_a_pilot_are_kept_and_tell_what_is_below_the_ladder(tmp_path: Path) -> None:
    """At rates that have requests enough for the percentile; the report marks it as the pilot's."""
    around = machine(World(load=Climbing))
    asked = climbing(shop(tmp_path), "p95 <= 100ms", quick=True, blocks=2)
    with with_ladder(asked, tmp_path / "runs", lambda _plan: QuietView(), lambda _text: None, around=around) as found:
        plan = build_plan(found.scenario)
        folder = run_scenario(plan, "shop", tmp_path / "runs", QuietView(), around=found.around, pilot=found.pilot)
    told = conclude(folder.path).points[0]

    assert found.pilot is not None
    assert found.scenario.capacity is not None
    assert not found.pilot.exists()
    for arm in ("workers", "replicas"):
        below = {rate: seconds for rate, seconds in told.piloted[arm] if rate < found.scenario.capacity.rates[0]}
        assert below
        assert 50.0 not in below, "60 requests tell no p95"
        assert list(below.values()) == pytest.approx([0.010] * len(below))
    assert "10.0 ms (pilot)" in (folder.path / "report.md").read_text()


def test_only_blocks_that_count_are_confirmed(
    climber: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the capacity that the report tells, with a lane for all that may be in flight."""
    around = machine(World(load=Climbing))
    folder = run_scenario(build_plan(climber), "shop", tmp_path / "runs", QuietView(), around=around)
    told = _capacities(folder)
    trials = []
    for trial in read_trials(folder.path, folder.info):
        ladder = trial.record.ladder
        assert ladder is not None
        spoiled = replace(ladder, slo="p99 <= 1ms")  # no rung is held
        bad = with_record(trial, ladder=spoiled, gates=(make_gate("invalid"),))
        trials.append(bad if trial.record.block == 1 else trial)
    monkeypatch.setattr("lab.run.confirm.read_trials", lambda *_asked: iter(trials))

    assert {arm: round(rate) for arm, rate in _capacities(folder).items()} == {a: round(r) for a, r in told.items()}
    assert alone(climber, "workers", 1000.0).load.lanes == build_plan(climber).trials[0].scenario.load.lanes


class Short(Climbing):
    """As Climbing, but the generator is late from 200 a second on while it has fewer than ``needs`` processes."""

    needs = 2
    from_rate = 200.0

    def result(self, target: Path, t0_monotonic_s: float, connections: pl.DataFrame | None = None) -> LoadOutcome:
        """The lag of each rung beside the rows."""
        found = super().result(target, t0_monotonic_s, connections)
        plan = self._world.plans[-1]
        late = plan.load_processes < self.needs
        lags = tuple(0.02 if late and rate >= self.from_rate else 0.001 for _, _, rate in plan.stretches)
        return replace(found, counters=replace(found.counters, rung_lags_p99_s=lags))


class LateAtFirst(Short):
    """Also at the lowest rate, where answers then seem to take long."""

    from_rate = 0.0


def test_no_objective_is_made_of_a_generator_that_was_late(tmp_path: Path) -> None:
    """It is found where the generator keeps its time, with two processes."""
    found = search(tmp_path, machine(World(load=LateAtFirst)), slo="")

    assert found.load.processes == 2
    assert found.capacity is not None
    assert found.capacity.slo == "p99 <= 50ms"


class NeverInTime(Short):
    """However many processes it has."""

    needs = 99


def test_a_generator_that_stays_late_with_all_cores_is_told(tmp_path: Path) -> None:
    """After one more try, with what it could not send, and what would help."""
    with pytest.raises(LoadError, match=r"2 processes on 2 cores, could not send .* requests a second in time") as told:
        search(tmp_path, machine(World(load=NeverInTime)))

    assert "load.cores" in told.value.hint


def test_processes_that_do_not_help_are_not_taken(tmp_path: Path) -> None:
    """Each number is measured: here two do less than one, and one stays."""
    said: list[str] = []

    def measure(load: Load) -> Calibration:
        return Calibration(
            ceiling_per_s=900.0 / load.processes, load_processes=load.processes, lanes=16, measured_at=""
        )

    generator = Generator(shop(tmp_path).load, measure, said.append)
    generator._loop, generator._cores = 900.0, 3

    assert not generator.carries(500.0)
    assert (generator.load.processes, generator.top, said) == (1, 450.0, [])


class Heavy(Climbing):
    """As Climbing, with a client that takes 2 ms of CPU for a request, shared by the load processes."""

    cost_s = 0.002

    def result(self, target: Path, t0_monotonic_s: float, connections: pl.DataFrame | None = None) -> LoadOutcome:
        """What the sampler reads of the load's CPU, twice a second, beside the rows."""
        found = super().result(target, t0_monotonic_s, connections)
        plan, begin_s = self._world.plans[-1], self._started_s + 1 - t0_monotonic_s
        counted = ("busy_s", "steal_s", "total_s", "memory_available_bytes", "load_cpu_max_s", "sampler_cpu_s")
        idle: dict[str, Any] = {**dict.fromkeys((*counted, "sampler_rss_bytes"), 0), "node": ""}
        spent_s, rows = 0.0, [{**idle, "t_s": begin_s}]
        for start_s, end_s, rate in plan.stretches:
            for at_s in np.arange(start_s + 0.5, end_s + 0.25, 0.5):
                spent_s += 0.5 * rate * self.cost_at(rate) / plan.load_processes
                rows.append({**idle, "t_s": begin_s + at_s, "load_cpu_max_s": spent_s})
        table_of(HOST, rows).write_parquet(target.parent / "host.parquet")
        return found

    def cost_at(self, _rate: float) -> float:
        """Seconds of CPU for a request."""
        return self.cost_s


class Waking(Heavy):
    """The busier the client, the less often it wakes for a single request: here 12% of a core go at any rate."""

    def cost_at(self, rate: float) -> float:
        """0.40 cores at 253 a second, and a whole one at 800."""
        return 0.12 / rate + 0.0011


class TooHeavy(Heavy):
    """4 ms: two processes have the CPU for 500 requests a second."""

    cost_s = 0.004


@pytest.mark.parametrize(
    ("found", "rate"),
    [
        ([(100.0, 0.4)], 250.0),  # one rate says nothing of others
        ([(100.0, 0.4), (200.0, 0.8)], 250.0),  # every request costs the same
        ([(50.0, 0.145), (100.0, 0.19), (400.0, 0.46)], 1000.0),  # a tenth of a core at any rate
        ([(100.0, 0.3), (400.0, 0.4)], 250.0 + 0.65 / 0.0007),  # too good to be true: half of the average at least
        ([(100.0, 0.1), (400.0, 0.8)], 250.0 / 0.45),  # nor worse than in proportion
    ],
)
def test_the_rate_of_a_full_core_is_told_by_what_other_rates_took(
    found: list[tuple[float, float]], rate: float
) -> None:
    assert full_core([Spent(*each) for each in found]) == pytest.approx(rate)


@pytest.mark.parametrize(
    ("load", "processes"),
    [
        (Short, 2),  # its ceiling would have been enough, but it comes late
        (Heavy, 2),  # a bare loop would do with one: half of what 2 ms a request leave is 250 a second
        (Waking, 1),  # by what a request takes at the rates that arms hold, it would be two
    ],
)
def test_the_generator_gets_the_processes_that_its_client_takes(
    tmp_path: Path, load: type[Climbing], processes: int
) -> None:
    """And the arms, which carry 300 a second, are searched beyond that."""
    found = search(tmp_path, machine(World(load=load)))

    assert found.load.processes == processes
    assert found.capacity is not None
    assert found.capacity.rates[0] < KNEE < found.capacity.rates[-1]


def test_a_client_that_takes_more_cpu_than_there_is_is_told(tmp_path: Path) -> None:
    """With what a request takes, and what would be lighter; the bare loop could do a million."""
    with pytest.raises(
        LoadError, match=r"is 250 \(with a core full, a request of its locustfile would take 4.0\d* ms of CPU\)"
    ) as told:
        search(tmp_path, machine(World(load=TooHeavy)))

    assert "FastHttpUser" in told.value.hint


def test_the_arm_counts_whose_requests_take_most(tmp_path: Path) -> None:
    """One that answers far fewer a second says nothing: at such a rate the client wakes for every request."""
    info = make_run(shop(tmp_path))
    generator = Generator(shop(tmp_path).load, lambda _load: None, lambda _text: None)
    generator.learn(info, [("a", Spent(50.0, 0.125)), ("b", Spent(200.0, 0.25))])
    early = generator.top
    generator.learn(info, [("a", Spent(200.0, 0.5)), ("b", Spent(100.0, 0.125))])

    assert [early, generator.top] == pytest.approx([400.0, 200.0])


def test_what_a_request_takes_is_of_one_request_with_several_machines_too(tmp_path: Path) -> None:
    """A rate is of all machines, and the CPU of one."""
    given = shop(tmp_path)
    two = replace(given.load, nodes=("gen1", "gen2"))
    generator = Generator(two, lambda _load: None, lambda _text: None)
    generator.learn(make_run(given), [("a", Spent(100.0, 0.2))])

    assert "a request of its locustfile would take 4.0" in str(generator.too_weak(["a"], 100.0))


def test_a_client_too_heavy_for_the_lowest_rate_is_told_so(tmp_path: Path) -> None:
    """No arm was held at 0 a second."""
    generator = Generator(shop(tmp_path).load, lambda _load: None, lambda _text: None)
    generator.learn(make_run(shop(tmp_path)), [("a", Spent(50.0, 0.625))])
    told = str(generator.too_weak(["a"], 0.0))

    assert "held" not in told
    assert "is 40 (with a core full, a request of its locustfile would take 12.5" in told
    assert told.endswith("below the lowest rate of a climb, 50")


class EverLighter(Heavy):
    """Every further climb finds that a request takes 4% less: the generator ends just above what it has sent."""

    knee = 720.0

    def cost_at(self, _rate: float) -> float:
        """At first half of a full core's rate is 589 a second."""
        return 0.96 ** ((len(self._world.plans) - 1) // 2) / (2 * 590.0)


def test_the_generators_end_is_looked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As far as it is thought to go, and beyond: to follow what it is thought next takes a deployment of each arm."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: {0, 1})
    around = replace(machine(World(load=EverLighter)), pins=lambda _scenario, _run_id: True)
    said: list[str] = []
    asked = climbing(shop(tmp_path), "p99 <= 100ms", quick=True, blocks=None)

    with (
        pytest.raises(LoadError, match=r"still held at 589 requests a second, and half of"),
        with_ladder(asked, tmp_path / "runs", lambda _plan: QuietView(), said.append, around=around),
    ):
        pass

    climbs = [text.split(" at ")[1] for text in said if text.startswith("pilot: ")]
    assert climbs == ["50 to 854 requests a second", "589 to 722 requests a second"]


class SlowAndHeavy(Heavy):
    """Answers take 40 ms longer, so that nothing holds the objective that stands in before one is found."""

    def result(self, target: Path, t0_monotonic_s: float, connections: pl.DataFrame | None = None) -> LoadOutcome:
        """As of Heavy, but later."""
        found = super().result(target, t0_monotonic_s, connections)
        rows = pl.read_parquet(target)
        rows.with_columns(pl.col("t_done_s") + 0.04).write_parquet(target)
        return found


def test_what_a_request_takes_is_known_where_nobody_gave_an_objective(tmp_path: Path) -> None:
    """It is found first: by a stricter one that stands in, no rung holds, and nothing would be known."""
    found = search(tmp_path, machine(World(load=SlowAndHeavy)), slo="", quick=True)

    assert found.capacity is not None
    assert found.capacity.slo == "p99 <= 250ms"
    assert found.load.processes == 2


def test_arms_and_load_are_kept_apart_where_the_engine_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On two cores one each, for which one process is all that the load gets."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: {0, 1})
    world = World(load=Climbing)
    found = search(tmp_path, replace(machine(world), pins=lambda _scenario, _run_id: True))

    assert (found.budget.cpuset, found.load.cores) == ("0", "1")
    assert {plan.cores for plan in world.plans} == {(1,)}


def test_a_search_that_is_continued_is_confirmed(climber: Scenario, tmp_path: Path) -> None:
    """Each arm once: what was confirmed before is not run again."""
    around, plan = replace(machine(World(load=Climbing)), conclude=judged), build_plan(climber)
    cut = replace(around, tools=replace(around.tools, run_gates=_interrupted_after(3, around.tools.run_gates)))
    with pytest.raises(InterruptedRunError):
        run_scenario(plan, "shop", tmp_path / "runs", QuietView(), around=cut)
    (path,) = (tmp_path / "runs").iterdir()
    said: list[str] = []

    for _ in range(2):
        folder = resume_run(planned(path), path, QuietView(), around=around)
        told = concluded(folder, plan.scenario, _silent, _nobody, say=said.append, around=around)

    assert {arm: one.sustained for arm, one in told.points[0].confirmed.items()} == {"workers": True, "replicas": True}
    assert [text.split(":")[0] for text in said] == ["confirming workers", "confirming replicas"]


def _interrupted_after(trials: int, gates: Gates) -> Gates:
    """The gates of so many trials, then Ctrl-C."""
    left = list(range(trials))

    def judged(result: TrialResult, cores: int) -> tuple[GateResult, ...]:
        if not left:
            raise KeyboardInterrupt
        left.pop()
        return gates(result, cores)

    return judged


def _silent(_plan: Plan) -> QuietView:
    return QuietView()


def _nobody(_found: Conclusion) -> None:
    raise AssertionError("nothing failed")


@pytest.mark.parametrize("error", [InterruptedRunError("interrupted"), LabError("no memory")])
def test_a_confirmation_that_ends_early_leaves_the_report(
    climber: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: LabError
) -> None:
    """What was measured before is shown, and the error is told."""
    around = replace(machine(World(load=Climbing)), conclude=judged)
    shown: list[object] = []

    def fail(*_asked: object, **_named: object) -> None:
        raise error

    monkeypatch.setattr("lab.cli.asked.scenario_of", lambda _path: climber)
    monkeypatch.setattr("lab.cli.asked.around_of", lambda **_asked: around)
    monkeypatch.setattr("lab.run.confirm.confirm", fail)
    monkeypatch.setattr("lab.cli.capacity.show", lambda found, **_asked: shown.append(found.run.run_id))
    with pytest.raises(type(error), match=str(error)):
        capacity(scenario=tmp_path / "shop.toml", blocks=2, out=tmp_path / "runs", quiet=True)

    assert len(shown) == 1


def test_a_violated_expectation_fails_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With exit code 1, as of `lab run`."""
    expect = (Expect(that="capacity.rate(workers) >= 1000000/s"),)
    asked = replace(shop(tmp_path, 6), capacity=Capacity(slo="p99 <= 100ms"), expect=expect)
    (tmp_path / "shop.toml").write_text(scenario_text(asked))
    monkeypatch.setattr("lab.cli.asked.around_of", lambda **_asked: machine(World(load=Climbing)))
    words = ["capacity", str(tmp_path / "shop.toml"), "--quick", "--quiet", "--out", str(tmp_path / "runs")]
    ended = CliRunner().invoke(app, words)

    assert (ended.exit_code, "→ violated" in ended.stdout) == (1, True), ended.exception
