"""One zip of a run: the same bytes for the same folder, no secret, no stray; and every reader reads it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import polars as pl
import pytest
from typer.testing import CliRunner

from lab import load_run
from lab.cli import app, bundle
from lab.errors import LabError, RunFolderError, UsageError
from lab.record.bundle import write_bundle
from lab.record.folder import read_info
from lab.run.conclude import conclude
from lab.scenario.file import scenario_from_json
from lab.scenario.secret import redactor
from lab.scenario.secrets_of import redactors_of_environment
from tests.hostile.folders import sound_folder

TRIAL = "trials/b01-workers"
VALUE = "correct-horse-battery"
KNOWN = {"SHOP_TOKEN": redactor((VALUE,))}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A finished run in runs/ of the working directory."""
    path = Path("runs") / sound_folder()[0].name
    shutil.copytree(sound_folder()[0], tmp_path / path)
    monkeypatch.chdir(tmp_path)
    return path


@pytest.fixture
def packed(run: Path) -> Path:
    """The bundle of a run that is no longer here."""
    path = Path("sent.zip")
    write_bundle(run, path, {})
    shutil.rmtree(run)
    return path


def test_the_same_folder_gives_the_same_bytes(run: Path) -> None:
    """Whatever its files' dates and the order in which they were made; the lock is left out."""
    write_bundle(run, Path("first.zip"), {})
    copy = Path("copy")
    for path in sorted(run.rglob("*"), reverse=True):
        if path.is_file():
            (copy / path.relative_to(run)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy / path.relative_to(run))
            os.utime(copy / path.relative_to(run), (1, 1))
    (copy / ".lock").write_text("pid 1")
    write_bundle(copy, Path("second.zip"), {})

    assert Path("first.zip").read_bytes() == Path("second.zip").read_bytes()
    with ZipFile("first.zip") as found:
        names = found.namelist()
        assert names == sorted(names)
        assert names[0] == f"{read_info(run).run_id}/run.json"
        assert {entry.date_time[0] for entry in found.infolist()} == {1980}


def test_all_that_a_run_writes_is_in_it(run: Path) -> None:
    """Reports, also of points, tables, logs and what is left of a failed trial."""
    conclude(run)
    (run / TRIAL / "app-0.log").write_text("started\n")
    shutil.copytree(run / "figures", run / "points" / "n-2" / "figures")
    failed = run / "trials" / "b02-workers.failed-1" / "load"
    failed.mkdir(parents=True)
    (failed / "lane.bin").write_bytes(bytes(range(256)))
    write_bundle(run, Path("all.zip"), KNOWN)

    with ZipFile("all.zip") as found:
        inside = {name.partition("/")[2] for name in found.namelist()}
    assert inside == {str(path.relative_to(run)) for path in run.rglob("*") if path.is_file()}


@pytest.mark.parametrize("inside", ["limits", "confirm", "pilot"])
def test_reports_of_the_runs_inside_are_in_it(run: Path, inside: str) -> None:
    """Each is a run folder, of which `lab report` writes one where it lies; what no run writes is refused there too."""
    within = run / inside / "20261118T110640Z-workers"
    shutil.copytree(run, within)
    conclude(within)
    write_bundle(run, Path("all.zip"), KNOWN)

    with ZipFile("all.zip") as found:
        names = {name.partition("/")[2] for name in found.namelist()}
    assert {f"{inside}/{within.name}/{name}" for name in ("report.html", "report.md", "tables/gates.csv")} <= names
    (within / "notes.txt").touch()
    with pytest.raises(RunFolderError, match=r"notes\.txt: no file of a finished run"):
        write_bundle(run, Path("none.zip"), KNOWN)


def in_a_log(run: Path) -> Path:
    path = run / TRIAL / "app-0.log"
    path.write_text(f"line\nconnecting with {VALUE}\n")
    return path


def in_a_report(run: Path) -> Path:
    path = run / "report.md"
    path.write_text(json.dumps({"key": VALUE}))
    return path


def in_a_table(run: Path) -> Path:
    path = run / TRIAL / "processes.parquet"
    pl.read_parquet(path).with_columns(pl.lit(f"serve --key={VALUE}").alias("command")).write_parquet(path)
    return path


@pytest.mark.parametrize("gone", ["trials", TRIAL, f"{TRIAL}/record.json", f"{TRIAL}/requests.parquet"])
def test_a_run_that_misses_a_finished_trial_is_refused(run: Path, gone: str) -> None:
    """With the first file that is not there: whoever gets the bundle could report nothing from it."""
    path = run / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(RunFolderError, match=r"trials/b01-\w+/(record\.json|requests\.parquet): missing"):
        write_bundle(run, Path("sent.zip"), {})

    assert not Path("sent.zip").exists()


@pytest.mark.parametrize("show", [in_a_log, in_a_report, in_a_table])
def test_a_secret_in_the_clear_is_refused(run: Path, show: Callable[[Path], Path]) -> None:
    """With the file and the variable, never the value; nothing is written."""
    path = show(run)
    with pytest.raises(RunFolderError) as caught:
        write_bundle(run, Path("sent.zip"), KNOWN)

    assert f"{path}: holds the value of SHOP_TOKEN in the clear" in str(caught.value)
    assert VALUE not in f"{caught.value}{caught.value.hint}"
    assert [each.name for each in Path().iterdir()] == ["runs"]


