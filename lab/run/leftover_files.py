"""Files that a killed lab left behind: half trials and drafts in run folders, folders for a short while."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from lab.engines.leftovers import Leftover
from lab.host.lock import folder_is_free
from lab.host.places import cache_folder
from lab.host.scratch import abandoned

DRAFTS = (".*.part", "trials/.*.part")


def find_leftover_files(out: Path) -> list[Leftover]:
    """Those of the run folders below ``out`` that no lab writes now, and of this machine."""
    return [
        Leftover(kind="folder" if path.is_dir() else "file", name=str(path), identity=str(path))
        for path in (*_drafts(out), *_scratch())
    ]


def remove_leftover_files(found: Sequence[Leftover]) -> None:
    """Remove them; that one is gone already is fine."""
    for path in [Path(item.identity) for item in found]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _drafts(out: Path) -> Iterator[Path]:
    for info in sorted(out.glob("*/run.json")):
        if folder_is_free(info.parent):
            for pattern in DRAFTS:
                yield from sorted(info.parent.glob(pattern))


def _scratch() -> Iterator[Path]:
    yield from abandoned()
    for cache in sorted(cache_folder().glob("*/")):
        yield from abandoned(cache)
