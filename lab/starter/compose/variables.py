"""Variables in a compose file, as Compose fills them: from the environment, then from .env beside the file. Pure."""

import re
from collections.abc import Mapping

from lab.errors import UsageError
from lab.scenario.secret import is_secret

NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
OPERATOR = re.compile(r":?[-?+]")


def fill(text: str, variables: Mapping[str, str]) -> str:
    """``$NAME``, ``${NAME}``, with ``:-`` ``-`` ``:+`` ``+`` ``:?`` ``?``, also inside each other; ``$$`` is a dollar.

    A variable that is not set is empty, as in Compose. Raises UsageError when one is that ``?`` demands.
    """
    filled, at = [], 0
    while (dollar := text.find("$", at)) >= 0:
        filled.append(text[at:dollar])
        value, at = _value(text, dollar + 1, variables)
        filled.append(value)
    return "".join(filled) + text[at:]


def names_in(text: str) -> tuple[str, ...]:
    """The variables that a text asks for, each once."""
    found = re.findall(r"\$\{?([A-Za-z_]\w*)", text.replace("$$", ""), re.ASCII)
    return tuple(dict.fromkeys(found))


def secrets_behind(text: str, variables: Mapping[str, str], name: str = "") -> tuple[str, ...]:
    """The variables by which a text would hold a secret that the file itself does not: () when it may be written down.

    ``name``: of the variable that the text becomes the value of.
    """
    outside = tuple(each for each in names_in(text) if each in variables)
    secret = tuple(each for each in outside if is_secret(each, variables[each]))
    return secret or (outside if outside and is_secret(name, fill(text, variables)) else ())


def _value(text: str, at: int, variables: Mapping[str, str]) -> tuple[str, int]:
    """The value of what begins behind a dollar, and where the text goes on."""
    if text[at : at + 1] == "$":
        return "$", at + 1
    if text[at : at + 1] != "{":
        found = NAME.match(text, at)
        return ("$", at) if found is None else (variables.get(found[0], ""), found.end())
    end = _closing(text, at)
    inside = text[at + 1 : end]
    found = NAME.match(inside)
    if found is None:
        raise UsageError(f"the compose file asks for a variable in a way that is none: ${{{inside}}}")
    return _chosen(found[0], inside[found.end() :], variables), end + 1


def _chosen(name: str, rest: str, variables: Mapping[str, str]) -> str:
    operator = found[0] if (found := OPERATOR.match(rest)) else ""
    other = rest[len(operator) :]
    value = variables.get(name)
    there = value is not None and (value != "" or not operator.startswith(":"))
    if operator.endswith("+"):
        return fill(other, variables) if there else ""
    if there or not operator:
        return value or ""
    if operator.endswith("?"):
        raise UsageError(
            f"the compose file needs the variable {name}: {fill(other, variables) or 'it is not set'}",
            f"set it in the environment, or in .env beside the compose file: {name}=…",
        )
    return fill(other, variables)


def _closing(text: str, at: int) -> int:
    depth = 0
    for place in range(at, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if not depth:
            return place
    raise UsageError(f"the compose file has a brace that is not closed: {text[at - 1 : at + 40]}")
