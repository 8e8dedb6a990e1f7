"""Runs and scenarios by the names that people type, and what the command line has that every one has."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lab import __version__
from lab.cli import app, names
from lab.cli import open as open_page
from lab.cli.listing import list_runs
from lab.cli.verbs import VERBS
from lab.errors import UsageError
from lab.metrics import CATALOGUE

RUN = Path(__file__).parent / "data" / "run_v1"
OLD, NEW = "20261101T000000Z-smoke-aa", "20261102T000000Z-smoke-bb"


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two runs in runs/ of the working directory."""
    for name in (OLD, NEW):
        shutil.copytree(RUN, tmp_path / "runs" / name)
    monkeypatch.chdir(tmp_path)
    return Path("runs")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("latest", NEW),
        (OLD[:10], OLD),
        ("smoke-b", NEW),
        (f"runs/{OLD}", OLD),
        (f"runs/{OLD}/trials/b01-workers", OLD),
        (f"runs/{OLD}/run.json", OLD),
    ],
)
def test_a_run_is_found_by_what_people_type(runs: Path, asked: str, found: str) -> None:
    """The newest, the beginning of a name or a part of it, and any path inside."""
    assert names.run_folder(Path(asked)) == runs / found


def renamed_and_broken(runs: Path) -> Path:
    """Give the older run a name behind that of the newer, and put a broken one behind both; the newer run."""
    (runs / OLD).rename(runs / "run_v4")
    file = runs / NEW / "run.json"
    info = json.loads(file.read_text())
    file.write_text(json.dumps({**info, "started_at": "2026-11-30T00:00:00+00:00"}))
    for name, text in (("x_cut", "{"), ("y_list", "[]"), ("z_deep", "[" * 100_000)):
        (runs / name).mkdir()
        (runs / name / "run.json").write_text(text)
    return runs / NEW


def test_the_newest_run_is_the_one_that_was_started_last(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever its folder is called; a run.json that cannot be read hinders nobody."""
    newest = renamed_and_broken(runs)

    assert names.run_folder(Path("latest")) == newest
    assert names.complete_run("")[:3] == ["latest", NEW, "run_v4"]
    list_runs(runs, last=2)
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [str(runs / "run_v4"), str(newest)]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("2026", f"2026: 2 runs have this in their names: {OLD}, {NEW}"),
        ("nope", "nope: no such run; known are"),
        ("runs", "runs: a folder of runs, not a run"),
    ],
)
def test_a_name_that_is_none_is_refused_with_those_that_are(runs: Path, asked: str, said: str) -> None:
    """Nobody has to look for them."""
    with pytest.raises(UsageError, match=said):
        names.run_folder(Path(asked))


def test_without_any_run_the_latest_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that makes one."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="latest: there are no runs"):
        names.run_folder(Path("latest"))
    with pytest.raises(UsageError, match="nope: no such run; there are none in runs/$"):
        names.run_folder(Path("nope"))
    with pytest.raises(UsageError) as refused:
        names.scenario_file(Path("latest"))
    assert "SCENARIO" not in refused.value.hint  # it would be shown as what was typed: `lab run latest`


def test_what_is_no_file_is_no_misspelt_name(tmp_path: Path) -> None:
    """The nearest name is its own."""
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "loop.toml").symlink_to("loop.toml")

    for name, said in (("pipe.toml", "a pipe or a device, not a file"), ("loop.toml", "a link that leads to no file")):
        with pytest.raises(UsageError, match=f"{name}: {said}$"):
            names.scenario_file(tmp_path / name)


def test_bundles_are_named_where_there_are_no_run_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``lab list`` shows them, and a report can be opened from one: it is no run that lacks its report."""
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / f"{OLD}.zip").touch()
    monkeypatch.chdir(tmp_path)

    with pytest.raises(UsageError, match="only bundles") as latest:
        names.run_folder(Path("latest"))
    with pytest.raises(UsageError, match="runs: a folder of bundles") as folder:
        names.run_folder(Path("runs"))
    assert latest.value.hint == f"a bundle is named by its path: runs/{OLD}.zip"
    assert folder.value.hint == f"name one of them: runs/{OLD}.zip"


