"""A scenario as text: the TOML that gives it again."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from lab.scenario.file import scenario_to_json
from lab.scenario.model import Scenario

BARE = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)  # a key that needs no quotes


def scenario_text(scenario: Scenario) -> str:
    """TOML with every key that has a value; reading it gives the same scenario, secrets taken from the environment."""
    document = scenario_to_json(scenario)
    plain = {key: value for key, value in document.items() if not _is_table(value) and value is not None}
    lines = [f"{key} = {toml_value(value)}" for key, value in plain.items()]
    for key, value in document.items():
        if isinstance(value, Mapping):
            lines += ["", f"[{key}]", *_pairs(value)]
        elif _is_table(value):
            for entry in value:
                lines += ["", f"[[{key}]]", *_pairs(entry)]
    return "\n".join(lines) + "\n"


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping) or (isinstance(value, list) and bool(value) and isinstance(value[0], Mapping))


def _pairs(table: Mapping[str, Any]) -> Iterator[str]:
    return (f"{key} = {toml_value(value)}" for key, value in table.items() if value is not None)


def toml_value(value: Any) -> str:
    """The value as TOML writes it, on one line."""
    if isinstance(value, Mapping):
        parts = (f"{_key(name)} = {_secret(name, part)}" for name, part in value.items() if part is not None)
        return "{ " + ", ".join(parts) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    return _text(value) if isinstance(value, str) else json.dumps(value)


def _secret(name: str, value: Any) -> str:
    """A secret of ``env`` as a person would write it without its value; any other value as it is."""
    if isinstance(value, Mapping) and "mark" in value:
        return f"{{ from = {_text(value.get('from', name))} }}"
    return toml_value(value)


def _key(name: str) -> str:
    return name if BARE.fullmatch(name) else _text(name)


def _text(text: str) -> str:
    """JSON's escapes are TOML's as well, but for DEL, which JSON leaves as it is."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
