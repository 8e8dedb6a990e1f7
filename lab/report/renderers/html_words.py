"""Links from words of a page to their entries in its glossary: the first use in each section leads there."""

import re

from markupsafe import Markup, escape

from lab.report.content import Cell, Content, Section, Table

GLOSSARY = "glossary"  # the key of the table that explains them
_BEFORE_UNIT = re.compile(r"(?<=\d) (?=(?:[µm]?s|min|[KMG]?i?B)(?!\w))")  # "12 ms", "34.1 MiB"


def keep_together(text: str) -> str:
    """Numbers stay on one line with their units."""
    return _BEFORE_UNIT.sub("\u00a0", text)


def anchor_of(word: str) -> str:
    """The address of an entry: ``"response time"`` → ``"word-response-time"``."""
    return f"word-{word.lower().replace(' ', '-')}"


class Told:
    """Sentences of a page as they stand in it. Called in their order: a section begins, then come its texts."""

    def __init__(self, content: Content) -> None:
        """A page without a glossary has no links."""
        self._words = [row[0].text for section in content.sections for row in _entries(section)]
        self._names = {*content.arms}
        self._left = {*self._words}
        choice = "|".join(map(re.escape, sorted(self._words, key=len, reverse=True)))
        # What stands in quotes is a name that somebody gave; "one-arm" is another word.
        self._pattern = re.compile(rf"“[^”]*”|(?<![\w./-])({choice})s?(?![\w-])", re.IGNORECASE) if choice else None

    def begin(self, section: str = "") -> str:
        """A section begins, in which every word has its first use ahead; not in that of the glossary itself."""
        self._left = set() if section == "words" else {*self._words}
        return ""

    def __call__(self, text: str) -> Markup:
        """The text, its first words of the glossary as links."""
        kept = keep_together(text)
        if self._pattern is None or not self._left or text in self._names:
            return escape(kept)
        parts, done = [], 0
        for found in self._pattern.finditer(kept):
            if word := self._first(found[1]):
                parts += [escape(kept[done : found.start()]), _link(word, found[0])]
                done = found.end()
        return Markup("").join([*parts, escape(kept[done:])])

    def _first(self, said: str | None) -> str:
        """The word of the glossary that is said here first in its section; "" for none."""
        word = next((each for each in self._left if said and each.lower() == said.lower()), "")
        self._left.discard(word)
        return word


def _link(word: str, said: str) -> Markup:
    return Markup('<a class="word" href="#{}">{}</a>').format(anchor_of(word), said)


def _entries(section: Section) -> tuple[tuple[Cell, ...], ...]:
    return tuple(row for part in section.parts if isinstance(part, Table) and part.key == GLOSSARY for row in part.rows)
