"""The smallest memory limit that holds: what became of one try, what to try next, and what is known (METHOD 10). Pure.

A limit counts as one that holds only where no larger one failed: what is told is a bracket, not a guess inside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import isfinite, sqrt

import polars as pl

from lab.analysis.findings.kinds import CHANGED, OUT_OF_MEMORY
from lab.analysis.trial.ladder import Held, hold
from lab.analysis.trial.shortage import shortage
from lab.analysis.trial.trial import TrialSummary
from lab.metric_types import Family
from lab.metrics.limits import LIMITS
from lab.record.types import TrialResult
from lab.scenario.limits import MOST_TRIES
from lab.units import MIB, format_ratio, format_seconds

FIRST = 1.25  # × the anonymous memory that the arm had without a limit: files and the kernel need some as well
COARSE = 1.25  # from one try to the next, while all hold or all fail
FINE = 1.10  # a bracket this narrow ends the search: the bound of the metric
GRAIN_BYTES = 4 * MIB
MOST_AGAIN = 2  # of one limit, where a disturbed machine may be to blame


class Fate(StrEnum):
    """What became of an arm under a limit."""

    HELD = "held"
    DOWN = "did not come up, or did not stay up"
    KILLED = "killed for memory"
    ENDED = "processes ended"
    SHORT = "short of memory"
    SLOW = "objective not held"
    LATE = "did not come up, for which the machine may be to blame"
    UNKNOWN = "not known"

    @property
    def fails(self) -> bool:
        """Whether it says that the limit is too small."""
        return self is not Fate.HELD and not self.says_nothing

    @property
    def says_nothing(self) -> bool:
        """Whether the limit is tried once more: the machine may be to blame."""
        return self in (Fate.LATE, Fate.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """An arm under one limit. ``detail``: what died, or how far off it was; ``anon_bytes``: the most that it used.

    ``anon_bytes`` is anonymous memory, which cannot be given back: of all containers at one instant.
    """

    arm: str
    mode: str
    limit_bytes: int
    fate: Fate
    detail: str = ""
    anon_bytes: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bracket:
    """All tries of one arm in one mode, in their order."""

    arm: str
    mode: str
    tries: tuple[Try, ...] = ()

    @property
    def fails_bytes(self) -> int | None:
        """The largest limit that failed."""
        return max((one.limit_bytes for one in self.tries if one.fate.fails), default=None)

    @property
    def holds_bytes(self) -> int | None:
        """The smallest limit that held, above all that failed."""
        below = self.fails_bytes or 0
        held = (one.limit_bytes for one in self.tries if one.fate is Fate.HELD and one.limit_bytes > below)
        return min(held, default=None)

    @property
    def failure(self) -> Try | None:
        """The try that failed with the largest limit: it tells what gives way first."""
        return next((one for one in self.tries if one.fate.fails and one.limit_bytes == self.fails_bytes), None)

    @property
    def unused(self) -> float | None:
        """The part of the smallest limit that held which anonymous memory never took."""
        one = next((one for one in self.tries if one.limit_bytes == self.holds_bytes and one.fate is Fate.HELD), None)
        return None if one is None or one.anon_bytes is None else max(0.0, 1 - one.anon_bytes / one.limit_bytes)

    def next_bytes(self, need_bytes: float) -> int | None:
        """The limit to try next; None where the search is over. ``need_bytes``: what the arm had without a limit."""
        if len(self.tries) >= MOST_TRIES:
            return None
        told = {one.limit_bytes for one in self.tries if not one.fate.says_nothing}
        for again in (one.limit_bytes for one in self.tries if one.limit_bytes not in told):
            return again if sum(one.limit_bytes == again for one in self.tries) < MOST_AGAIN else None
        holds, fails = self.holds_bytes, self.fails_bytes
        if holds is None and fails is None:
            return rounded(FIRST * need_bytes)
        if holds is None:
            return rounded((fails or 0) * COARSE)
        if fails is None:
            smaller = rounded(holds / COARSE)
            return smaller if smaller < holds else None
        middle = rounded(sqrt(holds * fails))
        return middle if holds > FINE * fails and fails < middle < holds else None


def rounded(limit_bytes: float) -> int:
    """The nearest whole number of grains, at least one."""
    return max(1, round(limit_bytes / GRAIN_BYTES)) * GRAIN_BYTES


def brackets_of(arms: Iterable[str], modes: Sequence[str], tries: Sequence[Try]) -> tuple[Bracket, ...]:
    """One for each arm and mode, also without a try. An arm that did not come up a second time is down."""
    return tuple(
        Bracket(arm=arm, mode=mode, tries=tuple(_confirmed(one for one in tries if (one.arm, one.mode) == (arm, mode))))
        for arm in arms
        for mode in modes
    )


def _confirmed(tries: Iterable[Try]) -> Iterator[Try]:
    late = set[int]()
    for one in tries:
        again = one.fate is Fate.LATE and one.limit_bytes in late
        late |= {one.limit_bytes} if one.fate is Fate.LATE else set()
        yield replace(one, fate=Fate.DOWN) if again else one


def with_limits(trial: TrialSummary, found: Sequence[Bracket]) -> TrialSummary:
    """The trial with the limits that a search found of its arm, beside what it measured itself."""
    own = {LIMITS[one.mode]: one.holds_bytes for one in found if one.arm == trial.record.arm}
    known = {key: None if value is None else float(value) for key, value in own.items()}
    return replace(trial, values={**trial.values, **known})


def fate_of(result: TrialResult, summary: TrialSummary, slo: str) -> tuple[Fate, str]:
    """What a trial under a limit says, worst first; whether it is slow only where its times are valid."""
    found = {finding.key: finding for finding in result.record.findings if finding.value is not None}
    if killed := found.get(OUT_OF_MEMORY.key):
        return Fate.KILLED, killed.subject.split(", ")[0]
    if ended := found.get(CHANGED.key):
        return Fate.ENDED, f"{ended.value:.0f} came or went"
    if (short := shortage(result)) is not None:
        return Fate.SHORT, short
    rung = hold(result.record, result.tables.requests, slo)
    if rung.held is Held.GOOD:
        return Fate.HELD, ""
    if rung.held is Held.SHORT or not summary.valid_for(Family.TIME):
        return Fate.UNKNOWN, "the machine or the load generator was disturbed"
    time = format_seconds(rung.quantile_s) if isfinite(rung.quantile_s) else "among failures"
    return Fate.SLOW, f"the percentile was {time}, {format_ratio(rung.bad_share)} of requests bad"


def anon_peak(result: TrialResult) -> float | None:
    """The most anonymous memory of the arm's containers at one instant of the trial; None where it was never read."""
    sums = _of_arm(result).group_by("t_s").agg(pl.col("anon_bytes").sum())["anon_bytes"].to_list()
    return max(sums, default=None)


def need_bytes(result: TrialResult, mode: str, parts: Mapping[str, float]) -> float | None:
    """The limit of the whole arm below which its anonymous memory would not have fitted; None where nobody knows.

    ``parts``: of each container, its part of a limit that is split.
    """
    if mode == "pooled":
        return anon_peak(result)
    peaks = _of_arm(result).group_by("service").agg(pl.col("anon_bytes").max()).iter_rows()
    return max((peak / parts[service] for service, peak in peaks if parts.get(service)), default=None)


def _of_arm(result: TrialResult) -> pl.DataFrame:
    """The rows of the arm's containers that tell anonymous memory; that of a pool repeats them."""
    beside = list(result.record.sidecars)
    return result.tables.cgroups.filter(
        pl.col("container").fill_null("") != "", ~pl.col("service").is_in(beside)
    ).drop_nulls("anon_bytes")
