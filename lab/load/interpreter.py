"""The interpreter that runs a locustfile: the lab's own, one of the user's, or one of an environment made for it."""

import hashlib
import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from packaging.version import Version

from lab.errors import MissingError, ScenarioError
from lab.host.lock import turn
from lab.host.places import cache_folder
from lab.host.tools import failure_of, pip_command
from lab.scenario.model import Load

LEAST_PYTHON = (3, 11)
LEAST_LOCUST = "2.47"  # the version whose inner parts the load processes take hold of
INSTALL_TIMEOUT_S = 900.0
ASK_TIMEOUT_S = 30.0
COMPLETE = ".complete"  # written last: an environment without it is the remains of one that was interrupted
QUESTION = """
import json, sys
from importlib.metadata import version
print(json.dumps([sys.version_info[:3], version("locust")]))
"""


def interpreter_of(load: Load) -> str:
    """Where the interpreter is, or will be: see ``prepare_interpreter``."""
    if load.requirements is not None:
        return str(_environment(load.requirements) / "bin" / "python")
    return str(load.python or sys.executable)


def prepare_interpreter(load: Load, say: Callable[[str], None]) -> str:
    """Have it there, with a Locust that the lab can drive, and tell its versions: "Python 3.12.3, Locust 2.47.0".

    Raises ScenarioError when it cannot be used, MissingError when a package of ``load.requirements`` cannot be had.
    """
    if load.requirements is not None:
        _install(load.requirements, say)
    python, key = interpreter_of(load), "load.requirements" if load.requirements else "load.python"
    try:
        told = subprocess.run(
            [python, "-c", QUESTION], capture_output=True, text=True, timeout=ASK_TIMEOUT_S, check=False
        )
        (*numbers,), locust = json.loads(told.stdout)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ScenarioError(f"{key}: {python} cannot be run: {error}") from None
    except ValueError:
        reason = next(iter(reversed(told.stderr.strip().splitlines())), "it said nothing")
        hint = f'install Locust in it: {python} -m pip install "locust>={LEAST_LOCUST}"'
        raise ScenarioError(f"{key}: {python} has no Locust: {reason}", hint) from None
    found = f"Python {'.'.join(map(str, numbers))}, Locust {locust}"
    if tuple(numbers) < LEAST_PYTHON or Version(locust) < Version(LEAST_LOCUST):
        least = f"Python {'.'.join(map(str, LEAST_PYTHON))} and Locust {LEAST_LOCUST}"
        raise ScenarioError(f"{key}: {python} is {found}: too old", f"the lab drives {least} or newer")
    return found


def _environment(requirements: Path) -> Path:
    """The folder of the environment of these requirements under this Python."""
    facts = [requirements.read_text(encoding="utf-8"), LEAST_LOCUST, sys.version, sys.base_prefix, platform.machine()]
    return cache_folder("load") / hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _install(requirements: Path, say: Callable[[str], None]) -> None:
    """Make the environment once and keep it; the lock keeps a second lab waiting."""
    folder = _environment(requirements)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with turn(folder.with_suffix(".lock"), lambda: say("waiting for another lab that makes the same environment")):
        if (folder / COMPLETE).is_file():
            return
        say(f"installing {requirements.name} and Locust into an environment for the locustfile (once)")
        if folder.exists():
            shutil.rmtree(folder)
        for argv in (
            [sys.executable, "-m", "venv", "--without-pip", str(folder)],
            install_argv(pip_command(), folder, requirements),
        ):
            if failure := failure_of(argv, INSTALL_TIMEOUT_S):
                raise MissingError(
                    f"load.requirements: the environment of {requirements} could not be made:\n{failure}",
                    "is the package index reachable, and does every package fit this Python? Or name an interpreter "
                    "that has them and Locust in load.python",
                )
        (folder / COMPLETE).touch()


def install_argv(pip: list[str], environment: Path, requirements: Path) -> list[str]:
    """The command that fills the environment, with Locust beside what is asked for."""
    return [
        *pip,
        *("--python", str(environment / "bin" / "python"), "install", "--quiet", "--disable-pip-version-check"),
        *("--requirement", str(requirements), f"locust>={LEAST_LOCUST}"),
    ]
