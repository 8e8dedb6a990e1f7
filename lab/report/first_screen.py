"""The sentences of a report: grouped by what they are about, and those that its first screen leads with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Sentences about one thing: an arm, or what they touch. ``hidden``: so many more, of which the last one speaks."""

    about: str
    sentences: tuple[str, ...]
    hidden: int = 0

    @property
    def count(self) -> int:
        """How many there are, with those that are not told."""
        return len(self.sentences) + (self.hidden - 1 if self.hidden else 0)


def count_in(groups: Iterable[Group]) -> int:
    """How many sentences they have together, with those that are not told."""
    return sum(group.count for group in groups)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One sentence for a primary metric of a contender. ``word`` is a verdict, empty where only numbers are shown.

    ``why`` is a second word for the badge: the reason of the verdict, where one word hides it. ``case`` names an
    expectation, the same in every run of its scenario. ``besides`` are sentences behind the verdict, which a reader
    must not have to look for at the end of them; ``remark`` is their beginning where that explains at length.
    """

    sentence: str
    word: str = ""
    why: str = ""
    case: str = ""
    besides: str = ""
    remark: str = ""

    @property
    def shortly(self) -> str:
        """What stands besides, without the remark."""
        return self.besides.removeprefix(self.remark).lstrip()

    @property
    def badge(self) -> str:
        """The verdict with its reason."""
        return f"{self.word}: {self.why}" if self.why else self.word

    @property
    def pieces(self) -> tuple[str, str, str]:
        """The sentence, ``"→ better"`` and what stands besides, for texts of one line; the last two may be empty."""
        arrow = f"→ {self.badge}{'.' if self.besides else ''}" if self.word else ""
        return self.sentence, arrow, self.besides


PARTLY, WHOLE = "partly", ("better", "worse", "equivalent")  # of what an icon shows
VIOLATED = "violated"  # the outcome of an expectation that does not hold
INVALID = "invalid"  # the outcome of a run whose numbers say nothing
NOT_VALID = Answer(sentence="No answer: this run is not valid.", word=INVALID)
NOT_VALID_HERE = replace(NOT_VALID, sentence="No answer: the run is not valid here.")  # at one of its points


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What holds of a good run beside its expectations. ``name`` says that it holds, ``broken`` that it does not.

    ``sentences`` say what speaks against it, none where it holds; ``brief`` is the same in a few words. ``fails``: a
    build fails of it, and not only with ``--strict``.
    """

    name: str
    broken: str
    sentences: tuple[str, ...] = ()
    brief: str = ""
    fails: bool = True


class Mood(StrEnum):
    """The mood of a box: is its news good? ``GOOD`` only when everything holds."""

    GOOD = "good"
    CAVEAT = "caveat"
    BAD = "bad"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A few facts at a glance, as (name, text); ``more`` is the key of the section that has the rest.

    ``short`` is its name in the contents, where it is the answer to a question of its own.
    """

    key: str
    title: str
    mood: Mood
    rows: tuple[tuple[str, str], ...]
    more: str = ""
    short: str = ""


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

    ``observed`` is what was seen besides, ``controls`` the same of arms that are not judged; ``striking`` are sentences
    on what of the former is too large to be overlooked. ``title`` says the result
    in a browser's tab. The word of a sentence is its outcome, for its colour. ``arm`` is that of the first sentence;
    ``over`` is the outcome of several points together. ``partly``: with the engine's own processes the first sentence
    were another one.
    """

    title: str = ""
    sentences: tuple[Answer, ...] = ()
    striking: tuple[str, ...] = ()
    observed: tuple[Group, ...] = ()
    controls: tuple[Group, ...] = ()
    arm: str = ""
    partly: bool = False
    over: str | None = None

    @property
    def answered(self) -> str:
        """The word of the first sentence: of the arm that the question is about; empty where nothing was judged."""
        return self.sentences[0].word if self.sentences else ""

    @property
    def is_violated(self) -> bool:
        """Whether an expectation does not hold: such a run exits 1."""
        return any(answer.word == VIOLATED for answer in self.sentences)

    @property
    def outcome(self) -> str:
        """What the icon shows, of all points or of this one."""
        return icon_word(self.answered, violated=self.is_violated) if self.over is None else self.over

    @property
    def icon(self) -> str:
        """The outcome as an icon shows it: none of better, worse or about the same where it holds of a part only."""
        return PARTLY if self.partly and self.outcome == self.answered and self.outcome in WHOLE else self.outcome


def icon_word(answered: str, *, violated: bool) -> str:
    """The answer on the arms, unless an expectation is violated: nothing but a bad answer stands before that."""
    return VIOLATED if violated and answered not in ("worse", INVALID) else answered


NO_LEAD = Lead()
