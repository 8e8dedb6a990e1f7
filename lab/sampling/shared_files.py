"""Find mapped files that the lab's own processes share with the arm: they take a part of its PSS (METHOD 4.2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePath
from typing import NamedTuple

KIB = 1024
OVERLAY = "overlay"
DEVICE, INODE, PATH = 3, 4, 5  # fields of a mapping's first line (man 5 proc_pid_maps)
MOUNT_DEVICE, SEPARATOR = 2, "-"  # fields of mountinfo; the file system's type follows the separator


class MappedFile(NamedTuple):
    """What tells two processes' mappings to be of one file.

    ``device`` is "overlay" for every overlay mount: the kernel may show the mount's own device (seen on 6.18),
    which differs between containers although their lower layers, inodes and pages are the same.
    """

    device: str
    inode: int
    name: str


def shared_files(ours: Iterable[int], arm: Iterable[int], proc: Path = Path("/proc")) -> Mapping[str, int] | None:
    """Name of each file that both have mapped → bytes of PSS in which our processes have a part of it.

    The arm's PSS would be larger by so much at most if our processes had pages of their own: where n of its processes
    and q of ours map a page, the arm is charged n ÷ (n + q) of it, and ours have the rest. None: some process may not
    be looked at. Those that have ended map nothing.
    """
    try:
        theirs = {file for pid in arm for file, _ in mappings(pid, "maps", proc)}
        found: Counter[str] = Counter()
        for pid in ours:
            for file, pss_bytes in mappings(pid, "smaps", proc):
                if file in theirs and pss_bytes:
                    found[file.name] += pss_bytes
    except PermissionError:
        return None
    return dict(found)


def mappings(pid: int, table: str, proc: Path) -> Iterator[tuple[MappedFile, int]]:
    """Every mapping of a file, and its PSS without anonymous pages; that is told by the table ``smaps`` only."""
    try:
        mounts = (proc / str(pid) / "mountinfo").read_text(errors="replace")
        lines = (proc / str(pid) / table).read_text(errors="replace").splitlines()
    except PermissionError:
        raise
    except OSError:  # it has ended; of a zombie, mountinfo is an invalid argument
        return
    overlays, file, counters = overlay_devices(mounts), None, {"Pss": 0, "Anonymous": 0}
    for line in lines:
        key, _, value = line.partition(":")
        if key in counters:
            counters[key] = int(value.split()[0]) * KIB
        elif " " in key:  # a mapping begins with a range of addresses and rights, a counter with one word
            if file:
                yield file, max(0, counters["Pss"] - counters["Anonymous"])
            file, counters = mapped_file(line, overlays), {"Pss": 0, "Anonymous": 0}
    if file:
        yield file, max(0, counters["Pss"] - counters["Anonymous"])


def mapped_file(line: str, overlays: frozenset[str]) -> MappedFile | None:
    """The file of one mapping; None for anonymous memory and what the kernel puts there."""
    fields = line.split(maxsplit=PATH)
    if len(fields) <= PATH or fields[INODE] == "0":
        return None
    device = OVERLAY if fields[DEVICE] in overlays else fields[DEVICE]
    return MappedFile(device, int(fields[INODE]), PurePath(fields[PATH]).name)


def overlay_devices(mountinfo: str) -> frozenset[str]:
    """Devices of the overlay mounts that a process sees, as its maps write them: hexadecimal."""
    found = set()
    for fields in map(str.split, mountinfo.splitlines()):
        if OVERLAY in fields[fields.index(SEPARATOR) + 1 : fields.index(SEPARATOR) + 2]:
            major, _, minor = fields[MOUNT_DEVICE].partition(":")
            found.add(f"{int(major):02x}:{int(minor):02x}")
    return frozenset(found)
