"""Where text goes: results to stdout, everything else to stderr. Outside text never reaches a terminal raw.

Of all control characters only the newline is printed, and no value that was handed to ``keep_secret``.
"""

import codecs
import io
import json
import re
import shutil
import sys
import unicodedata
from collections.abc import Mapping
from typing import Any

from lab.errors import LabError
from lab.report.files import TERMINAL_WIDTH
from lab.report.renderers.text import printable
from lab.scenario.secret import KEPT

TAB = "    "
COMMAND = re.compile(r"`lab [^`]+`")
WORD = re.compile(r"\b(?:SCENARIO|RUN)\b")
NARROWEST, WIDEST = 60, 160
_NOT_ASCII = re.compile(r"[^\x00-\x7e]")
_LIKE = (
    {"-": "−–—·─", "->": "→", "...": "…", '"': "“”", "'": "‘’", "x": "×", "/": "÷", "+/-": "±", "<=": "≤", ">=": "≥"}
    | {"u": "µμ", "^2": "²", "^3": "³", "sqrt ": "√", "inf": "∞", "delta ": "Δ", "lambda": "λ", "+": "†"}
    | {"=": "━╸", "#": "█▉▊▋▌▍▎▏"}
)
_IN_ASCII = {ord(character): plain for plain, characters in _LIKE.items() for character in characters}


def shown(text: str) -> str:
    """``text`` as it may be printed."""
    for redact in KEPT:
        text = redact(text)
    return printable(text).replace("\t", TAB)


def say(text: str = "") -> None:
    """A line for people, on stderr."""
    print(shown(text), file=sys.stderr, flush=True)


def say_error(error: LabError) -> None:
    """What happened and what to do."""
    say(f"lab: {error}")
    if error.hint:
        say(f"hint: {error.hint}")


def to_paste(hint: str, named: Mapping[str, str]) -> str:
    """The hint with the ``named`` things in its commands: ```lab plan SCENARIO``` → ```lab plan my.toml```."""
    return COMMAND.sub(lambda found: WORD.sub(lambda word: named.get(word[0], word[0]), found[0]), hint)


def put(text: str) -> None:
    """A result, on stdout."""
    print(shown(text), flush=True)


def put_json(document: Any) -> None:
    """A result for programs, on stdout; characters that a terminal would obey are written as JSON escapes."""
    for redact in KEPT:
        document = redact.tree(document)
    text = json.dumps(document, indent=2, ensure_ascii=False, default=str)
    print(_NOT_ASCII.sub(lambda found: _escaped(found[0]), text.replace("\x7f", "\\u007f")), flush=True)


def _escaped(character: str) -> str:
    commands = unicodedata.category(character).startswith("C") or character in "\u2028\u2029"
    return json.dumps(character)[1:-1] if commands or not _can_be_shown(character) else character


def _can_be_shown(character: str) -> bool:
    try:
        character.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def terminal_width(otherwise: int = TERMINAL_WIDTH) -> int:
    """Columns of the terminal on stdout, within what tables can be read in; ``otherwise`` where there is none."""
    return max(NARROWEST, min(WIDEST, shutil.get_terminal_size((otherwise, 24)).columns))


def survive_any_terminal() -> None:
    """A terminal that cannot show a character gets it in ASCII, not a traceback: a minus sign must not be lost."""
    codecs.register_error(_in_ascii.__name__, _in_ascii)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_in_ascii.__name__)


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    """What stands for characters that an encoding lacks: question marks for those that the lab itself never writes."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return lacking.translate(_IN_ASCII).encode("ascii", "replace").decode(), error.end
