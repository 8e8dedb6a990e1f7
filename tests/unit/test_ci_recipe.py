"""The recipe that keeps a baseline in continuous integration does what it says, build after build."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lab.cli import app
from lab.run.conclude import conclude
from tests.fake_surroundings import FakeSurroundings, judged
from tests.fakes import World
from tests.unit.test_action import SCENARIO

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "continuous_integration.md"
SECTION = PAGE.read_text().partition("## Keep a baseline")[2].partition("\n## ")[0]
KEEP, RELEASED, JUDGED = re.findall(r"```sh\n(.*?)```", SECTION, re.S)
# What a shell finds as `lab`: it hands its words to the test, for starting the lab nineteen times takes a minute.
ASKS = """#!{python} -SE
import json, os, socket, sys
with socket.create_connection(("127.0.0.1", int(os.environ["LAB_AT"]))) as asked:
    asked.sendall(json.dumps(sys.argv[1:]).encode() + b"\\n")
    code, said = json.loads(asked.makefile().readline())
print(said, end="")
sys.exit(code)
"""


class Workspace:
    """A folder that its builds keep, in which `lab` is the real command line on a faked machine."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.draws, self.spoils = True, False
        self._patch = monkeypatch
        (folder / "scenarios").mkdir()
        (folder / "scenarios" / "locustfile.py").write_text("# nothing to do\n")
        (folder / "scenarios" / "mine.toml").write_text(SCENARIO)
        program = folder / "bin" / "lab"
        program.parent.mkdir()
        program.write_text(ASKS.format(python=sys.executable))
        program.chmod(0o755)
        monkeypatch.chdir(folder)

    def build(self, commands: str, image: str, code: int = 0) -> str:
        """Run commands of the recipe as a step of a build does, where the app's image is this one; what they print.

        ``code``: with which exit code they end.
        """
        world = World(invalid_blocks=frozenset([1] if self.spoils else []))
        fakes = FakeSurroundings(world=world, digest=f"sha256:{image}")
        made = replace(fakes.make(), conclude=conclude if self.draws else judged)
        self._patch.setattr("lab.cli.asked.around_of", lambda **_asked: made)
        with socket.create_server(("127.0.0.1", 0)) as server, (self.folder / "said").open("w+") as said:
            around = {"PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}
            step = subprocess.Popen(
                ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", commands],
                env={**os.environ, **around, "LAB_AT": str(server.getsockname()[1])},
                stdout=said,
                stderr=subprocess.STDOUT,
            )
            server.settimeout(0.05)
            while step.poll() is None:
                answer(server)
            said.seek(0)
            told = said.read()
        assert step.returncode == code, told
        return told


def answer(server: socket.socket) -> None:
    """Carry out what one `lab` asks for, if one does."""
    try:
        asked, _ = server.accept()
    except TimeoutError:
        return
    with asked:
        code, said = carried_out(json.loads(asked.makefile().readline()))
        asked.sendall(json.dumps([code, said]).encode() + b"\n")


def carried_out(words: Sequence[str]) -> tuple[int, str]:
    """The exit code, and what was printed."""
    ended = CliRunner().invoke(app, list(words))
    error = ended.exception
    if error is None or isinstance(error, SystemExit):
        return ended.exit_code, ended.output
    return getattr(error, "exit_code", 1), f"{ended.output}{error}\n"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Before the first build."""
    return Workspace(tmp_path, monkeypatch)


def test_every_build_adds_its_run_to_the_trend(workspace: Workspace) -> None:
    """The page of the build before is replaced, and the new images are marked."""
    for image in ("one", "two", "three"):
        assert "trend: trend.html" in workspace.build(KEEP, image)
    trend = (workspace.folder / "trend.html").read_text()

    assert len(list((workspace.folder / "baseline").glob("*.zip"))) == 3
    assert "over 3 runs" in trend
    assert "Changed at 2" in trend


def test_a_build_that_fails_is_in_the_trend_too(workspace: Workspace) -> None:
    """A regression is what it is looked at for. A run that is not valid is not kept, and ends with its own code."""
    workspace.draws = False
    expected = workspace.folder / "scenarios" / "mine.toml"
    expected.write_text(expected.read_text().replace("boot(workers) <= 5s", "errors(workers) == 7"))
    kept = KEEP.replace("lab compare", "true")  # nothing is drawn
    workspace.build(kept, "one", code=1)
    workspace.spoils = True
    workspace.build(kept, "two", code=3)

    assert len(list((workspace.folder / "baseline").glob("*.zip"))) == 1


def test_a_verdict_takes_three_runs_of_one_build_a_side(workspace: Workspace) -> None:
    """Those of the released one are kept; whoever follows the recipe again, for a third build, has its verdict too."""
    workspace.draws = False
    workspace.build(RELEASED, "one")
    for image in ("two", "three"):
        assert "→ equivalent" in workspace.build(JUDGED, image)
    assert len(list((workspace.folder / "released").glob("*.zip"))) == 3
