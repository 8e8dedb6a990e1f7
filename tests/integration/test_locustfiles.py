"""Locustfiles as people have them: found modules, own arguments, and sentences before anything is built."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.errors import ScenarioError
from lab.run.look import look_at_locustfile
from lab.scenario.model import Scenario
from tests.fake_surroundings import shop
from tests.load_runs import run_load, write_locustfile

pytestmark = pytest.mark.integration

SIMPLE = """
    from locust import FastHttpUser, task

    class One(FastHttpUser):
        @task
        def one(self):
            self.client.get("/one")
"""
ARGUMENTS = """
    from locust import FastHttpUser, events, task

    @events.init_command_line_parser.add_listener
    def own(parser):
        parser.add_argument("--tenant", env_var="LOAD_TENANT", required=True)
        parser.add_argument("--query", env_var="LOCUST_QUERY", default="all")

    class One(FastHttpUser):
        @task
        def one(self):
            told = self.environment.parsed_options
            self.client.get(f"/{told.tenant}/{told.query}")
"""


def scenario_of(folder: Path, locustfile: Path, **load: Any) -> Scenario:
    """A scenario that is never run."""
    scenario = shop(folder, 1)
    return replace(scenario, load=replace(scenario.load, locustfile=locustfile, **load))


def project(folder: Path, files: Mapping[str, str]) -> Path:
    """The files of somebody's project."""
    for name, text in files.items():
        write_locustfile((folder / name).parent, text, Path(name).name)
    return folder


PROJECT = {
    "app/settings.py": "PATH = '/from-app'\n",  # a namespace package, which any other `app` would go before
    "lab/__init__.py": "EXTRA = '-lab'\n",
    "tests/load/common.py": "MORE = '-tests'\n",
    "tests/load/locustfile.py": """
        from app.settings import PATH
        from lab import EXTRA
        from locust import FastHttpUser, task
        from tests.load.common import MORE

        class One(FastHttpUser):
            @task
            def one(self):
                from app import settings
                self.client.get(settings.PATH + EXTRA + MORE)
    """,
}


def test_a_project_finds_its_own_modules_even_where_the_lab_has_such_names(tmp_path: Path) -> None:
    """From the folder in which Locust would be started, which is found; also in a task, long after the import."""
    locustfile = project(tmp_path / "theirs", PROJECT) / "tests/load/locustfile.py"
    said: list[str] = []

    found = look_at_locustfile(scenario_of(tmp_path, locustfile), said.append)

    assert found.load.root == tmp_path / "theirs"
    assert "load.root" in said[0]
    run = run_load(tmp_path / "run", locustfile, root=found.load.root, measure_s=0.3)
    assert set(run.table["name"]) == {"GET /from-app-lab-tests"}


@pytest.mark.parametrize("name", ["app", "tests", "lab"])
def test_the_labs_own_packages_are_not_there_for_a_locustfile(tmp_path: Path, name: str) -> None:
    """A project that misses its module is told so, and does not get one of ours."""
    locustfile = write_locustfile(tmp_path / "user", f"import {name}\n")

    with pytest.raises(ScenarioError, match=f"line 1: ModuleNotFoundError: No module named '{name}'") as caught:
        look_at_locustfile(scenario_of(tmp_path, locustfile), print)
    assert "load.root" in caught.value.hint


def test_a_file_of_the_folder_above_is_found(tmp_path: Path) -> None:
    """As under plain Locust, where it was started from there."""
    folder = project(tmp_path / "theirs", {"load/locustfile.py": 'open("ids.txt").read()\n' + _flat(SIMPLE)})
    (folder / "ids.txt").write_text("17")

    found = look_at_locustfile(scenario_of(tmp_path, folder / "load/locustfile.py"), print)

    assert found.load.root == folder


def _flat(text: str) -> str:
    return "\n".join(line.removeprefix("    ") for line in text.splitlines())


@pytest.mark.parametrize(
    ("text", "load", "sentence", "hint"),
    [
        ("class One(:\n", {}, "locustfile.py, line 1: invalid syntax", "not valid Python"),
        ("import no_such_package\n", {}, "No module named 'no_such_package'", "an interpreter that has it"),
        ("x = 1\n", {}, "has no User class", "HttpUser"),
        (SIMPLE, {"users": ("Two",)}, "no user class 'Two'", "it has One"),
        (SIMPLE, {"tags": ("nope",)}, "no task with these tags", "load.tags"),
        (ARGUMENTS, {}, "arguments are required: --tenant", r'\["--tenant", "VALUE"\], or in .*LOAD_TENANT'),
        (SIMPLE, {"args": ("--tenant", "a")}, "unrecognized arguments: --tenant", "load.args"),
        (SIMPLE, {"args": ("--users", "5")}, "--users is an option of Locust itself", "load.lanes"),
        (SIMPLE, {"args": ("-t5m",)}, "-t5m is an option of Locust itself", "load.measure"),
        (SIMPLE, {"args": ("One",)}, "'One' belongs to no argument", "load.users"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_built(
    tmp_path: Path, text: str, load: dict[str, Any], sentence: str, hint: str
) -> None:
    """In one sentence with the key that mends it."""
    locustfile = write_locustfile(tmp_path / "user", text)

    with pytest.raises(ScenarioError, match=sentence) as caught:
        look_at_locustfile(scenario_of(tmp_path, locustfile, **load), print)
    assert re.search(hint, caught.value.hint)


def test_own_arguments_come_from_the_scenario_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Said once each; what the scenario decides is not taken from the environment, which is said as well."""
    locustfile = write_locustfile(tmp_path / "user", ARGUMENTS)
    monkeypatch.setenv("LOCUST_QUERY", "shoes")
    monkeypatch.setenv("LOCUST_USERS", "99")
    said: list[str] = []

    look_at_locustfile(scenario_of(tmp_path, locustfile, args=("--tenant", "acme")), said.append)

    assert [word for word in ("LOCUST_USERS", "--query", "LOCUST_QUERY") if word in " ".join(said)] == [
        "LOCUST_USERS",
        "--query",
        "LOCUST_QUERY",
    ]
    run = run_load(tmp_path / "run", locustfile, args=("--tenant", "acme"), measure_s=0.3)
    assert set(run.table["name"]) == {"GET /acme/shoes"}
    assert run.outcome.counters.lanes == 8
