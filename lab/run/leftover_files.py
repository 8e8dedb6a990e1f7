"""Files that a killed lab left behind: half trials and drafts in run folders, folders for a short while, its lock."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from lab.engines.images.wheelhouse import cache_folder
from lab.engines.leftovers import Leftover
from lab.host.lock import FOLDER_LOCK, folder_is_free, is_stale, machine_lock_path
from lab.host.scratch import abandoned

DRAFTS = (".*.part", "trials/.*.part", FOLDER_LOCK)


def find_leftover_files(out: Path) -> list[Leftover]:
    """Those of the run folders below ``out`` that no lab writes now, and of this machine."""
    return [
        Leftover(kind="folder" if path.is_dir() else "file", name=str(path), identity=str(path))
        for path in (*_drafts(out), *_scratch(), *_lock())
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
    for cache in sorted(cache_folder().parent.glob("*/")):
        yield from abandoned(cache)


def _lock() -> Iterator[Path]:
    path = machine_lock_path()
    if is_stale(path):
        yield path
