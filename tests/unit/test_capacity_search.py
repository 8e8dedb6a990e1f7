"""The search for capacity on a faked machine: pilot, ladder, load processes, confirmation, and what is left behind."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from lab.cli import app
from lab.cli.capacity import capacity, climbing
from lab.errors import InterruptedRunError, LabError, LoadError, ScenarioError
from lab.load.locust_process import LoadOutcome, LoadProgress
from lab.plan.blocks import Plan, build_plan
from lab.record.folder import read_trials
from lab.record.types import REQUESTS, Calibration, GateResult, LoadCounters, TrialResult
from lab.run.capacity import ABOVE, APART, BELOW, RUNGS, ladder, with_ladder
from lab.run.conclude import Conclusion, conclude
from lab.run.confirm import _capacities, alone, concluded, confirm
from lab.run.estimate import LIKELY_RANGE, ladder_s, nominal, pilot_s, search_s
from lab.run.generator import Generator
from lab.run.pilot import geometric
from lab.run.run import planned, resume_run, run_scenario
from lab.run.surroundings import Surroundings
from lab.run.view import QuietView
from lab.scenario.capacity import Capacity
from lab.scenario.compare import Expect
from lab.scenario.file import read_scenario
from lab.scenario.model import Load, Scenario
from lab.scenario.toml_text import scenario_text
from tests.builders import make_gate, table_of, with_record
from tests.fake_surroundings import FakeSurroundings, shop
from tests.fakes import FakeLoad, World

Gates = Callable[[TrialResult, int], tuple[GateResult, ...]]
REPOSITORY = Path(__file__).parents[2]
KNEE = 300.0  # arrivals a second: up to here every answer takes 10 ms, beyond 2 s


class Climbing(FakeLoad):
    """Answers the arrivals of its plan, evenly spaced: quickly up to KNEE, and slowly beyond."""

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
        rows = [row for stretch in stretches for row in _arrivals(begin - t0_monotonic_s, *stretch)]
        table_of(REQUESTS, rows).write_parquet(target)
        counted = LoadCounters(
            open_model=True, lanes=1, scheduled=len(rows), started=len(rows), dropped=0, unfinished=0
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
            rows=len(rows),
        )


def _arrivals(begin_s: float, start_s: float, end_s: float, rate: float) -> Iterator[dict[str, object]]:
    took_s = 0.010 if rate <= KNEE else 2.0
    for number in range(round((end_s - start_s) * rate)):
        at_s = begin_s + start_s + number / rate
        yield {
            "t_scheduled_s": at_s,
            "t_sent_s": at_s,
            "t_done_s": at_s + took_s,
            "status": 200,
            "bytes": 1,
            "name": "/",
            "phase": "measure",
            "kind": "arrival",
            "lane": 0,
        }


def machine(world: World, ceiling_per_s: float = 1e6) -> Surroundings:
    """A machine of two cores on which each load process does ``ceiling_per_s``."""

    def calibrate(_engine: object, _environment: object, load: Load, *_rest: object) -> Calibration:
        ceiling = ceiling_per_s * load.processes
        return Calibration(ceiling_per_s=ceiling, load_processes=load.processes, lanes=16, measured_at="")

    return replace(FakeSurroundings(world=world).make(), calibrate=calibrate)


def search(folder: Path, around: Surroundings, *, slo: str = "p99 <= 100ms", quick: bool = False) -> Scenario:
    said: list[str] = []
    asked = climbing(shop(folder), slo, quick=quick, blocks=None)
    return with_ladder(asked, folder / "runs", lambda _plan: QuietView(), said.append, around=around)[0]


def test_the_pilot_finds_a_ladder_around_the_boundary(tmp_path: Path) -> None:
    """One that reaches from below the knee to above it, common to both arms."""
    found = search(tmp_path, machine(World(load=Climbing))).capacity

    assert found is not None
    assert found.slo == "p99 <= 100ms"
    assert len(found.rates) == 8
    assert found.rates[0] < KNEE < found.rates[-1]
    assert found.rates[-1] / found.rates[0] == pytest.approx(1.25 / 0.75, rel=0.15)


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


def test_a_look_at_two_arms_takes_ten_minutes_at_most(tmp_path: Path) -> None:
    """With preparation and pilot; the arms that are there to explain are left out."""
    quickstart = read_scenario(REPOSITORY / "scenarios" / "quickstart.toml")
    asked = climbing(quickstart, "", quick=True, blocks=None)
    whole = climbing(quickstart, "", quick=False, blocks=None)

    assert [arm.name for arm in asked.arms] == ["workers", "replicas"]
    assert len(whole.arms) == 3
    assert search_s(asked) < 10 * 60
    fast = replace(Capacity(slo="p99 <= 25ms"), rates=geometric(200, 400, 8))
    assert ladder_s(replace(whole, arms=asked.arms, capacity=fast)) < 38 * 60  # the pilot takes 4 minutes
    assert ladder_s(nominal(asked)) < search_s(asked) - pilot_s(asked)
    assert search_s(replace(whole, arms=asked.arms)) <= 40 * 60, "preparation, pilot, ladder and confirmation"


def test_the_ladder_that_a_plan_supposes_is_one_that_so_many_rungs_have() -> None:
    """A plan goes by 8 rungs; arms that are further apart get 12, and their ladder takes longer than was said."""
    least, greatest = LIKELY_RANGE[0] / BELOW, LIKELY_RANGE[1] / ABOVE

    assert greatest / least <= APART
    assert len(ladder({"workers": least, "replicas": greatest})) == RUNGS


def test_the_generator_gets_as_many_processes_as_the_ladder_takes(tmp_path: Path) -> None:
    """Half of what one does is less than the arms carry."""
    assert search(tmp_path, machine(World(load=Climbing), 500.0)).load.processes == 2


def test_a_generator_that_is_too_weak_with_all_cores_is_told(tmp_path: Path) -> None:
    """With what was held so far, and what the generator can do."""
    with pytest.raises(LoadError, match=r"still held at 50 requests a second.*2 processes on 2 cores is 60"):
        search(tmp_path, machine(World(load=Climbing), 60.0))


def reach(folder: Path, rates: tuple[float, ...], top: float) -> tuple[tuple[float, ...], list[str]]:
    """What is left of these rates where half of the ceiling is ``top``, and what is said."""
    said: list[str] = []
    generator = Generator(shop(folder).load, lambda _load: None, said.append)
    generator.top = top
    return generator.within_reach(rates), said


def test_a_ladder_beyond_the_generator_is_cut_and_says_so(tmp_path: Path) -> None:
    """At half of its ceiling."""
    rates, said = reach(tmp_path, (100.0, 150.0, 200.0, 300.0, 400.0), 250.0)

    assert rates == (100.0, 150.0, 200.0)
    assert len(said) == 1
    assert "cut at 200, without 300, 400: half of what the load generator" in said[0]


def test_fewer_rungs_than_show_anything_are_refused(tmp_path: Path) -> None:
    """None beyond half of the ceiling is kept to make up their number."""
    with pytest.raises(LoadError, match="2 of the 4 rates of the ladder are below it .*: 3 are needed"):
        reach(tmp_path, (100.0, 200.0, 300.0, 400.0), 250.0)


def test_an_objective_out_of_reach_is_told(tmp_path: Path) -> None:
    """Nothing is held at the lowest rate."""
    with pytest.raises(ScenarioError, match="not held at 50 requests a second either"):
        search(tmp_path, machine(World(load=Climbing)), slo="p99 <= 5ms")


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


def test_what_was_found_is_run_confirmed_and_read_again(tmp_path: Path) -> None:
    """Both arms carry the same, hold it for a minute, and a second reading says so too."""
    around = machine(World(load=Climbing))
    found = search(tmp_path, around)
    found = replace(found, trials=replace(found.trials, blocks=2))
    folder = run_scenario(build_plan(found), "shop", tmp_path / "runs", QuietView(), around=around)
    confirm(folder, found, lambda _plan: QuietView(), lambda _text: None, around=around)
    told = conclude(folder.path).points[0]

    assert {arm: one.sustained for arm, one in told.confirmed.items()} == {"workers": True, "replicas": True}
    assert all(one.length_s == 60 for one in told.confirmed.values())
    assert all(200 < (trial.values["capacity.rate"] or 0) < 400 for trial in told.summary.trials)
    report = (folder.path / "report.md").read_text()
    assert "sustained for 60 s at" in report


def test_only_blocks_that_count_are_confirmed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the capacity that the report tells, with a lane for all that may be in flight."""
    around = machine(World(load=Climbing))
    found = search(tmp_path, around)
    found = replace(found, trials=replace(found.trials, blocks=2))
    folder = run_scenario(build_plan(found), "shop", tmp_path / "runs", QuietView(), around=around)
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
    assert alone(found, "workers", 1000.0).load.lanes == build_plan(found).trials[0].scenario.load.lanes


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


