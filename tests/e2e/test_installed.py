"""From a wheel to a report, without a clone: the lab as an installed package has it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.e2e.conftest import OF_AN_EXAMPLE, REPOSITORY, Outcome, check_done, check_only_busy, installed, outside

pytestmark = OF_AN_EXAMPLE


def test_the_package_is_the_wheel_s_and_shadows_no_app(environment: Path, tmp_path: Path) -> None:
    """`lab` comes from the new environment, and a module `app` is whoever's it is."""
    ask = "import importlib.util as u, lab; print(lab.__file__); print(u.find_spec('app'), u.find_spec('locustfiles'))"
    argv = [str(environment / "bin" / "python"), "-c", ask]
    told = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=True, env=outside()).stdout

    place, others = told.splitlines()
    assert Path(place).is_relative_to(environment)
    assert others == "None None"


def test_the_demo_says_what_it_can_say(smoke: tuple[Outcome, Path]) -> None:
    """Before it begins. That it ends with a report, and what is in it, is in test_cli.py."""
    assert "says     numbers only" in smoke[0].err


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
