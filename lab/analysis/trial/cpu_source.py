"""Who accounts for an arm's CPU: the cgroups of its containers; without containers, its processes. Pure.

A cgroup counts everything that ever ran in it. Processes are read twice a second, so what one used between its last
reading and its end is lost, and so is one that lived between two readings: the report says so.
"""

from collections.abc import Iterator, Mapping

import polars as pl

from lab.analysis.trial.counters import complete_sum, increases
from lab.analysis.trial.ledger import ARM_ROLES, PROCESS, of_arm, of_roles
from lab.record.types import POOL, PhaseWindow, TrialRecord, TrialTables

Growth = Mapping[str, float | None]


def plain_processes(record: TrialRecord) -> bool:
    """Whether the arm is known to have run without containers. Else a missing cgroup is a missing value, and no sum
    over processes is put in its place.
    """
    return bool(record.services) and not any(service.container_id for service in record.services)


def cpu_growth(
    record: TrialRecord, tables: TrialTables, window: PhaseWindow | None = None
) -> Iterator[tuple[str, Growth]]:
    """(service, growth of ``cpu_s`` and ``throttled_s``) of each container of the arm; None: over the measure phase."""
    window = window or record.measure
    if plain_processes(record):
        yield from _of_processes(tables.processes, window)
        return
    containers = of_arm(record, tables.cgroups).filter(pl.col("container") != POOL)
    growth = increases(containers, ("service", "container"), ("cpu_s", "throttled_s"), window)
    yield from ((str(service), grown) for (service, _), grown in growth.items())


def _of_processes(processes: pl.DataFrame, window: PhaseWindow) -> Iterator[tuple[str, Growth]]:
    """Nothing throttles without a cgroup, and nobody would count it: that is missing, not zero."""
    grown = increases(of_roles(processes, *ARM_ROLES), ("service", *PROCESS), ("cpu_s",), window)
    for service in sorted({str(key[0]) for key in grown}):
        parts = (growth["cpu_s"] for key, growth in grown.items() if key[0] == service)
        yield service, {"cpu_s": complete_sum(parts), "throttled_s": None}
