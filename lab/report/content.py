"""The content model: what a report says, before anyone decides how it looks. Frozen, plain, already in words.

Texts may hold anything that came from outside; every renderer escapes them for its own format.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import Protocol, TypeVar

from lab.report.first_screen import NO_LEAD, Answer, Band, Box, Check, Group, Lead

T = TypeVar("T")
COMMANDS = "again-commands"  # the key of the listing that repeats a run


class Chart(Protocol):
    """The data of a figure; ``svg`` draws it as one SVG element, in which everything from outside is harmless."""

    @property
    def title(self) -> str:
        """The name of the drawing for a screen reader."""

    def svg(self) -> str:
        """The drawing."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A table cell: its text, and the stored value (bytes, seconds, …) behind it when it is a number.

    ``span``: low end, estimate and high end of an interval of ratios, to be drawn; ``strong``: it was judged.
    ``verdict``: the word of the verdict on it, by which it is coloured; "" for none.
    ``command``: the text is a command to be pasted into a shell, so a terminal must not wrap it.
    """

    text: str
    value: float | None = None
    span: tuple[float, float, float] | None = None
    strong: bool = False
    verdict: str = ""
    command: bool = False


class Audience(StrEnum):
    """The reader of a table's column: a person at the page, a program that reads its CSV, or both."""

    ALL = "all"
    PEOPLE = "people"
    PROGRAMS = "programs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A table column; numeric ones are set to the right."""

    title: str
    numeric: bool = False
    reader: Audience = Audience.ALL


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table; ``key`` names its anchor and its CSV file, ``note`` says what the numbers are.

    ``folded``: few readers want it, so that it opens on demand where the form of the report allows. ``reader``: a table
    may be for people alone, or for programs alone. ``short`` is its name in the contents, where it stands there.
    """

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    folded: bool = False
    reader: Audience = Audience.ALL
    short: str = ""

    def of(self, reader: Audience) -> Table:
        """The table with the columns that are for ``reader``."""
        kept = [column.reader in (Audience.ALL, reader) for column in self.columns]
        return replace(self, columns=_chosen(self.columns, kept), rows=tuple(_chosen(row, kept) for row in self.rows))

    @property
    def shown(self) -> Table:
        """The table as people see it."""
        return self.of(Audience.PEOPLE)


def _chosen(parts: tuple[T, ...], kept: Sequence[bool]) -> tuple[T, ...]:
    return tuple(part for part, wanted in zip(parts, kept, strict=True) if wanted)


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A chart with the sentence, made from the data, that says what it shows."""

    key: str
    title: str
    sentence: str
    chart: Chart

    @cached_property
    def svg(self) -> str:
        """The drawing, made once for all renderers."""
        return self.chart.svg()


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Literal text: a command, a configuration file. ``shown``: not folded."""

    key: str
    title: str
    text: str
    shown: bool = False


Part = Table | Figure | Listing


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A way to another report of the run: its folder, from this one's."""

    text: str
    folder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One question of the reader. ``caveats`` must catch the eye, ``asides`` need not; both by what they touch.

    ``short`` is its name in the contents. ``folded``: few readers want it, so that it opens on demand. ``link``: to
    the report that has the rest.
    """

    key: str
    title: str
    sentences: tuple[str, ...] = ()
    caveats: tuple[Group, ...] = ()
    asides: tuple[Group, ...] = ()
    parts: tuple[Part, ...] = ()
    short: str = ""
    folded: bool = False
    link: Link | None = None

    @property
    def shown(self) -> tuple[Part, ...]:
        """Its parts as people see them: without tables that are for programs."""
        return tuple(part for part in self.parts if not (isinstance(part, Table) and part.reader is Audience.PROGRAMS))


def section(
    key: str,
    title: str,
    *parts: Part | None,
    sentences: tuple[str, ...] = (),
    caveats: tuple[Group, ...] = (),
    asides: tuple[Group, ...] = (),
    short: str = "",
    folded: bool = False,
) -> Section:
    """A section without the parts that say nothing: None, and tables of no rows."""
    shown = tuple(part for part in parts if part is not None and (not isinstance(part, Table) or part.rows))
    return Section(
        key=key,
        title=title,
        sentences=sentences,
        caveats=caveats,
        asides=asides,
        parts=shown,
        short=short,
        folded=folded,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A whole report. ``facts`` is the grey line under the question; ``status`` says in one line whether to trust it.

    ``lead`` answers the question; ``answers`` are the verdicts behind it. ``arms`` are the names in the order of their
    colours; ``figures`` and ``boxes`` stand on the first screen. ``failing`` names the arms that failed requests, as
    the beginning of ``status`` does. ``over``: to the report of which this one is a part, as
    that of ``point``. ``scenario`` is the name of the one that was run, the same in all of its runs;
    ``checks`` are those of the whole run, for a build.
    """

    run_id: str
    arms: tuple[str, ...]
    question: str
    facts: tuple[str, ...]
    status: str
    answers: tuple[Answer, ...]
    figures: tuple[Figure, ...]
    boxes: tuple[Box, ...]
    headline: Table
    sections: tuple[Section, ...]
    band: Band | None = None
    lead: Lead = NO_LEAD
    failing: str = ""
    over: Link | None = None
    point: str = ""
    scenario: str = ""
    checks: tuple[Check, ...] = ()

    @property
    def heading(self) -> str:
        """The question, behind the point that it is asked of."""
        return f"{self.point}: {self.question}" if self.point else self.question

    @property
    def tab(self) -> str:
        """The result in a few words, for the browser's tab and a link's preview."""
        return " · ".join(filter(None, (self.point, self.lead.title or self.question, self.run_id)))

    @property
    def doubts(self) -> str:
        """The anchor of its caveats: those that touch what was judged, or, where none does, the others; "" for none."""
        for each in self.sections:
            if each.caveats:
                return f"section-{each.key}"
            if each.asides:
                return f"{each.key}-asides"
        return ""

    @property
    def description(self) -> str:
        """The answer, for a link's preview."""
        return " ".join((*(answer.sentence for answer in self.lead.sentences), self.status))
