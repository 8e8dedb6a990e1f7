"""Every key of a scenario, with values of every wrong type: refused in the lab's own words."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from lab.errors import ScenarioError
from lab.scenario.file import json_schema, read_scenario
from lab.scenario.refusals import FORMS, LISTED_TABLES
from lab.scenario.toml_text import toml_value
from tests.unit.test_docs import scenario_keys

WRONG: tuple[Any, ...] = (True, -1, 1.5, "\\ x", [1], {"a": 1}, [], date(2026, 1, 1))
RAW = re.compile(
    r"Input |valid (tuple|dictionary|string|integer)|<class|pattern '|instance of|pydantic|should ", re.ASCII
)
GOOD: dict[str, Any] = {
    "question": "Which?",
    "app": {"image": "shop:1"},
    "arms": [{"name": "workers", "model": "workers"}, {"name": "replicas", "model": "replicas", "front": "nginx"}],
    "budget": {"processes": 2},
    "load": {"locustfile": "locustfile.py"},
}


def with_value(key: str, value: Any) -> dict[str, Any]:
    """The good scenario with this value at this key."""
    document = copy.deepcopy(GOOD)
    *tables, name = key.split(".")
    place: Any = document
    for table in tables:
        place = place.setdefault(table, [{}] if table == "expect" else {})
        place = place[0] if isinstance(place, list) else place
    place[name] = value
    return document


def text_of(document: dict[str, Any]) -> str:
    """As a file, in which every top key stands on a line of its own."""
    return "".join(f"{key} = {_written(value)}\n" for key, value in document.items())


def _written(value: Any) -> str:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_written(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_written, value)) + "]"
    return toml_value(value)


@pytest.mark.parametrize("key", dict.fromkeys(scenario_keys()))
def test_a_wrong_type_is_told_in_words(key: str, tmp_path: Path) -> None:
    """File and key are named, and what was expected; nothing of the library that checks it shows through."""
    (tmp_path / "locustfile.py").write_text("")
    path = tmp_path / "scenario.toml"
    told = []
    for value in WRONG:
        path.write_text(text_of(with_value(key, value)))
        with suppress(NotRefusedError):
            told.append(refusal(path))

    assert len(told) >= 3
    assert all(sentence.startswith(f"{path}: ") for sentence in told)
    assert not [sentence for sentence in told if RAW.search(sentence)]


def patterns(entry: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every pattern below an entry of the schema, with the last key above it; of a table, that of its keys."""
    for name, inner in (
        entry.items() if isinstance(entry, dict) else enumerate(entry) if isinstance(entry, list) else ()
    ):
        if name == "pattern" and isinstance(inner, str):
            yield key, inner
        elif name == "patternProperties":
            yield from ((key, pattern) for pattern in inner)
        elif name in ("properties", "$defs"):
            for each, below in inner.items():
                yield from patterns(below, each)
        else:
            yield from patterns(inner, key)


def test_every_form_of_a_text_is_told_by_an_example_that_has_it() -> None:
    """A text that is refused for its form says the form, whichever key it is of."""
    found = set(patterns(json_schema()))

    assert {key for key, _ in found} == set(FORMS)
    for key, pattern in found:
        examples = re.findall(r'"([^"]+)"', FORMS[key])
        assert examples
        assert all(re.search(pattern, example, re.ASCII) for example in examples), key


class NotRefusedError(Exception):
    """The value is a good one for its key."""


def refusal(path: Path) -> str:
    """What is said of a file."""
    try:
        read_scenario(path)
    except ScenarioError as error:
        return str(error)
    raise NotRefusedError


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("load.users", 16, 'load.users: expected a list such as ["a", "b"] (the names of user classes; how many conn'),
        ("load.lanes", 0, "load.lanes: expected 1 or more, got 0"),
        ("load.schedule", "x", 'load.schedule: expected "poisson" or "uniform", got \'x\''),
        ("ports", "x", "ports: expected a text such as \"20000-29999\", got 'x'"),
        (
            "arms",
            [{"name": "Ünï code", "model": "workers"}],
            'arms[0].name: expected a text such as "api-2" (lower-case l',
        ),
        (
            "arms",
            [{"name": "a", "model": "workers", "front": {"kind": "haproxy", "check_path": "x"}}],
            'arms[0].front: check_path: expected a text such as "/healthz"',
        ),
        (
            "arms",
            [{"name": "a", "model": "workers", "front": {"kind": "caddy", "underscores": ["x"]}}],
            'arms[0].front: underscores.0: expected a text such as "x_request_id"',
        ),
        ("app.build_args", {"1": "x"}, "app.build_args.1: expected a text such as \"APP_VERSION\", got '1'"),
        ("sweep.processes", 4, "sweep.processes: expected a list such as [1, 2, 4], got 4"),
        *((table, {}, f"{table}: write [[{table}]], with two brackets") for table in LISTED_TABLES),
        (
            "drills",
            [{"verb": "explode"}],
            'drills[0].verb: expected "kill", "hang", "block", "roll", "deploy", "oom", '
            '"kill-supervisor", "kill-front", "crash-loop", "recycle", "slow-start", "scale", '
            '"rotate-cert", "stop" or "node-loss", got \'explode\'',
        ),
        (
            "drills",
            [{"verb": "roll", "image": "shop:2"}],
            'drills[0]: "image" says nothing to roll: leave it out, or take verb = "deploy"',
        ),
        (
            "drills",
            [{"verb": "roll", "group": True}],
            'drills[0]: "group" says nothing to roll: leave it out, or take verb = "oom"',
        ),
        (
            "drills",
            [{"verb": "kill", "drain": "2s"}],
            'drills[0]: "drain" says nothing to kill: leave it out, or take verb = "roll" or "deploy"',
        ),
        (
            "drills",
            [{"verb": "roll", "style": "blue-green"}],
            'drills[0]: "style" says nothing to roll: leave it out, or take verb = "deploy"',
        ),
        (
            "drills",
            [{"verb": "oom", "request": "/hold?ms={ms}"}],
            'drills[0]: request: oom fills in {mb}, which is not in "/hold?ms={ms}"',
        ),
        ("drills", [{"verb": "kill", "slos": 1}], "drills[0].slos: unknown key; did you mean 'slo'?"),
        ("app.read_only", 1.5, "app.read_only: expected true or false, got 1.5"),
    ],
)
def test_it_says_what_was_expected(key: str, value: Any, said: str, tmp_path: Path) -> None:
    """And what stood there instead."""
    path = tmp_path / "scenario.toml"
    path.write_text(text_of(with_value(key, value)))

    with pytest.raises(ScenarioError, match=re.escape(said)):
        read_scenario(path)
