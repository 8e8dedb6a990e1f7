"""Rates of cumulative readings inside a window. None means that the readings do not allow the answer.

``lab.analysis.trial.counters`` holds a counter beyond its readings, which suits a metric that is shown with its gates;
a gate must not take silence for quiet.
"""

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lab.analysis.gates.limits import EDGE_S, SECOND_S
from lab.analysis.trial.counters import complete_sum, increases, numbers
from lab.analysis.trial.ledger import ARM_ROLES, PROCESS, of_roles
from lab.plan.kinds import Role
from lab.record.types import POOL, PhaseWindow, TrialTables

Floats = NDArray[np.float64]


def rate(table: pl.DataFrame, column: str, window: PhaseWindow) -> float | None:
    """Increase a second of a cumulative column over the window; of CPU seconds: cores."""
    found = _readings(table, column, window)
    return None if found is None else float(np.ptp(found[1]) / np.ptp(found[0]))


def rate_around(table: pl.DataFrame, column: str, window: PhaseWindow) -> float | None:
    """As ``rate``, for a column that is read rarely: from the last reading before the window to the first after it."""
    at_s, values = _known(table, column)
    first = max(0, int(np.searchsorted(at_s, window.start_s, side="right")) - 1)
    last = min(len(at_s) - 1, int(np.searchsorted(at_s, window.end_s)))
    return float((values[last] - values[first]) / (at_s[last] - at_s[first])) if last > first else None


def busiest_second(table: pl.DataFrame, column: str, window: PhaseWindow) -> float | None:
    """Largest increase a second over any stretch of about one second: from each reading to the first one 1 s later."""
    found = _readings(table, column, window)
    if found is None or np.ptp(found[0]) < SECOND_S:
        return None
    at_s, values = found
    later = np.searchsorted(at_s, at_s + SECOND_S)
    first = np.flatnonzero(later < len(at_s))
    last = later[first]
    return float(((values[last] - values[first]) / (at_s[last] - at_s[first])).max())


def arm_cores(cgroups: pl.DataFrame, processes: pl.DataFrame, window: PhaseWindow) -> float | None:
    """CPU of the arm and its sidecars in cores: from the containers, or from the processes where there are none."""
    own = containers(cgroups)
    if own.height:
        return _total_rate(own, ("container",), window)
    return _total_rate(processes.filter(pl.col("role") != Role.PLATFORM), PROCESS, window)


def machines(host: pl.DataFrame) -> Mapping[str, pl.DataFrame]:
    """The readings of each machine by its name, that of the arm first; of the only one by none."""
    each = host.partition_by("node", maintain_order=True)
    return {str(table["node"].first()): table for table in each} if len(each) > 1 else {"": host}


def arm_machines(tables: TrialTables) -> Mapping[str, pl.DataFrame]:
    """Those of them that run the arm, or a part of it; the only one in any case."""
    runs = {"", *of_roles(tables.processes, *ARM_ROLES)["node"]}
    return {node: host for node, host in machines(tables.host).items() if node in runs}


def steal_share(host: pl.DataFrame, window: PhaseWindow) -> float | None:
    """CPU time that the hypervisor kept from this machine ÷ all CPU time of the window."""
    stolen, total = rate(host, "steal_s", window), rate(host, "total_s", window)
    return None if stolen is None or not total else stolen / total


def foreign_cores(
    host: pl.DataFrame, cgroups: pl.DataFrame, processes: pl.DataFrame, window: PhaseWindow, *, elsewhere: bool = False
) -> float | None:
    """Cores that neither the arm nor the lab used: busy − arm − load − sampler − lab − engine.

    ``elsewhere``: another machine runs the arm, or a part of it, so that there may be nothing of it on this one.
    """
    nothing = elsewhere and cgroups.is_empty() and processes.is_empty()
    return unaccounted_cores(host, window, 0.0 if nothing else arm_cores(cgroups, processes, window))


