"""Fronts and process models declare themselves: nobody else asks for their names, so a new one needs no other file."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.scenario.kinds import FRONTS, MODELS

LAB = Path(__file__).parent.parent.parent / "lab"
ROOMS = {**dict.fromkeys(FRONTS, "plan/fronts"), **dict.fromkeys(MODELS, "plan/models")}
STARTER = "starter/"  # `lab init` knows how programs of these names are started, in whatever model
THREADS = {  # a column, a table of the record, and a module that reads it
    "analysis/trial/ledger.py",
    "analysis/trial/trial.py",
    "record/reading.py",
    "record/schema.py",
    "record/types.py",
    "report/sections/why_shares.py",
    "sampling/arm_processes.py",
    "sampling/recorder.py",
    "sampling/sampler.py",
}
ALSO = {
    # The first one's answering server is an nginx, whatever the arms have in front; the second says what is needed.
    "nginx": {"run/calibration.py", "cli/demo.py"},
    "granian": {"scenario/servers.py", "engines/known_endings.py"},  # the second quotes its log
    "replicas": {"export/kubernetes.py", "export/swarm.py", "engines/swarm/service.py"},  # a key of their own formats
    "threads": THREADS,
    "workers": {"load/web/plugin.py"},  # those of Locust
    "hypercorn": {"scenario/servers.py"},
    "gunicorn": {"scenario/servers.py", "analysis/findings/kinds.py"},  # the second as the address of a source
}
ORDINARY = (
    "direct",
    "workers",
    "threads",
)  # words that a text may hold without meaning the kind; nor are variables meant


def texts(tree: ast.Module) -> Iterator[str]:
    """Texts that are no docstrings, the modules that are imported, and names in angle brackets."""
    documents = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if id(node) not in documents:
                yield text
            case ast.ImportFrom(module=str(module)):
                yield module.rpartition(".")[2]
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name):
                yield f"<{name}>"


def test_only_its_own_module_and_its_declaration_name_a_kind() -> None:
    """Attestation, images, plan, load, gates, report, live view and doctor go by what was declared."""
    naming: dict[str, set[str]] = {kind: set() for kind in ROOMS}
    for path in LAB.rglob("*.py"):
        words = {word.replace("_", "-") for word in texts(ast.parse(path.read_text(encoding="utf-8")))}
        for kind, found in naming.items():
            if kind in words or (kind not in ORDINARY and any(kind in word.lower() for word in words)):
                found.add(str(path.relative_to(LAB)))

    elsewhere = {
        kind: {file for file in found - ALSO.get(kind, set()) if not file.startswith((f"{ROOMS[kind]}/", STARTER))}
        for kind, found in naming.items()
    }
    assert elsewhere == {key: set() for key in ROOMS}
    for kind, room in ROOMS.items():  # one may build on another of its room
        assert {f"{room}/{kind.replace('-', '_')}.py", f"{room}/__init__.py"} <= naming[kind]


@pytest.mark.parametrize("room", sorted(set(ROOMS.values())))
def test_contributing_counts_the_files(room: str) -> None:
    """Two for each: its own and the one with the line that declares it."""
    text = (LAB.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    row = next(line for line in text.splitlines() if f"`lab/{room}/NAME.py`" in line)

    assert re.findall(r"`lab/([^`]+)`", row) == [f"{room}/NAME.py", f"{room}/__init__.py"]
