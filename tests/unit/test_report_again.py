"""Do it again: what the report lists is the scenario of the run, and nothing that only its machine knows twice."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lab.analysis.summary import summarise, summarise_done
from lab.cli import app
from lab.cli.asked import name_of, scenario_of
from lab.cli.capacity import climbing
from lab.cli.limits import searching
from lab.cli.listing import _row
from lab.cli.names import scenario_file
from lab.cli.run import _one_run
from lab.errors import ScenarioError, UsageError
from lab.record.folder import RunFolder, read_info
from lab.report.build import build_content
from lab.report.content import Listing, Section
from lab.report.parts.going_on import placed
from lab.report.renderers.markdown import render_markdown
from lab.report.sections.overview import Entry, cut_words
from lab.report.sections.repeat import repeat_of_run, repeat_of_session, run_command
from lab.report.told import Told
from lab.run.by_hand import by_hand
from lab.run.conclude import conclude
from lab.run.preparation import digests
from lab.run.run import planned
from lab.scenario.file import read_scenario, scenario_from_json, scenario_to_json
from lab.scenario.model import Scenario
from lab.scenario.secrets_of import with_values
from tests.builders import ARMS, make_gate, make_run, make_scenario, make_summaries, make_trials, with_record
from tests.run_folders import store

PATH = "/somewhere/else/locustfiles/x.py"
LOAD = {"locustfile": PATH, "rate": 100, "lanes": 8, "warmup": "2s", "measure": "4s"}
TYPED: dict[str, Any] = {
    "load": LOAD,
    "budget": {"processes": 4, "cpus": "pooled:2.0", "memory": "split:1GiB"},
    "expect": [{"that": "p99(workers) <= 1.1 * p99(replicas)", "name": 'a "name"\n# of two lines'}],
    "engine": "process",
}


def section_of(scenario: Scenario) -> Section:
    """What the report of a run of this scenario says, without any trial."""
    run = make_run(scenario)
    return repeat_of_run(run, summarise(run, ()))


def listed(section: Section, key: str = "again-scenario") -> str:
    """One listing's text."""
    return next(part.text for part in section.parts if isinstance(part, Listing) and part.key == key)


def test_the_listed_scenario_is_the_one_that_ran() -> None:
    """Budgets, expectations, numbers of blocks and hostile names survive the way through the page."""
    scenario = make_scenario([*ARMS[:2], ARMS[2] | {"env": {"A": "b"}}], **TYPED)

    assert scenario_from_json(tomllib.loads(listed(section_of(scenario)))) == scenario


def test_it_can_be_saved_and_read_as_a_file(tmp_path: Path) -> None:
    """With a path put in that this machine has."""
    (tmp_path / "x.py").write_text("")
    scenario = make_scenario(**TYPED)
    file = tmp_path / "saved.toml"
    file.write_text(listed(section_of(scenario)).replace(PATH, "x.py"))

    found = read_scenario(file)

    assert replace(found, load=replace(found.load, locustfile=Path(PATH))) == scenario


def test_secrets_are_asked_for_and_not_shown() -> None:
    """Neither value nor mark; the reader learns which variables to set."""
    env = {"API_TOKEN": "hunter2-hunter2", "OTHER_KEY": {"from": "LOCAL"}, "SHOWN": "yes"}
    typed = make_scenario(load=LOAD, app={"image": "example/app:1", "env": env})
    known = with_values(typed, {"LOCAL": "swordfish"})
    stored = scenario_to_json(known)
    section = section_of(scenario_from_json(stored))
    text = " ".join((*section.sentences, listed(section)))

    assert "set API_TOKEN, LOCAL" in text
    assert tomllib.loads(listed(section))["app"]["env"] == {
        "API_TOKEN": {"from": "API_TOKEN"},
        "OTHER_KEY": {"from": "LOCAL"},
        "SHOWN": "yes",
    }
    for hidden in ("hunter2", "swordfish", stored["app"]["env"]["API_TOKEN"]["mark"]):
        assert hidden not in text


def test_paths_are_printed_once() -> None:
    """In the listing only."""
    scenario = make_scenario(load=LOAD, trials={"blocks": 1, "seed": 3})
    run = make_run(scenario)

    assert render_markdown(build_content(run, summarise_done(run, make_summaries(scenario)))).count(PATH) == 1


