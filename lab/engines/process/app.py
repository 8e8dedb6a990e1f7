"""The app without its image: its code as `docker build` would see it, and an environment made from its requirements."""

import hashlib
import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab.engines.images.context import Context, content_hash, read_context
from lab.engines.images.images import ImageRecord, Way
from lab.engines.images.offline.wheelhouse import are_pinned, requirements_text
from lab.errors import MissingError, ScenarioError
from lab.host.lock import turn
from lab.host.places import cache_folder, keep, scratch
from lab.host.tools import failure_of, pip_command
from lab.scenario.app import App

INSTALL_TIMEOUT_S = 900.0
REQUIREMENTS = "requirements.txt"  # as pip gets them: what they include is in its place
COMPLETE = ".complete"  # written last: an environment without it is the remains of one that was interrupted

OnStep = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class AppPlace:
    """The place where the app runs: its virtual environment and the folder with its code."""

    environment: Path
    code: Path

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return self.environment / "bin" / "python"


def prepare_app(app: App, on_step: OnStep, root: Path | None = None) -> tuple[AppPlace, ImageRecord]:
    """Code and environment in the cache, from there when nothing changed, and how the report calls them.

    Needs ``build`` and ``requirements``, see lab/engines/process/refusals.py.
    Raises MissingError when a package cannot be had.
    """
    if app.requirements is None:
        raise ScenarioError("app.requirements: not given, so there is nothing to make an environment from")
    root = root or cache_folder()
    context = read_context(app)
    environment, made = _environment(app.requirements, root / "environments", on_step)
    content = content_hash(context, (environment.name,))
    place = AppPlace(environment=environment, code=_code(context, root / "code" / content, environment))
    version = platform.python_version()
    return place, ImageRecord(
        name=f"{context.root.name}, run by Python {version} of this machine",
        id=content,
        digest=f"files:{content}",
        origin=Way.BUILT if made else Way.PRESENT,
        detail=f"{app.requirements.name} in a virtual environment; no image",
    )


def _environment(requirements: Path, root: Path, on_step: OnStep) -> tuple[Path, bool]:
    """The environment of these requirements under this Python, and whether it was made just now.

    It is made where it stays, for its scripts name their interpreter by its path. The lock keeps a second lab waiting.
    """
    text = requirements_text(requirements)
    key = hashlib.sha256(json.dumps([text, sys.version, sys.base_prefix, platform.machine()]).encode()).hexdigest()[:16]
    folder = root / key
    root.mkdir(parents=True, exist_ok=True)
    with turn(root / f"{key}.lock", lambda: on_step("waiting for another lab that makes the same environment")):
        if (folder / COMPLETE).is_file():
            return folder, False
        on_step(f"installing {requirements.name} into an environment of the app's own (once)")
        if folder.exists():
            shutil.rmtree(folder)
        _run([sys.executable, "-m", "venv", "--without-pip", str(folder)], requirements)
        (folder / REQUIREMENTS).write_text(text, encoding="utf-8")
        _run(install_argv(pip_command(), folder, folder / REQUIREMENTS, pinned=are_pinned(text)), requirements)
        (folder / COMPLETE).touch()
    return folder, True


def install_argv(pip: list[str], environment: Path, requirements: Path, *, pinned: bool = True) -> list[str]:
    """The command that fills an environment; where every version is pinned, dependencies are in the list already.

    What PYTHONPATH shows of the lab's own packages is not taken for installed.
    """
    return [
        *pip,
        *("--python", str(environment / "bin" / "python"), "install", "--quiet", "--disable-pip-version-check"),
        *("--ignore-installed", "--only-binary=:all:", *(("--no-deps", "--require-hashes") if pinned else ())),
        *("--requirement", str(requirements)),
    ]


def _run(argv: list[str], requirements: Path) -> None:
    if failure := failure_of(argv, INSTALL_TIMEOUT_S):
        raise MissingError(
            f"{requirements}: the app's environment could not be made:\n{failure}",
            "is the package index reachable, and has every package a wheel for this Python?",
        )


def _code(context: Context, folder: Path, environment: Path) -> Path:
    """A copy of the build folder, without what .dockerignore names: a change of it reaches no arm of a running run."""
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with scratch("code", folder.parent) as parts:
        draft = parts / "code"
        draft.mkdir()
        for path in context.paths:
            _copy(context.root / path, draft / path)
        # As an image has it; a file that does not compile is told by whoever imports it.
        subprocess.run([environment / "bin" / "python", "-m", "compileall", "-qq", str(draft)], check=False)
        keep(draft, folder)
    return folder


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir() and not source.is_symlink():
        target.mkdir(exist_ok=True)
    else:
        shutil.copy2(source, target, follow_symlinks=False)
