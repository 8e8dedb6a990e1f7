"""Scenario files: types, sizes, unicode, contradictions."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from lab.errors import ScenarioError
from lab.plan.arm_topology import build_topology, nominal_ports
from lab.plan.blocks import build_plan
from lab.scenario.file import read_scenario, scenario_from_json, scenario_to_json
from lab.scenario.toml_text import scenario_text
from tests.hostile.texts import SECRET, places, plain, refused, short_texts, texts

GOOD: Mapping[str, Any] = {
    "question": "Which?",
    "app": {"image": "shop:1", "env": {"TOKEN": SECRET, "A": "1"}, "ready_path": "/ready", "ready_timeout": "5s"},
    "budget": {"processes": 2, "cpus": "pooled:1.5", "memory": "split:1GiB", "cpuset": "0-1"},
    "arms": [
        {"name": "workers", "model": "workers", "front": "direct"},
        {"name": "replicas", "model": "replicas", "front": "nginx", "balance": "least_conn", "profile": "stock"},
    ],
    "load": {"locustfile": "locustfile.py", "rate": 50, "lanes": 4, "warmup": "1s", "measure": "2s", "tags": ["a"]},
    "images": {"python": "python:3", "nginx": "nginx:1"},
    "trials": {"blocks": 2, "seed": 3},
    "compare": {"baseline": "workers", "primary": ["p50", "memory.pss.total"], "bounds": {"p50": 0.1}},
    "expect": [{"that": "p99(workers) <= 1.1 * p99(replicas)", "name": "tail"}],
    "ports": "20000-29999",
    "network": "host",
}


@st.composite
def scenarios(draw: st.DrawFn) -> bytes:
    """Files: mostly a good scenario with some values replaced, removed, repeated or invented; sometimes any bytes."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.one_of(st.binary(max_size=200), st.just(b"a=" + b"[" * 100_000), st.just(b"x" * 1_000_001)))
    document = json.loads(json.dumps(GOOD))
    for _ in range(draw(st.integers(0, 3))):
        _change(draw, document)
    text = toml(document)
    if draw(st.integers(0, 5)) == 0:
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(short_texts) + text[at:]
    return text.encode(errors="surrogatepass")


def _change(draw: st.DrawFn, document: dict[str, Any]) -> None:
    holder, key = draw(st.sampled_from(list(places(document))))
    what = draw(st.sampled_from(["replace", "replace", "remove", "add", "repeat"]))
    if what == "replace":
        holder[key] = draw(st.one_of(plain, texts))
    elif what == "remove":
        del holder[key]
    elif what == "add" and isinstance(holder, dict):
        holder[draw(st.one_of(short_texts, st.sampled_from(["command", "build", "env", "rate", "image"])))] = draw(
            plain
        )
    elif isinstance(holder, list):
        holder.append(holder[key])


def toml(document: Mapping[str, Any]) -> str:
    """Any nested value as TOML, tables inline; what TOML has no word for becomes a text."""
    return "".join(f"{_toml(str(key))} = {_toml(value)}\n" for key, value in document.items())


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_toml(str(key))} = {_toml(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value).replace("e+", "e")
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def scenario_is_read_or_refused(data: bytes) -> None:
    """A scenario that is accepted can be planned, deployed on paper, stored and written again; any other is refused."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "locustfile.py").touch()
        path = Path(folder) / "scenario.toml"
        path.write_bytes(data)
        try:
            scenario = read_scenario(path)
        except ScenarioError as error:
            refused(error, 2)
            return
        try:
            plan = build_plan(scenario, min(scenario.trials.blocks, 3))
            for trial in plan.trials[: len(scenario.arms)]:
                build_topology(scenario, trial, nominal_ports(scenario, trial.arm))
        except ScenarioError as error:
            refused(error, 2)
        stored = scenario_to_json(scenario)
        assert scenario_to_json(scenario_from_json(stored)) == stored
        path.write_text(scenario_text(scenario), encoding="utf-8", errors="surrogatepass")
        again = scenario_to_json(read_scenario(path))
        assert _without_marks(again) == _without_marks(stored)


def _without_marks(value: Any) -> Any:
    if isinstance(value, dict) and "mark" in value:
        return "secret"
    if isinstance(value, dict):
        return {key: _without_marks(part) for key, part in value.items()}
    return [_without_marks(part) for part in value] if isinstance(value, list) else value
