"""What an app without a Dockerfile installs, and the Dockerfile that the lab writes for it."""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from lab.engines.images.instructions import takes_base
from lab.engines.images.offline.wheelhouse import INCLUDED, requirements_text, statements
from lab.errors import LabError, UsageError
from lab.scenario.app import IMAGE_COMMAND
from lab.starter.folder import others_there
from lab.starter.servers import command_text, missing_options
from lab.starter.start import Start

DOCKERFILE = "Dockerfile"
NAMES = ("requirements.txt", "pyproject.toml")  # the first that is there counts
SRC = "src"
TODAY = {"{host}": "0.0.0.0", "{port}": "8000", "{workers}": "1"}  # noqa: S104  what `docker run` starts, no arm
TAKES_WHEELS = re.compile(r"^\s*COPY\s.*\.wheelhouse", re.MULTILINE | re.IGNORECASE)
NOT_FOLLOWED = re.compile(r"-(e|c|-editable|-constraint)\b")
OWN = "write a Dockerfile of your own, or"
IGNORED = (".git", ".env", "**/__pycache__", "**/node_modules")


@dataclass(frozen=True, slots=True, kw_only=True)
class Packages:
    """What an app installs: the file ``name`` in its folder says so, with those that it includes, paths relative.

    ``uvicorn``: whether it names that server, or what brings it.
    """

    name: str
    included: tuple[str, ...] = ()
    uvicorn: bool = False


def packages_of(folder: Path) -> Packages | None:
    """The packages of an app; None where no file names them.

    Raises UsageError for a line that an image could not follow, MissingError for a file that cannot be read.
    """
    name = next((name for name in NAMES if (folder / name).is_file()), None)
    if name is None:
        return None
    text = requirements_text(folder / name)
    if line := _not_followed(text):
        raise UsageError(
            f"{folder / name}: {line!r} is more than the name of a package: the Dockerfile that the lab writes where "
            "there is none cannot follow it",
            f"{OWN} say it by names: `pip freeze` or `uv pip compile` does",
        )
    included = dict.fromkeys(path.relative_to(folder).as_posix() for path in _included(folder, folder / name))
    return Packages(name=name, included=tuple(included), uvicorn=any(map(_brings_uvicorn, statements(text))))


def _are_followed(path: Path) -> bool:
    """Tell whether the lab can fetch what a file names; what is wrong with one where not, the build says."""
    try:
        return path.is_file() and not _not_followed(requirements_text(path))
    except LabError:
        return False


def instead_of(folder: Path, dockerfile: str) -> Packages:
    """What the lab writes a Dockerfile from where there is none. Raises UsageError where it can or should not."""
    others = others_there(folder)
    elsewhere = dockerfile != DOCKERFILE or any(each.startswith("--dockerfile") for each in others)
    if not elsewhere and (packages := packages_of(folder)) is not None:
        return packages
    write = f"there is {', '.join(others)}" if others else f"name its packages in {NAMES[0]}, and the lab writes one"
    hint = f"{write}, or name a finished image with --image"
    raise UsageError(f"--folder: there is no {dockerfile} in {folder}", hint)


def fetched_for(folder: Path, text: str) -> str:
    """The file whose wheels the lab can fetch for a Dockerfile that takes wheels and names it; "" where none is."""
    if not takes_base(text) or not TAKES_WHEELS.search(text):
        return ""
    return next((name for name in NAMES if name in text and _are_followed(folder / name)), "")


def check_start(packages: Packages, start: Start) -> None:
    """Raise UsageError where an image with these packages could not start so."""
    try:
        shlex.split(start.command)
    except ValueError as error:
        raise UsageError(f"--command: cannot be split into words: {error}") from None
    if start.command == IMAGE_COMMAND:
        raise UsageError(f"--command: {IMAGE_COMMAND} is the command of an image, and there is no Dockerfile yet")
    if not packages.uvicorn and (start.target or start.command.startswith("uvicorn ")):
        raise UsageError(
            f"{packages.name} names no uvicorn, which is to serve {start.app or start.target}",
            f"add a line to it: uvicorn, or fastapi[standard], which brings it; or {OWN} name another server with "
            "--command",
        )


def below_src(start: Start, folder: Path) -> Start:
    """For an app whose packages are below src/, from where it is imported: uvicorn looks there."""
    if not start.target.startswith(f"{SRC}.") or (folder / SRC / "__init__.py").is_file():
        return start
    app = start.target.removeprefix(f"{SRC}.")
    words = ["uvicorn", app, "--app-dir", SRC, "--timeout-keep-alive", "75", *missing_options("uvicorn", "")]
    return replace(start, target="", command=command_text(words), app=app)


def command_of(start: Start) -> str:
    """The CMD of an image that starts so by itself."""
    line = start.command or f"uvicorn {start.target} --host {{host}} --port {{port}}"
    for placeholder, value in TODAY.items():
        line = line.replace(placeholder, value)
    return json.dumps(shlex.split(line))


def ignored(folder: Path) -> Iterator[str]:
    """What no image of the folder needs or should hold, as .dockerignore has it: environments by whatever name too."""
    yield from IGNORED
    yield from sorted(path.parent.name for path in folder.glob("*/pyvenv.cfg"))


def _not_followed(text: str) -> str:
    """The first line that names no package of an index; "" where each does, or is an option for all of them."""
    return next((line for line in statements(text) if not _is_followed(line)), "")


def _is_followed(line: str) -> bool:
    if line.startswith("-"):
        return NOT_FOLLOWED.match(line) is None
    requirement = _requirement(line)
    return requirement is not None and (requirement.url or "http").startswith("http")


def _brings_uvicorn(line: str) -> bool:
    requirement = _requirement(line)
    name = requirement.name.lower() if requirement else ""
    return name.startswith("uvicorn") or bool(name.startswith("fastapi") and requirement and requirement.extras)


def _requirement(line: str) -> Requirement | None:
    try:
        return Requirement(line.partition(" --")[0].strip())
    except InvalidRequirement:
        return None


def _included(folder: Path, path: Path) -> Iterator[Path]:
    """The files that a file includes, which have been read before. Raises UsageError for one outside the folder."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if found := INCLUDED.fullmatch(line):
            each = (path.parent / found[1]).resolve()
            if not each.is_relative_to(folder.resolve()):
                raise UsageError(f"{path}: {line.strip()} leads out of {folder}", f"{OWN} copy that file into it")
            yield folder / each.relative_to(folder.resolve())
            yield from _included(folder, each)
