"""From a wheel to a report, without a clone: the lab as an installed package has it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tests.e2e.conftest import (
    ATTEMPTS,
    BUSY,
    OF_AN_EXAMPLE,
    REPOSITORY,
    TIMEOUT_S,
    Outcome,
    check_done,
    check_only_busy,
)

pytestmark = OF_AN_EXAMPLE


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the wheel; packages that it needs are lent by this one, which takes no minute of copying.

    What this environment itself shows of the repository is not lent: only the wheel can give `lab`.
    """
    folder = tmp_path_factory.mktemp("installed")
    built, made = folder / "dist", folder / "environment"
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(built)]
    subprocess.run(build, cwd=REPOSITORY, check=True, capture_output=True)
    venv.create(made, symlinks=True)
    install = [sys.executable, "-m", "pip", "--python", str(made / "bin" / "python"), "install", "--quiet"]
    subprocess.run([*install, "--no-deps", "--no-index", *built.glob("*.whl")], check=True)
    (packages,) = made.glob("lib/python*/site-packages")
    (packages / "lent.pth").write_text(sysconfig.get_path("purelib"))
    return made


def installed(environment: Path, *arguments: object, cwd: Path) -> Outcome:
    """One command of the installed lab."""
    argv = [str(environment / "bin" / "lab"), *map(str, arguments)]
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, timeout=TIMEOUT_S, env=_outside())
    return Outcome(done.returncode, done.stdout, done.stderr)


def _outside() -> dict[str, str]:
    """The environment variables without what shows the repository to Python."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def test_the_package_is_the_wheel_s_and_shadows_no_app(environment: Path, tmp_path: Path) -> None:
    """`lab` comes from the new environment, and a module `app` is whoever's it is."""
    ask = "import importlib.util as u, lab; print(lab.__file__); print(u.find_spec('app'), u.find_spec('locustfiles'))"
    argv = [str(environment / "bin" / "python"), "-c", ask]
    told = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=True, env=_outside()).stdout

    place, others = told.splitlines()
    assert Path(place).is_relative_to(environment)
    assert others == "None None"


@pytest.mark.alone
def test_the_demo_ends_with_a_report(environment: Path, tmp_path: Path) -> None:
    """The shortest scenario that the lab ships, in a folder that holds nothing: images, app, locustfile are its own.

    The last line is the page's path from where the command is called.
    """
    for _ in range(ATTEMPTS):
        outcome = installed(environment, "demo", "smoke", "--wait-for-quiet=0", cwd=tmp_path)
        if not (outcome.code == 3 and BUSY in outcome.err):
            break

    assert outcome.code == 0, outcome.err
    page = tmp_path / outcome.out.splitlines()[-1].removeprefix("report: ")
    assert page.is_relative_to(tmp_path / "runs")
    assert page.stat().st_size > 100_000
    assert "says     numbers only, no verdict" in outcome.err


def test_an_app_of_one_s_own_is_measured_in_one_command(environment: Path, tmp_path: Path) -> None:
    """The scenario stays and names the app's folder; the page has its arms."""
    shutil.copytree(REPOSITORY / "examples" / "shop", tmp_path / "shop")
    short = ("--processes", 2, "--blocks", 1, "--warmup", "1s", "--measure", "2s")
    outcome = installed(environment, "quick", "--folder", "shop", *short, "--no-open", "--force", cwd=tmp_path)

    check_only_busy(outcome.code, outcome.err)
    (run,) = (tmp_path / "runs").iterdir()
    check_done(run)
    assert "replicas" in (run / "report.html").read_text()
    assert 'build = "../shop"' in (tmp_path / "lab-scenario" / "scenario.toml").read_text()
    assert "again    lab run lab-scenario/scenario.toml" in outcome.err