def test_scenarios_have_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the folder where one stands go before those of the lab; a folder or a near miss names what there is."""
    monkeypatch.chdir(tmp_path)
    assert names.scenario_file(Path("smoke")).name == "smoke.toml"
    (tmp_path / "scenarios").mkdir()
    own = Path("scenarios") / "smoke.toml"
    own.write_text("")

    assert names.scenario_file(Path("smoke")) == names.scenario_file(own) == own
    with pytest.raises(UsageError, match="smok: no such scenario; did you mean 'smoke'"):
        names.scenario_file(Path("smok"))
    with pytest.raises(UsageError, match="scenarios: a folder, not a scenario"):
        names.scenario_file(Path("scenarios"))


@pytest.mark.parametrize(
    ("files", "hint"),
    [
        (["scenario.toml"], "name the file in it: mine/scenario.toml"),
        (["b.toml", "a.toml"], "name one of the files in it: a.toml, b.toml"),
        ([f"{letter}.toml" for letter in "abcdefg"], "a.toml, b.toml, c.toml, d.toml, e.toml and 2 more"),
        (["Dockerfile"], "`lab quick --folder mine`"),
        ([], "`lab init` writes"),
    ],
)
def test_a_folder_in_place_of_a_scenario_says_what_to_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: list[str], hint: str
) -> None:
    """A file in it, or the command for an app in it; many files are not listed to the last."""
    monkeypatch.chdir(tmp_path)
    Path("mine").mkdir()
    for name in files:
        (Path("mine") / name).touch()
    with pytest.raises(UsageError) as refused:
        names.scenario_file(Path("mine"))

    assert hint in refused.value.hint


@pytest.mark.parametrize("asked", [OLD, f"runs/{OLD}", "latest"])
def test_a_run_to_repeat_is_named_as_a_whole(runs: Path, asked: str) -> None:
    """Its folder, its whole name, or the newest."""
    assert names.scenario_file(Path(asked)).name in (OLD, NEW)


def test_a_slip_in_a_scenario_is_no_run_of_it(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run's folder begins with what was typed; it must not be run again for that."""
    (runs / NEW).rename(runs / "drill_kill-20261102T000000Z-bb")
    for asked in ("drill_kil", OLD[:10], "drill_kill-2026"):
        with pytest.raises(UsageError, match=f"{asked}: no such scenario; "):
            names.scenario_file(Path(asked))
    with pytest.raises(UsageError, match="did you mean 'drill_kill'"):
        names.scenario_file(Path("drill_kil"))


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("lab-scenario/scenaro.toml", "lab-scenario/scenario.toml"),
        ("lab-scenaro/scenario.toml", "lab-scenario/scenario.toml"),
        ("scenario.toml", "lab-scenario/scenario.toml"),
        ("mien.toml", "mine.toml"),
        ("mien", "mine.toml"),
        ("quikstart.toml", "quickstart"),
    ],
)
def test_a_slip_in_a_path_names_the_file_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str, meant: str
) -> None:
    """Before one of the lab's own scenarios, which is meant by its name."""
    monkeypatch.chdir(tmp_path)
    Path("lab-scenario").mkdir()
    for file in ("lab-scenario/scenario.toml", "mine.toml", "pyproject.toml"):
        Path(file).touch()
    with pytest.raises(UsageError, match=rf"no such scenario; did you mean '{meant}'\?"):
        names.scenario_file(Path(asked))


def test_the_shell_completes_runs_and_scenarios(runs: Path) -> None:
    """The newest run first."""
    assert names.complete_run("") == ["latest", NEW, OLD]
    assert names.complete_run(OLD[:10]) == [OLD]
    assert "quickstart" in names.complete_scenario("qui")


def test_the_shell_completes_bundles_where_one_is_read(runs: Path) -> None:
    """Behind the runs, with the folder that was typed; not where the folder itself is needed."""
    (runs.parent / f"{NEW}.zip").touch()
    (runs / "old.zip").touch()
    (runs / "folder.zip").mkdir()

    assert names.complete_run_or_bundle("2026") == [NEW, OLD, f"{NEW}.zip"]
    assert names.complete_run_or_bundle("runs/") == ["runs/old.zip"]
    assert {f"{NEW}.zip", "latest"} <= set(completions("report"))
    assert f"{NEW}.zip" not in completions("bundle")


