"""A zip from anywhere: refused in a sentence before anything is unpacked, or read as the run that it holds."""

from __future__ import annotations

import shutil
import stat
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.errors import MissingError, RunFolderError
from lab.record import bundle_reading
from lab.record.bundle import write_bundle
from lab.record.bundle_reading import SMALL_BYTES
from lab.record.folder import read_info
from lab.run.opened import opened_run
from tests.hostile.folders import sound_folder

Write = Callable[[ZipFile], None]


@cache
def sound_bundle() -> bytes:
    """A bundle of a sound run."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "sound.zip"
        write_bundle(sound_folder()[0], path, {})
        return path.read_bytes()


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files."""
    path = tmp_path / "scratch"
    path.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(path))
    return path


def plain(*names: str) -> Write:
    def write(bundle: ZipFile) -> None:
        for name in names:
            bundle.writestr(ZipInfo(name), b"x")

    return write


def entry(kind: int = stat.S_IFREG, method: int = ZIP_DEFLATED, content: bytes = b"/etc/passwd") -> Write:
    def write(bundle: ZipFile) -> None:
        info = ZipInfo("run/report.html")
        info.external_attr = (kind | 0o777) << 16
        bundle.writestr(info, content, method)

    return write


HOSTILE: dict[str, tuple[Write, str]] = {
    "above": (plain("run/run.json", "../run.json"), "'../run.json' is no name"),
    "above inside": (plain("run/../../x"), "is no name"),
    "absolute": (plain("/etc/passwd"), "is no name"),
    "backslash": (plain("run\\..\\x"), "is no name"),
    "drive": (plain("C:/x"), "is no name"),
    "hidden": (plain("run/.ssh"), "is no name"),
    "unicode": (plain("run/ｒun.json"), "is no name"),
    "no name": (plain("run/"), "not one folder"),
    "long": (plain("run/" + "x" * 4000), "is no name"),
    "deep": (plain("run/" + "x/" * 40 + "y"), "is no name"),
    "link": (entry(stat.S_IFLNK), "is a link"),
    "device": (entry(stat.S_IFBLK), "is a link or a special file"),
    "method": (entry(method=ZIP_BZIP2), "is packed in a way"),
    "case": (plain("run/run.json", "run/Run.json"), "'run/run.json' is in it twice"),
    "file and folder": (plain("run/trials", "run/trials/x"), "is a file and a folder"),
    "two roots": (plain("run/run.json", "other/run.json"), "not one folder"),
    "no root": (plain("run.json"), "not one folder"),
    "empty": (plain(), "not one folder"),
    "bomb": (entry(content=bytes(SMALL_BYTES + 1)), "it would grow from"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_not_safe_is_refused(scratch: Path, tmp_path: Path, name: str) -> None:
    """Exit code 2, the bundle and what is in it; nothing is left of it, anywhere."""
    write, told = HOSTILE[name]
    path = tmp_path / "from-elsewhere.zip"
    with ZipFile(path, "w") as bundle:
        write(bundle)
    before = sorted(tmp_path.rglob("*"))

    with pytest.raises(RunFolderError) as caught, opened_run(path):
        pass
    assert str(caught.value).startswith(f"{path}: ")
    assert told in str(caught.value)
    assert caught.value.hint
    assert sorted(tmp_path.rglob("*")) == before


def test_one_name_twice_is_refused(scratch: Path, tmp_path: Path) -> None:
    """Readers disagree which of the two counts."""
    path = tmp_path / "twice.zip"
    with pytest.warns(UserWarning, match="Duplicate"), ZipFile(path, "w") as bundle:
        plain("run/run.json", "run/run.json")(bundle)

    with pytest.raises(RunFolderError, match="is in it twice"), opened_run(path):
        pass


def test_an_encrypted_one_is_refused(scratch: Path, tmp_path: Path) -> None:
    """Nobody asks for a password."""
    path = tmp_path / "locked.zip"
    with ZipFile(path, "w") as bundle:
        plain("run/run.json")(bundle)
    data = bytearray(path.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)

    with pytest.raises(RunFolderError, match="'run/run.json' is encrypted"), opened_run(path):
        pass


@pytest.mark.parametrize(("limit", "told"), [("MAX_BYTES", "unpacked it would take"), ("MAX_ENTRIES", "files, more")])
def test_one_that_is_too_large_is_refused(
    scratch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, told: str
) -> None:
    """By what it declares, before a byte is unpacked."""
    path = tmp_path / "large.zip"
    path.write_bytes(sound_bundle())
    monkeypatch.setattr(bundle_reading, limit, 3)

    with pytest.raises(RunFolderError, match=told), opened_run(path):
        pass


def test_one_that_holds_more_than_it_declares_is_refused(scratch: Path, tmp_path: Path) -> None:
    """No more than what was declared is read."""
    path = tmp_path / "lying.zip"
    with ZipFile(path, "w") as bundle:
        bundle.writestr("run/run.json", bytes(1000), ZIP_STORED)
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02") + 24
    assert int.from_bytes(data[at : at + 4], "little") == 1000
    data[at : at + 4] = (10).to_bytes(4, "little")
    path.write_bytes(data)

    with pytest.raises(RunFolderError, match="no readable bundle"), opened_run(path):
        pass


def test_one_without_room_is_refused(scratch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the disk is full: exit code 4."""
    path = tmp_path / "sound.zip"
    path.write_bytes(sound_bundle())
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage._replace(free=10))

    with pytest.raises(MissingError, match="has room for 10 B"), opened_run(path):
        pass


@settings(max_examples=150)
@given(at=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), keep=st.one_of(st.just(1.0), st.floats(0, 1)))
def test_a_damaged_one_is_refused_or_read(at: float, bit: int, keep: float) -> None:
    """Cut or with a flipped bit: a sentence, or the same files."""
    data = bytearray(sound_bundle())
    data[int(at * len(data))] ^= 1 << bit
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "damaged.zip"
        path.write_bytes(data[: int(keep * len(data))])
        try:
            with opened_run(path) as run:
                found = {each.relative_to(run): each.read_bytes() for each in run.rglob("*") if each.is_file()}
        except (RunFolderError, MissingError) as error:
            assert str(error).startswith(str(path))  # noqa: PT017  either is right
            return
    sound = sound_folder()[0]
    for name, content in found.items():
        if (sound / name).is_file():  # a flipped bit of a name makes another one
            assert content == (sound / name).read_bytes()


def test_the_unpacked_folder_is_gone_afterwards(scratch: Path, tmp_path: Path) -> None:
    """Also when whoever reads it fails; a folder is no bundle and stays where it is."""
    path = tmp_path / "sound.zip"
    path.write_bytes(sound_bundle())

    def read() -> None:
        with opened_run(path) as run:
            assert read_info(run) == read_info(sound_folder()[0])
            assert stat.S_IMODE(run.stat().st_mode) == 0o700
            raise KeyError

    with pytest.raises(KeyError):
        read()
    assert list(scratch.iterdir()) == []
    with opened_run(sound_folder()[0]) as run:
        assert run == sound_folder()[0]
