"""Read the folder of an app as text: what an image copies from it, and the apps in its modules."""

import os
import re
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from itertools import islice
from pathlib import Path, PurePosixPath

from lab.engines.images.context import is_labs
from lab.errors import UsageError
from lab.scenario.expectation import nearest
from lab.starter.routes import PACKAGE, Routes, apps_in

SKIPPED = {"node_modules", "site-packages", "tests", "test", "venv", "__pycache__"}
MAX_FILES = 2_000
MAX_BYTES = 1_000_000
MAX_NAMED = 3  # in a sentence
SLIP = 0.8  # of a target its letters that are right, at least: below it is a module of a package
DYNAMIC = re.compile(r"import \*|__getattr__|globals\(|vars\(|setattr\(|exec\(|__dict__")  # make names nobody can read


def check_folder(folder: Path) -> None:
    """Raise UsageError where there is no such folder."""
    if not folder.is_dir():
        raise UsageError(f"--folder: there is no folder {folder}", "give the folder that holds your app")


def reader(folder: Path) -> Callable[[str], str | None]:
    """A function that reads what a path in the image names, from where it was copied from, as far as that is clear."""

    def read(name: str) -> str | None:
        parts = [part for part in PurePosixPath(name).parts if part not in ("/", ".", "..")]
        copies = (folder.joinpath(*parts[first:]) for first in range(len(parts)))
        for path in copies:
            if path.is_file() and path.resolve().is_relative_to(folder.resolve()):
                with path.open("rb") as file:
                    return file.read(MAX_BYTES).decode(errors="replace")
        return None

    return read


def find_apps(folder: Path) -> dict[str, Routes]:
    """Each app as uvicorn's module:name, with its routes; functions that make one as module:name().

    Apps before functions, those at the top of the folder first. Read as text: running what lies in a folder would run
    anything, and its packages need not be here.
    """
    found = apps_in(_texts(folder))
    return dict(sorted(found.items(), key=lambda item: (item[0].endswith("()"), item[0].count("."), item[0])))


def check_target(folder: Path, target: str) -> None:
    """Raise UsageError where the module of ``module:name`` is in the folder, and nothing in it could be the name.

    Also where it is not, but an app with nearly this name; any other module may be of a package.
    """
    module, _, rest = target.partition(":")
    name = rest.partition(".")[0].removesuffix("()")
    own = {
        where: text
        for where, text in _texts(folder).items()
        if f".{where.removesuffix(PACKAGE)}".endswith(f".{module}")
    }
    if not own and (close := get_close_matches(target, find_apps(folder), n=1, cutoff=SLIP)):
        raise UsageError(f"--target: there is no module {module!r} in {folder}", f"did you mean {close[0]!r}?")
    if not own or any(re.search(rf"\b{name}\b", text) or DYNAMIC.search(text) for text in own.values()):
        return
    apps = find_apps(folder)
    hint = nearest(target, list(apps)) if apps else "name the variable that holds the app, module:name"
    raise UsageError(f"--target: {name!r} stands nowhere in {' or '.join(own)}", hint)


def _texts(folder: Path) -> dict[str, str]:
    """The modules in a folder, by their dotted names."""
    texts: dict[str, str] = {}
    for path in islice(_files(folder), MAX_FILES):
        with path.open("rb") as file:
            text = file.read(MAX_BYTES).decode(errors="replace")
        texts[".".join(path.relative_to(folder).with_suffix("").parts)] = text
    return texts


def others_there(folder: Path) -> tuple[str, ...]:
    """What else a folder may be started by: Dockerfiles of other names or below it, and compose files in it."""
    named = sorted(
        path.relative_to(folder) for path in islice(_walk(folder), MAX_FILES) if "dockerfile" in path.name.lower()
    )
    near = sorted(named, key=lambda path: len(path.parts))[:MAX_NAMED]
    compose = (path.name for path in sorted(folder.glob("*compose*.y*ml")))
    return (*(f"--dockerfile {path}" for path in near), *(f"--compose {name}" for name in islice(compose, MAX_NAMED)))


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in _walk(folder) if path.name.endswith(".py"))


def _walk(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if name not in SKIPPED and not name.startswith(".") and not _is_no_source(Path(root, name))
        )
        yield from (Path(root, name) for name in sorted(names))


def _is_no_source(folder: Path) -> bool:
    """Tell whether a folder is a virtual environment, or holds what `lab init` wrote."""
    return (folder / "pyvenv.cfg").exists() or is_labs(folder)