def test_the_commands_work_from_where_the_reader_is_told_to_stand() -> None:
    """Both take the run folder, in the folder that holds it; names are quoted for a shell."""
    scenario = make_scenario(load=LOAD)
    run = make_run(scenario, run_id="my app")
    commands = listed(repeat_of_run(run, summarise(run, ())), "again-commands")

    assert commands.splitlines() == ["lab run 'my app'", "lab report 'my app'"]


RUN_ID = "20261118T110640Z-quickstart"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"lab run {RUN_ID}", "lab run 'my runs/one'"),
        (f"lab run {RUN_ID} --blocks 3", "lab run 'my runs/one' --blocks 3"),
        (f"`lab limits --resume {RUN_ID}` continues it.", "`lab limits --resume 'my runs/one'` continues it."),
        (f"lab run {RUN_ID}-more", f"lab run {RUN_ID}-more"),
        (f"the run {RUN_ID}", f"the run {RUN_ID}"),
    ],
)
def test_a_command_can_be_typed_where_it_is_read(text: str, said: str) -> None:
    """It names the folder; nothing but the commands of this run is another one."""
    assert placed(text, {RUN_ID: "my runs/one"}) == said
    assert placed(text, {}) == text


def test_a_terminal_names_a_run_by_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the band and in a caveat, wherever runs are kept: an id leads only to ./runs. Files are the same for all."""
    scenario = make_scenario(load=LOAD, trials={"blocks": 1, "seed": 7})
    bad = (with_record(trial, gates=(make_gate("invalid"),)) for trial in make_trials(scenario))
    path = store(make_run(scenario, cut="Ctrl-C"), bad, tmp_path / "kept")
    monkeypatch.chdir(tmp_path)
    here = conclude(Path("kept", path.name)).written
    files = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    there = conclude(path).written

    assert f"\n  lab run kept/{path.name}\n" in here.terminal
    assert f"\n  lab run {path}\n" in there.terminal
    assert {file: file.read_bytes() for file in path.rglob("*") if file.is_file()} == files
    assert str(path.parent) not in there.html.read_text() + there.markdown.read_text() + there.summary
    assert scenario_file(Path("kept", path.name)) == Path("kept", path.name)


def test_a_list_names_a_run_by_its_folder(tmp_path: Path) -> None:
    """The command that starts it again is whole, however long the path is."""
    place = str(tmp_path / ("long" * 40) / "run")
    run = make_run(make_scenario(load=LOAD), cut="Ctrl-C")
    told = Told(arms=(), answers=(), judged=(), values={}, valid=0, planned=2, is_valid=False, is_lost=True)
    entry = Entry(name="run", place=place, info=run, told=told)

    assert f"`lab run {place}`" in cut_words(entry)
    assert _row(place, entry)["note"].endswith(f"start again: `lab run {place}`")


def test_a_run_is_run_again_from_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command as it stands in the report; its scenario has the name and is the one that was recorded."""
    locustfile = tmp_path / "x.py"
    locustfile.write_text("")
    scenario = make_scenario(load={**LOAD, "locustfile": str(locustfile)}, app={"image": "shop:1"})
    run = make_run(scenario, scenario_name="shop")
    RunFolder.create(tmp_path / "runs", run)
    monkeypatch.chdir(tmp_path)
    command = run_command(run, summarise(run, ()))
    found = scenario_file(Path(command.removeprefix("lab run ")))

    assert scenario_of(found) == scenario
    assert (name_of(found), name_of(found, "capacity")) == ("shop", "shop-capacity")
    locustfile.unlink()
    with pytest.raises(ScenarioError, match="x.py") as refused:
        scenario_of(found)
    assert "save the scenario that its report shows" in refused.value.hint


