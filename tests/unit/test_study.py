"""`lab study`: which parts fit into a time, in which order, and the card at the end."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from lab.analysis.points import judge_points
from lab.analysis.trial.trial import summarise_trial
from lab.cli import app
from lab.cli.beforehand import words_of
from lab.cli.capacity import climbing
from lab.cli.study import _counted
from lab.errors import (
    InterruptedRunError,
    InvalidRunError,
    LabError,
    LateError,
    LoadError,
    MissingError,
    OutsideError,
    RunFolderError,
    SamplingError,
    UsageError,
)
from lab.plan.blocks import Plan, build_plan
from lab.record.folder import RunFolder, new_run_info, read_info
from lab.record.types import Environment, RunInfo, TrialResult, TrialState
from lab.report.files import Written
from lab.run.chosen import chosen_study
from lab.run.conclude import Conclusion, conclude
from lab.run.generator import grown
from lab.run.preparation import digests
from lab.run.run import run_scenario
from lab.run.studied import begun_of, is_worth_keeping, not_valid
from lab.run.study import NO_RATE, Study, plan_study
from lab.run.surroundings import Surroundings
from lab.run.view import QuietView
from lab.scenario.capacity import Capacity
from lab.scenario.file import read_scenario
from lab.scenario.model import Scenario
from tests.builders import REPLICAS, WORKERS, make_gate, make_run, make_scenario, make_trials, with_record
from tests.fake_surroundings import FakeSurroundings, judged
from tests.fakes import World
from tests.run_folders import store

PAIR = (WORKERS, REPLICAS)
CONTROL = {"name": "workers-nginx", "model": "workers", "front": "nginx", "control": True}
LOAD = {"locustfile": "f.py", "rate": 100, "measure": "6s"}


def planned(time_s: float, arms: tuple[dict[str, Any], ...] = PAIR, **changes: Any) -> Study:
    """The study of a scenario of ten blocks."""
    given: dict[str, Any] = {"load": LOAD, "trials": {"blocks": 10, "seed": 3}}
    return plan_study(make_scenario(arms, **{**given, **changes}), quick, time_s)


def quick(scenario: Scenario, slo: str) -> Scenario:
    return climbing(scenario, slo, quick=True, blocks=None)


@pytest.mark.parametrize(
    ("minutes", "parts", "blocks"),
    [
        (5, ["comparison"], 7),
        (6, ["comparison"], 9),
        (20, ["comparison", "capacity"], 10),
        (33, ["comparison", "capacity", "drills"], 10),
    ],
)
def test_what_fits_is_taken_in_order(minutes: float, parts: list[str], blocks: int) -> None:
    """The least comparison, capacity, drills; what is left makes the comparison longer, up to its own blocks."""
    found = planned(60 * minutes)

    assert [part.key for part in found.parts] == parts
    assert found.parts[0].nominal.blocks == blocks
    assert found.estimated_s <= 60 * minutes


def test_more_time_has_more_drills() -> None:
    """As many as fit, and a sentence for those that do not."""
    verbs = [[drill.verb for drill in planned(60 * minutes).parts[-1].scenario.drills] for minutes in (24, 31, 90)]

    assert verbs == [["kill"], ["kill", "hang"], ["kill", "hang", "roll", "stop"]]
    assert planned(60 * 31).left_out == ("drills roll, stop: they do not fit",)
    assert planned(60 * 40).left_out == ("drill stop: it does not fit",)
    assert planned(60 * 90).left_out == ()


def test_quick_forms_leave_out_what_only_explains() -> None:
    """Controls are in the comparison alone; drills start what dies again, and judge harm."""
    comparison, capacity, drills = planned(60 * 60, (WORKERS, CONTROL, REPLICAS)).parts

    assert [arm.name for arm in comparison.scenario.arms] == ["workers", "workers-nginx", "replicas"]
    assert [arm.name for arm in capacity.scenario.arms] == ["workers", "replicas"]
    assert capacity.scenario.capacity is not None
    assert capacity.scenario.capacity.quick
    assert [arm.name for arm in drills.scenario.arms] == ["workers", "replicas"]
    assert drills.scenario.app.restart == "always"
    assert drills.scenario.compare.primary == ("drill.harm",)


def test_a_scenario_that_breaks_or_sweeps_is_compared_at_rest() -> None:
    """Judged on memory where it judged its drills alone."""
    load = {**LOAD, "measure": "30s"}
    drilled = planned(7200, drills=[{"verb": "hang"}], load=load, compare={"primary": ["drill.harm"]}).parts[0]
    swept = planned(7200, sweep={"processes": [1, 2]}).parts[0]

    assert (drilled.scenario.drills, drilled.scenario.compare.primary) == ((), ("memory.pss.total",))
    assert not swept.scenario.sweep


@pytest.mark.parametrize(("rate", "lanes"), [(20, 256), (300, 300 * 8 + 32), (9000, 20_000)])
def test_drills_have_a_lane_for_every_client_that_waits(rate: int, lanes: int) -> None:
    """As many as come while a process hangs for 8 s, and those of a calm trial; no more than a scenario may have."""
    drills = planned(3600, load={**LOAD, "rate": rate}).parts[-1]

    assert (drills.key, drills.scenario.load.lanes) == ("drills", lanes)


def test_plain_processes_are_killed_and_hung() -> None:
    """Nothing replaces or stops their containers."""
    found = planned(7200, engine="process")

    assert [drill.verb for drill in found.parts[-1].scenario.drills] == ["kill", "hang"]
    assert found.left_out == ("drills roll, stop: engine process cannot make them",)
    assert found.parts[-1].scenario.app.restart == "no"


@pytest.mark.parametrize(("engine", "restart"), [("auto", "always"), ("docker", "always"), ("swarm", "no")])
def test_what_dies_is_started_again_where_the_engine_has_policies_for_that(engine: str, restart: str) -> None:
    """A Swarm refuses them: a study on one would not even begin."""
    drills = planned(7200, engine=engine).parts[-1].scenario

    assert [drill.verb for drill in drills.drills] == ["kill", "hang", "roll", "stop"]
    assert drills.app.restart == restart


def test_a_swarm_has_the_time_that_its_updates_take() -> None:
    """It looks at each new task for a while: four of them in turn are longer than the drills of one engine."""
    scenario = planned(7200, engine="swarm").parts[-1].scenario
    roll = next(drill for drill in scenario.drills if drill.verb == "roll")

    assert scenario.load.measure == roll.least_measure_s + 4 * (5 + 3)


def test_the_search_has_the_blocks_that_its_words_take() -> None:
    """With two judged arms 7: the words that it promises are never those of fewer."""
    third = {"name": "gunicorn", "model": "gunicorn", "front": "direct"}
    found = [planned(7200, arms).parts[1] for arms in (PAIR, (*PAIR, third))]
    said = [words_of(part.scenario, part.nominal.blocks) for part in found]

    assert [part.nominal.blocks for part in found] == [6, 7]
    assert [words.startswith("better or worse where the difference is larger than 15%") for words in said] == [True] * 2
    assert words_of(found[1].scenario, 6) == "numbers only: a verdict takes 7 blocks"


def test_without_a_rate_there_is_a_comparison_only() -> None:
    """With the reason."""
    found = planned(7200, load={"locustfile": "f.py", "measure": "6s"})

    assert ([part.key for part in found.parts], found.left_out) == (["comparison"], (NO_RATE,))


def test_a_time_in_which_nothing_fits_is_refused() -> None:
    """It says how much the least takes."""
    with pytest.raises(UsageError, match="is too short: the least comparison, 7 blocks, takes about"):
        planned(60)


SCENARIO = """question = "Which?"
[app]
image = "shop:1.4"
[budget]
processes = 2
[[arms]]
name = "workers"
model = "workers"
front = "direct"
[[arms]]
name = "replicas"
model = "replicas"
front = "nginx"
[load]
locustfile = "locustfile.py"
rate = 100
measure = "6s"
"""


def surroundings(world: World | None = None) -> Surroundings:
    """A faked machine. No report is drawn there: a card is made of what was judged."""
    return replace(FakeSurroundings(world=world or World()).make(), conclude=judged)


@pytest.fixture
def scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A scenario file, on a faked machine, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("lab.cli.asked.around_of", lambda **_asked: surroundings())
    monkeypatch.setattr("lab.cli.study.conclude_apart", judged)
    (tmp_path / "locustfile.py").write_text("from locust import HttpUser")
    (tmp_path / "s.toml").write_text(SCENARIO)
    return tmp_path / "s.toml"


def test_the_plan_is_said_and_nothing_runs(scenario: Path) -> None:
    """Each part with its trials, time and words, and the whole time."""
    said = CliRunner().invoke(app, ["study", str(scenario), "--time", "33m", "--plan"])

    assert said.exit_code == 0
    assert "part     comparison: 20 trials, 10 blocks, about" in said.output
    assert "part     capacity, quick form: 12 trials" in said.output
    assert "without  drills roll, stop: they do not fit" in said.output
    assert "of 33 min, images apart" in said.output
    assert not (scenario.parent / "runs").exists()


def test_a_study_ends_with_the_card(scenario: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a line for what was measured, with its run and its report, and how to have the card again."""
    monkeypatch.setattr("lab.cli.study.conclude_apart", conclude)
    said = CliRunner().invoke(app, ["study", str(scenario), "--time", "5m"])
    folder = next((scenario.parent / "runs").iterdir())

    assert said.exit_code == 0, said.output
    assert f"{folder.name} --out card.html" in said.output
    assert (folder / "report.html").is_file()
    assert "memory" in said.output
    assert "not measured lab study" in " ".join(said.output.split())


