"""A run from plan to conclusion, and a run that is continued: the same plan on the same machine, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lab.analysis.judge.floor import noise_floors
from lab.cli import app
from lab.cli.asked import file_named, with_blocks
from lab.cli.run import show
from lab.errors import (
    EndedError,
    InterruptedRunError,
    InvalidRunError,
    LabError,
    LoadError,
    MissingError,
    OutsideError,
    RunFolderError,
    ScenarioError,
)
from lab.host.lock import folder_lock, machine_lock
from lab.plan.blocks import build_plan
from lab.record.folder import RunFolder, read_info
from lab.record.types import GateResult, TrialResult, TrialState
from lab.run.conclude import conclude
from lab.run.floors import KeptFloor
from lab.run.run import AS_IT_WAS, planned, resume_run, run_scenario
from lab.run.view import QuietView
from lab.scenario.compare import Compare, Expect
from lab.scenario.model import Scenario
from lab.scenario.sweep import Sweep
from tests.fake_surroundings import FACTS, FakeSurroundings, shop
from tests.fakes import World

VIEW = QuietView()


def cut(folder: Path, around: FakeSurroundings, done: int, blocks: int = 2) -> Path:
    """The path of a run that failed after ``done`` trials."""
    calls = 0

    class Failing(World):
        def note(self, what: str) -> None:
            nonlocal calls
            calls += what == "load result"
            if calls > done:
                raise LoadError("boom")
            super().note(what)

    broken = replace(around, world=Failing())
    with pytest.raises(LoadError, match="boom") as caught:
        run_scenario(build_plan(shop(folder, blocks)), "shop", folder / "runs", VIEW, around=broken.make())
    (path,) = (folder / "runs").iterdir()
    assert f"--resume {path}" in caught.value.hint or done == 0
    return path


def states(path: Path) -> set[TrialState]:
    return set(read_info(path).states.values())


def test_a_run_keeps_what_it_depends_on(tmp_path: Path) -> None:
    """Environment with the image's digest and versions, the content of the locustfile, the machine's noise floor."""
    floor = KeptFloor(floor=noise_floors({}, machine_id="abc", versions={}), conditions="c", measured_at="2026")
    around = FakeSurroundings(floor=floor)
    folder = run_scenario(build_plan(shop(tmp_path)), "shop", tmp_path / "runs", VIEW, around=around.make())
    info = read_info(folder.path)

    assert info.environment["image_digest"] == info.images["app"]["digest"] == "sha256:one"
    assert info.environment["uvicorn"] == info.images["app"]["uvicorn"] == "0.54.0"
    assert len(info.inputs["locustfile"]) == 64
    assert info.noise_floor["conditions"] == "c"
    assert conclude(folder.path).written.html.is_file()


def test_more_blocks_than_the_scenario_asks_for_are_all_planned(tmp_path: Path) -> None:
    """--blocks is part of the stored scenario: its blocks are no replacements, and the plan can be rebuilt."""
    plan = build_plan(with_blocks(shop(tmp_path, blocks=1), 6))
    folder = run_scenario(plan, "shop", tmp_path / "runs", VIEW, around=FakeSurroundings().make())

    assert conclude(folder.path).summary.decision.originals_for() == (1, 2, 3, 4, 5, 6)
    assert planned(folder.path) == plan


def test_a_continued_run_analyses_as_one_that_was_never_cut(tmp_path: Path) -> None:
    """Same trials in the same order, same verdicts, no trace of the cut."""
    around = FakeSurroundings()
    path = cut(tmp_path, around, done=3, blocks=6)
    assert states(path) == {TrialState.DONE, TrialState.FAILED, TrialState.PLANNED}

    resume_run(planned(path), path, VIEW, around=around.make())
    whole = run_scenario(build_plan(shop(tmp_path, 6)), "shop", tmp_path / "whole", VIEW, around=around.make())
    continued, uncut = conclude(path), conclude(whole.path)

    assert continued.run.cut == ""
    assert continued.run.order == uncut.run.order
    assert continued.run.states == uncut.run.states
    assert continued.comparison == uncut.comparison
    assert continued.comparison.primaries[0].judgement.n == 6


def test_a_run_that_was_cut_inside_a_replacement_finishes_it(tmp_path: Path) -> None:
    """The replacement block that had begun is completed, no further one is added."""
    world = World(invalid_blocks=frozenset({2}))
    around = FakeSurroundings(world=world)
    plan = build_plan(shop(tmp_path, 5))
    folder = run_scenario(plan, "shop", tmp_path / "runs", VIEW, around=around.make())
    info = folder.info
    assert info.order[-2:] == ("b06-workers", "b06-replicas") or info.order[-2:] == ("b06-replicas", "b06-workers")
    lost = info.order[-1]
    (folder.path / "trials" / lost).rename(tmp_path / "lost")
    RunFolder(folder.path, info).write_info(replace(info, states={**info.states, lost: TrialState.PLANNED}))

    resumed = resume_run(planned(folder.path), folder.path, VIEW, around=around.make())

    assert resumed.info.order == info.order
    assert states(folder.path) == {TrialState.DONE}


def test_a_run_that_cannot_become_valid_is_never_said_to_be_continued(tmp_path: Path) -> None:
    """Neither by the hint of the one that was cut, nor in the list; and continued it says so before it measures."""
    spoiled = World(invalid_blocks=frozenset({1, 2}))

    def stop() -> None:
        if spoiled.journal.count("load result") == 4:
            raise KeyboardInterrupt

    spoiled.while_asleep = stop
    around, view = FakeSurroundings(world=spoiled), Telling()
    with pytest.raises(InterruptedRunError) as caught:
        run_scenario(build_plan(shop(tmp_path, 6)), "shop", tmp_path / "runs", VIEW, around=around.make())
    (path,) = (tmp_path / "runs").iterdir()
    (row,) = CliRunner().invoke(app, ["list", "--out", str(path.parent)]).stdout.splitlines()
    spoiled.while_asleep = lambda: None
    with pytest.raises(InvalidRunError):
        resume_run(planned(path), path, view, around=around.make())

    hint = caught.value.hint
    assert "--resume" not in hint
    assert f"2 blocks are invalid, and 1 of 6 blocks may be replaced; `lab run {path}` starts again" in hint
    assert f"Cannot become valid any more, start again: `lab run {path}`" in row
    assert "cannot become valid any more" in view.said[view.said.index("trial") - 1]


class Spoiled(World):
    """Another program runs in some trials: their memory is as good as any; it is interrupted after so many trials."""

    def __init__(self, spoils: Callable[[TrialResult], bool], until: int, damage: Callable[[], object]) -> None:
        super().__init__()
        self._spoils, self._until, self._damage = spoils, until, damage
        self.while_asleep = self._stop

    def _stop(self) -> None:
        if self.journal.count("load result") == self._until:
            self._damage()
            raise KeyboardInterrupt

    def _gates(self, result: TrialResult, cpu_count: int) -> tuple[GateResult, ...]:
        return tuple(
            replace(one, key="machine.foreign", outcome="invalid" if self._spoils(result) else "pass")
            for one in super()._gates(result, cpu_count)
        )


def interrupted(
    folder: Path,
    scenario: Scenario,
    until: int,
    spoils: Callable[[TrialResult], bool] = lambda _: True,
    damage: Callable[[], object] = lambda: None,
) -> tuple[str, list[str]]:
    """The hint of a run that is cut then, and what it said before."""
    view, around = Telling(), FakeSurroundings(world=Spoiled(spoils, until, damage))
    with pytest.raises(InterruptedRunError) as caught:
        run_scenario(build_plan(scenario), "shop", folder / "runs", view, around=around.make())
    return caught.value.hint, view.said


def test_a_run_that_is_lost_for_one_of_two_families_goes_on_for_the_other(tmp_path: Path) -> None:
    """Neither while it runs nor in the hint is it said to start again: memory still gets its verdict."""
    both = Compare(baseline="workers", primary=("boot", "memory.pss.total"))
    hint, said = interrupted(tmp_path, replace(shop(tmp_path, 6), compare=both), until=4)

    lost = "this run cannot become valid for latency any more, for memory it still can: 2 blocks are invalid"
    (told,) = [text for text in said if "cannot become valid" in text]
    assert told.startswith(lost)
    assert lost in hint
    assert "` continues it" in hint
    assert "starts again" not in hint + told


@pytest.mark.parametrize(("keys", "again"), [({"n1"}, False), ({"n1", "n2"}, True)])
def test_a_sweep_of_which_a_point_is_lost_goes_on_for_the_others(tmp_path: Path, keys: set[str], again: bool) -> None:
    """Only where all are lost it is started again."""
    scenario = replace(shop(tmp_path, 4), sweep=Sweep(processes=(1, 2)))
    hint, said = interrupted(tmp_path, scenario, 8, lambda result: result.record.point.key in keys)

    told = [text for text in said if "cannot become valid" in text]
    assert all("this point cannot become valid any more" in text for text in told)
    assert {text.partition(": ")[0] for text in told} == {f"N = {key[1]}" for key in keys}
    assert len(told) == len(keys)
    assert ("` starts again" in hint, "` continues it" in hint) == (again, not again)
    assert ("` starts again" in told[-1]) is again


@pytest.mark.parametrize(
    ("error", "done", "changes", "goes_on"),
    [
        (EndedError("it ended", "set app.target"), 0, True, False),
        (EndedError("it ended", "set app.target"), 1, True, True),
        (OutsideError("a port is taken"), 0, False, True),
    ],
)
def test_an_arm_that_did_not_come_up_asks_for_a_change_that_no_resumed_run_takes(
    tmp_path: Path, error: LabError, done: int, changes: bool, goes_on: bool
) -> None:
    """The hint names the file to change; with nothing measured there is nothing to continue."""
    deploys = 0

    class Failing(World):
        def note(self, what: str) -> None:
            nonlocal deploys
            deploys += what == "deploy"
            if deploys > done:
                raise error
            super().note(what)

    scenario, around = shop(tmp_path), FakeSurroundings(world=Failing())
    file = tmp_path / "shop.toml"
    file.touch()
    with pytest.raises(type(error)) as caught, file_named(file):
        run_scenario(build_plan(scenario), "shop", tmp_path / "runs", VIEW, around=around.make())

    hint = caught.value.hint
    assert (AS_IT_WAS in hint, f"the scenario is {file}" in hint, "continues it" in hint) == (changes, changes, goes_on)


def test_what_was_measured_and_cannot_be_read_is_told_of_the_way_on_too(tmp_path: Path) -> None:
    """The interrupt is the news; that there is no report, and that nobody knows what is valid, are told apart."""

    def damage() -> None:
        for record in (tmp_path / "runs").glob("*/trials/*/record.json"):
            record.write_text("{")

    hint, _ = interrupted(tmp_path, shop(tmp_path, 6), 4, damage=damage)

    assert "no report of 4 finished trials: " in hint
    assert "` continues it, if what it has can be read: " in hint


class Telling(QuietView):
    """Keeps what is said, and where a trial began."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def step(self, text: str) -> None:
        self.said.append(text)

    def trial_started(self, trial: object, number: int, total: int) -> None:
        self.said.append("trial")


