"""The lives of an arm's serving processes: which came and which went while the arm was measured."""

import polars as pl

from lab.analysis.trial.ledger import PROCESS
from lab.plan.kinds import Role
from lab.record.types import TrialResult

SERVING = (Role.PROXY, Role.SUPERVISOR, Role.WORKER)


def lives(result: TrialResult) -> pl.DataFrame | None:
    """A row for each: ``service``, ``role``, whether it ``came`` or ``went`` inside the measure phase. None: not read.

    Rounds are compared, which have a row of the host and every process that lives; between them one is looked at.
    """
    window = result.record.measure
    rounds = result.tables.processes.join(result.tables.host.select("t_s"), on="t_s", how="semi")
    seen = rounds.filter(pl.col("role").is_in(SERVING) & pl.col("t_s").is_between(window.start_s, window.end_s))
    if seen.is_empty():
        return None
    first, last = pl.col("t_s").min(), pl.col("t_s").max()
    return (
        seen.sort("t_s")
        .group_by(PROCESS)
        .agg(
            pl.col("service", "role").last(),
            (first > seen["t_s"].min()).alias("came"),
            (last < seen["t_s"].max()).alias("went"),
        )
    )
