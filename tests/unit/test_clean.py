"""`lab clean` on the nodes of a scenario: what is left on each, by its name, also where another does not answer."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from lab.cli import app
from lab.cli import clean as command
from lab.errors import MissingError
from lab.host.labels import OWNER, RUN, machine
from lab.scenario.nodes import Node
from tests.unit.test_swarm_engine import scenario

DEAD = f"1-0.00-{machine()}"


class Engine:
    """An engine with one container and one volume, whose volumes have the names of others'."""

    def __init__(self, name: str) -> None:
        marks = {RUN: "run-1", OWNER: DEAD}
        container = SimpleNamespace(name=f"lab-{name}", id=f"id-{name}", labels=marks, attrs={"Mounts": []})
        volume = SimpleNamespace(name="files", id="files", attrs={"Labels": marks})
        self.containers = SimpleNamespace(list=lambda **_asked: [container])
        self.volumes = SimpleNamespace(list=lambda **_asked: [volume])
        self.networks = SimpleNamespace(list=lambda **_asked: [])
        self.name, self.api, self.removed = name, self, list[str]()

    def info(self) -> dict[str, Any]:
        return {"ID": self.name}

    def images(self, **_asked: Any) -> list[dict[str, Any]]:
        """Two of the lab's, one of which has no name any more, and one that somebody built on it."""
        return [{"RepoTags": ["process-model-lab/shop:1"]}, {"RepoTags": None}, {"RepoTags": ["theirs:1"]}]

    def remove_container(self, identity: str, **_asked: Any) -> None:
        self.removed.append(identity)

    def remove_volume(self, identity: str) -> None:
        self.removed.append(identity)

    def close(self) -> None: ...


def test_every_node_that_answers_is_cleaned_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node whose engine is this machine's is cleaned once; one that is gone ends the command with its name."""
    here, gone = Engine("here"), False
    engines = {"one": here, "two": Engine("two")}

    def connect(node: Node) -> Any:
        if gone and node.name == "two":
            raise MissingError("no Docker engine answers at tcp://10.0.0.2:2375 (node two)", "start it")
        return engines[node.name]

    monkeypatch.setattr(command, "connect", connect)
    monkeypatch.setattr(command, "reach_docker", lambda: (here, ""))
    scenario(tmp_path)
    words = ["clean", "--json", "--scenario", str(tmp_path / "scenario.toml"), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    told = [(each["kind"], each["name"], each["node"]) for each in json.loads(done.stdout) if "lab-" in each["name"]]
    assert told == [("container", "lab-here", ""), ("container", "lab-two", "two")]
    volumes = [each["node"] for each in json.loads(done.stdout) if each["name"] == "files"]
    assert volumes == ["", "two"]
    assert engines["two"].removed == ["id-two", "files"]

    gone = True
    here.removed.clear()
    done = CliRunner().invoke(app, words)
    assert isinstance(done.exception, MissingError)
    assert "node two" in str(done.exception)
    assert here.removed == ["id-here", "files"]


def test_what_is_kept_is_told_with_the_command_that_removes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Images and the cache; with --images whose they are, before anything is removed."""
    cache = tmp_path / "a cache"
    cache.mkdir()
    monkeypatch.setattr(command, "reach_docker", lambda: (Engine("here"), ""))
    monkeypatch.setattr(command, "cache_folder", lambda: cache)
    words = ["clean", "--dry-run", "--out", str(tmp_path / "out")]
    said = CliRunner().invoke(app, words, catch_exceptions=False).output
    assert "kept: 1 image that the lab built; `lab clean --images` removes them" in said
    assert f"`rm -r '{cache}'`" in said

    said = CliRunner().invoke(app, [*words, "--images"], catch_exceptions=False).output
    assert "kept: 1 image" not in said
    assert said.index("images of all apps that labs built on this engine") < said.index("process-model-lab/shop:1")
    assert "theirs:1" not in said
