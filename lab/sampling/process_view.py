"""The view of a process that takes the right to trace it: the sockets it holds and the files it has mapped."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.errors import RightsError
from lab.sampling.sockets import NO_SOCKETS, Sockets, sockets_of

PROC = Path("/proc")
MAPPED_FILE = 5  # fields of a line of /proc/PID/maps before the path (man 5 proc_pid_maps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One process: inodes of its ``sockets``, paths of the ``files`` it has mapped; ``awaited``: see sockets."""

    sockets: frozenset[int]
    files: frozenset[str]
    awaited: frozenset[int] = NO_SOCKETS

    @property
    def descriptors(self) -> Sockets:
        """Its sockets as lab.sampling.sockets has them."""
        return Sockets(held=self.sockets, awaited=self.awaited)


Look = Callable[[Sequence[int]], Mapping[int, Seen]]


def look(pids: Sequence[int], proc: Path = PROC) -> Mapping[int, Seen]:
    """Pid → what is seen of it, without those that have ended. Raises RightsError where one may not be looked at."""
    found = {}
    for pid in pids:
        try:
            files = mapped_files((proc / str(pid) / "maps").read_text(errors="replace"))
            sockets = sockets_of(proc, pid)
            found[pid] = Seen(sockets=sockets.held, files=files, awaited=sockets.awaited)
        except (FileNotFoundError, ProcessLookupError):
            continue
        except PermissionError:
            raise RightsError(
                "the lab may not look into processes of other users",
                "run the lab as root, or give its Python CAP_SYS_PTRACE",
            ) from None
    return found


def mapped_files(maps: str) -> frozenset[str]:
    """The paths in a /proc/PID/maps."""
    lines = (line.split(maxsplit=MAPPED_FILE) for line in maps.splitlines())
    return frozenset(line[MAPPED_FILE] for line in lines if len(line) > MAPPED_FILE and line[MAPPED_FILE][0] == "/")