def test_a_password_in_an_address_is_refused(run: Path) -> None:
    """Whoever's it is: what the lab wrote has none."""
    (run / TRIAL / "app-0.log").write_text("postgres://shop:hunter22@db/shop")
    with pytest.raises(RunFolderError, match=r"app-0\.log: holds a password in an address"):
        write_bundle(run, Path("sent.zip"), {})


def test_values_of_the_environment_are_looked_for() -> None:
    """Those of the scenario's secrets by their variables, and others by their names; not what outputs must show."""
    scenario = scenario_from_json(read_info(sound_folder()[0]).scenario)
    environ = {"HOME": "/root", "DEPLOY_TOKEN": "abcdef", "APP_KEY": "workers", "DATABASE": "db://me:secret99@host"}
    found = redactors_of_environment(scenario, environ)

    assert set(found) == {"DEPLOY_TOKEN", "APP_KEY", "DATABASE"}
    assert "abcdef" in found["DEPLOY_TOKEN"].words
    assert "secret99" in found["DATABASE"].words
    assert found["APP_KEY"].words == ()


def link(path: Path) -> None:
    path.symlink_to("/etc/hostname")


def linked_folder(path: Path) -> None:
    path.symlink_to("/etc")


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("notes.txt", Path.touch),
        ("report.html", link),
        ("tables", linked_folder),
        (f"{TRIAL}/app-0.log", os.mkfifo),
        (f"{TRIAL}/core", Path.touch),
        ("trials/.b03-workers.part/locust.log", Path.touch),
    ],
)
def test_what_no_run_writes_is_refused(run: Path, name: str, make: Callable[[Path], None]) -> None:
    """Strays, links, special files and half trials, whose logs are not masked yet."""
    (run / name).parent.mkdir(exist_ok=True)
    make(run / name)
    with pytest.raises(RunFolderError, match=name.replace(".", r"\.")):
        write_bundle(run, Path("sent.zip"), {})
    assert not Path("sent.zip").exists()


def test_a_bundle_replaces_nothing_unasked(run: Path) -> None:
    """It is named after the run, stays as it is the second time, and --force replaces it."""
    bundle.bundle(run)
    path = Path(f"{run.name}.zip")
    path.write_text("mine")
    with pytest.raises(UsageError, match="exists already"):
        bundle.bundle(run)
    assert path.read_text() == "mine"
    bundle.bundle(run, force=True)
    assert ZipFile(path).testzip() is None


@pytest.mark.parametrize(
    ("out", "told"),
    [("x.tar", "no name of a zip"), ("none/x.zip", "no place"), ("{run}/x.zip", "inside the run folder")],
)
def test_a_place_that_is_none_is_refused(run: Path, out: str, told: str) -> None:
    """Before anything is read."""
    with pytest.raises(UsageError, match=told):
        bundle.bundle(run, Path(out.format(run=run)))


def test_the_report_of_a_bundle_is_that_of_the_run(run: Path) -> None:
    """Byte for byte; beside the bundle, or where --out says, and nowhere else."""
    write_bundle(run, Path("sent.zip"), {})
    conclude(run)
    assert CliRunner().invoke(app, ["report", "sent.zip", "-q"]).exit_code == 0
    assert CliRunner().invoke(app, ["report", "sent.zip", "-q", "--out", "deep/er"]).exit_code == 0

    for name in ("report.html", "report.md", "comparison.json", "tables/gates.csv"):
        assert (run / name).read_bytes() == (Path("sent-report") / name).read_bytes()
        assert (run / name).read_bytes() == (Path("deep/er") / name).read_bytes()
    assert {path.name for path in Path().iterdir()} == {"runs", "sent.zip", "sent-report", "deep"}


def test_a_bundle_is_compared_listed_and_loaded(packed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Wherever a run folder is read."""
    second = Path("runs") / "20261119T000000Z-again"
    shutil.copytree(sound_folder()[0], second)
    info = json.loads((second / "run.json").read_text()) | {"run_id": second.name}
    (second / "run.json").write_text(json.dumps(info))
    for trial in (second / "trials").iterdir():
        (trial / "SHA256SUMS").unlink()
    compared = CliRunner().invoke(app, ["compare", str(packed), str(second)])
    assert compared.exit_code == 0, compared.exception
    assert "workers of 20261118T110640Z-quickstart (2)" in compared.stdout.replace("against workers", "workers")

    listed = CliRunner().invoke(app, ["list", "--out", "."]).stdout
    assert listed.startswith("sent.zip  4 done")
    assert load_run(packed).requests.equals(load_run(sound_folder()[0]).requests)


def test_damage_in_a_bundle_is_told_of_the_bundle(run: Path) -> None:
    """As of a run folder: the file's name, what to do, and with --intact the rest; no folder of a moment is named."""
    (run / TRIAL / "host.parquet").unlink()
    shutil.make_archive("sent", "zip", "runs", run.name)
    with pytest.raises(LabError, match=rf"^sent\.zip/{TRIAL}/host\.parquet: missing") as caught:
        conclude(Path("sent.zip"))
    assert caught.value.exit_code == 2
    found = conclude(Path("sent.zip"), intact=True)

    assert found.run.left_out == {"b01-workers": f"{TRIAL}/host.parquet: missing"}
    assert "lab-bundle" not in found.written.html.read_text()