@pytest.mark.parametrize(
    ("now", "field"),
    [
        (FakeSurroundings(digest="sha256:two"), "images.app.digest: sha256:one / sha256:two"),
        (FakeSurroundings(facts={**FACTS, "kernel": "6.2"}), "environment.kernel: 6.1 / 6.2"),
        (FakeSurroundings(facts={**FACTS, "machine": "xyz"}), "environment.machine: abc / xyz"),
    ],
)
def test_a_run_is_not_continued_elsewhere(tmp_path: Path, now: FakeSurroundings, field: str) -> None:
    """Image, versions and machine must be those of its beginning; the refusal names the field and touches nothing."""
    path = cut(tmp_path, FakeSurroundings(), done=1)
    before = (path / "run.json").read_bytes()

    with pytest.raises(RunFolderError) as caught:
        resume_run(planned(path), path, VIEW, around=now.make())

    assert caught.value.exit_code == 2
    assert field in str(caught.value)
    assert (path / "run.json").read_bytes() == before


def test_a_run_is_not_continued_with_another_locustfile(tmp_path: Path) -> None:
    """The scenario only names it: its content is compared."""
    path = cut(tmp_path, FakeSurroundings(), done=1)
    plan = planned(path)
    plan.scenario.load.locustfile.write_text("# something else\n")
    with pytest.raises(RunFolderError, match=r"inputs\.locustfile"):
        resume_run(plan, path, VIEW, around=FakeSurroundings().make())

    plan.scenario.load.locustfile.unlink()
    with pytest.raises(ScenarioError, match=r"locustfile\.py cannot be read"):
        resume_run(plan, path, VIEW, around=FakeSurroundings().make())


