"""The content model: what a report says, before anyone decides how it looks. Frozen, plain, already in words.

Texts may hold anything that came from outside; every renderer escapes them for its own format.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Spec = Mapping[str, Any]  # a Vega-Lite specification with its data inside


@dataclass(frozen=True, slots=True)
class Cell:
    """A table cell: its text, and the stored value (bytes, seconds, …) behind it when it is a number."""

    text: str
    value: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A table column; numeric ones are set to the right."""

    title: str
    numeric: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table; ``key`` names its anchor and its CSV file, ``note`` says what the numbers are."""

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A chart with the sentence, made from the data, that says what it shows."""

    key: str
    title: str
    sentence: str
    spec: Spec


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Literal text: a command, a configuration file."""

    key: str
    title: str
    text: str


Part = Table | Figure | Listing


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One question of the reader. ``doubts`` are sentences that must catch the eye."""

    key: str
    title: str
    sentences: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One sentence for a primary metric of a contender. ``word`` is a verdict, empty where only numbers are shown."""

    sentence: str
    word: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A whole report. ``facts`` is the grey line under the question; ``status`` is one sentence on the blocks."""

    run_id: str
    question: str
    facts: tuple[str, ...]
    status: str
    answers: tuple[Answer, ...]
    figure: Figure | None
    headline: Table
    sections: tuple[Section, ...]
