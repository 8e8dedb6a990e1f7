"""The judgements that a scenario wants: primary metrics with their bounds, and the user's own expectations."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import field, replace
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from lab.metrics import METRICS
from lab.scenario.expectation import ExpectationError, nearest, parse_expectation

STRICT = ConfigDict(extra="forbid", frozen=True, str_max_length=100_000)


def unknown(what: str, name: str, known: Collection[str]) -> str:
    """``unknown metric "p9": did you mean "p99"?`` for any set of names."""
    return f"unknown {what} {name!r}: {nearest(name, known)}"


def _known_metric(key: str) -> str:
    if key not in METRICS:
        raise ValueError(unknown("metric", key, METRICS))
    return key


def _listed(given: Any) -> Any:
    """One name may stand without its brackets."""
    return (given,) if isinstance(given, str) else given


MetricKey = Annotated[str, AfterValidator(_known_metric)]
Bound = Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)]


@dataclass(config=STRICT, kw_only=True)
class Compare:
    """What is judged: the arms in ``judged`` against ``baseline`` on each primary metric; the rest is exploratory.

    Without ``judged`` every arm is judged but the baseline and those with ``control = true``. ``headline`` names the
    arms that the question is about, which the answer tells first: all that are judged, when empty. ``bounds`` replaces
    the catalogue's bound of practical equivalence, as a fraction: ``{ "p99" = 0.2 }`` is −16.7% to +20%.
    """

    baseline: str = ""
    judged: tuple[str, ...] = ()
    headline: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    primary: tuple[MetricKey, ...] = ("memory.pss.total",)
    bounds: dict[MetricKey, Bound] = field(default_factory=dict)

    @model_validator(mode="after")
    def _every_primary_has_one_bound(self) -> Compare:
        if len(set(self.primary)) < len(self.primary):
            raise ValueError(f"primary: each metric once, got {', '.join(self.primary)}")
        for key in self.bounds:
            if key not in self.primary:
                raise ValueError(f"bounds: {key!r} is not judged: name it in primary as well, or remove its bound")
        for key in self.primary:
            if METRICS[key].bound is None and key not in self.bounds:
                raise ValueError(
                    f"primary: {key!r} has no bound of practical equivalence of its own: "
                    f'give one, as in bounds = {{ "{key}" = 0.1 }}'
                )
        return self

    def without(self, keys: Collection[str]) -> Compare:
        """The same without these primary metrics; what judged no others is judged on memory."""
        kept = tuple(key for key in self.primary if key not in keys)
        bounds = {key: bound for key, bound in self.bounds.items() if key in kept}
        return replace(self, primary=kept or Compare().primary, bounds=bounds)

    def bound(self, key: str) -> float:
        """The bound of a primary metric, as a fraction."""
        own = METRICS[key].bound
        return self.bounds[key] if own is None else self.bounds.get(key, own)


@dataclass(config=STRICT, kw_only=True)
class Expect:
    """The user's own condition on metrics of arms, as in ``that = "p99(workers) <= 1.1 * p99(replicas)"``."""

    that: Annotated[str, Field(min_length=1)]
    name: Annotated[str, Field(max_length=80)] = ""


def check_expectations(expect: Collection[Expect], arms: Collection[str]) -> None:
    """Parse and type-check every expectation before anything starts. Raises ValueError that names the key."""
    for place, condition in enumerate(expect):
        try:
            parse_expectation(condition.that, arms)
        except ExpectationError as error:
            advice = f"; {error.hint}" if error.hint else ""
            raise ValueError(f"expect[{place}].that: {error}{advice}") from None
