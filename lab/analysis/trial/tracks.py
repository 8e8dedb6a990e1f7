"""What a time line keeps of readings that fall into one bin: extremes of rates, memory by role, shares by process."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from lab.analysis.trial.ledger import ARM_ROLES, of_roles
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
    seen = set(processes["role"].unique())
    roles = [role for role in ARM_ROLES if role.value in seen]
    sums = (
        of_roles(processes, *ARM_ROLES)
        .group_by("t_s")
        .agg(
            pl.col("pss_bytes").is_null().any().alias("partial"),
            pl.col("pss_bytes").sum().alias("total"),
            *(pl.col("pss_bytes").filter(pl.col("role") == role.value).sum().alias(role.value) for role in roles),
        )
        .filter(~pl.col("partial"))
        .with_columns(_bins(zero_s, edges))
        .filter((pl.col("bin") >= 0) & (pl.col("bin") < len(edges) - 1))
        .sort("bin", "total", "t_s")
        .group_by("bin", maintain_order=True)
        .last()
    )
    tracks: dict[Role, Track] = {}
    for role in roles:
        values = np.full(len(edges) - 1, np.nan)
        values[sums["bin"].to_numpy()] = sums[role.value].to_numpy()
        tracks[role] = track(values)
    return tracks


def _bins(zero_s: float, edges: Floats) -> pl.Expr:
    width_s = float(edges[1] - edges[0]) if len(edges) > 1 else SECOND_S
    return ((pl.col("t_s") - zero_s - float(edges[0])) / width_s).floor().cast(pl.Int64).alias("bin")


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
