"""A damaged run folder: refused with the file's name, or, when asked, reported as far as it is intact."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.analysis.summary import summarise
from lab.cli.report import report
from lab.errors import RunFolderError
from lab.record.folder import RunFolder, read_info, read_intact, read_trials
from lab.record.manifest import NAME as MANIFEST
from lab.record.reading import read_record
from lab.record.types import SCHEMA_VERSION
from lab.run.conclude import conclude
from tests.hostile.folders import sound_folder

HIT = "b01-workers"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A sound run of two arms and two blocks, to be damaged."""
    path = tmp_path / sound_folder()[0].name
    shutil.copytree(sound_folder()[0], path)
    return path


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def newer(path: Path) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema_version": SCHEMA_VERSION + 1}))


def link_outside(path: Path) -> None:
    outside = path.parents[2] / "outside"
    path.rename(outside)
    path.symlink_to(outside)


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def other_number(path: Path) -> None:
    path.write_text(path.read_text().replace('"boot_s": 2.0', '"boot_s": 1.0'))


DAMAGES: list[tuple[str, Callable[[Path], None], str]] = [
    ("requests.parquet", Path.unlink, "missing"),
    ("record.json", Path.unlink, "missing"),
    ("processes.parquet", truncate, "not a readable Parquet file"),
    ("record.json", truncate, "cannot be read"),
    ("record.json", newer, f"schema version {SCHEMA_VERSION + 1}"),
    ("record.json", other_number, "checksum differs"),
    ("cgroups.parquet", link_outside, "a link"),
    ("record.json", pipe, "not a file"),
    ("host.parquet", pipe, "missing"),
]


@pytest.mark.parametrize(("name", "damage", "told"), DAMAGES)
def test_damage_is_named_and_intact_trials_are_reported_on_request(
    run: Path, name: str, damage: Callable[[Path], None], told: str
) -> None:
    """Exit code 2, the file, what to do; with --intact the block that lacks an arm does not count."""
    damage(run / "trials" / HIT / name)

    with pytest.raises(RunFolderError) as caught:
        conclude(run)
    assert caught.value.exit_code == 2
    assert f"{HIT}/{name}" in str(caught.value)
    assert told in str(caught.value)
    assert "--intact" in caught.value.hint or "update the lab" in caught.value.hint

    info = read_intact(run)
    summary = summarise(info, read_trials(run, info))
    assert list(info.left_out) == [HIT]
    assert told in info.left_out[HIT]
    assert summary.decision.used == (2,)
    assert summary.decision.missing == {1: ("workers",)}


