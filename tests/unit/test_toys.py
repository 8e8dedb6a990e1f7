"""Another package adds a front, a process model and an engine; the command line knows them with no line in the lab."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.errors import MissingError, ScenarioError
from tests.toys_run import ENTRY_POINTS, SCENARIO, TOYS, installed, scenario_file

Lab = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A command of the lab beside which the toys are installed."""
    environment = installed(tmp_path)
    return lambda *arguments: subprocess.run(
        [sys.executable, "-m", "lab", *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )


def test_the_plan_knows_what_another_package_declared(lab: Lab, tmp_path: Path) -> None:
    """Titles, commands and files of the toys; the key of the front is not shown."""
    shown = lab("plan", scenario_file(tmp_path))
    document = json.loads(lab("plan", scenario_file(tmp_path), "--json").stdout)

    assert shown.returncode == 0, shown.stderr
    assert "arm turned: replicas, front turnstile (long queue)" in shown.stdout
    assert "arm forked: forked (imported by each), front direct" in shown.stdout
    assert "engine    bare: children of the lab" in shown.stdout
    assert "/etc/toys/turnstile.py of arm turned" in shown.stdout
    assert document["scenario"]["arms"][1]["front"] == {"kind": "turnstile", "backlog": "long"}
    assert document["scenario"]["images"]["turnstile"] == "python:3.13-slim"
    assert "private key" not in shown.stdout + json.dumps(document)


def test_the_schema_offers_it(lab: Lab) -> None:
    """For editors, as every other kind."""
    schema = json.loads(lab("schema").stdout)
    arm = schema["$defs"]["Arm"]["properties"]

    assert {"turnstile", "nginx"} <= set(arm["front"]["anyOf"][0]["enum"])
    assert "forked" in arm["model"]["anyOf"][0]["enum"]
    assert "bare" in schema["properties"]["engine"]["enum"]
    assert "turnstile" in schema["properties"]["images"]["properties"]


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('backlog = "long"', 'backlog = "endless"', "arms[1].front: backlog: Input should be 'short' or 'long'"),
        ('backlog = "long"', 'balance = "random"', "'balance' is an option of front 'nginx', got it for 'turnstile'"),
        ('kind = "turnstile"', 'kind = "turnstil"', "unknown front 'turnstil': did you mean 'turnstile'?"),
        ('engine = "bare"', 'engine = "bear"', "unknown engine 'bear': did you mean 'bare'?"),
    ],
)
def test_its_mistakes_are_sentences_too(lab: Lab, tmp_path: Path, old: str, new: str, sentence: str) -> None:
    """Exit 2, with the nearest choice among those of the lab and of the other package."""
    path = scenario_file(tmp_path)
    path.write_text(SCENARIO.replace(old, new))
    refused = lab("plan", path)

    assert (refused.returncode, sentence in refused.stderr) == (ScenarioError.exit_code, True), refused.stderr


def test_a_package_that_cannot_be_imported_is_named(lab: Lab, tmp_path: Path) -> None:
    """Exit 4 with the entry point, instead of a traceback."""
    (tmp_path / "lab_toys-1.0.dist-info" / "entry_points.txt").write_text(
        ENTRY_POINTS.replace("lab_toys.front", "lab_toys.gone")
    )
    refused = lab("plan", scenario_file(tmp_path))

    assert refused.returncode == MissingError.exit_code
    assert "the package that declares 'front' (lab_toys.gone) cannot be imported" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("part", ["front", "model", "engine"])
def test_each_part_is_one_module_with_at_most_one_program(part: str) -> None:
    """What CONTRIBUTING promises: its own file, here with the program that it runs, and the line that declares it."""
    text = (TOYS / "lab_toys" / f"{part}.py").read_text(encoding="utf-8")
    others = {"front": {"turnstile.py"}, "model": {"launcher.py"}, "engine": set[str]()}

    assert {path.name for path in (TOYS / "lab_toys").glob("*.py") if f'"{path.name}"' in text} == others[part]
    assert ENTRY_POINTS.count(f"lab_toys.{part}\n") == 1
