"""HUB: a bundle read again. It may come from anywhere: nothing is unpacked before all of it was looked at."""

import re
import shutil
import stat
import struct
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from lab.errors import MissingError, RunFolderError
from lab.units import GIB, MIB, format_bytes

BUNDLE = ".zip"  # the end of a bundle's name
MAX_ENTRIES = 200_000
MAX_BYTES = 20 * GIB
SMALL_BYTES = 64 * MIB  # of any ratio: no disk is filled by it
MAX_RATIO = 200  # logs and tables shrink to a tenth, a run of spaces to a thousandth
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,200}(/[A-Za-z0-9_-][A-Za-z0-9_.-]{0,200}){0,6}", re.ASCII)
ENCRYPTED = 0x1 | 0x40
METHODS = (ZIP_STORED, ZIP_DEFLATED)
DAMAGED = (BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, struct.error)  # what a broken zip raises
_AGAIN = "have it made again from its run folder by `lab bundle`, or sent again"


def everything(_name: str) -> bool:
    """Unpack all files."""
    return True


def unpack(path: Path, place: Path, wanted: Callable[[str], bool] = everything) -> Path:
    """Unpack those files of a bundle whose names in the run folder are ``wanted`` into ``place``; the run's folder.

    Raises RunFolderError (exit 2) when it is damaged or not safe to unpack, MissingError (exit 4) when it does not fit.
    """
    with _damage_told(path), ZipFile(path) as bundle:
        entries = checked_entries(bundle, path)
        root = place / PurePosixPath(entries[0].filename).parts[0]
        chosen = [entry for entry in entries if wanted(entry.filename.partition("/")[2])]
        size, room = sum(entry.file_size for entry in chosen), shutil.disk_usage(place).free
        if size > room:
            raise MissingError(
                f"{path}: unpacked it takes {format_bytes(size)}, and {place.parent} has room for {format_bytes(room)}",
                "free some space, or let TMPDIR name another folder",
            )
        root.mkdir(mode=0o700)
        for entry in chosen:
            target = place / entry.filename
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with bundle.open(entry) as source, target.open("xb") as file:
                shutil.copyfileobj(source, file)
    return root


def checked_entries(bundle: ZipFile, path: Path) -> Sequence[ZipInfo]:
    """The files of a bundle, all of one run and safe to unpack. Raises RunFolderError with what is not.

    Sizes are those that the zip declares: more than that of a file is never read.
    """
    listed = bundle.infolist()
    if problem := next(_problems(listed, path.stat().st_size), ""):
        raise RunFolderError(f"{path}: {problem}; nothing of it was unpacked", _AGAIN)
    return [entry for entry in listed if not entry.is_dir()]


def _problems(listed: Sequence[ZipInfo], packed: int) -> Iterator[str]:
    if len(listed) > MAX_ENTRIES:
        yield f"{len(listed)} files, more than any run has"
    for entry in listed:
        if problem := _problem(entry):
            yield f"{entry.orig_filename[:80]!r} {problem}"
    size = sum(entry.file_size for entry in listed)
    if size > MAX_BYTES:
        yield f"unpacked it would take {format_bytes(size)}, more than the {format_bytes(MAX_BYTES)} that are allowed"
    if size > max(SMALL_BYTES, MAX_RATIO * packed):
        yield f"it would grow from {format_bytes(packed)} to {format_bytes(size)}, as no run does"
    names = [entry.filename.rstrip("/").casefold() for entry in listed]
    if twice := next((name for name, count in Counter(names).items() if count > 1), ""):
        yield f"{twice!r} is in it twice"
    files = {entry.filename.casefold() for entry in listed if not entry.is_dir()}
    folders = {str(parent) for name in files for parent in PurePosixPath(name).parents}
    if both := sorted(files & folders):
        yield f"{both[0]!r} is a file and a folder"
    roots = {name.partition("/")[0] for name in names}
    if len(roots) != 1 or not files or any("/" not in name for name in files):
        yield "it is not one folder of a run"


def _problem(entry: ZipInfo) -> str:
    """Tell what is wrong with one entry, as words behind its name; "" when nothing is."""
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if entry.orig_filename != entry.filename or NAME.fullmatch(entry.filename.removesuffix("/")) is None:
        return "is no name of a file of a run"
    if kind not in (0, stat.S_IFDIR if entry.is_dir() else stat.S_IFREG):
        return "is a link or a special file"
    if entry.flag_bits & ENCRYPTED:
        return "is encrypted"
    if entry.compress_type not in METHODS:
        return "is packed in a way that no bundle is"
    return ""


@contextmanager
def _damage_told(path: Path) -> Iterator[None]:
    try:
        yield
    except DAMAGED as error:
        raise RunFolderError(f"{path}: no readable bundle: {error or type(error).__name__}", _AGAIN) from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise RunFolderError(
            f"{path}: cannot be unpacked: {reason}", "see that it can be read, and TMPDIR written"
        ) from None
