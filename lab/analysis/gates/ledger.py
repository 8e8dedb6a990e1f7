"""The gate on the ledger: are the processes that were measured the same from the window's start to its end?"""

from __future__ import annotations

import polars as pl

from lab.analysis.gates.limits import CHANGED
from lab.analysis.gates.outcome import judge, unchecked
from lab.plan.kinds import Role
from lab.record.types import GateResult, Phase, TrialResult

SERVING = (Role.PROXY, Role.SUPERVISOR, Role.WORKER)


def changed(result: TrialResult) -> GateResult:
    """Proxies, supervisors and workers that came or went inside the measure phase; one that is replaced does both."""
    window = result.record.phases[Phase.MEASURE]
    seen = result.tables.processes.filter(
        pl.col("role").is_in(SERVING) & pl.col("t_s").is_between(window.start_s, window.end_s)
    )
    if seen.is_empty():
        return unchecked(CHANGED, "the measure phase has no readings of the arm's processes")
    lives = seen.group_by("pid", "started_s").agg(pl.col("t_s").min().alias("first"), pl.col("t_s").max().alias("last"))
    came = lives.filter(pl.col("first") > seen["t_s"].min()).height  # each reading has every process that lives
    went = lives.filter(pl.col("last") < seen["t_s"].max()).height
    said = f"While it was measured {went} of the arm's processes ended and {came} began"
    advice = "Numbers are those of an arm that lost a process: see the log of its service, and whether memory ran out."
    return judge(CHANGED, came + went, said, advice)
