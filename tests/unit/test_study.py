"""`lab study`: which parts fit into a time, in which order, and the card at the end."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lab.cli import app
from lab.cli.capacity import climbing
from lab.errors import InterruptedRunError, InvalidRunError, MissingError, UsageError
from lab.plan.blocks import Plan
from lab.record.folder import RunFolder, read_info
from lab.record.types import TrialState
from lab.run.conclude import conclude
from lab.run.run import run_scenario
from lab.run.study import NO_RATE, Study, plan_study
from lab.run.surroundings import Surroundings
from lab.run.view import QuietView
from lab.scenario.model import Scenario
from tests.builders import REPLICAS, WORKERS, make_scenario
from tests.fake_surroundings import FakeSurroundings, judged
from tests.fakes import World

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
    verbs = [[drill.verb for drill in planned(60 * minutes).parts[-1].scenario.drills] for minutes in (24, 30, 90)]

    assert verbs == [["kill"], ["kill", "hang"], ["kill", "hang", "roll", "stop"]]
    assert planned(60 * 30).left_out == ("drills roll, stop: they do not fit",)
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
    assert found.left_out == ("drills roll, stop: they take containers",)
    assert found.parts[-1].scenario.app.restart == "no"


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
    assert "without comparison: the run is not valid" in said
    assert "No run here has a valid block that can compare the arms" in said
    assert "card again, or as a page: lab decide " in said


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


def interrupted(monkeypatch: pytest.MonkeyPatch, scenario: Path, after: int) -> tuple[InterruptedRunError, list[str]]:
    """The study of five minutes, stopped after so many looks at the clock, and the words of its way on."""
    looks = iter(range(after))

    def stops() -> None:
        if next(looks, None) is None:
            raise KeyboardInterrupt

    stopping = surroundings(World(while_asleep=stops))
    monkeypatch.setattr("lab.cli.asked.around_of", lambda **_asked: stopping)
    ended = CliRunner().invoke(app, ["study", str(scenario), "--time", "5m", "--quiet"]).exception
    monkeypatch.setattr("lab.cli.asked.around_of", lambda **_asked: surroundings())
    assert isinstance(ended, InterruptedRunError)
    on = next(part for part in ended.hint.split("; ") if part.endswith(" goes on"))
    return ended, shlex.split(on.removesuffix(" goes on").strip("`"))


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


def test_a_run_of_another_study_is_refused(scenario: Path) -> None:
    """Another time has other blocks, and a run of another name is of another scenario."""
    assert CliRunner().invoke(app, ["study", str(scenario), "--time=5m", "-q"]).exit_code == 0
    (run,) = (scenario.parent / "runs").iterdir()
    again = ["study", str(scenario), "--time=6m", "--resume", str(run)]

    assert isinstance(CliRunner().invoke(app, again).exception, UsageError)
