"""The files that a locustfile needs beside load processes which see none of this machine's."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

from lab.agent.bundle import bundle_digest
from lab.agent.conversation import Conversation
from lab.errors import MissingError
from lab.scenario.model import Load
from lab.scenario.nodes import Node

MAX_BYTES = 100 * 1024**2  # of a locustfile's folder
SKIPPED = ("__pycache__", "node_modules")
MARKS = ("pyvenv.cfg", "run.json")  # what holds one is an environment, or results of ours


def files_of(load: Load) -> Mapping[Path, int]:
    """The files that the locustfile may need, and their sizes: its folder, and that in which it runs.

    Hidden ones, such as an ``.env`` with passwords, only where a Python file beside them names them. Raises
    MissingError where that is more than anybody means, or cannot be read.
    """
    found: dict[Path, int] = {}
    for root in {load.root or load.locustfile.parent, load.locustfile.parent}:
        for folder, folders, names in os.walk(root):
            if any(mark in names for mark in MARKS):
                folders.clear()
                continue
            folders[:] = [name for name in folders if not name.startswith(".") and name not in SKIPPED]
            found |= {path: path.stat().st_size for name in names if (path := Path(folder, name)).is_file()}
    found = _without_hidden(found)
    for path in found:
        try:
            path.open("rb").close()
        except OSError as error:
            raise MissingError(
                f"{path}, beside the locustfile, cannot be copied to the load processes: {error.strerror}",
                "let this user read it, or put the locustfile with what it needs into a folder named in load.root",
            ) from None
    if (size := sum(found.values())) > MAX_BYTES:
        raise MissingError(
            f"the folder of the locustfile holds {size // 1024**2} MiB, too much to copy beside load processes",
            "put the locustfile into a folder of its own, with what it needs, and name that in load.root",
        )
    return found


def _without_hidden(found: Mapping[Path, int]) -> dict[Path, int]:
    """What is not hidden, or is read by what is not: python-dotenv finds an ``.env`` whose name nobody wrote."""
    seen = {path: size for path, size in found.items() if not path.name.startswith(".")}
    if len(seen) == len(found):
        return seen
    code = "".join(path.read_text(errors="replace") for path in seen if path.suffix == ".py")
    code = code.replace("dotenv", ".env")
    return seen | {path: size for path, size in found.items() if path not in seen and _names(code, path.name)}


def _names(code: str, hidden: str) -> bool:
    """Whether a hidden file's name stands in the code, and not as a part of a word: ``os.environ`` is no ``.env``."""
    return re.search(rf"(?<!\w){re.escape(hidden)}(?![\w.])", code) is not None


class Bundle(NamedTuple):
    """The files that a locustfile may need, as ``files_of`` gives them, with their digest before they are copied."""

    files: Mapping[Path, int]
    digest: str


def bundle_of(load: Load) -> Bundle:
    """Those of a load. Raises MissingError."""
    files = files_of(load)
    try:
        return Bundle(files, bundle_digest(list(map(str, files))))
    except OSError as error:
        raise MissingError(
            f"a file beside the locustfile cannot be read any more: {error}",
            "run it again, with nobody writing to that folder",
        ) from None


@contextmanager
def bundled(
    starting: AbstractContextManager[Conversation], bundle: Bundle, node: Node | None
) -> Iterator[Conversation]:
    """An agent that was given these files, proved to have them as they were here. Raises MissingError."""
    with starting as agent:
        paths = list(map(str, bundle.files))
        if paths and agent.call(bundle_digest, paths) != bundle.digest:
            where = f"on node {node.name}" if node else "with the load processes"
            raise MissingError(
                f"the locustfile and the files beside it are not the same {where} as here",
                "they changed while they were copied: run it again, with nobody writing to that folder",
            )
        yield agent
