"""Folders of the lab: what it ships, things between runs (XDG_CACHE_HOME, XDG_STATE_HOME), and for a short while.

A folder for a short while has its owner in its name: `lab clean` finds those of a lab that was killed.
"""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from lab.host.labels import OWNER, owner, owner_lives

NAME = "process-model-lab"
SCRATCH = re.compile(r"lab-[a-z]+-(?P<owner>\d+-\d+\.\d+(-[0-9a-f]{12})?)-\w+")


def shipped_folder() -> Path:
    """The folder with the Dockerfile, app, scenarios and locustfiles of the lab: in its package, or its repository."""
    package = Path(__file__).parents[1]
    packed = package / "_demo"
    return packed if packed.is_dir() else package.parent


def cache_folder(kind: str = "") -> Path:
    """The folder for a ``kind`` of things that can be made again: ceilings, wheels, environments; "" for all."""
    return platformdirs.user_cache_path(NAME) / kind


def state_folder(kind: str) -> Path:
    """The folder for things of a ``kind`` that outlive the cache: noise floors."""
    return platformdirs.user_state_path(NAME) / kind


@contextmanager
def scratch(purpose: str, root: Path | None = None) -> Iterator[Path]:
    """An empty folder below ``root``, by default the temporary one; gone afterwards. ``purpose``: one word."""
    prefix = f"lab-{purpose}-{owner()}-"
    with tempfile.TemporaryDirectory(prefix=prefix, dir=root) as folder:
        yield Path(folder)


def keep(draft: Path, folder: Path) -> None:
    """Give a finished folder its name; where another lab has been quicker, its folder stays."""
    try:
        draft.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise


def abandoned(root: Path | None = None) -> Iterator[Path]:
    """Those below ``root`` whose lab has ended without removing them."""
    for path in sorted((root or Path(tempfile.gettempdir())).glob("lab-*")):
        match = SCRATCH.fullmatch(path.name)
        if match and path.is_dir() and not path.is_symlink() and not owner_lives({OWNER: match["owner"]}):
            yield path
