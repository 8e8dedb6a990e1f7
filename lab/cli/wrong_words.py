"""What is wrong with a value or a word of a command, in the words that the lab's other refusals have."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer
from pydantic import ValidationError

from lab.errors import UsageError

# By the kind of pydantic's error, which Typer prints as it is: "Input should be a valid integer, unable to parse …"
WANTED: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "int_parsing": lambda _: "is no whole number",
    "int_from_float": lambda _: "is no whole number",
    "float_parsing": lambda _: "is no number",
    "greater_than_equal": lambda limits: f"is too small; the least is {limits['ge']:g}",
    "less_than_equal": lambda limits: f"is too large; the most is {limits['le']:g}",
}


def refusal_of(error: typer.BadParameter, verb: str) -> UsageError | None:
    """The same refusal in our words; None where these are known already, or nobody knows better ones."""
    cause, option = error.__cause__, error.param
    if not isinstance(cause, ValidationError) or option is None:
        return None
    (found, *_) = cause.errors()
    words = WANTED.get(found["type"])
    if words is None:
        return None
    told = words(found.get("ctx", {}))
    return UsageError(f"{option.opts[0]}: {found['input']} {told}", f"see `lab {verb} --help`")


def too_many(verb: str, words: Sequence[str], options: Sequence[str]) -> UsageError:
    """Words that belong to no option, of a command that takes none, or no more. ``options``: what the command has."""
    what = f"lab {verb} does not know what to do with {' '.join(words)!r}"
    first = Path(words[0])
    if "--scenario" in options and (first.suffix == ".toml" or not first.is_dir()):
        return UsageError(what, f"a scenario has an option here: `lab {verb} --scenario {words[0]}`")
    if "--out" in options and first.is_dir():
        return UsageError(what, f"a folder of runs has an option here: `lab {verb} --out {words[0]}`")
    return UsageError(what, f"see `lab {verb} --help`")
