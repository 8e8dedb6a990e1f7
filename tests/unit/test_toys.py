"""Another package adds a front, a process model and an engine; the command line knows them with no line in the lab."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.errors import MissingError, ScenarioError
from tests.toys_run import ENTRY_POINTS, SCENARIO, TOYS, installed, scenario_file

COMMANDS = """
import contextlib, io, json, sys
from lab.cli import main
for line in sys.stdin:
    sys.argv, code, out, err = json.loads(line), 0, io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            code = end.code
    print(json.dumps([code, out.getvalue(), err.getvalue()]), flush=True)
"""
PIPES: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
Lab = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Commands of a lab beside which the toys are installed: exit code and both streams. One process runs them all."""
    environment = installed(tmp_path_factory.mktemp("toys"))
    with subprocess.Popen([sys.executable, "-c", COMMANDS], env=environment, text=True, **PIPES) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        stdin, stdout = child.stdin, child.stdout

        def run(*arguments: object) -> tuple[int, str, str]:
            print(json.dumps(["lab", *map(str, arguments)]), file=stdin, flush=True)
            code, out, err = json.loads(stdout.readline())
            return code or 0, out, err

        yield run
        stdin.close()


def test_the_plan_knows_what_another_package_declared(lab: Lab, tmp_path: Path) -> None:
    """Titles, commands and files of the toys; the key of the front is not shown."""
    code, shown, err = lab("plan", scenario_file(tmp_path), "--all")
    document = json.loads(lab("plan", scenario_file(tmp_path), "--json")[1])

    assert code == 0, err
    assert "front turnstile (long queue)" in shown
    assert "forked (imported by each)" in shown
    assert "bare: children of the lab" in shown
    assert "/etc/toys/turnstile.py of arm turned" in shown
    assert document["scenario"]["arms"][1]["front"] == {"kind": "turnstile", "backlog": "long"}
    assert document["scenario"]["images"]["turnstile"] == "python:3.13-slim"
    assert "private key" not in shown + json.dumps(document)


def test_the_schema_offers_it(lab: Lab) -> None:
    """For editors, as every other kind."""
    schema = json.loads(lab("schema")[1])
    arm = schema["$defs"]["Arm"]["properties"]

    assert {"turnstile", "nginx"} <= set(arm["front"]["anyOf"][0]["enum"])
    assert "forked" in arm["model"]["anyOf"][0]["enum"]
    assert "bare" in schema["properties"]["engine"]["enum"]
    assert "turnstile" in schema["properties"]["images"]["properties"]


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('backlog = "long"', 'backlog = "endless"', 'arms[1].front: backlog: expected "short" or "long"'),
        ('backlog = "long"', 'balance = "random"', "'balance' is an option of front 'nginx'"),
        ('kind = "turnstile"', 'kind = "turnstil"', "unknown front 'turnstil': did you mean 'turnstile'?"),
        ('engine = "bare"', 'engine = "bear"', "unknown engine 'bear': did you mean 'bare'?"),
    ],
)
def test_its_mistakes_are_sentences_too(lab: Lab, tmp_path: Path, old: str, new: str, sentence: str) -> None:
    """Exit 2, with the nearest choice among those of the lab and of the other package."""
    path = scenario_file(tmp_path)
    path.write_text(SCENARIO.replace(old, new))
    code, _, err = lab("plan", path)

    assert (code, sentence in err) == (ScenarioError.exit_code, True), err


def test_a_package_that_cannot_be_imported_is_named(tmp_path: Path) -> None:
    """Exit 4 with the entry point, instead of a traceback."""
    environment = installed(tmp_path)
    (tmp_path / "lab_toys-1.0.dist-info" / "entry_points.txt").write_text(
        ENTRY_POINTS.replace("lab_toys.front", "lab_toys.gone")
    )
    command = [sys.executable, "-m", "lab", "plan", str(scenario_file(tmp_path))]
    refused = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)

    assert refused.returncode == MissingError.exit_code
    assert "(lab_toys.gone)" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_its_engine_is_asked_for_programs_and_not_for_images(lab: Lab, tmp_path: Path) -> None:
    """It says that it runs no containers, so nobody asks an engine of Docker for it."""
    for words in (("--engine", "bare"), ("--engine", "bare", "--scenario", scenario_file(tmp_path))):
        subjects = {finding["subject"] for finding in json.loads(lab("doctor", "--json", *words)[1])}

        assert {"turnstile", "nginx", "leftovers"} <= subjects
        assert not {each for each in subjects if each == "docker" or each.startswith("image ")}


@pytest.mark.parametrize("part", ["front", "model", "engine"])
def test_each_part_is_one_module_with_at_most_one_program(part: str) -> None:
    """What CONTRIBUTING promises: its own file, here with the program that it runs, and the line that declares it."""
    text = (TOYS / "lab_toys" / f"{part}.py").read_text(encoding="utf-8")
    others = {"front": {"turnstile.py"}, "model": {"launcher.py"}, "engine": set[str]()}

    assert {path.name for path in (TOYS / "lab_toys").glob("*.py") if f'"{path.name}"' in text} == others[part]
    assert ENTRY_POINTS.count(f"lab_toys.{part}\n") == 1
