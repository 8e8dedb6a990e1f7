"""Findings on the processes of the arm: did they stay the same over the measure window, and were they warm?"""

from __future__ import annotations

import polars as pl

from lab.analysis.findings.kinds import CHANGED, STARVED
from lab.plan.kinds import Role
from lab.record.types import Finding, TrialResult

SERVING = (Role.PROXY, Role.SUPERVISOR, Role.WORKER)


def changed(result: TrialResult) -> Finding | None:
    """Proxies, supervisors and workers that came or went inside the measure phase; one that is replaced does both.

    Rounds are compared, which have a row of the host and every process that lives; between them one is looked at.
    """
    window = result.record.measure
    rounds = result.tables.processes.join(result.tables.host.select("t_s"), on="t_s", how="semi")
    seen = rounds.filter(pl.col("role").is_in(SERVING) & pl.col("t_s").is_between(window.start_s, window.end_s))
    if seen.is_empty():
        return CHANGED.unknown("readings")
    lives = seen.group_by("pid", "started_s").agg(pl.col("t_s").min().alias("first"), pl.col("t_s").max().alias("last"))
    came = lives.filter(pl.col("first") > seen["t_s"].min()).height
    went = lives.filter(pl.col("last") < seen["t_s"].max()).height
    return CHANGED.of(float(came + went))


def starved(result: TrialResult) -> Finding | None:
    """Serving processes that had not served their warm-up requests when the warm-up ended."""
    if result.record.attribution == "none" and result.record.processes > 1:
        return STARVED.unknown("attribution")
    return STARVED.of(float(result.record.load.starved_workers))
