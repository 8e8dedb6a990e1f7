"""The text of a Dockerfile as a list of instructions: lines joined, heredocs and comments left out. Pure."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from lab.scenario.build_args import BASE_ARGUMENT

SHELL = ("/bin/sh", "-c")  # what Docker puts in front of a CMD that is no list
INSTRUCTION = re.compile(r"\s*([A-Za-z]+)\s+(.*)", re.DOTALL)
DIRECTIVE = re.compile(r"#\s*(\w+)\s*=\s*(\S+)\s*$")
HEREDOC = re.compile(r"(?:^|\s)\d*<<(-?)([\"']?)([A-Za-z_]\w*)\2(?=\s|$)")
HOLD_HEREDOCS = ("RUN", "COPY", "ADD")
FLAG = re.compile(r"--([a-z-]+)(?:=(\S*))?\s+")
TAKES_BASE = re.compile(rf"^\s*ARG\s+{BASE_ARGUMENT}\b", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """One instruction: its keyword in capitals, its ``--flags``, what follows them, and whether it holds a heredoc."""

    keyword: str
    flags: tuple[tuple[str, str], ...] = ()
    rest: str = ""
    heredoc: bool = False


def form(rest: str) -> list[str]:
    """The words of an exec form; a shell form as Docker stores it."""
    try:
        words = json.loads(rest)
    except ValueError:
        return [*SHELL, rest] if rest else []
    return list(map(str, words)) if isinstance(words, list) else [*SHELL, rest]


def takes_base(text: str) -> bool:
    """Tell whether a Dockerfile lets others choose its base image."""
    return TAKES_BASE.search(text) is not None


def without_syntax(text: str) -> str:
    """The same Dockerfile for the engine's own reader: its ``# syntax=`` is an ordinary comment, on the same line."""
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines):
        if (found := DIRECTIVE.match(line.strip())) is None:
            break
        if found[1].lower() == "syntax":
            lines[number] = f"# without {line.lstrip('# ')}"
    return "".join(lines)


def directives(text: str) -> dict[str, str]:
    """The directives at its very beginning, such as ``syntax`` and ``escape``, by their names in small letters."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        if (match := DIRECTIVE.match(line.strip())) is None:
            break
        found[match[1].lower()] = match[2]
    return found


def instructions(text: str) -> Iterator[Instruction]:
    """Each instruction, its continued lines joined; comments between them and the texts of heredocs left out."""
    escape = directives(text).get("escape", "\\")
    lines = iter(text.splitlines())
    for line in lines:
        joined = line
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        while joined.rstrip().endswith(escape):
            following = next(lines, None)
            if following is None:
                break
            if following.strip() and not following.lstrip().startswith("#"):
                joined = joined.rstrip()[: -len(escape)] + " " + following
        instruction = _instruction(joined)
        if instruction is not None:
            for ending in _heredocs(instruction):
                for inside in lines:
                    if inside.strip() == ending:
                        break
            yield instruction


def _instruction(text: str) -> Instruction | None:
    if (found := INSTRUCTION.fullmatch(text)) is None:
        return None
    keyword, rest, flags = found[1].upper(), found[2].strip(), []
    while flag := FLAG.match(rest):
        flags.append((flag[1], flag[2] or ""))
        rest = rest[flag.end() :]
    plain = Instruction(keyword=keyword, flags=tuple(flags), rest=rest)
    return replace(plain, heredoc=bool(_heredocs(plain)))


def _heredocs(instruction: Instruction) -> list[str]:
    """The words that end its heredocs, in their order."""
    if instruction.keyword not in HOLD_HEREDOCS:
        return []
    return [found[3] for found in HEREDOC.finditer(instruction.rest)]