def foreign_share(
    host: pl.DataFrame, cgroups: pl.DataFrame, processes: pl.DataFrame, window: PhaseWindow, *, elsewhere: bool
) -> float | None:
    """``foreign_cores`` ÷ all cores; how many a machine has, is how fast all its time passes."""
    foreign_s = foreign_cores(host, cgroups, processes, window, elsewhere=elsewhere)
    total_s = rate(host, "total_s", window)
    return None if foreign_s is None or not total_s else foreign_s / total_s


def unaccounted_cores(host: pl.DataFrame, window: PhaseWindow, arm_cores: float | None) -> float | None:
    """``foreign_cores`` beside an arm that used ``arm_cores``.

    The engine's column is null without Docker and then nothing is subtracted for it: what cannot be attributed stays
    foreign. So does network work that the kernel does outside any process. Below zero, by the little that readings at
    different instants disagree, or by more where something is counted twice: neither is hidden.
    """
    busy = rate(host, "busy_s", window)
    ours = complete_sum(rate(host, column, window) for column in ("load_cpu_s", "sampler_cpu_s", "lab_cpu_s"))
    if busy is None or arm_cores is None or ours is None:
        return None
    return busy - arm_cores - ours - (rate_around(host, "engine_cpu_s", window) or 0.0)


def containers(cgroups: pl.DataFrame) -> pl.DataFrame:
    """The rows that may be summed: without those of a pool's parent cgroup, which holds its children's counts again."""
    return cgroups.filter(pl.col("container") != POOL)


def busiest_process(processes: pl.DataFrame, window: PhaseWindow) -> tuple[str, float] | None:
    """Name and cores of the arm's busiest process over the whole window; None when the readings do not span it.

    Sidecars are none of it: a busy one is a finding of its own.
    """
    rows = of_roles(processes, *ARM_ROLES)
    if not _spans(numbers(rows["t_s"]), window):
        return None
    grown = increases(rows, ("role", "service", *PROCESS), ("cpu_s",), window)
    (role, service, _, pid, _), cpu_s = max(
        ((key, counters["cpu_s"] or 0.0) for key, counters in grown.items()), key=lambda owner: owner[1]
    )
    return f"{role} {pid} of {service}", cpu_s / window.length_s


def throttled_share(cgroups: pl.DataFrame, window: PhaseWindow) -> float:
    """Largest share of CFS periods in which a container was throttled; 0 where there is no quota."""
    grown = increases(cgroups, ("container",), ("periods", "throttled_periods"), window).values()
    shares = [(owner["throttled_periods"] or 0.0) / owner["periods"] for owner in grown if owner["periods"]]
    return max(shares, default=0.0)


def _total_rate(table: pl.DataFrame, keys: tuple[str, ...], window: PhaseWindow) -> float | None:
    if not _spans(numbers(table["t_s"]), window):
        return None
    total_s = complete_sum(owner["cpu_s"] for owner in increases(table, keys, ("cpu_s",), window).values())
    return None if total_s is None else total_s / window.length_s


def _readings(table: pl.DataFrame, column: str, window: PhaseWindow) -> tuple[Floats, Floats] | None:
    """Instants and values inside the window, nulls left out; None also when the counter runs backwards."""
    at_s, values = _known(table, column)
    inside = _inside(at_s, window)
    at_s, values = at_s[inside], values[inside]
    if not _spans(at_s, window) or bool((np.diff(values) < 0).any()):
        return None
    return at_s, values


def _known(table: pl.DataFrame, column: str) -> tuple[Floats, Floats]:
    """Instants at which the column was read, in order, and its values there."""
    at_s, values = numbers(table["t_s"]), numbers(table[column])
    order = np.argsort(at_s, kind="stable")
    order = order[~np.isnan(values[order])]
    return at_s[order], values[order]


def _inside(instants_s: Floats, window: PhaseWindow) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = (instants_s >= window.start_s) & (instants_s <= window.end_s)
    return inside


def _spans(instants_s: Floats, window: PhaseWindow) -> bool:
    """True when at least two readings inside the window reach to within ``EDGE_S`` of both its ends."""
    at_s = np.unique(instants_s[_inside(instants_s, window)])
    return bool(len(at_s) >= 2 and at_s[0] <= window.start_s + EDGE_S and at_s[-1] >= window.end_s - EDGE_S)
