"""The typed tree of an expectation: what it measures, what may be related to what, and its value in a block."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from lab.metric_types import Reading
from lab.metrics import Unit
from lab.metrics.limits import LIMITS


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
    """A metric of an arm. ``shares``: one that counts requests; as a FRACTION it is meant as its share of all."""

    reading: Reading
    kind: Kind
    shares: bool = False


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


def measured(node: Node) -> Iterator[Measured]:
    """Every place in a tree that names a metric of an arm, from left to right."""
    if isinstance(node, Measured):
        yield node
    elif isinstance(node, Operation):
        yield from measured(node.left)
        yield from measured(node.right)


def readings(node: Node) -> Iterator[Reading]:
    """Every metric of an arm in a tree, from left to right."""
    yield from (place.reading for place in measured(node))


def related(left: Node, right: Node) -> tuple[Node, Node]:
    """Both sides; beside a percentage failed requests are their share of all requests.

    So ``errors(a) - errors(b)`` is a difference of shares beside 0.1%, and one of counts beside 5.
    """
    if (left.kind, right.kind) == (Kind.COUNT, Kind.FRACTION) and _is_percentage(right):
        left = _shared(left) or left
    elif (left.kind, right.kind) == (Kind.FRACTION, Kind.COUNT) and _is_percentage(left):
        right = _shared(right) or right
    return left, right


def _is_percentage(node: Node) -> bool:
    """Of numbers, and of what is such a share already; no other fraction has anything to do with it."""
    return all(place.shares for place in measured(node))


def _shared(node: Node) -> Node | None:
    """A tree that is a count as a share of all requests; None where there is a count in it that is not of requests."""
    if node.kind is not Kind.COUNT:
        return node  # a number by which one is multiplied
    if isinstance(node, Measured):
        return replace(node, kind=Kind.FRACTION) if node.shares else None
    if isinstance(node, Constant):
        return None
    if node.symbol in "+-" and Kind.NUMBER in (node.left.kind, node.right.kind):
        return None  # ``errors(a) + 5`` is a count
    left, right = _shared(node.left), _shared(node.right)
    return replace(node, left=left, right=right, kind=Kind.FRACTION) if left and right else None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """A parsed and type-checked condition. ``exact``: to be met in every single block, be it the only one.

    ``kind`` is what left − right measures, in the base unit (seconds, bytes, per second, plain).
    """

    text: str
    left: Node
    comparison: str
    right: Node
    kind: Kind

    @property
    def exact(self) -> bool:
        """True for == and !=, which no interval can settle, and between limits of memory: a search is one block."""
        return self.comparison in ("==", "!=") or {metric for metric, _ in self.needs} <= {*LIMITS.values()}

    @property
    def needs(self) -> tuple[Reading, ...]:
        """Every metric of an arm that it relates, once, in order of appearance."""
        return tuple(dict.fromkeys((*readings(self.left), *readings(self.right))))

    @property
    def shares(self) -> frozenset[Reading]:
        """What of it is meant as a share of all requests, though the metric is a count."""
        return self._meant_as(Kind.FRACTION)

    @property
    def mixed(self) -> frozenset[Reading]:
        """What of it is meant as a share in one place and as a count in another, which nobody can mean."""
        return self.shares & self._meant_as(Kind.COUNT)

    def _meant_as(self, kind: Kind) -> frozenset[Reading]:
        places = (*measured(self.left), *measured(self.right))
        return frozenset(place.reading for place in places if place.shares and place.kind is kind)
