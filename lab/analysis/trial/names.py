"""Requests by their name, and the events that the locustfile fired itself, by type and name. Pure."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

from lab.analysis.medians import known_median
from lab.analysis.trial.latency import rank, service_times
from lab.record.types import Phase

L = TypeVar("L", "NameLine", "EventLine")
Floats = npt.NDArray[np.float64]

NAME_QUANTILES = (0.50, 0.95, 0.99)
MAX_NAMES = 50
OTHERS = "other names"


@dataclass(frozen=True, slots=True, kw_only=True)
class NameLine:
    """Requests of one name in the measure phase. ``quantiles``: NAME_QUANTILES of service times in seconds.

    None where fewer than PRINT_BEYOND requests lie beyond, infinite among failures. Of an arm: sums, and medians of
    the trials' quantiles.
    """

    name: str
    requests: int
    failures: int
    quantiles: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLine:
    """Events of one type and name in the measure phase; values and lengths are what the locustfile gave, unit unknown.

    ``quantiles``: NAME_QUANTILES of the values, as in ``NameLine``; ``mean`` and ``mean_length``: None without any.
    """

    type: str
    name: str
    events: int
    failures: int
    mean: float | None
    quantiles: tuple[float | None, ...]
    mean_length: float | None


def by_name(rows: pl.DataFrame) -> tuple[NameLine, ...]:
    """A line for each name, most frequent first, of rows as ``latency.measured`` gives them."""
    sent = rows.filter(pl.col("t_sent_s").is_not_null()).with_columns(pl.col("name").fill_null(""))
    frequent = sent["name"].value_counts(sort=True)["name"].head(MAX_NAMES).to_list()
    grouped = sent.with_columns(pl.when(pl.col("name").is_in(frequent)).then("name").otherwise(pl.lit(OTHERS)))
    lines = (
        NameLine(
            name=str(name),
            requests=part.height,
            failures=part.height - int(part["ok"].sum()),
            quantiles=_quantiles(service_times(part)),
        )
        for (name,), part in grouped.partition_by("name", as_dict=True).items()
    )
    return tuple(sorted(lines, key=lambda line: (-line.requests, line.name)))


def by_event(events: pl.DataFrame) -> tuple[EventLine, ...]:
    """A line for each type and name of the table of events, most frequent first."""
    measured = events.filter(pl.col("phase") == Phase.MEASURE)
    lines = (
        EventLine(
            type=str(kind),
            name=str(name),
            events=part.height,
            failures=part["error"].count(),
            mean=_mean(part["value"]),
            quantiles=_quantiles(part["value"].drop_nulls().sort().to_numpy()),
            mean_length=_mean(part["length"]),
        )
        for (kind, name), part in measured.partition_by("type", "name", as_dict=True).items()
    )
    return tuple(sorted(lines, key=lambda line: (-line.events, line.type, line.name))[:MAX_NAMES])


def names_of_arm(trials: Sequence[Sequence[NameLine]]) -> tuple[NameLine, ...]:
    """The lines of several trials of one arm as one list."""
    return tuple(
        NameLine(
            name=lines[0].name,
            requests=sum(line.requests for line in lines),
            failures=sum(line.failures for line in lines),
            quantiles=_medians([line.quantiles for line in lines]),
        )
        for lines in _alike(trials, lambda line: line.name)
    )


def events_of_arm(trials: Sequence[Sequence[EventLine]]) -> tuple[EventLine, ...]:
    """As ``names_of_arm``; means are medians of the trials' means."""
    return tuple(
        EventLine(
            type=lines[0].type,
            name=lines[0].name,
            events=sum(line.events for line in lines),
            failures=sum(line.failures for line in lines),
            mean=known_median(line.mean for line in lines),
            quantiles=_medians([line.quantiles for line in lines]),
            mean_length=known_median(line.mean_length for line in lines),
        )
        for lines in _alike(trials, lambda line: (line.type, line.name))
    )


def _alike(trials: Iterable[Iterable[L]], key: Callable[[L], Hashable]) -> list[list[L]]:
    """The lines with the same key, in the order in which the keys come."""
    found: defaultdict[Hashable, list[L]] = defaultdict(list)
    for lines in trials:
        for line in lines:
            found[key(line)].append(line)
    return list(found.values())


def _quantiles(values: Floats) -> tuple[float | None, ...]:
    """Of sorted values."""
    places = (rank(len(values), quantile) for quantile in NAME_QUANTILES)
    return tuple(None if place is None else float(values[place]) for place in places)


def _mean(values: pl.Series) -> float | None:
    mean = values.mean()
    return float(mean) if isinstance(mean, float) else None


def _medians(quantiles: Sequence[Sequence[float | None]]) -> tuple[float | None, ...]:
    return tuple(map(known_median, zip(*quantiles, strict=True)))
