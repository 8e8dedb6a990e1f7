"""The decision card for programs, as `lab decide --json` prints it. Versioned, with a published JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from lab.analysis.card import Card, Enough
from lab.report.renderers.json_judgement import JudgementEntry, Strict

CARD_SCHEMA_VERSION: Literal[2] = 2  # 2: turns by their axis, missing as commands, weights


class LineEntry(Strict):
    """One metric of one arm against the baseline; ``winner`` is empty where none is shown.

    ``unconfirmed``: the winner, where a longer run was to confirm it and there is none; else empty. ``conditions``: N,
    quotas and rate of its run, as far as the runs of the card differ in them and it sweeps none of them (``setting``).
    ``driven``: it holds on the storage driver of its run; another one may give another answer. ``alone``: it holds
    without the engine's own processes for the containers; with them it is another answer.
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
    conditions: dict[str, str]
    unsustained: tuple[str, ...]
    unconfirmed: str
    failed: dict[str, float]
    driven: bool
    alone: bool


class PlaceEntry(Strict):
    """Who is better at a place of a turn; empty where that is not settled. ``driven`` and ``alone`` as in a line."""

    at: str
    winner: str
    run: str
    driven: bool
    alone: bool


class TurnEntry(Strict):
    """A metric whose winner changes along an axis."""

    topic: str
    metric: str
    axis: Literal["processes", "cpus", "memory", "rate", "fault"]
    where: str
    places: tuple[PlaceEntry, ...]


class TriedEntry(Strict):
    """An amount that was tried, and whether the objective holds there.

    ``spoiled``: it is undecided for want of valid blocks.
    """

    amount: float
    outcome: Literal["holds", "violated", "undecided"]
    spoiled: bool


class EnoughEntry(Strict):
    """How little of ``key`` is enough for an arm to hold ``slo``; null where none that was tried is shown to be.

    Amounts are numbers of processes or of CPUs, of ``memory`` MiB. ``rate``: requests a second, where there is one.
    ``where``: what else was swept.
    """

    run: str
    slo: str
    arm: str
    key: Literal["processes", "cpus", "memory", "rate"]
    where: str
    rate: float | None
    enough: float | None
    tried: tuple[TriedEntry, ...]


class FallenEntry(Strict):
    """An arm that cannot run at a point, and why; no line has it there."""

    arm: str
    run: str
    point: str
    setting: dict[str, str]
    why: str


class FactsEntry(Strict):
    """What an arm is made of, counted."""

    arm: str
    run: str
    point: str
    containers: int
    processes: int
    steps: float | None


class GapEntry(Strict):
    """What a run was to judge and has no verdict on."""

    topic: str
    metric: str
    arm: str
    run: str
    point: str
    why: str


class TallyEntry(Strict):
    """What the reader's weights come to, and one for each name beside it.

    ``unjudged`` is the part of ``open`` for which ``gaps`` have no verdict, ``placed`` that of which the winner holds
    only on a storage driver or without the engine's own processes.
    """

    weights: dict[str, float]
    weighted: dict[str, float]
    equal: dict[str, float]
    open: float
    unmeasured: tuple[str, ...]
    unjudged: float
    placed: float
    gaps: tuple[GapEntry, ...]


class CardDocument(Strict):
    """The whole card; ``missing`` has the command that measures a topic.

    ``unlike``: by run, in what else it differs from the first one, as key, then value there and here.
    """

    schema_version: Literal[2]
    lines: tuple[LineEntry, ...]
    turns: tuple[TurnEntry, ...]
    facts: tuple[FactsEntry, ...]
    missing: dict[str, str]
    enough: tuple[EnoughEntry, ...]
    fallen: tuple[FallenEntry, ...]
    gaps: tuple[GapEntry, ...]
    unlike: dict[str, dict[str, tuple[str, str]]]
    tally: TallyEntry | None


def card_document(card: Card) -> dict[str, Any]:
    """Plain JSON values that satisfy ``card_schema()``."""
    parts = {name: getattr(card, name) for name in ("lines", "turns", "facts", "missing", "fallen", "gaps", "tally")}
    unlike = {run: {each.key: (each.first, each.second) for each in found} for run, found in card.unlike.items()}
    document = CardDocument.model_validate(
        {
            "schema_version": CARD_SCHEMA_VERSION,
            **parts,
            "unlike": unlike,
            "enough": [_enough(each) for each in card.enough],
        }
    )
    return document.model_dump(mode="json")


def _enough(found: Enough) -> Mapping[str, Any]:
    asked = found.demand
    return {
        "run": found.run,
        "slo": found.slo,
        **{name: getattr(asked, name) for name in ("arm", "key", "where", "rate", "enough")},
        "tried": [
            {"amount": amount, "outcome": outcome.value, "spoiled": amount in asked.spoiled}
            for amount, outcome in asked.outcomes.items()
        ],
    }


def card_schema() -> dict[str, Any]:
    """The JSON Schema of the card, as `lab schema --card` prints it."""
    schema = CardDocument.model_json_schema(mode="serialization")
    title = f"process-model-lab decision card, version {CARD_SCHEMA_VERSION}"
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": title}
