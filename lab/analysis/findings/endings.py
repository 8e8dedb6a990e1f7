"""Findings on processes that ended while they were measured: came and went, recycled as asked, killed for memory."""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import polars as pl

from lab.analysis.findings.kinds import CHANGED, OUT_OF_MEMORY, RECYCLED
from lab.analysis.gates.limits import EDGE_S
from lab.analysis.trial.counters import rows_of
from lab.analysis.trial.ledger import ARM_ROLES, PROCESS, of_roles
from lab.analysis.trial.lives import lives, recycling
from lab.record.schema import EventKind
from lab.record.types import POOL, Finding, TrialResult


class Killing(NamedTuple):
    """So many processes of a service that the kernel killed for memory after ``from_s`` and until ``to_s``."""

    service: str
    from_s: float
    to_s: float
    processes: int


def changed(result: TrialResult) -> Finding | None:
    """Proxies, supervisors and workers that came or went inside the measure phase; one that is replaced does both.

    Workers that are recycled because the command says so are not counted: see ``recycled``.
    """
    if (seen := lives(result)) is None:
        return CHANGED.unknown("readings")
    return CHANGED.of(float(seen.filter(~pl.col("asked")).select(pl.col("came").sum() + pl.col("went").sum()).item()))


def recycled(result: TrialResult) -> Finding | None:
    """Workers that ended inside the measure phase, where their command says that they shall now and then."""
    asked, seen = recycling(result.record), lives(result)
    if not asked or seen is None:
        return None
    ended = seen.filter(pl.col("went") & pl.col("asked"))
    return RECYCLED.of(float(ended.height), ", ".join(sorted(set(asked.values()))))


def out_of_memory(result: TrialResult) -> Finding | None:
    """Processes that the kernel killed because memory was full, at any time of the trial; a supervisor hides them."""
    killings = list(_killings(result))
    named = [name for killing in killings for name in _victims(result, killing)]
    return OUT_OF_MEMORY.of(float(sum(killing.processes for killing in killings)), ", ".join(named))


def _killings(result: TrialResult) -> Iterator[Killing]:
    """By the counters of the cgroups, and by the engine where those ended with their container."""
    cgroups = result.tables.cgroups.filter(pl.col("container") != POOL).drop_nulls("oom_kills")
    counted: Counter[str] = Counter()
    for (service, _), rows in rows_of(cgroups, ("service", "container")).items():
        t_s, kills = (cgroups[column].to_numpy()[rows] for column in ("t_s", "oom_kills"))
        for place in np.flatnonzero(np.diff(kills) > 0):
            grown = int(kills[place + 1] - kills[place])
            counted[str(service)] += grown
            yield Killing(str(service), float(t_s[place]), float(t_s[place + 1]), grown)
    for event in result.record.events:
        if event.kind == EventKind.OUT_OF_MEMORY and not counted[event.service]:
            yield Killing(event.service, event.t_s - EDGE_S, event.t_s, 1)


def _victims(result: TrialResult, killing: Killing) -> list[str]:
    """``"worker 4121 of app"``: those that ended then; of more than were killed the largest."""
    processes = of_roles(result.tables.processes, *ARM_ROLES).filter(pl.col("service") == killing.service)
    ends = processes.sort("t_s").group_by(PROCESS).agg(pl.col("t_s", "role", "rss_bytes").last())
    ended = ends.filter(
        pl.col("t_s").is_between(killing.from_s - EDGE_S, killing.to_s) & (pl.col("t_s") < processes["t_s"].max())
    ).sort("rss_bytes", descending=True)
    largest = ended.head(killing.processes).select("role", "pid").iter_rows()
    return [f"{role} {pid} of {killing.service}" for role, pid in largest] or [killing.service]
