"""Files that the lab's own processes have mapped beside the arm: which, and how much of its PSS they take at most."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.analysis.gates import run_gates
from lab.record.types import GateResult
from lab.report.parts.gate_sentences import gate_sentence
from lab.sampling.shared_files import shared_files
from tests.gate_records import trial

LAB, ARM = 10, 20
# As recorded on Linux 6.18 with overlay2: one layer, two containers, so the same inode on two devices.
PYTHON = "55a0-55a1 r-xp 00001000 {device} 4711                           /usr/local/lib/libpython3.13.so.1.0"
LIBC = "7f10-7f11 r--p 00000000 {device} 815                            /usr/lib/x86_64-linux-gnu/libc.so.6"
HEAP = "7f20-7f21 rw-p 00000000 00:00 0                                 [heap]"
MOUNT = "573 480 {device} / / rw,relatime master:1 - {kind} overlay rw,lowerdir=/l1:/l2"


def counters(pss_kib: int, anonymous_kib: int = 0) -> str:
    return (
        f"Size:      4096 kB\nRss:       2048 kB\nPss:  {pss_kib:8} kB\nAnonymous: {anonymous_kib:3} kB\nVmFlags: rd ex"
    )


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """The lab in one container and the arm in another one, both from the same layer."""
    place(tmp_path, LAB, "0:40", "00:28", [PYTHON, HEAP, LIBC])
    place(tmp_path, ARM, "0:42", "00:2a", [PYTHON, HEAP])
    return tmp_path


def place(proc: Path, pid: int, mounted: str, device: str, files: list[str], kind: str = "overlay") -> None:
    folder = proc / str(pid)
    folder.mkdir(exist_ok=True)
    lines = [line.format(device=device) for line in files]
    (folder / "mountinfo").write_text(MOUNT.format(device=mounted, kind=kind) + "\n")
    (folder / "maps").write_text("\n".join(lines) + "\n")
    (folder / "smaps").write_text("\n".join(f"{line}\n{counters(1500, 100)}" for line in lines) + "\n")


def test_what_both_have_mapped_is_named_with_its_part(proc: Path) -> None:
    """The PSS of our mapping without its private pages; libc is ours alone, a heap is no file."""
    assert shared_files([LAB], [ARM], proc) == {"libpython3.13.so.1.0": 1400 * 1024}


def test_all_our_processes_count(proc: Path) -> None:
    place(proc, 11, "0:40", "00:28", [PYTHON, PYTHON])

    assert shared_files([LAB, 11], [ARM], proc) == {"libpython3.13.so.1.0": 3 * 1400 * 1024}


def test_another_layer_is_another_file(proc: Path) -> None:
    """A helper whose image is one layer of its own: the same names, other inodes."""
    place(proc, LAB, "0:40", "00:28", [PYTHON.replace("4711", "9911"), LIBC.replace("815", "9912")])

    assert shared_files([LAB], [ARM], proc) == {}


def test_mounts_that_share_nothing_are_told_apart(proc: Path) -> None:
    """Each mount of fuse-overlayfs has a page cache of its own, although its inodes have the same numbers."""
    for pid, mounted, device in ((LAB, "0:40", "00:28"), (ARM, "0:42", "00:2a")):
        place(proc, pid, mounted, device, [PYTHON], kind="fuse.fuse-overlayfs")

    assert shared_files([LAB], [ARM], proc) == {}


def test_a_process_that_has_ended_shares_nothing(proc: Path) -> None:
    assert shared_files([LAB, 98], [ARM, 99], proc) == {"libpython3.13.so.1.0": 1400 * 1024}


@pytest.fixture
def zombie() -> Iterator[int]:
    with subprocess.Popen(["true"]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        yield child.pid


def test_a_zombie_shares_nothing(zombie: int) -> None:
    """Its mountinfo is no missing file but an invalid argument."""
    assert shared_files([zombie], [os.getpid()]) == {}


def test_who_may_not_be_looked_at_leaves_it_unknown(proc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unknown is not nothing."""

    def refuse(*_: object, **__: object) -> str:
        raise PermissionError

    monkeypatch.setattr(Path, "read_text", refuse)

    assert shared_files([LAB], [ARM], proc) is None


@pytest.fixture
def another() -> Iterator[int]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        yield child.pid
        child.kill()


def test_two_processes_of_one_python_share_its_files(another: int) -> None:
    """As under engine process: this Python is the arm's Python too."""
    found = shared_files([os.getpid()], [another])

    assert found
    assert any("python" in name for name in found)
    assert 0 < sum(found.values()) < 100e6


def result(shared: dict[str, int] | None) -> GateResult:
    (found,) = [gate for gate in run_gates(trial(shared_files=shared), 4) if gate.key == "memory.shared"]
    return found


def test_a_shared_file_is_a_caveat_about_memory_with_its_size() -> None:
    shared = {"libc.so.6": 2**20, "libpython3.13.so.1.0": 4 * 2**20}

    found = result(shared)

    assert (found.outcome, found.value) == ("caveat", 5 * 2**20)
    said = gate_sentence(found, trial(shared_files=shared).record)
    assert "libpython3.13.so.1.0 4.0 MiB, libc.so.6 1.0 MiB" in said
    assert "5.0 MiB" in said


def test_nothing_shared_passes_and_nothing_known_does_not() -> None:
    assert result({}).outcome == "pass"
    assert (result(None).outcome, result(None).value) == ("caveat", None)
