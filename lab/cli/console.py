"""Where text goes: results to stdout, everything else to stderr; outside text never reaches a terminal raw."""

from __future__ import annotations

import json
import sys
from typing import Any

from lab.errors import LabError
from lab.report.text import printable


def say(text: str = "") -> None:
    """A line for people, on stderr."""
    print(text, file=sys.stderr, flush=True)


def say_error(error: LabError) -> None:
    """What happened and what to do, control characters removed."""
    say(f"lab: {printable(str(error))}")
    if error.hint:
        say(f"hint: {printable(error.hint)}")


def put(text: str) -> None:
    """A result, on stdout."""
    print(text, flush=True)


def put_json(document: Any) -> None:
    """A result for programs, on stdout."""
    put(json.dumps(document, indent=2, ensure_ascii=False, default=str))
