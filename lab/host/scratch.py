"""Folders for a short while, with their owner in the name: `lab clean` finds those of a lab that was killed."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.host.labels import OWNER, owner, owner_lives

NAME = re.compile(r"lab-[a-z]+-(?P<owner>\d+-\d+\.\d+)-\w+")


@contextmanager
def scratch(purpose: str, root: Path | None = None) -> Iterator[Path]:
    """An empty folder below ``root``, by default the temporary one; gone afterwards. ``purpose``: one word."""
    prefix = f"lab-{purpose}-{owner()}-"
    with tempfile.TemporaryDirectory(prefix=prefix, dir=root) as folder:
        yield Path(folder)


def abandoned(root: Path | None = None) -> Iterator[Path]:
    """Those below ``root`` whose lab has ended without removing them."""
    for path in sorted((root or Path(tempfile.gettempdir())).glob("lab-*")):
        match = NAME.fullmatch(path.name)
        if match and path.is_dir() and not path.is_symlink() and not owner_lives({OWNER: match["owner"]}):
            yield path