def test_a_generator_that_comes_late_gets_another_process(tmp_path: Path) -> None:
    """Its ceiling would have been enough; the arms are searched further with two."""
    found = search(tmp_path, machine(World(load=Short)))

    assert found.load.processes == 2
    assert found.capacity is not None
    assert found.capacity.rates[0] < KNEE < found.capacity.rates[-1]


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
    generator.top, generator._cores = 450.0, 3

    assert not generator.carries(500.0)
    assert (generator.load.processes, generator.top, said) == (1, 450.0, [])


def test_arms_and_load_are_kept_apart_where_the_engine_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On two cores one each, for which one process is all that the load gets."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: {0, 1})
    world = World(load=Climbing)
    found = search(tmp_path, replace(machine(world), pins=lambda _scenario, _run_id: True))

    assert (found.budget.cpuset, found.load.cores) == ("0", "1")
    assert {plan.cores for plan in world.plans} == {(1,)}


def test_a_search_that_is_continued_is_confirmed(tmp_path: Path) -> None:
    """Each arm once: what was confirmed before is not run again."""
    around = machine(World(load=Climbing))
    found = search(tmp_path, around)
    plan = build_plan(replace(found, trials=replace(found.trials, blocks=2)))
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
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: LabError
) -> None:
    """What was measured before is shown, and the error is told."""
    around = machine(World(load=Climbing))
    asked = search(tmp_path, around)
    asked = replace(asked, trials=replace(asked.trials, blocks=2))
    shown: list[object] = []

    def fail(*_asked: object, **_named: object) -> None:
        raise error

    monkeypatch.setattr("lab.cli.asked.scenario_of", lambda _path: asked)
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
