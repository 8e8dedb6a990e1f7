"""Variables in a text, written as Dockerfiles and compose files do: ``$NAME``, ``${NAME:-default}``. Pure."""

import re
from collections.abc import Mapping
from typing import NamedTuple

NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
OPERATOR = re.compile(r":?[-?+]")


class NotFilledError(ValueError):
    """A text that cannot be filled: ``name`` is the variable that it demands, "" where it is malformed."""

    def __init__(self, reason: str, name: str = "") -> None:
        super().__init__(reason)
        self.name = name


def fill(text: str, variables: Mapping[str, str]) -> str:
    """As Compose fills: with ``:-`` ``-`` ``:+`` ``+`` ``:?`` ``?``, also inside each other; ``$$`` is a dollar.

    A variable that is not set is empty. Raises NotFilledError for one that ``?`` demands, or a malformed text.
    """
    return _filled(text, variables, keep=False)


def fill_known(text: str, variables: Mapping[str, str]) -> str:
    """As a build fills a Dockerfile, as far as it can be told before: what is not known, or malformed, stays."""
    return _filled(text, variables, keep=True)


class _Place(NamedTuple):
    """What is asked for at a place: the variable, what follows its name in the braces, and where the text goes on."""

    name: str
    rest: str
    end: int


def _filled(text: str, variables: Mapping[str, str], *, keep: bool) -> str:
    filled, at = [], 0
    while (dollar := text.find("$", at)) >= 0:
        filled.append(text[at:dollar])
        if not keep and text[dollar + 1 : dollar + 2] == "$":
            filled.append("$")
            at = dollar + 2
            continue
        try:
            place = _place(text, dollar + 1)
            value = _chosen(place, variables, keep=keep)
        except NotFilledError:
            if not keep:
                raise
            place, value = _Place("", "", dollar + 1), None
        filled.append(text[dollar : place.end] if value is None else value)
        at = place.end
    return "".join(filled) + text[at:]


def _place(text: str, at: int) -> _Place:
    """What is asked for behind a dollar; a name "" where it is only a dollar."""
    if text[at : at + 1] != "{":
        found = NAME.match(text, at)
        return _Place(found[0], "", found.end()) if found else _Place("", "", at)
    end = _closing(text, at)
    inside = text[at + 1 : end]
    found = NAME.match(inside)
    if found is None:
        raise NotFilledError(f"asks for a variable in a way that is none: ${{{inside}}}")
    return _Place(found[0], inside[found.end() :], end + 1)


def _chosen(place: _Place, variables: Mapping[str, str], *, keep: bool) -> str | None:
    """The value; None where the text stays as it is."""
    operator = found[0] if (found := OPERATOR.match(place.rest)) else ""
    other = place.rest[len(operator) :]
    value = variables.get(place.name)
    there = value is not None and (value != "" or not operator.startswith(":"))
    if not place.name or (keep and place.rest and not operator):
        return None
    if operator.endswith("+"):
        return _filled(other, variables, keep=keep) if there else ""
    if there or not operator:
        return value if value is not None or keep else ""
    if operator.endswith("?"):
        raise NotFilledError(_filled(other, variables, keep=keep) or "it is not set", place.name)
    return _filled(other, variables, keep=keep)


def _closing(text: str, at: int) -> int:
    depth = 0
    for place in range(at, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if not depth:
            return place
    raise NotFilledError(f"has a brace that is not closed: {text[at - 1 : at + 40]}")
