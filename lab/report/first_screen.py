"""The sentences of a report: grouped by what they are about, and those that its first screen leads with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Sentences about one thing: an arm, or what they touch."""

    about: str
    sentences: tuple[str, ...]


def told(groups: Iterable[Group]) -> tuple[str, ...]:
    """All their sentences."""
    return tuple(sentence for group in groups for sentence in group.sentences)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One sentence for a primary metric of a contender. ``word`` is a verdict, empty where only numbers are shown.

    ``why`` is a second word for the badge: the reason of the verdict, where one word hides it. ``case`` names an
    expectation, the same in every run of its scenario. ``besides`` are sentences behind the verdict, which a reader
    must not have to look for at the end of them.
    """

    sentence: str
    word: str = ""
    why: str = ""
    case: str = ""
    besides: str = ""

    @property
    def badge(self) -> str:
        """The verdict with its reason."""
        return f"{self.word}: {self.why}" if self.why else self.word

    @property
    def pieces(self) -> tuple[str, str, str]:
        """The sentence, ``"→ better"`` and what stands besides, for texts of one line; the last two may be empty."""
        arrow = f"→ {self.badge}{'.' if self.besides else ''}" if self.word else ""
        return self.sentence, arrow, self.besides


class Mood(StrEnum):
    """The mood of a box: is its news good? ``GOOD`` only when everything holds."""

    GOOD = "good"
    CAVEAT = "caveat"
    BAD = "bad"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A few facts at a glance, as (name, text); ``more`` is the key of the section that has the rest."""

    key: str
    title: str
    mood: Mood
    rows: tuple[tuple[str, str], ...]
    more: str = ""


@dataclass(frozen=True, slots=True)
class Band:
    """Across the page of a run that is not valid. ``whole``: none of its numbers stands; ``command`` does ``then``."""

    title: str
    sentences: tuple[str, ...]
    then: str
    command: str
    whole: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """The answer in few words: a sentence for each judged arm, those that the question is about first.

    ``observed`` is what was seen besides, ``controls`` the same of arms that are not judged. ``title`` says the result
    in a browser's tab. The word of a sentence is its outcome, for its colour.
    """

    title: str = ""
    sentences: tuple[Answer, ...] = ()
    observed: tuple[Group, ...] = ()
    controls: tuple[Group, ...] = ()

    @property
    def outcome(self) -> str:
        """That of the arm that the question is about; empty where nothing was judged."""
        return self.sentences[0].word if self.sentences else ""


NO_LEAD = Lead()