def test_the_card_of_a_study_is_made_of_what_was_judged(scenario: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a process of its own: tables of a long trial take hundreds of MB, and nothing is read once more for it."""

    def judges(path: Path, *, width: int) -> Conclusion:
        found = judged(path, width=width)
        shutil.rmtree(path / "trials")
        return found

    monkeypatch.setattr("lab.cli.study.conclude_apart", judges)
    said = CliRunner().invoke(app, ["study", str(scenario), "--time", "5m", "--quiet"])

    assert said.exit_code == 0, said.output
    assert "card again, or as a page: lab decide " in said.output


def test_a_study_says_last_what_it_failed_of(scenario: Path) -> None:
    """As a run does: the exit code alone tells a build nothing."""
    scenario.write_text(f'{SCENARIO}[[expect]]\nname = "lean"\nthat = "memory.pss.total(workers) <= 1MiB"\n')
    ended = CliRunner().invoke(app, ["study", str(scenario), "--time", "5m", "--quiet"])

    assert ended.output.splitlines()[-1].startswith("1 of 1 expectation ")
    assert ": lean; " in ended.output.splitlines()[-1]


def test_a_part_that_fails_is_left_out_and_the_card_is_made(scenario: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its reason; the exit code is that of the error."""

    def fails(*_: Any, **__: Any) -> Any:
        raise MissingError("no ladder", "look")

    monkeypatch.setattr("lab.cli.study.with_ladder", fails)
    ended = CliRunner().invoke(app, ["study", str(scenario), "--time", "33m", "--quiet"])

    assert ended.exit_code == MissingError.exit_code, ended.output
    assert "without  capacity, quick form: no ladder (look)" in ended.output
    assert "card again, or as a page: lab decide " in ended.output


def test_a_part_that_is_not_valid_is_on_the_card_as_such(scenario: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a card, which says so; the exit code is that of a run that is not valid."""
    spoiled = surroundings(World(invalid_blocks=frozenset(range(1, 40))))
    monkeypatch.setattr("lab.cli.asked.around_of", lambda **_asked: spoiled)
    ended = CliRunner().invoke(app, ["study", str(scenario), "--time", "5m", "--quiet"])
    said = " ".join(ended.output.split())

    assert ended.exit_code == InvalidRunError.exit_code, said
    assert "invalid comparison: the run is not valid" in said
    assert "without comparison" not in said, "it is on the card"
    assert "No run here has a valid block that can compare the arms" in said
    assert "card again, or as a page: lab decide " in said


@pytest.mark.parametrize("kind", [MissingError, LateError, OutsideError, LoadError, SamplingError])
def test_trials_of_a_part_that_an_error_cut_are_kept(
    kind: type[LabError], scenario: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command at the end goes on with its run, also where that was given and could not be continued yet."""
    looks = iter(range(1000))

    def goes_away() -> None:
        if next(looks) == 150:
            raise kind("the engine is gone", "start it")

    def fails(*_: Any, **__: Any) -> Any:
        raise kind("still gone", "start it")

    words = ["study", str(scenario), "--time=5m", "--quiet"]
    monkeypatch.setattr("lab.cli.asked.around_of", lambda **_asked: surroundings(World(while_asleep=goes_away)))
    first = CliRunner().invoke(app, words)
    (cut,) = (scenario.parent / "runs").iterdir()
    states = list(read_info(cut).states.values())
    monkeypatch.setattr("lab.cli.study.resume_run", fails)
    again = CliRunner().invoke(app, [*words, "--resume", str(cut)])

    assert 0 < states.count(TrialState.DONE) < len(states)
    for ended in (first, again):
        assert isinstance(ended.exception, kind)
        assert way_on(ended) == ["lab", "study", str(scenario), "--quiet", "--time=5m", "--resume", str(cut)]


def test_the_last_command_keeps_what_is_whole_and_what_was_cut(scenario: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the card of the other parts, and it says that it goes on."""
    _, command = interrupted(monkeypatch, scenario, after=150)
    cut = Path(command[-1])

    def fails(*_: Any, **__: Any) -> Any:
        error = MissingError("the disk is full", "make room")
        error.run = cut
        raise error

    monkeypatch.setattr("lab.cli.study.with_ladder", fails)
    ended = CliRunner().invoke(app, ["study", str(scenario), "--time=20m", "--quiet"])
    (whole,) = (run for run in (scenario.parent / "runs").iterdir() if run != cut)

    assert ended.exit_code == MissingError.exit_code, ended.output
    assert [Path(word) for word in way_on(ended)[-4:] if word != "--resume"] == [whole, cut]
    assert "` goes on with what was cut, measures anew what is not valid or missing, and keeps the rest" in ended.output


def way_on(ended: Result) -> list[str]:
    """The words of the command that a study names last, in its output or in the hint of its error."""
    told = ended.exception.hint if isinstance(ended.exception, LabError) else ended.output
    return shlex.split(next(part for part in told.split("`") if part.startswith("lab study ")))


def test_a_run_that_an_error_is_about_is_not_gone_on_with(scenario: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that cannot be continued is measured anew; one that was measured and only not concluded for is kept."""
    first = CliRunner().invoke(app, ["study", str(scenario), "--time=5m", "--quiet"])
    (run,) = (scenario.parent / "runs").iterdir()
    words = ["study", str(scenario), "--time=5m", "--quiet"]
    found = []
    for error in (MissingError("the disk is full", "make room"), RunFolderError("damaged", "look")):

        def draws(_path: Path, *, width: int, error: LabError = error) -> Any:
            raise error

        monkeypatch.setattr("lab.cli.study.conclude_apart", draws)
        ended = CliRunner().invoke(app, [*words, "--resume", str(run)]).exception
        assert isinstance(ended, type(error))
        found.append(ended.hint)

    assert first.exit_code == 0
    assert found == [f"make room; `lab study {scenario} --quiet --time=5m --resume {run}` goes on", "look"]


def test_a_report_that_cannot_be_drawn_costs_no_other_part(scenario: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even that of a run that is not valid: what was measured besides is on the card."""

    def draws(path: Path, *, width: int) -> Any:
        if "drills" in path.name:
            raise MissingError("the disk is full", "make room")
        return judged(path, width=width)

    def measures(plan: Plan, name: str, out: Path, view: QuietView, *, around: Surroundings) -> RunFolder:
        if name != "s-drills":
            return run_scenario(plan, name, out, view, around=around)
        error = InvalidRunError("the run is not valid")
        error.run = out / name
        raise error

    monkeypatch.setattr("lab.cli.study.conclude_apart", draws)
    monkeypatch.setattr("lab.cli.study.run_scenario", measures)
    ended = CliRunner().invoke(app, ["study", str(scenario), "--time", "33m", "--quiet"])

    assert ended.exit_code == MissingError.exit_code, ended.output
    assert "the run is not valid" in ended.output
    assert "the disk is full (make room)" in ended.output
    assert "card again, or as a page: lab decide " in ended.output


def test_a_study_of_which_no_part_ends_well_raises_the_reason(scenario: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nothing to make a card of."""

    def fails(*_: Any, **__: Any) -> Any:
        raise MissingError("no engine", "start it")

    monkeypatch.setattr("lab.cli.study.run_scenario", fails)
    ended = CliRunner().invoke(app, ["study", str(scenario), "--time", "5m", "--quiet"]).exception

    assert isinstance(ended, MissingError)


def test_an_interrupt_of_a_later_part_says_what_is_there(scenario: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The card so far."""

    def fails(*_: Any, **__: Any) -> Any:
        raise InterruptedRunError("stopped", "look")

    monkeypatch.setattr("lab.cli.study.with_ladder", fails)
    ended = CliRunner().invoke(app, ["study", str(scenario), "--time", "20m", "--quiet"]).exception

    assert isinstance(ended, InterruptedRunError)
    assert ended.hint.startswith("look; `lab decide ")


@pytest.mark.parametrize("time", ["soon", "40", "-1m", ""])
def test_a_time_that_is_none_is_refused(scenario: Path, time: str) -> None:
    """With the option."""
    refused = CliRunner().invoke(app, ["study", str(scenario), f"--time={time}"]).exception

    assert isinstance(refused, UsageError)
    assert str(refused).startswith("--time: expected a duration")


def interrupted(
    monkeypatch: pytest.MonkeyPatch,
    scenario: Path,
    after: int,
    *invalid: int,
    before: Callable[[], None] = lambda: None,
) -> tuple[InterruptedRunError, list[str]]:
    """The study of five minutes, stopped after so many looks at the clock, and the words of its way on."""
    looks = iter(range(after))

    def stops() -> None:
        if next(looks, None) is None:
            before()
            raise KeyboardInterrupt

    stopping = surroundings(World(while_asleep=stops, invalid_blocks=frozenset(invalid)))
    monkeypatch.setattr("lab.cli.asked.around_of", lambda **_asked: stopping)
    ended = CliRunner().invoke(app, ["study", str(scenario), "--time", "5m", "--quiet"]).exception
    monkeypatch.setattr("lab.cli.asked.around_of", lambda **_asked: surroundings())
    assert isinstance(ended, InterruptedRunError)
    on = next(part for part in ended.hint.split("; ") if "` goes on" in part)
    return ended, shlex.split(on.partition("` goes on")[0].strip("`"))


def test_an_interrupt_inside_a_part_says_the_command_that_goes_on(
    scenario: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the options that were given; it makes the missing trials in the same run, and ends with the card."""
    _, command = interrupted(monkeypatch, scenario, after=150)
    run = read_info(Path(command[-1]))
    assert 0 < list(run.states.values()).count(TrialState.DONE) < len(run.order)
    assert command == ["lab", "study", str(scenario), "--quiet", "--time=5m", "--resume", command[-1]]

    on = CliRunner().invoke(app, command[1:])
    assert on.exit_code == 0, on.output
    assert set(read_info(Path(command[-1])).states.values()) == {TrialState.DONE}
    assert len(list((scenario.parent / "runs").iterdir())) == 1
    assert "card again, or as a page: lab decide " in on.output


def test_an_interrupt_of_a_part_that_is_lost_begins_it_again(scenario: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many of its blocks are invalid: whoever went on with it would wait for a run that is invalid all the same."""
    ended, command = interrupted(monkeypatch, scenario, 150, *range(1, 40))

    assert command == ["lab", "study", str(scenario), "--quiet", "--time=5m"]
    assert "cannot become valid any more: " in ended.hint
    assert ended.hint.endswith("` goes on, and measures anew what cannot become valid any more")
    assert "starts again" not in ended.hint, "nothing but the study does"


def test_an_interrupt_is_the_news_where_a_record_cannot_be_read(
    scenario: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the run has cannot be told then; the study says so when it goes on, not in place of the interrupt."""

    def damage() -> None:
        for record in (scenario.parent / "runs").glob("*/trials/*/record.json"):
            record.write_text("{")

    _, command = interrupted(monkeypatch, scenario, 150, before=damage)

    assert command[-2] == "--resume"
    assert isinstance(CliRunner().invoke(app, command[1:]).exception, RunFolderError)


def test_a_part_that_is_there_and_not_valid_is_said_to_be_so(scenario: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that measures it anew, at the end of the study and where it is given again."""
    spoiled = surroundings(World(invalid_blocks=frozenset(range(1, 40))))
    monkeypatch.setattr("lab.cli.asked.around_of", lambda **_asked: spoiled)
    words = ["study", str(scenario), "--time=5m", "--quiet"]
    first = CliRunner().invoke(app, words)
    (run,) = (scenario.parent / "runs").iterdir()
    again = CliRunner().invoke(app, ["study", str(scenario), "--time=5m", "--resume", str(run)])

    assert f"again    `lab study {scenario} --quiet --time=5m` measures anew" in first.output
    assert f"it is there, {run}; it is not valid: without its --resume it is measured anew" in again.output
    assert f"again    `lab study {scenario} --time=5m` measures anew" in again.output
    assert again.exit_code == InvalidRunError.exit_code


def test_the_plan_of_a_study_that_goes_on_is_of_what_is_missing(
    scenario: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a run that was cut its other trials, of one that is whole nothing."""
    _, command = interrupted(monkeypatch, scenario, after=150)
    states = list(read_info(Path(command[-1])).states.values())
    missing = len(states) - states.count(TrialState.DONE)
    cut = CliRunner().invoke(app, [*command[1:], "--plan"]).output
    assert CliRunner().invoke(app, command[1:]).exit_code == 0
    whole = CliRunner().invoke(app, [*command[1:], "--plan"]).output

    assert f"part     comparison: {command[-1]} lacks {missing} trial" in cut
    assert f"part     comparison: it is there, {command[-1]}\n" in whole
    assert "takes    about 0 s for what is missing" in whole


def test_an_interrupt_before_any_trial_begins_again(scenario: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nothing to resume: the command is the one that was given."""
    _, command = interrupted(monkeypatch, scenario, after=0)

    assert command == ["lab", "study", str(scenario), "--quiet", "--time=5m"]


def test_a_part_that_is_whole_is_not_measured_again(scenario: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped in a later part, the study goes on with that one, and its card has both."""

    def stops(*_: Any, **__: Any) -> Any:
        raise InterruptedRunError("interrupted in the pilot", "")

    monkeypatch.setattr("lab.cli.study.with_ladder", stops)
    ended = CliRunner().invoke(app, ["study", str(scenario), "--time", "20m", "-q"]).exception
    assert isinstance(ended, InterruptedRunError)
    (first,) = (scenario.parent / "runs").iterdir()
    card, on = ended.hint.split("; ")
    assert card == f"`lab decide {first}` is the card so far"
    assert on == f"`lab study {scenario} --quiet --time=20m --resume {first}` goes on"

    again = CliRunner().invoke(app, ["study", str(scenario), "--time=20m", "--resume", str(first)]).exception
    assert isinstance(again, InterruptedRunError)
    assert list((scenario.parent / "runs").iterdir()) == [first]


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("s.toml", "rate = 100", "rate = 120", "its scenario has another load.rate"),
        ("s.toml", "processes = 2", 'processes = 2\ncpus = "split:1.0"', "its scenario has another budget.cpus"),
        ("s.toml", 'front = "nginx"', 'front = "haproxy"', "its scenario has another arms"),
        ("locustfile.py", "HttpUser", "HttpUser, task", "another content now has locustfile"),
    ],
)
def test_a_run_of_a_scenario_that_was_changed_is_refused(
    scenario: Path, file: str, old: str, new: str, said: str
) -> None:
    """Its trials have the same names in the same order, but a card would mix two questions."""
    assert CliRunner().invoke(app, ["study", str(scenario), "--time=5m", "-q"]).exit_code == 0
    (run,) = (scenario.parent / "runs").iterdir()
    changed = scenario.parent / file
    changed.write_text(changed.read_text().replace(old, new))
    refused = CliRunner().invoke(app, ["study", str(scenario), "--time=5m", "--resume", str(run)]).exception

    assert isinstance(refused, UsageError)
    assert said in str(refused)


def test_a_ladder_is_the_search_that_found_it(tmp_path: Path) -> None:
    """What the pilot has told is no difference: objective, rates, cores, load processes, lanes. All else is one."""
    locustfile = tmp_path / "locustfile.py"
    locustfile.write_text("")
    study = planned(3600, load={**LOAD, "locustfile": str(locustfile), "lanes": 1})
    names = {part.key: part.key for part in study.parts}
    asked = study.parts[1].scenario
    found = replace(asked.capacity or Capacity(), slo="p99 <= 40ms", rates=nominal_rates(study))
    climbed = replace(
        asked,
        capacity=found,
        load=replace(grown(asked.load, 2), cores="1", root=tmp_path),
        budget=replace(asked.budget, cpuset="0"),
    )
    other = replace(climbed, capacity=replace(found, measure=9.0), load=replace(climbed.load, measure=7.0))
    widened = replace(climbed, load=replace(climbed.load, lanes=64))
    runs = [folder_of(tmp_path, "capacity", scenario) for scenario in (climbed, other, widened)]

    assert begun_of(study, names, runs[:1]) == {"capacity": runs[0]}
    with pytest.raises(UsageError, match="another load.measure, capacity.measure"):
        begun_of(study, names, runs[1:2])
    with pytest.raises(UsageError, match=r"another (load.processes, )?load.lanes"):
        begun_of(study, names, runs[2:])


def test_two_runs_of_one_part_are_refused(tmp_path: Path) -> None:
    """Only one of them can be on the card."""
    locustfile = tmp_path / "locustfile.py"
    locustfile.write_text("")
    study = planned(300, load={**LOAD, "locustfile": str(locustfile)})
    runs = [folder_of(tmp_path, name, study.parts[0].scenario, "comparison") for name in ("one", "two")]

    with pytest.raises(UsageError, match="are two runs of one part"):
        begun_of(study, {"comparison": "comparison"}, runs)


def nominal_rates(study: Study) -> tuple[float, ...]:
    asked = study.parts[1].nominal.scenario.capacity
    return asked.rates if asked else ()


def folder_of(root: Path, run_id: str, scenario: Scenario, name: str = "") -> Path:
    """A run of this scenario that has not begun."""
    plan = build_plan(scenario)
    info = new_run_info(f"{run_id}-{len(list(root.iterdir()))}", name or run_id, plan, Environment(facts={}), {})
    return RunFolder.create(root, replace(info, inputs=digests(scenario))).path


def test_a_run_of_another_study_is_refused(scenario: Path) -> None:
    """Another time has other blocks, and a run of another name is of another scenario."""
    assert CliRunner().invoke(app, ["study", str(scenario), "--time=5m", "-q"]).exit_code == 0
    (run,) = (scenario.parent / "runs").iterdir()
    again = ["study", str(scenario), "--time=6m", "--resume", str(run)]

    assert isinstance(CliRunner().invoke(app, again).exception, UsageError)


def chosen(*names: str, **changes: Any) -> Study:
    """The parts of a study by name."""
    return chosen_study(make_scenario(PAIR, **{"load": LOAD, **changes}), quick, names)


def test_parts_are_run_by_name() -> None:
    """Each once, drills in one run, and nothing else; how many are enough is asked for the scenario's own objective."""
    found = chosen("drill-hang", "how-many", "drill-kill", "drill-hang", "capacity")
    swept = chosen("how-many", sweep={"processes": [3, 9], "slo": "p95 <= 50ms"}).parts[0].scenario.sweep

    assert [part.key for part in found.parts] == ["how-many", "capacity", "drills"]
    assert [drill.verb for drill in found.parts[-1].scenario.drills] == ["hang", "kill"]
    assert swept.slo == "p95 <= 50ms"


def test_how_many_leaves_out_numbers_that_an_arm_cannot_have() -> None:
    """Of two containers of workers each number is a multiple of two."""
    hybrid = {"name": "hybrid", "model": {"kind": "hybrid", "containers": 2}, "front": "nginx"}
    (part,) = chosen_study(make_scenario((WORKERS, hybrid), load=LOAD), quick, ["how-many"]).parts

    assert part.scenario.sweep.processes == (2, 4, 8)


def test_what_stands_behind_a_drill_is_its_path_or_image() -> None:
    """Of the reader's own app."""
    (part,) = chosen("drill-oom=/fill?size={mb}", "drill-deploy=shop:2", budget={"processes": 2}).parts
    oom, deploy = part.scenario.drills

    assert (oom.request, deploy.image) == ("/fill?size={mb}", "shop:2")
    assert part.scenario.budget.memory.mode == "split"


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("drill-kil", {}, "did you mean 'drill-kill'"),
        ("capacty", {}, "did you mean 'capacity'"),
        ("drill-kill=/x", {}, "takes nothing behind it"),
        ("drill-oom=/fill", {}, "drill-oom: "),
        ("capacity", {"load": {"locustfile": "f.py", "measure": "6s"}}, "needs load.rate"),
        ("drill-kill", {"load": {"locustfile": "f.py", "measure": "6s"}}, "needs load.rate"),
    ],
)
def test_a_part_that_cannot_be_run_is_refused(name: str, changes: dict[str, Any], said: str) -> None:
    """Before anything is built."""
    with pytest.raises(UsageError, match=said):
        chosen(name, **changes)


@pytest.mark.parametrize(
    ("name", "form"),
    [
        (f"drill-deploy={'x' * 501}", "drill-deploy=IMAGE"),
        ("drill-oom=/fill", "drill-oom='/hold?mb={mb}'"),
        ("drill-block=/busy", "drill-block='/block?ms={ms}'"),
    ],
    ids=["deploy", "oom", "block"],
)
def test_a_refused_drill_says_how_that_one_is_written(name: str, form: str) -> None:
    """Each takes something else behind it."""
    with pytest.raises(UsageError) as refused:
        chosen(name)

    assert refused.value.hint == f"write it as in {form}"


def test_a_chosen_part_takes_as_long_as_it_does(scenario: Path) -> None:
    """No time bounds it, and the command that goes on has it."""
    said = CliRunner().invoke(app, ["study", str(scenario), "--only", "drill-kill", "--time=1m", "--plan"])

    assert said.exit_code == 0, said.output
    assert "part     drill kill, quick form: " in said.output
    assert "comparison" not in said.output
    assert " of 1 min" not in said.output


def test_the_command_that_goes_on_names_every_part(scenario: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As they were given, each by itself."""

    def stops(*_: Any, **__: Any) -> Any:
        raise InterruptedRunError("interrupted", "")

    monkeypatch.setattr("lab.cli.study.run_scenario", stops)
    words = ["study", str(scenario), "-q", "--only", "comparison", "--only=drill-oom=/fill?mb={mb}"]
    ended = CliRunner().invoke(app, words)

    assert way_on(ended) == [
        "lab",
        "study",
        str(scenario),
        "--quiet",
        "--only=comparison",
        "--only=drill-oom=/fill?mb={mb}",
    ]


def drilled(
    scenario: Path, *, bad: str, verbs: Sequence[str] = ("kill", "hang"), part: str = "drills"
) -> tuple[RunInfo, list[TrialResult]]:
    """The run of a part of a study of that file, of these drills, of which those in ``bad`` are not valid."""
    given = chosen_study(read_scenario(scenario), quick, [f"drill-{verb}" for verb in verbs]).parts[0].scenario
    trials = [
        with_record(trial, gates=(make_gate("invalid" if trial.record.trial_id.split("-")[1] in bad else "pass"),))
        for trial in make_trials(given)
    ]
    return make_run(given, scenario_name=f"s-{part}", run_id=f"{part}-{bad}-bad", inputs=digests(given)), trials


def test_of_drills_only_those_are_measured_anew_that_are_not_valid(scenario: Path) -> None:
    """The others stand: their run is kept, and a part of its own has what is missing."""
    run = store(*drilled(scenario, bad="hang"), scenario.parent / "runs")
    words = ["study", str(scenario), "--only=drill-kill", "--only=drill-hang", "--resume", str(run)]
    planned = CliRunner().invoke(app, [*words, "--plan"])

    assert planned.exit_code == 0, planned.output
    assert f"it is there, {run}; hang is measured anew, as it is not valid" in planned.output
    assert "part     drill hang, quick form, once more: 12 trials" in planned.output
    assert is_worth_keeping(run)
    assert not_valid(run)[0].verb == "hang"


def test_a_drill_that_is_not_valid_once_more_has_a_part_of_its_own_again(
    scenario: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command that the study ends with would else measure nothing, and say itself again for ever."""
    verbs = ("kill", "hang", "roll")
    first = store(*drilled(scenario, bad="hang-roll", verbs=verbs), scenario.parent / "runs")
    second = store(*drilled(scenario, bad="roll", verbs=verbs[1:], part="drills-again"), scenario.parent / "runs")
    words = ["study", str(scenario), *(f"--only=drill-{verb}" for verb in verbs)]
    runs = ["--resume", str(first), "--resume", str(second)]
    planned = CliRunner().invoke(app, [*words, *runs, "--plan"])

    assert planned.exit_code == 0, planned.output
    assert f"it is there, {second}; roll is measured anew, as it is not valid" in planned.output
    assert "part     drill roll, quick form, once more: 12 trials" in planned.output

    same_app = FakeSurroundings(digest=read_info(first).image_digest("app")).make()
    monkeypatch.setattr("lab.cli.asked.around_of", lambda **_asked: replace(same_app, conclude=judged))
    on = CliRunner().invoke(app, [*words, *runs])
    (third,) = {*first.parent.iterdir()} - {first, second}

    assert on.exit_code == 0, on.output
    assert read_info(third).scenario_name == "s-drills-again-again"
    assert "again    `" not in on.output


def test_a_drill_that_was_measured_again_is_not_held_against_the_study(scenario: Path) -> None:
    """Its first run is on the card as not valid; what counts is the second."""
    runs = [drilled(scenario, bad=bad) for bad in ("hang", "neither")]
    found = [
        Conclusion(
            folder=Path(info.run_id),
            run=info,
            points=judge_points(info, map(summarise_trial, trials)),
            written=Written(html=Path(), markdown=Path(), comparison=Path(), terminal="", summary=""),
        )
        for info, trials in runs
    ]
    codes = [[one.exit_code() for one in points] for points in _counted(found)]

    assert [one.exit_code() for one in found[0].points] == [0, InvalidRunError.exit_code]
    assert codes == [[0], [0, 0]]
    assert [[one.exit_code() for one in points] for points in _counted(found[:1])] == [[0, 3]]


def test_drills_of_which_none_is_valid_are_not_kept(scenario: Path) -> None:
    """Nothing of them stands: they are a part that is measured anew."""
    info, trials = drilled(scenario, bad="hang")
    bad = [with_record(trial, gates=(make_gate("invalid"),)) for trial in trials]

    assert not is_worth_keeping(store(info, bad, scenario.parent / "runs"))
