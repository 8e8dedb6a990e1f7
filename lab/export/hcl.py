"""Blocks, values and expressions as HCL, the language of Nomad's job files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

END = "END_OF_TEXT"  # of a text of several lines; one that holds this line is written in quotes


class Expression(str):
    """What is to be worked out, such as ``var.app_image``: written as it is."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Block:
    """``kind "label" { … }``; what is None or empty in ``body`` is left out."""

    kind: str
    label: str
    body: Sequence[tuple[str, Any] | Block]


def hcl(block: Block, indent: str = "") -> str:
    """The text of a block and of those in it."""
    label = f" {_quoted(block.label)}" if block.label else ""
    return f"{indent}{block.kind}{label} {{\n{''.join(_lines(block, indent + '  '))}{indent}}}\n"


def _lines(block: Block, indent: str) -> Iterator[str]:
    for part in block.body:
        if isinstance(part, Block):
            yield hcl(part, indent)
        elif part[1] is not None and part[1] not in ("", [], {}):
            yield f"{indent}{part[0]} = {_value(part[1], indent)}\n"


def _value(value: Any, indent: str) -> str:
    if isinstance(value, Expression):
        return value
    if isinstance(value, str):
        return _heredoc(value) if "\n" in value and END not in value else _quoted(value)
    if isinstance(value, Mapping):
        inner = "".join(f"{indent}  {_quoted(key)} = {_value(each, indent + '  ')}\n" for key, each in value.items())
        return f"{{\n{inner}{indent}}}"
    if isinstance(value, Sequence):
        return f"[{', '.join(_value(each, indent) for each in value)}]"
    return json.dumps(value)


def _quoted(text: str) -> str:
    return json.dumps(_as_it_is(text), ensure_ascii=False)


def _heredoc(text: str) -> str:
    return f"<<{END}\n{_as_it_is(text).rstrip(chr(10))}\n{END}"


def _as_it_is(text: str) -> str:
    """The text as it is: HCL would work out what stands in ``${…}`` and ``%{…}``."""
    return text.replace("${", "$${").replace("%{", "%%{")