def test_another_order_of_trials_is_refused(tmp_path: Path) -> None:
    """A version that plans differently cannot continue a run."""
    path = cut(tmp_path, FakeSurroundings(), done=1)
    info = read_info(path)
    RunFolder(path, info).write_info(replace(info, order=tuple(reversed(info.order))))

    with pytest.raises(RunFolderError, match="order"):
        planned(path)


def test_a_run_without_a_finished_trial_says_where_its_logs_are(tmp_path: Path) -> None:
    """There is nothing to report, but something to read."""
    path = cut(tmp_path, FakeSurroundings(), done=0)

    assert not (path / "report.html").exists()


def test_a_second_lab_is_refused_before_anything_is_prepared(tmp_path: Path) -> None:
    """The machine belongs to one lab at a time."""
    lock = partial(machine_lock, path=tmp_path / "lock")
    around = replace(FakeSurroundings().make(), lock=lock)
    with lock("first", print), pytest.raises(MissingError, match="another lab measures"):
        run_scenario(build_plan(shop(tmp_path)), "shop", tmp_path / "runs", VIEW, around=around)

    assert not (tmp_path / "runs").exists()
    assert run_scenario(build_plan(shop(tmp_path)), "shop", tmp_path / "runs", VIEW, around=around).path.is_dir()


