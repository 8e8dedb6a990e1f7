"""Every TOML block of the documentation can be copied: a whole scenario as it is, a part of one into another."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from lab.plan.blocks import build_plan
from lab.scenario.file import read_scenario, scenario_from_json

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
WHOLE = {"arms", "load"}  # a block with both looks as if nothing had to be added
FILES = ("locustfile", "requirements", "config")  # keys of files beside a scenario
EVERY_KEY = "scenario_file.md: question = "  # its values are placeholders: test_docs.py reads it
SWARM: Mapping[str, Any] = {
    "engine": "swarm",
    "nodes": [{"name": name, "engine": f"ssh://{name}", "address": name} for name in ("one", "two")],
    "load": {"nodes": ["one"]},
    "arms": [{"name": "replicas", "model": "replicas", "front": "nginx"}],
}
LONG = {"load": {"measure": "60s"}}  # a drill takes its time


class Block(NamedTuple):
    """A block and the paragraph above it."""

    name: str
    text: str
    above: str

    @property
    def keys(self) -> dict[str, Any]:
        """What it says."""
        return tomllib.loads(self.text)


def blocks() -> Iterator[Block]:
    """Of every page, by its name and first line."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for found in re.finditer(r"^```toml\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            above = text[: found.start()].rstrip().rpartition("\n\n")[2]
            yield Block(f"{page.name}: {found[1].partition(chr(10))[0]}", found[1], above)


BLOCKS = [block for block in blocks() if not block.name.startswith(EVERY_KEY)]
EXAMPLE = next(block for block in BLOCKS if block.name.startswith("README.md"))


def merged(base: Mapping[str, Any], added: Mapping[str, Any]) -> dict[str, Any]:
    """Tables are joined; everything else, a list of arms for example, takes the other's place."""
    both = {key: base[key] | table for key, table in added.items() if isinstance(table, dict) and key in base}
    return {**base, **added, **both}


def around(block: Block) -> dict[str, Any]:
    """A whole scenario with the block in it: that of the README, on what the block needs."""
    keys, base = block.keys, EXAMPLE.keys
    if set(keys) >= WHOLE:
        return keys
    if {"image", "build"} & set(keys.get("app", {})):
        base["app"] = {key: value for key, value in base["app"].items() if key not in ("image", "build")}
    if "swarm" in keys or any({"update", "node"} & set(drill) for drill in keys.get("drills", ())):
        base = merged(base, SWARM)
    if keys.get("drills"):
        base = merged(base, LONG)
    driving = set(keys.get("load", {}).get("nodes", ()))
    if driving and driving == {node["name"] for node in keys["nodes"]}:
        keys["nodes"] = [*SWARM["nodes"][:1], *keys["nodes"]]
    return merged(base, keys)


def with_files(keys: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The same in ``folder``, where every file that it names is."""
    found: dict[str, Any] = {}
    for key, value in keys.items():
        if isinstance(value, dict):
            found[key] = with_files(value, folder)
        elif isinstance(value, list):
            found[key] = [with_files(each, folder) if isinstance(each, dict) else each for each in value]
        elif key in FILES:
            made = folder / Path(value).name
            made.write_text("" if key != "config" else "http { server { listen {listen}; } upstream a { {servers} } }")
            found[key] = str(made)
        elif key == "build":
            (folder / "Dockerfile").write_text("FROM python:3.13-slim\n")
            found[key] = str(folder)
        else:
            found[key] = value
    return found


@pytest.mark.parametrize("block", BLOCKS, ids=[block.name for block in BLOCKS])
def test_a_block_is_taken_as_it_stands(block: Block, tmp_path: Path) -> None:
    """Its keys and values, and every arm of it can be planned."""
    scenario = scenario_from_json(with_files(around(block), tmp_path))

    assert build_plan(scenario, 1).trials


def test_a_whole_scenario_is_read_from_a_file(tmp_path: Path) -> None:
    """With paths as the page has them: the folder of the app is the one above."""
    whole = [block for block in BLOCKS if set(block.keys) >= WHOLE]
    (tmp_path / "Dockerfile").touch()
    (tmp_path / "lab").mkdir()

    assert len(whole) >= 2
    for block in whole:
        (tmp_path / "lab" / "scenario.toml").write_text(block.text)
        locustfile = tmp_path / "lab" / block.keys["load"]["locustfile"]
        locustfile.parent.resolve().mkdir(exist_ok=True)
        locustfile.touch()
        assert read_scenario(tmp_path / "lab" / "scenario.toml").question


def test_what_is_a_part_of_a_scenario_is_said_to_be_one() -> None:
    """Where there are arms one could take it for a whole one."""
    parts = [block for block in BLOCKS if "arms" in block.keys and not set(block.keys) >= WHOLE]

    assert parts
    assert [block.name for block in parts if "scenario" not in block.above] == []


def told(path: Path) -> Iterator[str]:
    """The sentences of a module: what it says, not what it is documented with."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    own = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in own:
            yield node.value


def test_what_people_read_calls_lanes_connections() -> None:
    """A lane is the code's word; people know its key, `load.lanes`."""
    lane = re.compile(r"(?<![\w.`])lanes?(?![\w`=]| =)", re.IGNORECASE)
    said = {(path.name, text) for path in (ROOT / "lab").rglob("*.py") for text in told(path) if " " in text}
    said |= {(path.name, path.read_text(encoding="utf-8")) for path in (ROOT / "lab").rglob("*.jinja")}
    prose = {(page.name, re.sub(r"`[^`]*`", "", page.read_text(encoding="utf-8"))) for page in PAGES}

    assert sorted((name, found[0]) for name, text in said | prose if (found := lane.search(text))) == []
