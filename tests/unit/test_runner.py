"""The order of effects of a run: what is started is stopped in reverse, what is finished is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from lab.errors import DeploymentError, InterruptedRunError, InvalidRunError, LabError, LoadError, MissingError
from lab.host.interrupts import Interrupts
from lab.plan.blocks import Plan, build_plan, with_scenario
from lab.record.folder import RunFolder, new_run_info, read_info
from lab.record.reading import TRIAL_RECORD
from lab.record.schema import RESTART, STEP_BEGIN
from lab.record.types import Environment, Phase, TrialRecord, TrialState
from lab.run.blocks import run_plan
from lab.run.steps import STEPS_FILE, Step
from lab.run.tools import Run
from lab.run.view import QuietView
from lab.scenario.budget import Budget
from lab.scenario.model import App, Arm, Load, Scenario
from lab.scenario.trials import Trials
from tests.fakes import Silent, World

SCENARIO = Scenario(
    question="Which?",
    app=App(image="shop:1"),
    arms=(
        Arm(name="workers", model="workers", front="direct"),
        Arm(name="replicas", model="replicas", front="nginx"),
    ),
    budget=Budget(processes=2),
    load=Load(locustfile=Path("locustfile.py"), rate=100.0, warmup=1.0, measure=1.5),
    trials=Trials(blocks=1, seed=1),
)


def prepare(root: Path, world: World, blocks: int = 1, settle_s: float = 0.0) -> Run:
    load = replace(SCENARIO.load, settle=settle_s)
    plan = build_plan(replace(SCENARIO, load=load, trials=Trials(blocks=blocks, seed=1)))
    folder = RunFolder.create(root, new_run_info("run", "shop", plan, Environment(facts={}), {}))
    return Run(plan=plan, folder=folder, engine=world.engine, view=Silent(), tools=world.tools)


def states(run: Run) -> dict[str, TrialState]:
    return dict(read_info(run.folder.path).states)


def without_repeats(journal: list[str]) -> list[str]:
    return [what for index, what in enumerate(journal) if what not in ("poll", "check") and what not in journal[:index]]


def test_a_trial_starts_and_stops_in_order(tmp_path: Path) -> None:
    """Load that waits, arm, proof, sampler, users; the next load gets ready; then all ends in reverse.

    Locust takes longer to start than anything else: were it started beside the arm it would prolong its boot, were it
    started behind it, every trial.
    """
    world = World()
    run_plan(prepare(tmp_path, world))

    assert without_repeats(world.journal) == [
        "load",
        "deploy",
        "attest",
        "sample",
        "users",
        "get ready",
        "sampler result",
        "load result",
        "users stopped",
        "sampler stopped",
        "undeploy",
        "load gone",
    ]


def test_what_was_measured_is_on_disk_with_its_phases(tmp_path: Path) -> None:
    """Both trials are done, their phases follow each other without a gap, the logs of the services are kept."""
    world = World()
    run = prepare(tmp_path, world)
    run_plan(run)

    assert set(states(run).values()) == {TrialState.DONE}
    record = run.view.finished[0]  # type: ignore[attr-defined]  # Silent keeps them
    windows = [record.phases[phase] for phase in Phase]
    assert all(one.end_s == two.start_s for one, two in pairwise(windows))
    assert record.measure.length_s == 1.5
    assert (run.folder.path / "trials" / record.trial_id / "app.log").read_text() == "hello from the app\n"


def test_an_arm_rests_after_the_load_and_is_read_meanwhile(tmp_path: Path) -> None:
    """The cool-down lasts until then, and sampler and containers are looked after; the plan takes as much longer."""
    world = World()
    run, plain = prepare(tmp_path / "rests", world, settle_s=30.0), prepare(tmp_path / "plain", World())
    run_plan(run)
    run_plan(plain)
    first, other = (each.view.finished[0] for each in (run, plain))  # type: ignore[attr-defined]  # Silent keeps them

    assert (first.settle_s, other.settle_s) == (30.0, 0.0)
    longer_s = first.phases[Phase.COOLDOWN].length_s - other.phases[Phase.COOLDOWN].length_s
    assert longer_s == pytest.approx(30.0, abs=0.2)
    assert world.journal[: world.journal.index("sampler result")].count("check") >= 30
    assert run.plan.estimated_s - plain.plan.estimated_s == 2 * 30.0


@pytest.mark.parametrize("when", ["when the app was imported", "while it served", ""])
def test_threads_must_run_without_the_lock_until_the_end(tmp_path: Path, when: str) -> None:
    """A module that switches it on, at once or when it is imported late, ends the run and is named (exit 3)."""
    warning = "The global interpreter lock (GIL) has been enabled to load module 'orjson.orjson', which has not"
    world = World(log=warning if when == "when the app was imported" else "")
    if when == "while it served":
        world.while_asleep = lambda: setattr(world, "log", warning)
    threads = replace(SCENARIO, arms=(Arm(name="threads", model="threads", front="direct"),), trials=Trials(blocks=1))
    plan = build_plan(threads)
    folder = RunFolder.create(tmp_path, new_run_info("run", "shop", plan, Environment(facts={}), {}))
    run = Run(plan=plan, folder=folder, engine=world.engine, view=Silent(), tools=world.tools)
    ends = pytest.raises(InvalidRunError, match=rf"orjson\.orjson switched Python's global lock on {when}")
    with ends if when else nullcontext():
        run_plan(run)


def test_an_interrupt_at_rest_ends_the_trial(tmp_path: Path) -> None:
    """Nobody has to wait for it, and the folder says what was cut."""
    world = World()

    def stop() -> None:
        if "check" in world.journal and world.now_s > 110:
            raise KeyboardInterrupt

    world.while_asleep = stop
    run = prepare(tmp_path, world, settle_s=30.0)
    with pytest.raises(InterruptedRunError, match="while it cooled down"):
        run_plan(run)

    assert "sampler result" not in world.journal
    assert world.journal[-3:] == ["sampler stopped", "undeploy", "load gone"]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("load", ["load"]),
        ("deploy", ["load", "deploy", "load gone"]),
        ("attest", ["load", "deploy", "attest", "undeploy", "load gone"]),
        ("sample", ["load", "deploy", "attest", "sample", "undeploy", "load gone"]),
        ("users", ["load", "deploy", "attest", "sample", "users", "sampler stopped", "undeploy", "load gone"]),
        (
            "load result",
            [
                *["load", "deploy", "attest", "sample", "users"],
                *["get ready", "sampler result", "load result"],
                *["users stopped", "sampler stopped", "undeploy", "load gone"],
            ],
        ),
    ],
)
def test_a_failure_anywhere_takes_everything_down_in_reverse(tmp_path: Path, where: str, expected: list[str]) -> None:
    """What had been started before the failure is stopped, the containers last."""
    world = World(fail_at={where: LoadError("boom")})
    run = prepare(tmp_path, world)

    with pytest.raises(LoadError, match="boom"):
        run_plan(run)

    assert without_repeats(world.journal) == expected
    assert TrialState.FAILED in states(run).values()
    assert "boom" in read_info(run.folder.path).cut


def test_a_container_that_dies_under_load_ends_the_trial(tmp_path: Path) -> None:
    """The death is noticed while the load runs, not at the end."""
    world = World(fail_at={"check": DeploymentError("'app' ended with exit code 137")})

    with pytest.raises(DeploymentError, match="137"):
        run_plan(prepare(tmp_path, world))

    assert "load result" not in world.journal
    assert world.journal[-4:] == ["users stopped", "sampler stopped", "undeploy", "load gone"]


def test_an_interrupt_keeps_what_was_finished(tmp_path: Path) -> None:
    """Ctrl-C in the second trial: the first stays done, the second is noted, nothing half-made is left."""
    world = World()
    run = prepare(tmp_path, world)
    first, second = (trial.id for trial in run.plan.trials)
    seen: list[str] = []

    def collect(deployment: object) -> object:
        seen.append("attest")
        if len(seen) == 2:
            raise KeyboardInterrupt
        return world._evidence(deployment)  # type: ignore[arg-type]

    tools = replace(world.tools, collect_evidence=collect)  # type: ignore[arg-type]
    with pytest.raises(InterruptedRunError) as caught:
        run_plan(replace(run, tools=tools))

    assert caught.value.exit_code == 130
    assert states(run) == {first: TrialState.DONE, second: TrialState.INTERRUPTED}
    assert world.journal[-2:] == ["undeploy", "load gone"]
    assert [path.name for path in (run.folder.path / "trials").iterdir()] == [first]


@pytest.mark.parametrize(
    ("where", "step"),
    [
        ("load", "it was prepared"),
        ("deploy", "it was deployed"),
        ("attest", "it was attested"),
        ("sample", "it warmed up"),
        ("users", "it warmed up"),
        ("poll", "it warmed up"),
        ("load result", "its results were collected"),
        ("undeploy", "it was taken down"),
    ],
)
@pytest.mark.parametrize(
    "error", [LoadError("boom"), KeyboardInterrupt(), RuntimeError("a fault of the lab")], ids=repr
)
def test_the_step_that_was_cut_is_named_and_no_half_trial_stays(
    tmp_path: Path, where: str, step: str, error: BaseException
) -> None:
    """By the error where it is one for people, and in run.json; a fault of the lab itself keeps its traceback."""
    run = prepare(tmp_path, World(fail_at={where: error}))
    first = run.plan.trials[0].id
    with pytest.raises((LabError, RuntimeError)) as caught:
        run_plan(run)

    assert f"{first} " in read_info(run.folder.path).cut
    assert f"while {step}" in read_info(run.folder.path).cut
    if isinstance(caught.value, LabError):
        assert f"while {step}" in str(caught.value)
    assert not list(run.folder.path.glob("trials/.*")), "a half trial"


def test_steps_are_told_in_order_and_kept_with_the_trial(tmp_path: Path) -> None:
    """To whoever watches, and in the folder of the trial."""
    run = prepare(tmp_path, World())
    run_plan(run)

    first, usual = run.plan.trials[0].id, [step for step in Step if step is not Step.RESTART]
    assert run.view.steps[: len(usual)] == [f"{first} {step}" for step in usual]  # type: ignore[attr-defined]
    lines = (run.folder.path / "trials" / first / STEPS_FILE).read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == usual


def test_one_process_is_restarted_when_everything_is_measured(tmp_path: Path) -> None:
    """In a step of its own, before the arm is taken down; the record has it, and what the app told of its steps."""
    world = World()
    run = prepare(tmp_path, world)
    scenario = replace(run.plan.scenario, trials=replace(run.plan.scenario.trials, restart_one=True))
    run = replace(run, plan=with_scenario(run.plan, scenario))
    run_plan(run)

    first = run.plan.trials[0].id
    begins = world.journal.index("restart app 0")
    assert world.journal.index("sampler stopped") < begins < world.journal.index("undeploy")
    assert f"{first} {Step.RESTART}" in run.view.steps  # type: ignore[attr-defined]
    events = run.view.finished[0].events  # type: ignore[attr-defined]
    assert {(event.kind, event.detail) for event in events} == {(RESTART, ""), (STEP_BEGIN, "migrate")}


@pytest.mark.parametrize("where", ["sampler result", "load result", "undeploy"])
def test_an_interrupt_after_the_load_has_ended_keeps_the_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """It is measured, so it is collected and taken down; the run ends before the next one, and says so."""
    interrupts = Interrupts()
    for module in ("lab.run.blocks", "lab.run.trial"):
        monkeypatch.setattr(f"{module}.INTERRUPTS", interrupts)

    class Interrupted(World):
        def note(self, what: str) -> None:
            super().note(what)
            if what == where:
                interrupts.interrupt()

    run = prepare(tmp_path, Interrupted())
    first, second = (trial.id for trial in run.plan.trials)
    with pytest.raises(InterruptedRunError, match=f"interrupted before {second}"):
        run_plan(run)

    assert states(run) == {first: TrialState.DONE, second: TrialState.PLANNED}
    assert read_info(run.folder.path).cut == f"interrupted before {second}"


class FullFolder(RunFolder):
    """On a disk that is full before a trial can be given its name, or after it."""

    full_after_rename = False

    def commit(self, record: TrialRecord) -> Path:
        if self.full_after_rename:
            self.staging(record.trial_id).joinpath("record.json").write_bytes(TRIAL_RECORD.dump_json(record))
            self.staging(record.trial_id).rename(self.path / "trials" / record.trial_id)
        raise MissingError("cannot write: No space left on device")


@pytest.mark.parametrize(("after_rename", "state"), [(False, TrialState.FAILED), (True, TrialState.DONE)])
def test_a_disk_that_is_full_when_a_trial_is_written_leaves_no_half_trial(
    tmp_path: Path, after_rename: bool, state: TrialState
) -> None:
    """A trial that is in its place is done, whatever run.json could still be told; any other has failed."""
    run = prepare(tmp_path, World())
    folder = FullFolder(run.folder.path, run.folder.info)
    folder.full_after_rename = after_rename
    with pytest.raises(MissingError, match="No space left"):
        run_plan(replace(run, folder=folder))

    assert states(run)[run.plan.trials[0].id] is state
    assert not list(run.folder.path.glob("trials/.*")), "a half trial"


def test_a_deployment_that_fails_keeps_what_its_services_printed(tmp_path: Path) -> None:
    """Their containers are gone; the folder that the hint names has their logs, without those that are empty."""
    error = DeploymentError("container of 'app' ended with exit code 1", "mend it")
    error.logs = {"app": "boom\n", "nginx": ""}
    run = prepare(tmp_path, World(fail_at={"deploy": error}))
    with pytest.raises(DeploymentError):
        run_plan(run)

    assert run.folder.failed is not None
    assert {path.name: path.read_text() for path in run.folder.failed.glob("*.log")} == {"app.log": "boom\n"}


def test_a_run_can_be_continued(tmp_path: Path) -> None:
    """Only the trials that are not done run again; the result is the run that was planned."""
    world = World(fail_at={"load result": LoadError("boom")})
    run = prepare(tmp_path, world)
    with pytest.raises(LoadError):
        run_plan(run)

    again = replace(run, folder=RunFolder.reopen(run.folder.path), tools=World().tools, engine=World().engine)
    run_plan(again)

    assert set(states(run).values()) == {TrialState.DONE}
    assert read_info(run.folder.path).cut == ""


def test_arms_served_by_different_event_loops_end_the_run(tmp_path: Path) -> None:
    """uvloop in one arm and asyncio in another: exit 3 with both named, before any load reaches the second."""

    def runtime(topology: object) -> dict[str, str]:
        loops.append("uvloop" if not loops else "asyncio")
        return {"loop": loops[-1]}

    loops: list[str] = []
    world = World(runtime=runtime)
    with pytest.raises(InvalidRunError, match="asyncio.*uvloop") as caught:
        run_plan(prepare(tmp_path, world))

    assert caught.value.exit_code == 3
    assert world.journal.count("users") == 1


def test_different_images_may_have_different_event_loops(tmp_path: Path) -> None:
    """They are compared whole; arms of one image must still agree, by whatever key they name it."""
    new, other = (replace(SCENARIO.arms[0], name=name, image="shop:2") for name in ("new", "other"))
    images = {"app": {"digest": "sha256:1"}, "arm.new": {"digest": "sha256:2"}, "arm.other": {"digest": "sha256:2"}}

    def run_with(folder: Path, loops: Mapping[str, str]) -> Run:
        world = World(runtime=lambda topology: {"loop": loops[topology.trial_id.removeprefix("b01-")]})
        plan = build_plan(replace(SCENARIO, arms=(SCENARIO.arms[0], new, other), trials=Trials(blocks=1, seed=1)))
        kept = RunFolder.create(folder, new_run_info("run", "shop", plan, Environment(facts={}), images))
        return Run(plan=plan, folder=kept, engine=world.engine, view=Silent(), tools=world.tools)

    workers = SCENARIO.arms[0].name
    fine = run_with(tmp_path / "fine", {workers: "uvloop", "new": "asyncio", "other": "asyncio"})
    run_plan(fine)
    assert set(states(fine).values()) == {TrialState.DONE}

    with pytest.raises(InvalidRunError, match="loop"):
        run_plan(run_with(tmp_path / "odd", {workers: "uvloop", "new": "asyncio", "other": "uvloop"}))


def test_an_invalid_block_is_replaced(tmp_path: Path) -> None:
    """One of five blocks fails a gate: a sixth one runs, with all arms, and the run is good."""
    run = prepare(tmp_path, World(invalid_blocks=frozenset({2})), blocks=5)
    run_plan(run)

    assert len(states(run)) == 12
    assert {"b06-workers", "b06-replicas"} <= set(states(run))


ONE_CAUSE = r"than may be replaced: 2 of 6 blocks are invalid .* 50\.0% .*\(4 trials, this is the worst\)$"


def test_too_many_invalid_blocks_end_with_exit_3_and_say_which_gate(tmp_path: Path) -> None:
    """Two of five blocks are more than METHOD lets a run replace."""
    run = prepare(tmp_path, World(invalid_blocks=frozenset({2, 3})), blocks=5)

    with pytest.raises(InvalidRunError, match=ONE_CAUSE) as caught:
        run_plan(run)
    assert caught.value.exit_code == 3
    assert set(states(run).values()) == {TrialState.DONE}, "what was measured stays, to be looked at"


def test_a_run_that_is_lost_says_so_before_its_next_trial(tmp_path: Path) -> None:
    """Once, with the command that starts it again; it may be stopped, and what it still measures is kept."""
    world, said = World(invalid_blocks=frozenset({1, 2, 4})), list[tuple[int, str]]()
    run = prepare(tmp_path, world, blocks=5)
    monitored = replace(run, view=Listening(said, world))
    with pytest.raises(InvalidRunError):
        run_plan(monitored)

    ((trials, told),) = [(trials, text) for trials, text in said if "cannot become valid any more" in text]
    assert trials == 3, "after the first trial of the second block"
    assert "2 blocks are invalid, and 1 of 5 blocks may be replaced" in told
    assert f"`lab run {run.folder.path}` starts again" in told


class Listening(QuietView):
    """Keeps what is said, and after how many trials."""

    def __init__(self, said: list[tuple[int, str]], world: World) -> None:
        self._said, self._world = said, world

    def step(self, text: str) -> None:
        self._said.append((self._world.journal.count("load result"), text))


def test_plans_are_not_changed_by_running(tmp_path: Path) -> None:
    """A plan is a value."""
    run = prepare(tmp_path, World())
    before: Plan = build_plan(run.plan.scenario)
    run_plan(run)

    assert run.plan == before


def test_another_lab_on_the_same_image_ends_no_run(tmp_path: Path) -> None:
    """Every trial is made; in the end it is said that memory, which is judged, is spoiled, and by whom."""
    run = prepare(tmp_path, World(neighbours=("20261124T041500Z-other-3f9a1c",)))
    with pytest.raises(InvalidRunError) as caught:
        run_plan(run)

    assert set(states(run).values()) == {TrialState.DONE}
    assert "20261124T041500Z-other-3f9a1c" in str(caught.value)
    assert "other lab" in caught.value.hint
    assert "quiet" not in caught.value.hint


def test_it_is_none_of_the_business_of_a_run_that_does_not_judge_memory(tmp_path: Path) -> None:
    """No error."""
    run = prepare(tmp_path, World(neighbours=("other",)))
    scenario = replace(run.plan.scenario, compare=replace(run.plan.scenario.compare, primary=("p50",)))
    run_plan(replace(run, plan=build_plan(scenario)))
