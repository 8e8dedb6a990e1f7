"""Commands as an ordinary user who may use Docker, on whatever machine the tests run and wherever the checkout is.

Tests that do not run as root are run by such a user already. As root, a command gets a user and group of its own and
the group of Docker's socket, and no capability. Folders that only root may enter (a checkout or an interpreter below
/root) are replaced, for this command alone, by empty ones with nothing but what the command needs.
"""

from __future__ import annotations

import os
import pwd
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
SOCKET = Path("/var/run/docker.sock")
FIRST_UID = 54321
ENTER = """
set -eu
keep=$1 uid=$2 group=$3
shift 3
mkdir -p "$keep"
mount -t tmpfs -o mode=755 none "$keep"
while [ "$1" != -- ]; do
    if [ ! -d "$keep/$1" ]; then
        mkdir -p "$keep/$1"
        mount --bind "$2" "$keep/$1"
        mount -t tmpfs -o mode=755 none "$2"
    fi
    mkdir -p "$2/$3"
    mount --bind "$keep/$1/$3" "$2/$3"
    shift 3
done
shift
exec setpriv --reuid "$uid" --regid "$uid" --groups "$group" --inh-caps=-all --bounding-set=-all "$@"
"""


@dataclass(frozen=True)
class OrdinaryUser:
    """Somebody with a home and nothing else."""

    home: Path
    uid: int

    @property
    def environment(self) -> dict[str, str]:
        """Theirs: nothing of the person who runs the tests but the search path and the engine."""
        kept = {name: os.environ[name] for name in ("PATH", "DOCKER_HOST", "LANG") if name in os.environ}
        return kept | {"HOME": str(self.home), "TMPDIR": str(self.home), "PYTHONDONTWRITEBYTECODE": "1"}

    def command(self, argv: Sequence[str]) -> list[str]:
        """How ``argv`` is run by this user."""
        if os.geteuid() != 0:
            return list(argv)
        group = SOCKET.stat().st_gid
        entered = [str(part) for place in _hidden() for part in place]
        keep = self.home / ".keep"
        script = ["sh", "-c", ENTER, "sh", str(keep), str(self.uid), str(group), *entered, "--", *argv]
        return ["unshare", "--mount", "--propagation", "private", *script]


@contextmanager
def ordinary_user() -> Iterator[OrdinaryUser]:
    """A user whose home, in the machine's temporary folder, is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="lab-user-") as home:
        if os.geteuid() != 0:
            yield OrdinaryUser(Path(home), os.geteuid())
            return
        taken = {entry.pw_uid for entry in pwd.getpwall()}
        uid = next(uid for uid in range(FIRST_UID, 2**16) if uid not in taken)
        os.chown(home, uid, uid)
        yield OrdinaryUser(Path(home), uid)


def _hidden() -> Iterator[tuple[int, Path, Path]]:
    """(number, folder that others may not enter, what is needed of it, relative to it)."""
    blocked: list[Path] = []
    for needed in dict.fromkeys((REPOSITORY, Path(sys.prefix), Path(sys.base_prefix).resolve())):
        for folder in reversed(needed.parents):
            if not folder.stat().st_mode & 0o001:
                if folder not in blocked:
                    blocked.append(folder)
                yield blocked.index(folder), folder, needed.relative_to(folder)
                break
