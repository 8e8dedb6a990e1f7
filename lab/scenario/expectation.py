"""The user's own conditions on metrics of arms: read and type-checked before anything starts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from lab.metric_types import Metric, Reading
from lab.metrics import METRICS
from lab.scenario.expectation_parser import Parser
from lab.scenario.expectation_tree import Kind, Node, readings


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """A parsed and type-checked condition. ``exact``: == and != on counts, to be met in every single block.

    ``kind`` is what left − right measures, in the base unit (seconds, bytes, per second, plain).
    """

    text: str
    left: Node
    comparison: str
    right: Node
    kind: Kind

    @property
    def exact(self) -> bool:
        """True for == and !=, which no interval can settle."""
        return self.comparison in ("==", "!=")

    @property
    def needs(self) -> tuple[Reading, ...]:
        """Every metric of an arm that it relates, once, in order of appearance."""
        return tuple(dict.fromkeys((*readings(self.left), *readings(self.right))))


def parse_expectation(text: str, arms: Collection[str], metrics: Mapping[str, Metric] = METRICS) -> Expectation:
    """``"p99(workers) <= 1.1 * p99(replicas)"`` → Expectation.

    Raises ExpectationError, with the column and where possible a suggestion, for text that does not parse, unknown
    metrics and arms, units that do not fit, and conditions that measure nothing.
    """
    parser = Parser(text, arms, metrics)
    left, comparison, right, kind = parser.parse()
    expectation = Expectation(text=text, left=left, comparison=comparison, right=right, kind=kind)
    if not expectation.needs:
        raise parser.error("names no metric", 1, "relate a metric of an arm, as in errors(arm) == 0")
    return expectation
