"""What a run's comparison.json tells, read again: for those who list many runs and open no table."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from lab.analysis.blocks import families_of, replacements_allowed
from lab.analysis.gates.gate import EVERYTHING
from lab.analysis.medians import span_of
from lab.errors import RunFolderError
from lab.metric_types import Reading
from lab.metrics import METRICS
from lab.record.reading import MAX_JSON_BYTES, read_regular
from lab.report.first_screen import NOT_VALID_HERE, Answer

COMPARISON = "comparison.json"


class Part(BaseModel):
    """The base of all of them: what else the document holds is passed over, so that other versions are read too."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class FaultPart(Part):
    """A reason why a block is invalid, and for which families of metrics."""

    block: int
    spoils: tuple[str, ...] = ()


class BlocksPart(Part):
    """The blocks that count, as in ``BlocksEntry``."""

    planned: int
    valid: tuple[int, ...]
    valid_for: dict[str, tuple[int, ...]] = {}
    invalid: tuple[int, ...] = ()
    faults: tuple[FaultPart, ...] = ()


class AnswerPart(Part):
    """How one judged arm stands, or what the expectations came to."""

    outcome: str
    sentence: str


class MetricPart(Part):
    """One metric of one arm."""

    metric: str
    arm: str
    median: float | None
    blocks: dict[int, float | None] = {}
    failed: tuple[int, ...] = ()
    least: dict[int, float] = {}
    most: dict[int, float] = {}

    def ends(self, valid: Collection[int]) -> Iterator[tuple[float, float]]:
        """For each of these blocks that tells anything, from where to where the value lies, the same where known."""
        for block, value in self.blocks.items():
            if block not in valid:
                continue
            if block in self.failed:  # above any number, as in everything that is judged
                yield inf, inf
            elif value is not None:
                yield value, value
            elif block in self.least or block in self.most:
                yield self.least.get(block, -inf), self.most.get(block, inf)


class VerdictPart(Part):
    """A metric that was judged."""

    metric: str


class Document(Part):
    """A run of one point, or one point of a run."""

    arms: tuple[str, ...]
    blocks: BlocksPart
    answer: tuple[AnswerPart, ...] = ()
    expected: AnswerPart | None = None
    verdicts: tuple[VerdictPart, ...] = ()
    metrics: tuple[MetricPart, ...] = ()


class Points(Part):
    """A run of several points."""

    points: dict[str, Document]


DOCUMENT: TypeAdapter[Document | Points] = TypeAdapter(Document | Points)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldValue:
    """A metric of an arm, in stored units: the median over the valid blocks, and where the middle of them lies.

    ``low`` and ``high`` are its 95% interval, of few blocks the least and the largest of them; the median is between.
    An end that nothing bounds is infinite: of a capacity beyond the ladder, and of ``failed`` blocks, whose value lies
    among failed requests (of a drill: was not reached). So is a median that is among them.
    """

    median: float
    low: float
    high: float
    blocks: int
    failed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The result of a run. Of several points each arm is there once a point: ``"replicas at n-2"``.

    ``valid`` of the ``planned`` blocks count; ``is_valid``: some do, and no more were lost than may be replaced.
    ``is_lost``: more were, for each family that is judged at any point, so that no further block helps.
    ``points`` are their keys; a run of one has none.
    """

    arms: tuple[str, ...]
    answers: tuple[Answer, ...]
    judged: tuple[str, ...]
    values: Mapping[Reading, ToldValue]
    valid: int
    planned: int
    is_valid: bool
    is_lost: bool = False
    points: tuple[str, ...] = ()


def read_told(folder: Path) -> Told | None:
    """What the report of a run said; None where there is none that can be read, as of a run that goes on."""
    try:
        found = DOCUMENT.validate_json(read_regular(folder / COMPARISON, MAX_JSON_BYTES))
    except (RunFolderError, ValidationError):
        return None
    return _told({"": found} if isinstance(found, Document) else found.points)


def _told(points: Mapping[str, Document]) -> Told | None:
    documents = points.values()
    if not points:
        return None
    return Told(
        arms=tuple(_at(arm, key) for key, one in points.items() for arm in one.arms),
        answers=tuple(answer for key, one in points.items() for answer in _answers(one, key)),
        judged=tuple(dict.fromkeys(verdict.metric for one in documents for verdict in one.verdicts)),
        values={reading: value for key, one in points.items() for reading, value in _values(one, key)},
        valid=sum(len(one.blocks.valid) for one in documents),
        planned=sum(one.blocks.planned for one in documents),
        is_valid=all(map(_is_valid, documents)),
        is_lost=all(_is_lost(one) for one in documents),
        points=tuple(filter(None, points)),
    )


def _at(arm: str, point: str) -> str:
    return f"{arm} at {point}" if point else arm


def _answers(one: Document, point: str) -> Iterator[Answer]:
    told = [
        Answer(sentence=answer.sentence, word=answer.outcome) for answer in (*one.answer, *filter(None, [one.expected]))
    ]
    if not one.answer and point and not _is_valid(one):  # of a run of one point there is nothing else to say
        told = [NOT_VALID_HERE]
    for answer in told:
        yield replace(answer, sentence=f"{point}: {answer.sentence}") if point else answer


def _is_valid(one: Document) -> bool:
    return bool(one.blocks.valid) and not _too_many(one.blocks.invalid, one)


def _is_lost(one: Document) -> bool:
    """As ``BlockDecision.hopeless``; where nothing is judged, of all families."""
    judged = families_of(verdict.metric for verdict in one.verdicts if verdict.metric in METRICS) or EVERYTHING
    return all(
        _too_many({fault.block for fault in one.blocks.faults if family in fault.spoils}, one) for family in judged
    )


def _too_many(invalid: Collection[int], one: Document) -> bool:
    return len(invalid) > replacements_allowed(one.blocks.planned)


def _values(one: Document, point: str) -> Iterator[tuple[Reading, ToldValue]]:
    for found in one.metrics:
        family = METRICS[found.metric].group.family if found.metric in METRICS else ""
        valid = one.blocks.valid_for.get(family, one.blocks.valid)
        if (value := _value(found, valid)) is not None:
            yield Reading(found.metric, _at(found.arm, point)), value


def _value(found: MetricPart, valid: Collection[int]) -> ToldValue | None:
    """Over these blocks; None where nothing is known of their middle."""
    ends, failed = list(found.ends(valid)), len({*found.failed} & {*valid})
    median = inf if found.median is None and failed and 2 * failed >= len(ends) else found.median
    if median is None:
        return None
    low = span_of([low for low, _ in ends])[0] if ends else median
    high = span_of([high for _, high in ends])[1] if ends else median
    return ToldValue(median=median, low=min(low, median), high=max(high, median), blocks=len(ends), failed=failed)
