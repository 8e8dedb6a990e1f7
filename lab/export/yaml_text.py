"""Plain values as YAML that people read: keys in their order, no aliases, texts of several lines as blocks."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import yaml


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]  # PyYAML carries no types
    """With texts of several lines as blocks."""


def _text(dumper: Any, text: str) -> Any:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def yaml_text(document: Mapping[str, Any]) -> str:
    """One document. Nothing in it is an alias: two containers may be alike, and each is to be read alone."""
    apart = json.loads(json.dumps(document))
    return str(yaml.dump(apart, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110))


def kept(table: Mapping[str, Any]) -> dict[str, Any]:
    """The table without what says nothing: None, and empty texts, lists and tables."""
    return {key: value for key, value in table.items() if value is not None and value not in ("", [], {}, ())}


def words(argv: Sequence[str]) -> list[str]:
    """The words of a command in which no ``$`` means anything to Compose, nor to Swarm's stack files."""
    return [word.replace("$", "$$") for word in argv]