def test_a_run_folder_is_continued_by_one_lab_at_a_time(tmp_path: Path) -> None:
    """Exit 2, and the folder is as it was; afterwards it can be continued."""
    path = cut(tmp_path, FakeSurroundings(), done=1)
    before = (path / "run.json").read_bytes()
    with folder_lock(path, "first"), pytest.raises(RunFolderError, match="by another lab"):
        resume_run(planned(path), path, VIEW, around=FakeSurroundings().make())
    assert (path / "run.json").read_bytes() == before

    resume_run(planned(path), path, VIEW, around=FakeSurroundings().make())
    assert states(path) == {TrialState.DONE}
    with folder_lock(path, "next"):
        assert not list(path.glob(".*.part"))


def test_quiet_prints_the_answers_and_the_path(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A build that asks for quiet still has the verdict in its log, and a script the path on the last line."""
    scenario = replace(shop(tmp_path, 6), expect=(Expect(that="boot(workers) < 1h"),))
    found = conclude(
        run_scenario(build_plan(scenario), "shop", tmp_path / "runs", VIEW, around=FakeSurroundings().make()).path
    )
    show(found, json=False, quiet=True)
    printed = capsys.readouterr()

    assert printed.err == ""
    verdict, expectation, path = printed.out.splitlines()
    assert "“replicas” is 0.0% " in verdict
    assert verdict.endswith(" → equivalent")
    assert expectation.startswith("expected boot(workers) < 1h – ")
    assert expectation.endswith(" → holds")
    assert path == f"report: {found.written.html}"


def test_without_quiet_the_table_stands_in_between(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The terminal form of the report, then the same last line."""
    folder = run_scenario(build_plan(shop(tmp_path)), "shop", tmp_path / "runs", VIEW, around=FakeSurroundings().make())
    found = conclude(folder.path)
    show(found, json=False, quiet=False)

    assert capsys.readouterr().out == f"{found.written.terminal}\nreport: {found.written.html}\n"
