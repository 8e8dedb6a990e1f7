"""One lab at a time on a machine and on a run folder, with locks that no crash leaves behind."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from lab.errors import MissingError, RunFolderError
from lab.host.lock import (
    FOLDER_LOCK,
    MACHINE_LOCK,
    folder_is_free,
    folder_lock,
    machine_lock,
    machine_lock_path,
    turn,
)

DEADLINE_S = 60.0
HOLD = """
import sys
from pathlib import Path
from lab.host.lock import folder_lock, machine_lock
path = Path(sys.argv[2])
lock = folder_lock(path, "other") if sys.argv[1] == "folder" else machine_lock("other", print, path=path)
with lock:
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_lab(kind: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds a lock."""
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, kind, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    try:
        yield child
    finally:
        child.communicate(timeout=DEADLINE_S)


def test_a_second_lab_is_refused_and_told_who_has_the_machine(tmp_path: Path) -> None:
    """Exit 4, with pid, run and since when; afterwards the machine is free."""
    path = tmp_path / MACHINE_LOCK
    with another_lab("machine", path) as other:
        with pytest.raises(MissingError) as caught, machine_lock("mine", print, path=path):
            pytest.fail("both at once")
        assert f"pid {other.pid}, run other, since 20" in str(caught.value)
        assert caught.value.exit_code == 4
        assert "--allow-concurrent" in caught.value.hint
    with machine_lock("mine", print, path=path):
        assert path.read_text().startswith(f"pid {os.getpid()}, run mine, since 20")
    assert path.read_text() == "", "the file stays, and names nobody"


def test_two_labs_that_do_not_mind_run_at_once(tmp_path: Path) -> None:
    """It is said who else is there."""
    said: list[str] = []
    path = tmp_path / MACHINE_LOCK
    with another_lab("machine", path) as other, machine_lock("mine", said.append, allow_concurrent=True, path=path):
        assert f"pid {other.pid}" in said[0]
        assert path.read_text().startswith(f"pid {other.pid},"), "the lock stays the other one's"


@pytest.mark.parametrize("kind", ["machine", "folder"])
def test_the_lock_of_a_killed_lab_is_free(tmp_path: Path, kind: str) -> None:
    """SIGKILL leaves the file, which holds nobody up."""
    path = tmp_path / MACHINE_LOCK if kind == "machine" else tmp_path
    file = path if kind == "machine" else tmp_path / FOLDER_LOCK
    with another_lab(kind, path) as other:
        other.send_signal(signal.SIGKILL)
        other.wait(DEADLINE_S)
    with folder_lock(path, "mine") if kind == "folder" else machine_lock("mine", print, path=path):
        assert file.read_text().startswith(f"pid {os.getpid()}, run mine,")


def test_two_labs_do_not_write_one_run_folder(tmp_path: Path) -> None:
    """Exit 2, with the one that does."""
    with another_lab("folder", tmp_path) as other:
        assert not folder_is_free(tmp_path)
        with pytest.raises(RunFolderError, match=f"pid {other.pid}, run other"), folder_lock(tmp_path, "mine"):
            pytest.fail("both at once")
    assert folder_is_free(tmp_path)


def test_every_user_may_take_the_lock(tmp_path: Path) -> None:
    """Whatever the umask of the first one."""
    before = os.umask(0o077)
    try:
        with machine_lock("mine", print, path=tmp_path / MACHINE_LOCK):
            assert (tmp_path / MACHINE_LOCK).stat().st_mode & 0o777 == 0o666
    finally:
        os.umask(before)


@pytest.mark.parametrize("trick", ["symlink", "dangling", "hardlink", "fifo", "folder"])
def test_a_lock_that_is_a_trap_is_refused_and_not_written_to(tmp_path: Path, trick: str) -> None:
    """Others can write in the folder of the lock; a lab of root must not be made to write to their choice."""
    path, victim = tmp_path / MACHINE_LOCK, tmp_path / "victim"
    victim.write_text("precious")
    tricks: dict[str, Callable[[], None]] = {
        "symlink": lambda: path.symlink_to(victim),
        "dangling": lambda: path.symlink_to(tmp_path / "absent"),
        "hardlink": lambda: path.hardlink_to(victim),
        "fifo": lambda: os.mkfifo(path),
        "folder": path.mkdir,
    }
    tricks[trick]()
    with pytest.raises(MissingError, match="lock"), machine_lock("mine", print, path=path):
        pytest.fail("trapped")
    assert victim.read_text() == "precious"
    assert not (tmp_path / "absent").exists()


def test_a_holder_that_says_nonsense_is_still_a_holder(tmp_path: Path) -> None:
    """The file is anybody's to write: what is in it is never needed."""
    path = tmp_path / MACHINE_LOCK
    with another_lab("machine", path):
        for text, told in ((b"", "does not say which"), (b"\xff nonsense", "nonsense"), (b"x" * 5000, "x" * 300)):
            path.write_bytes(text)
            with pytest.raises(MissingError, match=told) as caught, machine_lock("me", print, path=path):
                pytest.fail("both at once")
            assert len(str(caught.value)) < 500


def test_the_lock_is_the_machines_unless_somebody_has_a_temporary_folder_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's folder for locks; TMPDIR; the temporary folder where there is no other."""
    assert machine_lock_path({}, system=tmp_path) == tmp_path / MACHINE_LOCK
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "own"))
    assert machine_lock_path({"TMPDIR": "own"}, system=tmp_path) == tmp_path / "own" / MACHINE_LOCK
    assert machine_lock_path({}, system=tmp_path / "absent") == tmp_path / "own" / MACHINE_LOCK


def test_a_look_whether_a_lock_is_free_refuses_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes the lock for a moment, as `lab clean` does; who wants it waits for longer than that."""
    monkeypatch.setattr("lab.host.lock.PATIENCE_S", 20.0)  # a timer beside other tests may be late
    path = tmp_path / MACHINE_LOCK
    path.touch()
    look = path.open("r+b")
    fcntl.flock(look, fcntl.LOCK_EX)
    threading.Timer(0.05, look.close).start()

    with machine_lock("mine", print, path=path):
        assert look.closed


def test_who_makes_the_same_thing_waits_for_its_turn(tmp_path: Path) -> None:
    """It is told that it has to, and goes on when the other one has ended."""
    waited: list[str] = []
    with another_lab("machine", tmp_path / "lock") as other:

        def wait() -> None:
            waited.append("waits")
            other.kill()

        with turn(tmp_path / "lock", wait):
            assert waited == ["waits"]
    with turn(tmp_path / "lock", lambda: pytest.fail("nobody is there")):
        pass


def test_a_lock_is_taken_only_once_in_a_process(tmp_path: Path) -> None:
    """flock belongs to the open file, so a second attempt of the same process is refused as well."""
    with folder_lock(tmp_path, "mine"), pytest.raises(RunFolderError), folder_lock(tmp_path, "mine"), nullcontext():
        pytest.fail("twice")
