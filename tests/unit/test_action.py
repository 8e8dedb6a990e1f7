"""The GitHub Action: what it offers is what the command line has, and its steps do on a runner what they say."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any
from xml.etree import ElementTree

import pytest
import typer.main
import yaml

from lab.cli import app

ROOT = Path(__file__).parents[2]
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
STEPS = {step["name"]: step for step in ACTION["runs"]["steps"]}
OPTIONS_OF_INPUTS = {"blocks": "--blocks", "strict": "--strict", "wait-for-quiet": "--wait-for-quiet"}
OWN_INPUTS = {"scenario", "upload", "version"}  # an argument, and what no verb knows of
SCENARIO = """question = "Which?"
[app]
image = "shop:1"
[[arms]]
name = "workers"
model = "workers"
front = "direct"
[[arms]]
name = "replicas"
model = "replicas"
front = "nginx"
[budget]
processes = 2
[load]
locustfile = "locustfile.py"
rate = 100
warmup = "1s"
measure = "1.5s"
[trials]
blocks = 1
[compare]
primary = ["boot"]
[[expect]]
that = "boot(workers) <= 5s"
"""


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    """A runner on which the lab is installed: the real command line on a faked machine."""
    (tmp_path / "locustfile.py").write_text("# nothing to do\n")
    (tmp_path / "scenario.toml").write_text(SCENARIO)
    made = Runner(tmp_path)
    made.program("process-model-lab/bin/lab", f'PYTHONPATH="{ROOT}" exec "{sys.executable}" -m tests.faked_lab "$@"')
    return made


class Runner:
    """Runs a step's shell as GitHub does: bash -eo pipefail, inputs as variables, files for outputs and summary."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = {name: folder / name.lower() for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}

    def program(self, name: str, script: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def step(
        self, name: str, outputs: Mapping[str, str] = MappingProxyType({}), /, **inputs: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the step; expressions are replaced as the runner does it, unknown ones fail."""
        values = {f"inputs.{key}": str(each.get("default", "")) for key, each in ACTION["inputs"].items()}
        values |= {f"inputs.{key.replace('_', '-')}": value for key, value in inputs.items()}
        values |= {f"steps.lab.outputs.{key}": value for key, value in outputs.items()}
        values["steps.python.outputs.python-path"] = str(self.folder / "python")
        env = {key: _filled(text, values) for key, text in STEPS[name].get("env", {}).items()}
        for file in self.files.values():
            file.write_text("")
        around = {key: str(path) for key, path in self.files.items()}
        around |= {"RUNNER_TEMP": str(self.folder), "GITHUB_ACTION_PATH": str(ROOT), "GITHUB_ACTIONS": "true"}
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", STEPS[name]["run"]],
            env={**os.environ, **around, **env},
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def outputs(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in self.files["GITHUB_OUTPUT"].read_text().splitlines())


def _filled(text: str, values: dict[str, str]) -> str:
    return re.sub(r"\$\{\{ (.+?) \}\}", lambda found: values[found[1]], text)


def test_inputs_are_options_of_lab_run() -> None:
    """By name; whoever takes an option away, or adds an input that nothing reads, hears of it."""
    group: Any = typer.main.get_command(app)
    parameters = group.commands["run"].params
    options = {name for parameter in parameters for name in parameter.opts}

    assert set(ACTION["inputs"]) == {*OPTIONS_OF_INPUTS, *OWN_INPUTS}
    assert set(OPTIONS_OF_INPUTS.values()) <= options
    assert "scenario" in options
    assert set(re.findall(r"--[a-z-]+(?==|\b)", STEPS["Run the scenario"]["run"])) <= options
    used = re.findall(r"inputs\.([a-z-]+)", (ROOT / "action.yml").read_text())
    assert set(used) == set(ACTION["inputs"])


def test_the_page_names_every_input_and_output() -> None:
    """Whoever gates a build finds all of them."""
    page = (ROOT / "docs" / "howto" / "continuous_integration.md").read_text()

    assert all(f"`{name}`" in page for name in (*ACTION["inputs"], *ACTION["outputs"]))


def test_no_input_is_text_of_a_shell() -> None:
    """An expression in a script would be run as the shell's own words; and actions of others are pinned by commit."""
    for step in STEPS.values():
        assert "${{" not in step.get("run", "")
        assert "uses" not in step or re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"])


def test_a_run_that_holds_passes(runner: Runner) -> None:
    """Summary, report, JUnit and outputs are there, what was asked for reached the lab, and the last step passes."""
    done = runner.step("Run the scenario", scenario="scenario.toml", blocks="2", strict="true")
    # two blocks decide nothing: --strict makes that the exit code 1
    assert (done.returncode, runner.outputs["exit-code"], runner.outputs["outcome"]) == (0, "1", "violated"), (
        done.stderr
    )

    done = runner.step("Run the scenario", scenario="scenario.toml", blocks="6")
    found = runner.outputs
    assert (done.returncode, found["exit-code"], found["outcome"]) == (0, "0", "passed"), done.stderr
    summary = runner.files["GITHUB_STEP_SUMMARY"].read_text()
    assert summary.startswith("## Which?")
    assert re.search(r"lab run \d{8}T\d{6}Z-scenario-", summary)
    assert Path(found["summary"]).read_text() == summary
    assert Path(found["report"]).is_file()
    assert Path(found["run"]).name == found["name"]
    assert ElementTree.parse(found["junit"]).getroot().tag == "testsuites"
    assert runner.step("Let the result decide", found).returncode == 0


def test_what_is_violated_fails_the_job(runner: Runner) -> None:
    """Exit code 1, with an annotation, after everything was kept."""
    scenario = runner.folder / "scenario.toml"
    scenario.write_text(SCENARIO.replace("<= 5s", "<= 0.1s"))
    done = runner.step("Run the scenario", scenario="scenario.toml", blocks="6")

    found = runner.outputs
    assert "::error title=Expectation violated::" in done.stderr
    assert (found["exit-code"], found["outcome"]) == ("1", "violated")
    assert Path(found["report"]).is_file()
    assert runner.step("Let the result decide", found).returncode == 1


def test_an_invalid_run_is_told_apart(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 3: a workflow may try again, and must not call it a regression."""
    monkeypatch.setenv("FAKED_INVALID_BLOCKS", "1,2,3,4,5,6,7,8,9")
    done = runner.step("Run the scenario", scenario="scenario.toml")

    found = runner.outputs
    assert (found["exit-code"], found["outcome"]) == ("3", "invalid"), done.stderr
    assert "not valid" in Path(found["summary"]).read_text()
    assert runner.step("Let the result decide", found).returncode == 3


def test_a_scenario_that_is_not_there_keeps_nothing(runner: Runner) -> None:
    """No run, no report, no artifact, but a reason where the job shows it."""
    done = runner.step("Run the scenario", scenario="it's; exit 0.toml")

    assert (done.returncode, runner.outputs["exit-code"], runner.outputs["outcome"]) == (0, "2", "error")
    assert [runner.outputs[name] for name in ("run", "report", "junit")] == ["", "", ""]
    assert "::error title=No result::it's; exit 0.toml" in done.stderr


@pytest.mark.parametrize(("strict", "upload"), [("yes", "true"), ("true", "no")])
def test_a_switch_is_true_or_false(runner: Runner, strict: str, upload: str) -> None:
    """What was meant as on is never read as off."""
    done = runner.step("Run the scenario", scenario="scenario.toml", strict=strict, upload=upload)

    assert done.returncode == 2
    assert "expected true or false" in done.stdout


def test_the_lab_of_the_action_is_installed_or_another_one(runner: Runner) -> None:
    """By default exactly what is pinned beside the action; with ``version`` what that says."""
    log = runner.folder / "log"
    made = 'mkdir -p "$4/bin"; cp "$0" "$4/bin/python"'
    runner.program("python", f'echo "$@" >> {shlex.quote(str(log))}\nif [ "$2" = venv ]; then {made}; fi')
    assert runner.step("Install the lab").returncode == 0
    _, pinned, own = log.read_text().splitlines()
    assert runner.step("Install the lab", version="./lab.whl").returncode == 0

    assert f"install --require-hashes --requirement {ROOT}/requirements/lab.txt" in pinned
    assert (ROOT / "requirements" / "lab.txt").is_file()
    assert own.endswith(f"install --no-deps {ROOT}")
    assert log.read_text().endswith("install ./lab.whl\n")