def test_the_first_screen_says_what_was_left_out(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the page, in Markdown, on the terminal and in comparison.json; the rest of the folder is untouched."""
    (run / "trials" / HIT / "host.parquet").unlink()
    before = (run / "run.json").read_bytes()
    report(run, intact=True)

    printed = capsys.readouterr()
    sentence = f"1 of 4 trials were left out: {HIT} ("
    assert sentence in printed.out.replace("\n", " ")
    assert f"left out: {HIT}: trials/{HIT}/host.parquet: missing" in printed.err
    for name in ("report.html", "report.md"):
        text = (run / name).read_text().replace("\\", "")
        assert (
            text.index("were left out")
            < text.index("Can you trust this run" if name.endswith("md") else "</header>") + 5000
        )
    assert list(json.loads((run / "comparison.json").read_text())["left_out"]) == [HIT]
    assert (run / "run.json").read_bytes() == before


def test_nothing_intact_is_no_report(run: Path) -> None:
    """Then there is nothing to say but why."""
    for trial in (run / "trials").iterdir():
        (trial / "record.json").unlink()

    with pytest.raises(RunFolderError, match="4 trials"):
        conclude(run, intact=True)


def test_without_run_json_there_is_nothing_to_report(run: Path) -> None:
    """--intact does not guess what was planned."""
    truncate(run / "run.json")

    with pytest.raises(RunFolderError, match=r"run\.json"):
        conclude(run, intact=True)


@pytest.mark.parametrize("text", ["{}", "[]", '{"schema_version": "9"}', '{"schema_version": %d, "scenario": 3}'])
def test_a_file_that_no_lab_wrote_is_called_that(run: Path, text: str) -> None:
    """A newer lab would not read it either; and what a library says of it means nothing to a person."""
    (run / "run.json").write_text(text.replace("%d", str(SCHEMA_VERSION)))

    with pytest.raises(RunFolderError, match=r"run\.json: .*broken, or not written by the lab$") as refused:
        read_info(run)
    assert "update" not in refused.value.hint
    assert not re.search("Input should|Field required", str(refused.value))


def test_a_trial_copied_over_another_is_noticed(run: Path) -> None:
    """Its record says which one it is; so does its manifest, when the record was changed to fit."""
    copy = run / "trials" / HIT
    shutil.rmtree(copy)
    shutil.copytree(run / "trials" / "b02-workers", copy)
    with pytest.raises(RunFolderError, match="'b02-workers'"):
        list(read_trials(run, read_info(run)))

    record = copy / "record.json"
    changed = json.loads(record.read_text()) | {"trial_id": HIT}
    record.write_text(json.dumps(changed))
    with pytest.raises(RunFolderError, match="trial_id: 'b01-workers'"):
        list(read_trials(run, read_info(run)))

    record.write_text(json.dumps(changed | {"block": 1}))
    with pytest.raises(RunFolderError, match=f"{MANIFEST}: .*{HIT}"):
        list(read_trials(run, read_info(run)))


def test_a_trial_of_another_run_is_noticed(run: Path, tmp_path: Path) -> None:
    """The same trial of the same scenario, measured another day."""
    listed = run / "trials" / HIT / MANIFEST
    listed.write_text(listed.read_text().replace(run.name, "20260101T000000Z-quickstart"))

    with pytest.raises(RunFolderError, match=f"{HIT} of run {run.name}"):
        list(read_trials(run, read_info(run)))


def test_tables_swapped_between_trials_are_noticed(run: Path) -> None:
    """Both are sound, and both are in the wrong place."""
    one, other = (run / "trials" / trial / "requests.parquet" for trial in (HIT, "b01-replicas"))
    spare = run / "spare"
    one.rename(spare)
    other.rename(one)
    spare.rename(other)

    assert set(read_intact(run).left_out) == {HIT, "b01-replicas"}


@pytest.mark.parametrize("place", ["trials", f"trials/{HIT}", "run.json"])
def test_links_are_never_followed(run: Path, place: str, tmp_path: Path) -> None:
    """A folder that leads elsewhere is refused, whatever is there."""
    (run / place).rename(tmp_path / "outside")
    (run / place).symlink_to(tmp_path / "outside")

    with pytest.raises(RunFolderError, match="a link"):
        conclude(run)


@pytest.mark.parametrize("name", ["tables", "figures"])
def test_reports_are_not_written_through_links(run: Path, tmp_path: Path, name: str) -> None:
    """A report would overwrite files elsewhere."""
    (tmp_path / "outside").mkdir()
    (run / name).symlink_to(tmp_path / "outside")

    with pytest.raises(RunFolderError, match="a link"):
        conclude(run)
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_draft_that_is_a_link_is_replaced(run: Path, tmp_path: Path) -> None:
    """Writing run.json does not write where a link of the draft's name leads."""
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (run / ".run.json.part").symlink_to(victim)
    folder = RunFolder.reopen(run)
    folder.write_info(folder.info)

    assert victim.read_text() == "mine"
    assert read_info(run).run_id == run.name


def test_a_name_that_leads_out_of_the_folder_is_refused(run: Path) -> None:
    """The order of trials comes from run.json, and names folders."""
    document = json.loads((run / "run.json").read_text())
    document["order"][0] = "../../b01-workers"
    (run / "run.json").write_text(json.dumps(document))

    with pytest.raises(RunFolderError, match="no name of a trial"):
        read_info(run)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("boot_s", -1.0),
        ("boot_s", float("nan")),
        ("point", {"processes": 0}),
        ("attribution", "guessed"),
        ("phases", {"measure": {"start_s": 3.0, "end_s": 2.0}}),
        ("phases", {"measure": {"start_s": 0.0, "end_s": 1e12}}),
        ("phases", {}),
        ("load", {"open_model": True, "lanes": 1, "scheduled": -1, "started": 0, "dropped": 0, "unfinished": 0}),
        ("attestation", {"servers": {"a": "many"}}),
        ("gates", [{"key": "load.cpu", "outcome": "fine", "value": 0.1, "limit": 0.7}]),
        ("gates", [{"key": "load.cpu", "outcome": "pass", "value": float("inf"), "limit": 0.7}]),
        ("findings", [{"key": "requests.hung", "value": "one", "limit": 0.0}]),
        ("events", [{"t_s": 1e12, "kind": "exit"}]),
    ],
)
def test_a_record_that_no_lab_can_have_measured_is_refused(run: Path, key: str, value: object) -> None:
    """By its bounds and words, as they are declared; the sentence names file and key."""
    path = run / "trials" / HIT / "record.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))

    with pytest.raises(RunFolderError, match=rf"record\.json: {key}"):
        read_record(path.parent)


def test_the_manifest_is_one_that_sha256sum_checks(run: Path) -> None:
    """People can check a copy with what every system has."""
    import subprocess

    done = subprocess.run(
        ["sha256sum", "--check", MANIFEST], cwd=run / "trials" / HIT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "requests.parquet: OK" in done.stdout
