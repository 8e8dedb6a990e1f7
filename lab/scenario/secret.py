"""Values of ``env`` that no output may show: which they are, how they are stored, and how texts are kept free of them.

A secret's value lives only in memory and in the containers. Run folders hold a mark in its place, so that two runs can
be compared: a hash that is made slow and large on purpose, so that guessing costs.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Any
from urllib.parse import quote, unquote

MASK = "***"
MIN_LENGTH = 4  # a shorter value is masked in its place; in running text it could be any word or number
MIN_LINE = 12  # of a value of several lines, such as a PEM key, which logs show line by line
MARK = "scrypt:"  # how a mark begins; one of an earlier version, an HMAC under a key of the machine, has digits only
COST = {"n": 2**15, "r": 8, "p": 1, "maxmem": 2**26}  # 32 MB and about 0.1 s for each guess
MARK_BYTES = 16
NAME = re.compile(r"PASSWORD|PASSWD|PASSPHRASE|TOKEN|SECRET|KEY|CREDENTIAL|PRIVATE|_PWD$|^PWD_|_PASS$", re.IGNORECASE)
IN_URL = re.compile(r"(?<=://)([^\s/?#@:]*):([^\s/?#]+)@")  # up to the last @: a password may hold one
IN_PAIRS = re.compile(r"\b(?:password|passwd|pwd)\s*=\s*([^\s;&]+)", re.IGNORECASE)  # "host=db password=…"
FILES = ("file", "path", "dir")  # ends of options, and of variables, that name where a secret is
ORDINARY = frozenset({"true", "false", "null", "none"})  # what flags with a secret's name hold


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret value of ``env``. Every way to format it gives the mask.

    ``value`` is None while it is not known: before ``source``, a variable of the lab's own environment, was looked up,
    and in a scenario that a run folder gave back. ``mark`` stands for the value in a run folder.
    """

    value: str | None = field(default=None, repr=False)
    source: str = ""
    mark: str = ""

    def __str__(self) -> str:
        return MASK

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def stored(self) -> dict[str, Any]:
        """The table that stands for it in JSON and TOML; it has no value."""
        source = {"from": self.source} if self.source else {}
        return {"secret": True, "mark": self.mark} | source


class Public(str):
    """A plain value that its author declared to be no secret, whatever its name."""

    __slots__ = ()


EnvValue = str | Secret
Env = Mapping[str, EnvValue]


def plain(value: EnvValue) -> str:
    """The real value, for the app itself; "" while it is not known."""
    return (value.value or "") if isinstance(value, Secret) else value


def is_secret(name: str, value: str) -> bool:
    """Tell whether a plain value is taken for a secret: by its variable's name, or by a password that stands in it.

    The absolute path in a variable for a file, PASSWORD_FILE, is none: a start that misses that file must name it.
    """
    place = name.lower().endswith(FILES) and value.startswith("/")
    return bool((NAME.search(name) and not place) or IN_URL.search(value) or IN_PAIRS.search(value))


def secret_option(words: Sequence[str]) -> str:
    """The first option whose name says that its value is a secret, behind ``=`` or as the next word; "" for none.

    An option that names a file is none, and no value is a variable that only a shell fills.
    """
    for word, following in zip_longest(words, words[1:], fillvalue=""):
        option, equals, value = word.partition("=")
        given = (value if equals else following).strip("\"'")
        named = option.startswith("-") and NAME.search(option.replace("-", "_")) and not option.endswith(FILES)
        if named and given and not given.startswith(("-", "$")):
            return option
    return ""


def marked(name: str, secret: Secret) -> Secret:
    """The secret with the mark of its value, salted with its name: the same value has the same mark in every run."""
    value, salt = (text.encode(errors="surrogatepass") for text in (plain(secret), f"process-model-lab {name}"))
    return replace(secret, mark=MARK + hashlib.scrypt(value, salt=salt, dklen=MARK_BYTES, **COST).hex())


@dataclass(frozen=True, slots=True)
class Redactor:
    """Keeps texts free of known values. ``words`` are the values in all their spellings, longest first."""

    words: tuple[str, ...] = ()

    def __call__(self, text: str) -> str:
        """The text with every known value as the mask, and without passwords in URLs."""
        for word in self.words:
            text = text.replace(word, MASK)
        return IN_URL.sub(lambda found: f"{found[1]}:{MASK}@", text)

    def cut(self, text: str) -> str:
        """As a call, for a text that was cut to a length: the beginning of a value at its end is masked as well."""
        text = self(text)
        for word in self.words:
            for length in range(min(len(word) - 1, len(text)), MIN_LENGTH - 1, -1):
                if text.endswith(word[:length]):
                    return text[:-length] + MASK
        return text

    def tree(self, value: Any) -> Any:
        """Mask every text in a nested plain value, keys included."""
        return each_text(value, self)


NO_SECRETS = Redactor()
KEPT: list[Redactor] = [NO_SECRETS]  # of this process, which prints for one scenario


def keep_secret(redact: Redactor) -> None:
    """Mask what this redactor knows in everything that this process prints from now on."""
    KEPT.append(redact)


def each_text(value: Any, change: Callable[[str], str]) -> Any:
    """Change every text in a nested plain value, keys included."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {each_text(key, change): each_text(part, change) for key, part in value.items()}
    return type(value)(each_text(part, change) for part in value) if isinstance(value, list | tuple) else value


def redactor(values: Iterable[str], public: Iterable[str] = ()) -> Redactor:
    """A redactor of these values.

    ``public``: texts that outputs must show, such as names of arms. A value that is part of one of them cannot be told
    from it, and stays in running text: a password "workers" would otherwise mask the arm of that name everywhere.
    """
    shown = "\n".join(public)
    words = {
        word
        for value in values
        for word in _spellings(value)
        if len(word) >= MIN_LENGTH and word.lower() not in ORDINARY and word not in shown
    }
    return Redactor(tuple(sorted(words, key=lambda word: (-len(word), word))))


def _spellings(value: str) -> Iterator[str]:
    parts = [value, value.strip()]
    for password in (*(found[1] for found in IN_URL.findall(value)), *IN_PAIRS.findall(value)):
        parts += [password, unquote(password)]
    if "\n" in value:
        parts += [line.strip() for line in value.splitlines() if len(line.strip()) >= MIN_LINE]
    for part in parts:
        yield part
        yield json.dumps(part)[1:-1]
        yield repr(part)[1:-1]
        yield quote(part, safe="", errors="replace")
        yield quote(part, errors="replace")
