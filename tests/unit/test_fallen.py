"""A point of a sweep at which an arm cannot run is an answer about that arm there: all else goes on and is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from lab.analysis.decision import card_of
from lab.analysis.expectations import Outcome
from lab.analysis.points import PointResult, judge_points, worst_code, worst_of
from lab.analysis.sweep import curve, demands
from lab.analysis.trial.trial import TrialSummary, summarise_trial
from lab.engines import Deployment, Engine
from lab.errors import DeploymentError, EndedError, InterruptedRunError, InvalidRunError, LateError
from lab.plan.axes import AXES
from lab.plan.blocks import build_plan
from lab.plan.topology import Topology
from lab.record.folder import RunFolder, new_run_info, read_info
from lab.record.types import Environment, GateResult, RunInfo, TrialResult, TrialState
from lab.report.build import write_reports
from lab.report.parts.caveats import fallen_told
from lab.report.parts.gate_sentences import NO_REASON, reason_line
from lab.report.renderers.card_document import card_document
from lab.report.renderers.json_document import comparison_document
from lab.report.sections.decision import RUNNING, card_table
from lab.report.sections.weights_told import tally_sentences
from lab.run.blocks import run_plan
from lab.run.inside import points_in
from lab.run.run import VIOLATED, planned, run_scenario
from lab.run.tools import Run, Tools
from lab.scenario.compare import Expect
from lab.scenario.model import Scenario
from lab.units import MIB
from tests.builders import (
    REPLICAS,
    WORKERS,
    make_gate,
    make_run,
    make_scenario,
    make_summaries,
    make_trials,
    with_record,
)
from tests.fake_surroundings import FakeSurroundings, shop
from tests.fake_surroundings import judged as judged_apart
from tests.fakes import FakeEngine, Silent, World

SIZES = ("split:128MiB", "split:256MiB")
TIGHT, WIDE = "s128mib", "s256mib"
KILLED = "container of 'app-1' was killed for want of memory"


class TightEngine(FakeEngine):
    """Deploys nothing, and refuses what a test says."""

    def __init__(self, world: World, refuse: Callable[[Topology], Exception | None]) -> None:
        super().__init__(world)
        self._refuse = refuse
        self.asked: list[str] = []

    @contextmanager
    def deploy(self, topology: Topology) -> Iterator[Deployment]:
        self.asked.append(topology.trial_id)
        if error := self._refuse(topology):
            raise error
        with super().deploy(topology) as deployment:
            yield deployment


class Told(Silent):
    """Keeps what it is told of the run as well."""

    def step(self, text: str) -> None:
        self.steps.append(text)


def swept(blocks: int = 2, **changes: object) -> Scenario:
    sweep = {"memory": list(SIZES), "slo": "memory.pss.total <= 64GiB"}
    return make_scenario((WORKERS, REPLICAS), **{"sweep": sweep, "trials": {"blocks": blocks, "seed": 7}, **changes})


def tight_first() -> Scenario:
    """One whose replicas are tried at the tight point first."""
    asked = (swept(trials={"blocks": 2, "seed": seed}) for seed in range(20))
    return next(one for one in asked if TIGHT in next(t.id for t in build_plan(one).trials if "replicas" in t.id))


def carry_out(
    root: Path, refuse: Callable[[Topology], Exception | None], scenario: Scenario | None = None
) -> tuple[Run, TightEngine]:
    plan, world = build_plan(scenario or swept()), World()
    engine = TightEngine(world, refuse)
    folder = RunFolder.create(root, new_run_info("run", "tight", plan, Environment(facts={}), {}))
    return Run(plan=plan, folder=folder, engine=cast(Engine, engine), view=Silent(), tools=world.tools), engine


def too_tight(topology: Topology) -> Exception | None:
    return EndedError(KILLED) if f"{TIGHT}-replicas" in topology.trial_id else None


def test_what_an_arm_cannot_run_in_ends_neither_the_run_nor_the_other_arm(tmp_path: Path) -> None:
    """It is tried once; its other trials there are skipped, and the run is whole: nothing is left to resume."""
    run, engine = carry_out(tmp_path, too_tight)
    run_plan(run)
    info = read_info(run.folder.path)
    skipped = {trial for trial, state in info.states.items() if state is TrialState.SKIPPED}

    assert skipped == {f"b01-{TIGHT}-replicas", f"b02-{TIGHT}-replicas"}
    assert {info.states[trial] for trial in info.order if trial not in skipped} == {TrialState.DONE}
    assert sum(f"{TIGHT}-replicas" in trial for trial in engine.asked) == 1
    assert KILLED in info.fallen[TIGHT]["replicas"]
    assert info.cut == ""
    assert planned(run.folder.path).trials == run.plan.trials


def test_a_run_that_is_continued_does_not_try_it_again(tmp_path: Path) -> None:
    """What could not run there is known; a run that was cut afterwards makes the trials that are missing.

    It says so when it begins, and its report as that of a run that was never cut.
    """
    broken = {"now": True}

    def refuse(topology: Topology) -> Exception | None:
        if "b02" in topology.trial_id and broken["now"]:
            return DeploymentError("the front has another face")
        return too_tight(topology)

    run, engine = carry_out(tmp_path, refuse)
    with pytest.raises(DeploymentError):
        run_plan(run)
    broken["now"] = False
    view = Told()
    run_plan(replace(run, folder=RunFolder.reopen(run.folder.path), view=view))
    uncut, _ = carry_out(tmp_path / "uncut", too_tight)
    run_plan(uncut)
    found, whole = (read_info(each.folder.path) for each in (run, uncut))

    assert sum(f"{TIGHT}-replicas" in trial for trial in engine.asked) == 1
    assert set(found.states.values()) == {TrialState.DONE, TrialState.SKIPPED}
    assert (found.fallen, found.states, found.cut) == (whole.fallen, whole.states, whole.cut)
    assert [*fallen_told(found, 4)] == [*fallen_told(whole, 4)] != []
    assert len([step for step in view.steps if "replicas could not run at 128.0 MiB split" in step]) == 1


def test_an_arm_that_was_only_late_is_tried_twice(tmp_path: Path) -> None:
    """The machine may have been busy: one that comes up then is measured at every point."""
    late = iter([LateError("not ready after 60 s")])
    run, _ = carry_out(tmp_path, lambda topology: next(late, None) if TIGHT in topology.trial_id else None)
    run_plan(run)

    assert set(read_info(run.folder.path).states.values()) == {TrialState.DONE}
    assert not read_info(run.folder.path).fallen


def test_an_arm_that_is_late_twice_is_told_with_what_else_it_may_be(tmp_path: Path) -> None:
    """Lateness alone proves nothing about the arm: who reads it must know that."""
    hit = f"{TIGHT}-replicas"
    run, engine = carry_out(tmp_path, lambda t: LateError("not ready after 60 s") if hit in t.trial_id else None)
    run_plan(run)

    (why,) = read_info(run.folder.path).fallen[TIGHT].values()
    assert sum(hit in trial for trial in engine.asked) == 2
    assert "two attempts" in why
    assert "busy machine" in why
    assert "not ready after 60 s" in why


def late(topology: Topology) -> Exception | None:
    return LateError("not ready after 60 s") if "replicas" in topology.trial_id else None


def test_an_app_that_never_comes_up_is_waited_for_twice_an_arm(tmp_path: Path) -> None:
    """However many points there are: once where it was first tried, and once where starting is easiest."""
    run, engine = carry_out(tmp_path, lambda _topology: LateError("not ready after 60 s"))
    with pytest.raises(LateError, match="no arm can run at any point of the sweep: .*not ready"):
        run_plan(run)

    assert len(engine.asked) == 4
    for arm in ("workers", "replicas"):
        assert any(WIDE in trial for trial in engine.asked if arm in trial)


@pytest.mark.parametrize("seed", range(4))  # of which some begin at the easier point
def test_an_arm_that_comes_up_nowhere_leaves_the_other_one_whole(tmp_path: Path, seed: int) -> None:
    """Both of its points say why, and where it was tried; those of the other arm are finished."""
    run, engine = carry_out(tmp_path, late, swept(trials={"blocks": 2, "seed": seed}))
    run_plan(run)
    info = read_info(run.folder.path)

    assert sum("replicas" in trial for trial in engine.asked) == 2
    assert set(info.fallen) == {TIGHT, WIDE}
    for at, arms in info.fallen.items():
        assert set(arms) == {"replicas"}
        assert "256.0 MiB split" in arms["replicas"] or at == WIDE
        assert "busy machine" in arms["replicas"]
    done = {trial for trial, state in info.states.items() if state is TrialState.DONE}
    assert done == {trial for trial in info.order if "workers" in trial}


def test_points_that_start_alike_are_not_waited_for_apart(tmp_path: Path) -> None:
    """A rate says nothing of the start: what was late twice at one is not tried at the others."""
    run, engine = carry_out(tmp_path, late, swept(sweep={"rate": [100, 200, 400]}))
    run_plan(run)
    told = [arms["replicas"] for arms in read_info(run.folder.path).fallen.values()]

    assert sum("replicas" in trial for trial in engine.asked) == 2
    assert sorted("not tried" in why for why in told) == [False, True, True]


def test_what_has_served_is_not_given_up_for_lateness_elsewhere(tmp_path: Path) -> None:
    """An arm that was late at one rate after it had served at another keeps what it has measured there."""
    run, engine = carry_out(
        tmp_path,
        lambda t: LateError("not ready after 60 s") if "b02-r200-replicas" in t.trial_id else None,
        swept(sweep={"rate": [100, 200, 400]}),
    )
    run_plan(run)
    info = read_info(run.folder.path)

    assert set(info.fallen) == {"r200"}
    assert sum("b02-r200-replicas" in trial for trial in engine.asked) == 2
    assert info.states["b02-r100-replicas"] is TrialState.DONE


def test_a_point_where_starting_is_easier_tells_whether_it_is_the_setting(tmp_path: Path) -> None:
    """It is deployed there, and taken down, once; then the point is tried a second time and given up alone."""
    run, engine = carry_out(tmp_path, lambda t: late(t) if TIGHT in t.trial_id else None, tight_first())
    run_plan(run)
    first = engine.asked.index(f"b01-{TIGHT}-replicas")

    assert engine.asked[first + 1 : first + 3] == [f"b01-{WIDE}-replicas", f"b01-{TIGHT}-replicas"]
    assert set(read_info(run.folder.path).fallen) == {TIGHT}


def test_an_interrupt_while_an_arm_is_looked_at_keeps_what_is_finished(tmp_path: Path) -> None:
    """The run says where it was, and can be continued."""

    def refuse(topology: Topology) -> Exception | None:
        if WIDE in topology.trial_id:
            raise KeyboardInterrupt
        return late(topology)

    run, _ = carry_out(tmp_path, refuse, tight_first())
    with pytest.raises(InterruptedRunError, match="looked at"):
        run_plan(run)

    assert "looked at" in read_info(run.folder.path).cut


def test_arms_that_run_nowhere_end_the_run(tmp_path: Path) -> None:
    """Then it is not the setting: the last error says what it is."""
    run, engine = carry_out(tmp_path, lambda _topology: EndedError(KILLED))
    with pytest.raises(EndedError, match=KILLED):
        run_plan(run)

    assert len(engine.asked) == 4, "each arm once at each point, in the first block"


def without(info: RunInfo, *arms: str) -> RunInfo:
    why = {arm: f"b01-{TIGHT}-{arm} failed while deploying: {KILLED}" for arm in arms}
    states = {
        trial: TrialState.SKIPPED if any(trial.endswith(f"{TIGHT}-{arm}") for arm in arms) else state
        for trial, state in info.states.items()
    }
    return replace(info, states=states, fallen={TIGHT: why})


def judged(scenario: Scenario, *arms: str) -> tuple[RunInfo, tuple[PointResult, ...]]:
    info = without(make_run(scenario), *arms)
    trials: list[TrialSummary] = [
        summarise_trial(trial)
        for trial in make_trials(scenario)
        if info.states[trial.record.trial_id] is TrialState.DONE
    ]
    return info, judge_points(info, trials)


@pytest.mark.parametrize("fallen", [("replicas",), ("workers",), ("workers", "replicas")])
def test_curves_tables_and_the_demand_tell_of_it(tmp_path: Path, fallen: tuple[str, ...]) -> None:
    """The arms that run there keep their numbers and their part of the curve, whether or not one is the baseline."""
    scenario = swept(blocks=7)
    info, points = judged(scenario, *fallen)
    found = {one.arm: one for one in demands(scenario, points)}
    written = write_reports(tmp_path, info, points)

    for arm in ("workers", "replicas"):
        xs = [one.at for one in curve(points, "memory.pss.total", arm, AXES["memory"])]
        assert xs == ([256.0] if arm in fallen else [128.0, 256.0])
        assert found[arm].outcomes[128.0] is (Outcome.VIOLATED if arm in fallen else Outcome.HOLDS)
        assert found[arm].enough == (256.0 if arm in fallen else 128.0)
        told = f"128.0 MiB split: “{arm}” could not start with 4 processes here: b01-{TIGHT}-{arm} failed while"
        for form in (written.terminal, written.html.read_text(), written.markdown.read_text()):
            assert (told in " ".join(form.split())) == (arm in fallen)
    assert [one.exit_code() for one in points] == [0, 0]
    documents = [comparison_document(one.run, one.summary, one.comparison) for one in points]
    assert [set(document["fallen"]) for document in documents] == [set(fallen), set()]


@pytest.mark.parametrize("fallen", [("replicas",), ("workers",), ("workers", "replicas")])
def test_a_decision_card_says_where_an_arm_cannot_run(fallen: tuple[str, ...]) -> None:
    """It is no line about the other point alone: a row for each arm, for people and for programs."""
    scenario = swept(blocks=7, sweep={"memory": list(SIZES)})
    info, points = judged(scenario, *fallen)
    card = card_of(points)
    rows = [[cell.text for cell in row] for row in card_table(card).rows if row[0].text == RUNNING]

    assert [row[:4] for row in rows] == [[RUNNING, "128.0 MiB split", "–", f"{arm} cannot run"] for arm in fallen]
    assert all(KILLED in row[4] for row in rows)
    assert {line.point for line in card.lines} == {"256.0 MiB split"}
    assert [(one["arm"], one["run"], one["point"], one["setting"]) for one in card_document(card)["fallen"]] == [
        (arm, info.run_id, "128.0 MiB split", {"memory": "128.0 MiB split"}) for arm in fallen
    ]


@pytest.mark.parametrize("fallen", ["replicas", "workers"])
def test_a_weight_keeps_the_part_of_a_point_at_which_an_arm_cannot_run(fallen: str) -> None:
    """Half of it is not shared out there, and the sentence says why."""
    _, points = judged(swept(blocks=7, sweep={"memory": list(SIZES)}), fallen)
    found = card_of(points, {"memory": 1.0}).tally
    assert found is not None

    shared = sum(found.weighted.values()) + found.placed  # to a winner that another storage driver may turn round
    assert (shared, found.unjudged) == (0.5, 0.5)
    assert any(f"at 128.0 MiB split ({fallen} cannot run, " in said for said in tally_sentences(found))


def test_what_was_expected_of_an_arm_that_cannot_run_fails() -> None:
    """Exit code 1 where the scenario expects something, or with --strict; else it is a finding as any other."""
    expects = swept(expect=[{"that": "errors(replicas) == 0"}])
    plain, asked = (judged(scenario, "replicas")[1][0] for scenario in (swept(), expects))

    assert (plain.exit_code(), plain.exit_code(strict=True), asked.exit_code()) == (0, 1, 1)


def test_strict_hides_no_violation_behind_what_the_machine_spoiled() -> None:
    """At another point of the run: it stays 1, and only beside what holds it is 3."""
    _, points = judged(swept(blocks=7, expect=[{"that": "errors(replicas) <= 10"}]), "replicas")
    fallen, good = points
    (found,) = good.comparison.conditions
    left = replace(found, result=replace(found.result, outcome=Outcome.UNDECIDED), spoiled=True)
    spoiled = replace(good, comparison=replace(good.comparison, conditions=(left,)))

    assert worst_code([fallen, spoiled], strict=True) == 1
    assert (worst_code([good, spoiled]), worst_code([good, spoiled], strict=True)) == (0, 3)


def test_no_invalid_point_hides_what_the_app_did_at_another() -> None:
    """A violation is known, whatever the machine did elsewhere; two runs of a study are held together likewise."""
    scenario = swept(blocks=7, expect=[{"that": "errors(replicas) == 1"}])
    bad = (make_gate("invalid"),)
    violated = judge_points(make_run(scenario), make_summaries(scenario))[0]
    trials = (with_record(trial, gates=bad) for trial in make_trials(scenario))
    spoiled = judge_points(make_run(scenario), map(summarise_trial, trials))[1]

    assert (violated.exit_code(), spoiled.exit_code()) == (1, 3)
    assert worst_code([violated, spoiled]) == worst_code([violated, spoiled], strict=True) == 1
    assert worst_code([spoiled, spoiled]) == 3
    assert (worst_of([3, 1, 0]), worst_of([4, 3, 1]), worst_of([])) == (1, 4, 0)


def test_numbers_from_before_it_fell_do_not_count() -> None:
    """An arm that was killed in its second block has no numbers at that point, and those of the other stand."""
    scenario = swept()
    info = without(make_run(scenario), "replicas")
    points = judge_points(info, make_summaries(scenario))

    assert [arm.name for arm in points[0].summary.arms] == ["workers"]
    assert points[0].summary.decision.complete == (1, 2)
    assert points[0].point.scenario.budget.memory.amount == 128 * MIB


@pytest.mark.parametrize(
    ("why", "line"),
    [
        ("killed for want of memory:\n  its log", "killed for want of memory"),
        ("it ended.", "it ended"),
        ("", NO_REASON),
        ("\n  its log", NO_REASON),
    ],
)
def test_a_reason_is_one_line_also_where_it_is_empty(why: str, line: str) -> None:
    """A record may have an empty one: that must not take the report, or the run that is continued, away."""
    found = replace(make_run(make_scenario()), fallen={"": {"workers": why}})

    assert reason_line(why) == line
    assert [*fallen_told(found, 1)] == [f"“workers” could not start with 1 process here: {line}."]


def spoiling(tools: Tools, *bad: str) -> Tools:
    """A machine that is disturbed in the trials whose names hold one of these."""

    def gates(result: TrialResult, _cpu_count: int) -> tuple[GateResult, ...]:
        return (make_gate("invalid" if any(each in result.record.trial_id for each in bad) else "pass"),)

    return replace(tools, run_gates=gates)


def test_only_the_point_that_was_spoiled_has_another_block(tmp_path: Path) -> None:
    """One of five blocks at one point: a sixth runs there, with all arms, and nowhere else; the run is good."""
    scenario = swept(blocks=5)
    run, _ = carry_out(tmp_path, lambda _topology: None, scenario)
    run = replace(run, tools=spoiling(run.tools, f"b02-{TIGHT}-workers"))
    run_plan(run)
    info = read_info(run.folder.path)

    assert set(info.order) - {trial.id for trial in build_plan(scenario).trials} == {
        f"b06-{TIGHT}-workers",
        f"b06-{TIGHT}-replicas",
    }
    assert set(info.states.values()) == {TrialState.DONE}
    assert [points.decision.used for points in decided(run)] == [(1, 3, 4, 5, 6), (1, 2, 3, 4, 5)]


def decided(run: Run) -> list[Any]:
    """What became of the blocks at each point, in the order of the scenario."""
    return [point.comparison for point in points_in(run.folder.path, read_info(run.folder.path))]


def test_more_spoiled_blocks_than_may_be_replaced_at_one_point_cost_no_other_its_own(tmp_path: Path) -> None:
    """Two of five are too many there; a point that lost one has it replaced, and the error names the other."""
    run, _ = carry_out(tmp_path, lambda _topology: None, swept(blocks=5))
    bad = (f"b02-{TIGHT}-workers", f"b03-{TIGHT}-workers", f"b04-{WIDE}-replicas")
    run = replace(run, tools=spoiling(run.tools, *bad))
    with pytest.raises(InvalidRunError, match=f"not valid at {TIGHT}"):
        run_plan(run)
    added = {trial for trial in read_info(run.folder.path).order if trial.startswith("b06-")}

    assert {f"b06-{WIDE}-workers", f"b06-{WIDE}-replicas"} <= added


@pytest.mark.parametrize(("that", "code"), [("errors(workers) == 1", 1), ("errors(workers) == 0", 3)])
def test_a_run_with_a_violation_beside_an_invalid_point_ends_with_1(tmp_path: Path, that: str, code: int) -> None:
    """The hint says why; without a violation it stays 3."""
    around = FakeSurroundings(world=World()).make()
    around = replace(around, conclude=judged_apart, tools=spoiling(around.tools, TIGHT))
    scenario = replace(shop(tmp_path), sweep=swept().sweep, expect=(Expect(that=that),))
    with pytest.raises(InvalidRunError) as ended:
        run_scenario(build_plan(scenario), "tight", tmp_path / "runs", Silent(), around=around)

    assert ended.value.exit_code == code
    assert (VIOLATED in ended.value.hint) is (code == 1)
