"""What a time line keeps of readings that fall into one bin: extremes of rates, memory by role, shares by process."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from lab.analysis.trial.counters import numbers, rows_of
from lab.analysis.trial.courses import Course, course, ends, life
from lab.analysis.trial.ledger import ARM_ROLES, PROCESS, of_roles
from lab.plan.kinds import Role

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Track = tuple[float | None, ...]

SECOND_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Extremes:
    """The smallest and the largest value inside each bin; None in bins without one."""

    low: Track
    high: Track


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareTrack:
    """One serving process over time: its part of the attributed requests that ended in each bin."""

    served_by: str
    fractions: Track


def track(values: Floats) -> Track:
    """Values of the bins, NaN as None."""
    return tuple(None if math.isnan(value) else value for value in values.tolist())


def bin_of(instants_s: Floats, edges: Floats) -> Ints:
    """The bin of each instant; −1 and ``len(edges) − 1`` are outside."""
    return np.searchsorted(edges, instants_s, side="right") - 1


def extremes(bins: Ints, values: Floats, count: int) -> Extremes:
    """Extremes of ``values`` over the ``count`` bins that they belong to; those outside are left out."""
    inside = (bins >= 0) & (bins < count)
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(low, bins[inside], values[inside])
    np.maximum.at(high, bins[inside], values[inside])
    return Extremes(low=track(_known(low)), high=track(_known(high)))


def _known(values: Floats) -> Floats:
    return np.where(np.isfinite(values), values, np.nan)


def second_extremes(instants_s: Floats, edges: Floats) -> Extremes | None:
    """Fewest and most instants in any whole second of each bin; None where a bin is a second anyway."""
    if len(edges) < 2 or edges[1] - edges[0] <= SECOND_S:
        return None
    seconds = np.arange(edges[0], edges[-1] + SECOND_S / 2, SECOND_S)
    counts, _ = np.histogram(instants_s, seconds)
    return extremes(bin_of(seconds[:-1], edges), counts.astype(np.float64), len(edges) - 1)


def rate_extremes(t_s: Floats, counter: Floats, edges: Floats) -> Extremes | None:
    """Extremes of a counter's rate between neighbouring readings; None where a bin is a second anyway."""
    if len(edges) < 2 or edges[1] - edges[0] <= SECOND_S or len(t_s) < 2:
        return None
    rates = np.maximum(np.diff(counter), 0.0) / np.diff(t_s)
    return extremes(bin_of(t_s[1:], edges), rates, len(edges) - 1)


def role_tracks(processes: pl.DataFrame, zero_s: float, edges: Floats) -> Mapping[Role, Track]:
    """Summed PSS in bytes by role, at the instant of each bin at which the whole arm needs most; no partial sums."""
    arm = of_roles(processes, *ARM_ROLES)
    t_s, pss = numbers(arm["t_s"]) - zero_s, numbers(arm["pss_bytes"])
    all_s = ends(t_s)
    owners = {
        key: (Role(arm["role"][int(rows[-1])]), life(t_s[rows], all_s), rows)
        for key, rows in rows_of(arm, PROCESS).items()
    }
    instants = known_instants(t_s[~np.isnan(pss)], edges)
    sums = {role: np.zeros(len(instants)) for role in ARM_ROLES if any(role is own for own, _, _ in owners.values())}
    for role, lived, rows in owners.values():
        found = course(t_s[rows], pss[rows], lived)
        unread = Course(np.zeros(1), np.full(1, np.nan), *lived)
        sums[role] += (found or unread).at(instants)
    return _of_largest(bin_of(instants, edges), sums, len(edges) - 1)


def known_instants(read_s: Floats, edges: Floats) -> Floats:
    """The instants at which a course is looked at: its readings, and the middles of the bins between them."""
    if not len(read_s):
        return read_s
    middles = (edges[:-1] + edges[1:]) / 2
    between = middles[(middles >= read_s.min()) & (middles <= read_s.max())]
    instants = np.union1d(read_s, between)
    inside: Floats = instants[(instants >= edges[0]) & (instants < edges[-1])]
    return inside


def _of_largest(bins: Ints, sums: Mapping[Role, Floats], count: int) -> Mapping[Role, Track]:
    """Of each bin the values at its instant with the largest total; instants with an unknown part do not count."""
    totals = sum(sums.values(), np.zeros(len(bins)))
    order = np.lexsort((totals, bins))
    order = order[~np.isnan(totals[order])]
    largest = order[np.flatnonzero(np.append(np.diff(bins[order]), 1))] if len(order) else order
    tracks: dict[Role, Track] = {}
    for role, values in sums.items():
        chosen = np.full(count, np.nan)
        chosen[bins[largest]] = values[largest]
        tracks[role] = track(chosen)
    return tracks


def share_tracks(done: pl.DataFrame, zero_s: float, edges: Floats) -> tuple[ShareTrack, ...]:
    """Shares of each process that served any of ``done``, busiest first; None in bins without attributed requests."""
    known = done.select("served_by", "t_done_s").drop_nulls()
    counts = {
        str(name): np.histogram(own["t_done_s"].to_numpy() - zero_s, edges)[0].astype(np.float64)
        for (name,), own in known.partition_by("served_by", as_dict=True).items()
    }
    total = sum(counts.values(), np.zeros(len(edges) - 1))
    return tuple(
        ShareTrack(
            served_by=name, fractions=track(np.divide(own, total, where=total > 0, out=np.full_like(own, np.nan)))
        )
        for name, own in sorted(counts.items(), key=lambda item: (-item[1].sum(), item[0]))
    )
