"""What grows in a folder of an agent grows in the same folder of the lab: recordings, rows, statuses, logs."""

import os
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from lab.host.jsonlines import Message

REWRITTEN = ".json"  # files that are said anew in place; to all others something is only added
CHUNK_BYTES = 192 * 1024  # a multiple of 3: base64 without padding inside a file


class Mirror:
    """The agent's side: tells the lab what is new in the folders that it watches."""

    def __init__(self, tell: Callable[..., None]) -> None:
        self._tell = tell
        self._folders: list[Path] = []
        self._told: dict[Path, tuple[int, int]] = {}

    def watch(self, folder: Path) -> None:
        """From now on what is, or comes to be, in this folder; not in those below it."""
        self._folders.append(folder)

    def forget(self, folder: Path) -> None:
        """This folder and those below it are of no interest any more."""
        self._folders = [each for each in self._folders if not each.is_relative_to(folder)]
        self._told = {path: told for path, told in self._told.items() if not path.is_relative_to(folder)}

    def look(self) -> None:
        """Tell what is new. A status is read first and told last: what it speaks of is there before it."""
        changed = [(path, stat) for path, stat in self._files() if self._told.get(path) != _mark(stat)]
        statuses = [(path, stat, path.read_bytes()) for path, stat in changed if path.suffix == REWRITTEN]
        for path, stat in changed:
            if path.suffix != REWRITTEN:
                self._tell_rest(path, stat)
        for path, stat, text in statuses:
            self._told[path] = _mark(stat)
            self._tell(file=str(path), at=0, data=b64encode(text).decode())

    def _files(self) -> Iterator[tuple[Path, os.stat_result]]:
        for folder in self._folders:
            for path in folder.iterdir():
                if path.is_file():
                    yield path, path.stat()

    def _tell_rest(self, path: Path, stat: os.stat_result) -> None:
        """What was added since; a file's size is known before it is read, so nothing is told twice."""
        at = self._told.get(path, (0, 0))[1]
        if path not in self._told and not stat.st_size:
            self._tell(file=str(path), at=0, data="")  # that it is there at all
        with path.open("rb") as file:
            file.seek(at)
            while at < stat.st_size and (data := file.read(min(CHUNK_BYTES, stat.st_size - at))):
                self._tell(file=str(path), at=at, data=b64encode(data).decode())
                at += len(data)
        self._told[path] = (stat.st_mtime_ns, at)


def _mark(stat: os.stat_result) -> tuple[int, int]:
    return stat.st_mtime_ns, stat.st_size


class Copy:
    """The lab's side: writes down what the agent tells, in the folders that it asked for and nowhere else."""

    def __init__(self) -> None:
        self._folders: set[Path] = set()

    def expect(self, folder: Path) -> None:
        """Files of this folder will be told."""
        self._folders.add(folder)

    def keep(self, message: Message) -> None:
        """Write a piece of a file where it belongs. A folder that is gone is of no interest any more."""
        path = Path(message["file"])
        if path.parent not in self._folders or not path.parent.is_dir():
            return
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except FileNotFoundError:
            return
        try:
            os.pwrite(descriptor, b64decode(message["data"]), message["at"])
        finally:
            os.close(descriptor)


def piece(path: Path, content: bytes) -> dict[str, Any]:
    """A whole small file as an order for the agent."""
    return {"do": "put", "file": str(path), "data": b64encode(content).decode()}


def forget_earlier(folder: str, kept: str) -> int:
    """Remove the files that an earlier visit of the same name left in a folder, but for ``kept``; how many."""
    found = [path for path in Path(folder).glob("*") if path.name != kept]
    for path in found:
        path.unlink()
    return len(found)