def completions(verb: str) -> list[str]:
    """What the shell offers for the first argument of a verb."""
    found = CliRunner().invoke(
        app,
        [],
        prog_name="lab",
        env={"_LAB_COMPLETE": "complete_bash", "COMP_WORDS": f"lab {verb} ", "COMP_CWORD": "2"},
    )
    return found.stdout.split()


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_the_version_is_told(option: str) -> None:
    """As every result tells it."""
    found = CliRunner().invoke(app, [option])

    assert (found.exit_code, found.stdout) == (0, f"lab {__version__}\n")


@pytest.mark.parametrize("words", [[], *([verb] for verb in VERBS)])
def test_help_is_short_too_and_whole(words: list[str]) -> None:
    """Of the lab, and of every verb; nothing of it is cut off in a narrow terminal."""
    told = CliRunner().invoke(app, [*words, "-h"], env={"COLUMNS": "80"}).stdout

    assert "Usage" in told
    assert "…" not in told


def test_a_report_is_opened_in_the_browser(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest one, without an argument; a run without a page says how to draw it."""
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    (runs / NEW / "report.html").write_text("")
    open_page.open_run(names.run_folder(Path("latest")))

    assert opened == [(runs / NEW / "report.html").resolve().as_uri()]
    (runs / OLD / "report.html").unlink(missing_ok=True)
    with pytest.raises(UsageError, match="it has no report yet"):
        open_page.open_run(runs / OLD)


def test_the_report_of_a_bundle_is_opened_where_it_was_drawn(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the bundle, as `lab report` says."""
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    bundle = Path("handed-on.zip")
    bundle.touch()
    with pytest.raises(UsageError, match="it has no report yet"):
        open_page.open_run(bundle)
    page = Path("handed-on-report") / "report.html"
    page.parent.mkdir()
    page.touch()
    open_page.open_run(bundle)

    assert opened == [page.resolve().as_uri()]


def test_the_list_tells_validity_and_result(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From the report's own document; the question where there is none yet."""
    assert CliRunner().invoke(app, ["report", NEW, "-q"]).exit_code == 0
    (runs / OLD / "comparison.json").unlink(missing_ok=True)
    list_runs(runs)
    old, new = capsys.readouterr().out.splitlines()

    assert "1/1 valid  No verdict on “replicas” against “workers”" in new
    assert "Does everything work end to end" in old
    list_runs(runs, last=1)
    assert capsys.readouterr().out.startswith(f"runs/{NEW}")


def test_a_trial_that_is_gone_is_listed_as_missing(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its run says that it was done; what the report of then tells can no longer be looked up."""
    trial = next((runs / NEW / "trials").iterdir())
    (trial / "record.json").unlink()
    list_runs(runs, last=1)

    assert "1 missing" in capsys.readouterr().out


def test_a_run_without_a_report_is_listed_with_the_command_that_draws_it(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bundle may come without one, too."""
    (runs / NEW / "comparison.json").unlink(missing_ok=True)
    list_runs(runs, last=1)

    assert f"`lab report {runs / NEW}` says what came out: " in capsys.readouterr().out


def test_one_metric_is_told_by_its_key() -> None:
    """And a near miss names it."""
    found = CliRunner().invoke(app, ["metrics", "p99"], env={"COLUMNS": "80"}).stdout

    assert found.startswith("p99  p99 response time")
    assert "boot" not in found
    assert "did you mean 'p99'" in str(CliRunner().invoke(app, ["metrics", "p9"]).exception)


@pytest.mark.parametrize("group", ["latency", "cpu", "CPU"])
def test_the_metrics_of_a_group_are_told_by_its_name(group: str) -> None:
    """Its metrics alone."""
    found = json.loads(CliRunner().invoke(app, ["metrics", group, "--json"]).stdout)

    assert [each["key"] for each in found] == [
        each.key for each in CATALOGUE if each.group.value.lower() == group.lower()
    ]


def test_a_verb_costs_only_its_own_imports() -> None:
    """The version and the completion of a shell wait for no library of numbers, reports or containers."""
    heavy = {"polars", "numpy", "docker", "jinja2", "pydantic"}
    code = f"import sys, lab.cli; lab.cli.app(['-V'], standalone_mode=False); print({heavy} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout.splitlines() == [f"lab {__version__}", "set()"]
