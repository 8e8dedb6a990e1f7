"""The typed tree of an expectation: what it measures, what may be related to what, and its value in a block."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from lab.metric_types import Reading
from lab.metrics import Unit


class Kind(StrEnum):
    """The kind of a value, which decides what may be added and compared."""

    TIME = "a time"
    BYTES = "a size"
    RATE = "a rate per second"
    COUNT = "a count"
    FRACTION = "a fraction"
    NUMBER = "a number"


KINDS: Mapping[Unit, Kind] = {
    Unit.SECONDS: Kind.TIME,
    Unit.BYTES: Kind.BYTES,
    Unit.PER_SECOND: Kind.RATE,
    Unit.COUNT: Kind.COUNT,
    Unit.FRACTION: Kind.FRACTION,
    Unit.RATIO: Kind.NUMBER,
}
_SCALARS = (Kind.NUMBER, Kind.FRACTION)  # what anything may be multiplied and divided by


@dataclass(frozen=True, slots=True)
class Constant:
    """A number, in seconds, bytes, per second or plain."""

    value: float
    kind: Kind


@dataclass(frozen=True, slots=True)
class Measured:
    """A metric of an arm."""

    reading: Reading
    kind: Kind


@dataclass(frozen=True, slots=True)
class Operation:
    """``symbol`` is one of + - * /."""

    symbol: str
    left: Node
    right: Node
    kind: Kind


Node = Constant | Measured | Operation


def evaluate(node: Node, values: Mapping[Reading, float]) -> float:
    """The value of a tree in its kind's base unit; NaN where it divides by zero."""
    if isinstance(node, Constant):
        return node.value
    if isinstance(node, Measured):
        return values[node.reading]
    left, right = evaluate(node.left, values), evaluate(node.right, values)
    if node.symbol == "/":
        return left / right if right != 0 else math.nan
    return left * right if node.symbol == "*" else left + right if node.symbol == "+" else left - right


def readings(node: Node) -> Iterator[Reading]:
    """Every metric of an arm in a tree, from left to right."""
    if isinstance(node, Measured):
        yield node.reading
    elif isinstance(node, Operation):
        yield from readings(node.left)
        yield from readings(node.right)


def alike(left: Kind, right: Kind) -> Kind | None:
    """The kind of a sum or comparison; a plain number passes for a count or a fraction. None: not related."""
    if left is right:
        return left
    other = right if left is Kind.NUMBER else left
    return other if Kind.NUMBER in (left, right) and other in (Kind.COUNT, Kind.FRACTION) else None


def product(left: Kind, right: Kind) -> Kind | None:
    """The kind of a product: one side is a number or a fraction. None: not multiplied."""
    if left is Kind.NUMBER or (left is Kind.FRACTION and right is not Kind.NUMBER):
        return right
    return left if right in _SCALARS else None


def quotient(left: Kind, right: Kind) -> Kind | None:
    """The kind of a quotient: of equal kinds a number. None: not divided."""
    if left is right:
        return Kind.NUMBER
    return left if right in _SCALARS else None
