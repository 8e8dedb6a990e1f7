"""What a key of the scenario was expected to hold, in words: Pydantic's own are for programmers."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from lab.errors import ScenarioError

A_TEXT, A_LIST, A_TABLE = "a text in quotes", 'a list such as ["a", "b"]', 'a table such as {{ NAME = "value" }}'
A_WHOLE, A_NUMBER, A_FLAG = "a whole number", "a number", "true or false"
MISSING = ("missing", "missing_argument")
EXPECTED: Mapping[str, str] = {
    "string_type": A_TEXT,
    "path_type": "a path in quotes",
    "dict_type": A_TABLE,
    "dataclass_type": A_TABLE,
    "tuple_type": A_LIST,
    "list_type": A_LIST,
    "int_type": A_WHOLE,
    "int_parsing": A_WHOLE,
    "int_from_float": A_WHOLE,
    "float_type": A_NUMBER,
    "float_parsing": A_NUMBER,
    "finite_number": "a finite number",
    "bool_type": A_FLAG,
    "bool_parsing": A_FLAG,
    "literal_error": "{expected}",
    "enum": "{expected}",
    "greater_than_equal": "{ge} or more",
    "greater_than": "more than {gt}",
    "less_than_equal": "{le} or less",
    "less_than": "less than {lt}",
    "string_too_short": "a text that is not empty",
    "string_too_long": "at most {max_length} characters",
    "too_short": "at least {min_length} in the list",
    "too_long": "at most {max_length} in the list",
}
CORES = '"0-3,8"'
NAME = '"api-2" (lower-case letters, digits and hyphens, at most 40)'
FORMS: Mapping[str, str] = {  # of keys whose text has a form, in whichever table
    "name": NAME,
    "node": NAME,
    "target": '"app.main:app"',
    "target_stage": '"runtime"',
    "build_args": '"APP_VERSION"',  # as the name of one
    "ready_path": '"/healthz"',
    "client_path": '"/whoami"',
    "check_path": '"/healthz"',
    "server_header": '"x-served-by"',
    "underscores": '"x_request_id"',
    "ports": '"20000-29999"',
    "cpuset": CORES,
    "cores": CORES,
    "engine": '"tcp://10.0.0.2:2375", "unix:///var/run/docker.sock" or "ssh://me@server"',
    "address": '"10.0.0.1"',
    "front": '"node-1", or "*" for each that runs parts of arms',
    "request": '"/hold?mb={mb}" or "/block?ms={ms}"',
}
LISTS: Mapping[str, str] = {  # of keys that hold a list
    "sweep.processes": "[1, 2, 4]",
    "sweep.rate": "[50, 100, 200]",
    "sweep.cpus": '["split:1.0", "split:2.0"]',
    "sweep.memory": '["split:512MiB", "split:1GiB"]',
    "trials.looks": "[8, 10, 12]",
}
LISTED_TABLES = ("arms", "expect", "sidecars", "jobs", "drills", "nodes")
NO_LIST = ("tuple_type", "list_type")
MEANT: Mapping[str, str] = {  # of keys that are often taken for another
    "load.users": "the names of user classes; how many connections there are is load.lanes",
}


def expectation(where: str, detail: ErrorDetails) -> str:
    """``"expected a whole number"``: what the value at ``where`` should have been; a validator's words as they are."""
    if detail["type"] in MISSING:
        return "this key is required"
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "string_pattern_mismatch":
        form = next((FORMS[key] for key in reversed(re.split(r"[.\[]", where)) if key in FORMS), "")
        return f"expected a text such as {form}" if form else f"expected a text like {detail['ctx']['pattern']}"
    if detail["type"] in NO_LIST and where in LISTED_TABLES:
        return f"write [[{where}]], with two brackets"
    if detail["type"] in NO_LIST and where in LISTS:
        return f"expected a list such as {LISTS[where]}"
    if (words := EXPECTED.get(detail["type"])) is None:
        return message
    limits = {name: value if isinstance(value, str) else f"{value:g}" for name, value in _limits(detail)}
    meant = f" ({MEANT[where]})" if where in MEANT else ""
    return f"expected {words.format(**limits)}{meant}"


def _limits(detail: ErrorDetails) -> Iterator[tuple[str, Any]]:
    """What the check held the value against; choices in the quotes of the file."""
    for name, value in detail.get("ctx", {}).items():
        if isinstance(value, str | int | float):
            yield name, value.replace("'", '"') if isinstance(value, str) else value


def dotted(location: Sequence[int | str]) -> str:
    """A key as people write it: ``"arms[0].front"``."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


@contextmanager
def refusing(where: str, hint: str, *under: int | str) -> Iterator[None]:
    """Tell in a sentence that opens with ``where`` what a scenario refuses that a command changes.

    ``under`` leads to the table that is made, where it is not the scenario. Raises ScenarioError (exit 2).
    """
    try:
        yield
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        key = dotted((*under, *first["loc"]))
        raise ScenarioError(f"{where}{key}{': ' if key else ''}{expectation(key, first)}", hint) from None