LIMITS: dict[str, Any] = {"limits": {"slo": "p99 <= 50ms"}}
CLIMBS = {"capacity": {"slo": "p99 <= 50ms", "rates": [100, 200, 400]}, "compare": {"primary": ["capacity.rate"]}}
KINDS: dict[str, tuple[dict[str, Any], str]] = {
    "comparison": ({}, "lab run"),
    "sweep": ({"sweep": {"rate": [10.0, 20.0]}}, "lab run"),
    "drills": ({"drills": [{"verb": "kill"}], "load": {**LOAD, "measure": "60s"}}, "lab run"),
    "ladder": (CLIMBS, "lab capacity"),
    "search for limits": (LIMITS, "lab limits"),
    "try of one": ({**LIMITS, "arms": [ARMS[0]], "budget": {"processes": 4, "memory": "pooled:1GiB"}}, "lab run"),
}
TAKES: dict[str, Callable[[Scenario], Scenario]] = {
    "lab run": _one_run,
    "lab capacity": lambda scenario: climbing(scenario, "", quick=False, blocks=None),
    "lab limits": lambda scenario: searching(scenario, "", ""),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_run_is_repeated_by_the_command_that_takes_it(kind: str) -> None:
    """Not by one that refuses it with exit code 2."""
    changes, command = KINDS[kind]
    scenario = make_scenario(**{"load": LOAD, **changes})

    assert listed(section_of(scenario), "again-commands").startswith(f"{command} 2026")
    assert TAKES[command](scenario).question == scenario.question


def test_only_the_command_that_searches_goes_on_with_a_search(tmp_path: Path) -> None:
    """`lab run --resume` would say that it is done."""
    locustfile = tmp_path / "x.py"
    locustfile.write_text("")
    scenario = make_scenario(load={**LOAD, "locustfile": str(locustfile)}, **LIMITS)
    path = RunFolder.create(tmp_path, make_run(scenario)).path
    refused = CliRunner().invoke(app, ["run", "--resume", str(path)]).exception

    assert isinstance(refused, UsageError)
    assert "lab limits --resume" in refused.hint


def test_a_run_whose_locustfile_was_edited_is_not_the_same_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is said which file it is; nothing is without an edit, or where an earlier version did not note the content."""
    locustfile = tmp_path / "x.py"
    locustfile.write_text("first")
    scenario = make_scenario(load={**LOAD, "locustfile": str(locustfile)})
    for run, inputs in (("noted", digests(scenario)), ("older", {})):
        RunFolder.create(tmp_path / "runs", make_run(scenario, run_id=run, inputs=inputs))
    said = []
    for run, content in (("noted", "first"), ("noted", "second"), ("older", "second")):
        locustfile.write_text(content)
        scenario_of(tmp_path / "runs" / run)
        said.append(capsys.readouterr().err)

    assert said == ["", "note: this is not noted once more: another content now has locustfile\n", ""]


def test_what_an_earlier_version_ran_is_read_and_not_run_again(tmp_path: Path) -> None:
    """`drill_oom` once measured 20 s, and takes 24 now: the run has its report, and a new one needs another file."""
    locustfile = tmp_path / "x.py"
    locustfile.write_text("")
    scenario = make_scenario(
        load={"locustfile": str(locustfile), "rate": 100, "measure": "20s"},
        budget={"processes": 4, "memory": "split:1GiB"},
        drills=[{"verb": "oom"}],
    )
    run = make_run(scenario)
    folder = RunFolder.create(tmp_path, run)

    assert summarise(read_info(folder.path), ()).scenario.load.measure == 20.0
    assert planned(folder.path).trials
    with pytest.raises(ScenarioError, match='the drill "oom" takes 24 s at least') as refused:
        scenario_of(folder.path)
    assert "save the scenario that its report shows, change it" in refused.value.hint


def test_another_number_of_blocks_than_the_scenarios_is_in_the_command() -> None:
    """An older run folder keeps the file's number beside what was planned."""
    scenario = make_scenario(load=LOAD)
    run = make_run(scenario, order=tuple(f"b{block:02d}-{arm['name']}" for block in range(1, 6) for arm in ARMS))

    assert f"lab run {run.run_id} --blocks 5" in listed(repeat_of_run(run, summarise(run, ())), "again-commands")


def test_a_session_by_hand_lists_its_own_scenario() -> None:
    """It opens such a session again."""
    scenario = by_hand(make_scenario(**TYPED))
    run = make_run(scenario, exploratory=True)
    section = repeat_of_session(run, summarise(run, ()))

    assert scenario_from_json(tomllib.loads(listed(section))) == scenario
    assert listed(section, "again-commands").startswith(f"lab ui {run.run_id}\n")
