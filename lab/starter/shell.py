"""The commands in a line or script of a shell: found by where words begin and end, and changed in place. Pure."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath

SHELLS = ("sh", "bash", "ash", "dash", "zsh")
TOKEN = re.compile(
    r"""(?P<blank>(?:[ \t]|\\\n)+)
    |(?P<comment>(?<![^\s;&|])\#[^\n]*)
    |(?P<redirection>\d*(?:>>|[<>]&?)[ \t]*[^\s;&|<>]+)
    |(?P<operator>&&|\|\||;;|[;&|\n])
    |(?P<word>(?:"(?:\\.|[^"\\])*"|'[^']*'|\$\{[^}]*\}|\$\([^)]*\)|\\[^\n]|[^\s"'\\;&|<>()])+)
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
ONLY_A_SHELL = re.compile(r"[$;&|<>`*?(){}\n]")
VARIABLE = re.compile(r"\$\{?(\w+)")
BEFORE = {  # words that may stand in front of a command
    *("exec", "env", "nohup", "time", "then", "else", "do", "if", "!", "{", "python", "python3", "-m", "--"),
    *("tini", "dumb-init", "uv", "poetry", "pipenv", "pdm", "hatch", "rye", "run", "ddtrace-run"),
    *("gosu", "su-exec", "opentelemetry-instrument", "newrelic-admin", "run-program"),
}
WITH_ONE_MORE = {"gosu", "su-exec", "--project", "--directory", "--package", "--with", "--extra", "--group"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One simple command in a text: its words, as they stand there, and where the words are."""

    words: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]

    def starts(self, what: Callable[[str], bool]) -> bool:
        """Tell whether it starts such a program, itself or behind a word like exec: `pip install x` does not."""
        for place, word in enumerate(self.words):
            name = PurePath(word.strip("\"'")).name
            if what(name):
                return True
            before = self.words[place - 1] if place else ""
            if name not in BEFORE and not word.startswith("-") and "=" not in word and before not in WITH_ONE_MORE:
                return False
        return False


def commands(text: str) -> Iterator[Command]:
    """The simple commands of a text, in their order; redirections and comments are no words."""
    words: list[tuple[int, int]] = []
    for found in TOKEN.finditer(text):
        if found.lastgroup == "word":
            words.append(found.span())
        elif found.lastgroup in ("operator", "other") and words:
            yield _command(text, words)
            words = []
    if words:
        yield _command(text, words)


def _command(text: str, spans: Sequence[tuple[int, int]]) -> Command:
    return Command(words=tuple(text[start:end] for start, end in spans), spans=tuple(spans))


def replaced(text: str, command: Command, words: Sequence[str]) -> str:
    """The text with other words in place of this command's; what stands around them stays."""
    start, end = command.spans[0][0], command.spans[-1][1]
    return text[:start] + " ".join(words) + text[end:]


def shell_at(words: Sequence[str]) -> int:
    """Give the position of the text in ``sh -c TEXT``, also behind an init; -1 when there is none."""
    for place, word in enumerate(words[:-2]):
        if PurePath(word).name in SHELLS and re.fullmatch(r"-[a-z]*c", words[place + 1]):
            return place + 2
    return -1


def shell_of(script: str) -> str:
    """The shell that a script's first line names; "sh" without one, "" when it is for something else."""
    first = script.partition("\n")[0]
    if not first.startswith("#!"):
        return "sh"
    return next((PurePath(word).name for word in first[2:].split() if PurePath(word).name in SHELLS), "")
