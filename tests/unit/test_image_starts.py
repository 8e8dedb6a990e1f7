"""What an image puts in front of a command: shown by `lab plan`, and refused where a target cannot stand behind it."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lab.cli import app
from lab.cli.plan import NOT_HERE
from lab.engines.images.starts import ImageStart, check_targets, start_of
from lab.errors import MissingError, ScenarioError
from lab.scenario.file import read_scenario
from lab.scenario.model import Scenario
from tests.fake_images import FakeDocker

HOLDS_ALL = 'FROM x\nENTRYPOINT ["uvicorn", "main:app", "--port", "8000"]\n'
COMMAND = 'command = "--host {host} --port {port} --workers {workers}"'


def written(folder: Path, keys: str, dockerfile: str = HOLDS_ALL) -> Path:
    """A scenario with these keys of [app], its locustfile and its Dockerfile."""
    (folder / "Dockerfile").write_text(dockerfile)
    (folder / "locustfile.py").write_text("")
    path = folder / "scenario.toml"
    path.write_text(
        f'question = "?"\n[app]\n{keys}\n[budget]\nprocesses = 2\n[load]\nlocustfile = "locustfile.py"\n'
        '[[arms]]\nname = "workers"\nmodel = "workers"\nfront = "direct"\n'
        '[[arms]]\nname = "replicas"\nmodel = "replicas"\nfront = "nginx"\n'
    )
    return path


def plan(path: Path, *flags: str) -> str:
    """What `lab plan` prints. Raises what it raises."""
    return str(CliRunner().invoke(app, ["plan", str(path), *flags], catch_exceptions=False).output)


def with_image(monkeypatch: pytest.MonkeyPatch, present: str, config: Mapping[str, Any]) -> None:
    """An engine that has this image."""
    monkeypatch.setattr("lab.cli.plan.connect", lambda: FakeDocker(present={present}, config=config))


def test_the_entrypoint_stands_before_the_command(tmp_path: Path) -> None:
    """The Dockerfile says so; no engine is asked."""
    shown = plan(written(tmp_path, f'build = "."\n{COMMAND}'), "--all")
    assert "app      uvicorn main:app --port 8000 --host 127.0.0.1 --port 20000 --workers 2" in shown
    assert NOT_HERE not in shown


def test_the_images_own_command_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With {image} nothing of the lab's is in it."""
    with_image(monkeypatch, "shop:1", {"Entrypoint": ["tini", "--"], "Cmd": ["serve"]})
    keys = 'image = "shop:1"\ncommand = "{image}"\nenv = { PORT = "{port}", N = "{workers}" }'
    assert re.search(r"app +tini -- serve$", plan(written(tmp_path, keys), "--all"), re.MULTILINE)


def test_an_image_that_is_not_here_is_said_to_be_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the text and for programs; without any engine too."""
    path = written(tmp_path, f'image = "shop:1"\n{COMMAND}')
    with_image(monkeypatch, "other:1", {})
    assert plan(path, "--all").count(NOT_HERE) == 3

    def nobody() -> Any:
        raise MissingError("no Docker engine answers", "start it")

    monkeypatch.setattr("lab.cli.plan.connect", nobody)
    service = json.loads(plan(path, "--json"))["arms"]["workers"][0]
    assert (service["argv"][0], service["argv_is_whole"]) == ("--host", False)


def test_an_entrypoint_of_ones_own_leaves_nothing_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The image's does not run."""
    with_image(monkeypatch, "other:1", {})
    shown = plan(written(tmp_path, f'image = "shop:1"\nentrypoint = "tini --"\n{COMMAND}'), "--all")
    assert "app      tini -- --host" in shown
    assert NOT_HERE not in shown


def read(tmp_path: Path, keys: str, dockerfile: str = HOLDS_ALL) -> Scenario:
    """The scenario of ``written``."""
    return read_scenario(written(tmp_path, keys, dockerfile))


def test_a_target_behind_a_server_is_refused(tmp_path: Path) -> None:
    """Before anything is built, with both ways out."""
    scenario = read(tmp_path, 'build = "."\ntarget = "main:app"')
    with pytest.raises(ScenarioError, match=r"ENTRYPOINT that starts uvicorn itself \(uvicorn main:app") as caught:
        check_targets(scenario, None)
    assert 'entrypoint = ""' in caught.value.hint
    with pytest.raises(ScenarioError, match=r"app\.target"):
        plan(tmp_path / "scenario.toml")


@pytest.mark.parametrize(
    ("keys", "dockerfile"),
    [
        ('build = "."\ntarget = "main:app"\nentrypoint = ""', HOLDS_ALL),
        (f'build = "."\n{COMMAND}', HOLDS_ALL),
        ('build = "."\ntarget = "main:app"', 'FROM x\nENTRYPOINT ["tini", "--"]\n'),
        ('image = "shop:1"\ntarget = "main:app"', ""),
    ],
)
def test_a_target_that_can_run_is_not_refused(tmp_path: Path, keys: str, dockerfile: str) -> None:
    """Another ENTRYPOINT hands on what follows; an image that is not here may do anything."""
    check_targets(read(tmp_path, keys, dockerfile), None)


def test_a_finished_image_is_looked_at(tmp_path: Path) -> None:
    """A shell that starts a server is one as well."""
    here = FakeDocker(present={"shop:1"}, config={"Entrypoint": ["/bin/sh", "-c", "exec /venv/bin/uvicorn a:b"]})
    with pytest.raises(ScenarioError, match="starts uvicorn itself"):
        check_targets(read(tmp_path, 'image = "shop:1"\ntarget = "main:app"'), here)


def test_sidecars_and_jobs_are_shown_whole_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As far as their images are here."""
    with_image(monkeypatch, "db:1", {"Entrypoint": ["entry.sh"], "Cmd": ["serve"]})
    path = written(tmp_path, f'build = "."\nentrypoint = ""\n{COMMAND.replace("--host", "uvicorn a:b --host")}')
    beside = '[[sidecars]]\nname = "db"\nimage = "db:1"\n[[jobs]]\nname = "fill"\nimage = "tool:1"\ncommand = "run"\n'
    path.write_text('network = "own"\n' + path.read_text() + beside)
    shown = json.loads(plan(path, "--json"))["beside"]
    assert [(each["argv"], each["argv_is_whole"]) for each in shown] == [
        (["entry.sh", "serve"], True),
        (["run"], False),
    ]
    assert "sidecar   db: db:1: entry.sh serve\n" in plan(path)


def test_what_a_dockerfile_leaves_open_is_asked_of_its_base(tmp_path: Path) -> None:
    """Where the engine has it."""
    scenario = read(tmp_path, 'build = "."\ntarget = "main:app"', 'FROM base:1\nCMD ["serve"]\n')
    here = FakeDocker(present={"base:1"}, config={"Entrypoint": ["run"], "Cmd": ["other"]})
    assert start_of(scenario, "app", here) == ImageStart(entrypoint=("run",), command=("serve",))
    assert start_of(scenario, "app", FakeDocker()) is None
