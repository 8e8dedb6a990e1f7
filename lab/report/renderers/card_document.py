"""The decision card for programs, as `lab decide --json` prints it. Versioned, with a published JSON Schema."""

from __future__ import annotations

from typing import Any, Literal

from lab.analysis.card import Card
from lab.report.renderers.json_types import JudgementEntry, Strict

CARD_SCHEMA_VERSION: Literal[2] = 2  # 2: turns by their axis, missing as commands, weights


class LineEntry(Strict):
    """One metric of one arm against the baseline; ``winner`` is empty where none is shown.

    ``unconfirmed``: the winner, where a longer run was to confirm it and there is none; else empty.
    """

    topic: str
    metric: str
    arm: str
    baseline: str
    standing: str
    judgement: JudgementEntry
    winner: str
    run: str
    valid: bool
    point: str
    verb: str
    setting: dict[str, str]
    unsustained: tuple[str, ...]
    unconfirmed: str
    failed: dict[str, float]


class PlaceEntry(Strict):
    """Who is better at a place of a turn; empty where that is not settled."""

    at: str
    winner: str
    run: str


class TurnEntry(Strict):
    """A metric whose winner changes along an axis."""

    topic: str
    metric: str
    axis: Literal["processes", "cpus", "memory", "rate", "fault"]
    where: str
    places: tuple[PlaceEntry, ...]


class FactsEntry(Strict):
    """What an arm is made of, counted."""

    arm: str
    run: str
    point: str
    containers: int
    processes: int
    steps: float | None


class TallyEntry(Strict):
    """What the reader's weights come to, and one for each name beside it."""

    weights: dict[str, float]
    weighted: dict[str, float]
    equal: dict[str, float]
    open: float
    unmeasured: tuple[str, ...]


class CardDocument(Strict):
    """The whole card; ``missing`` has the command that measures a topic."""

    schema_version: Literal[2]
    lines: tuple[LineEntry, ...]
    turns: tuple[TurnEntry, ...]
    facts: tuple[FactsEntry, ...]
    missing: dict[str, str]
    tally: TallyEntry | None


def card_document(card: Card) -> dict[str, Any]:
    """Plain JSON values that satisfy ``card_schema()``."""
    parts = {name: getattr(card, name) for name in ("lines", "turns", "facts", "missing", "tally")}
    document = CardDocument.model_validate({"schema_version": CARD_SCHEMA_VERSION, **parts})
    return document.model_dump(mode="json")


def card_schema() -> dict[str, Any]:
    """The JSON Schema of the card, as `lab schema --card` prints it."""
    schema = CardDocument.model_json_schema(mode="serialization")
    title = f"process-model-lab decision card, version {CARD_SCHEMA_VERSION}"
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": title}
