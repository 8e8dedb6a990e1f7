"""Was the arm at its capacity? Only then is work that was not done the arm's own result."""

from __future__ import annotations

from lab.analysis.gates.counters import busiest_process, rate, throttled_share
from lab.analysis.gates.limits import BUSY_MACHINE, BUSY_PROCESS, THROTTLED_PERIODS
from lab.record.types import PhaseWindow, TrialResult, TrialTables


def saturation(result: TrialResult, cpu_count: int) -> str | None:
    """What of the arm was at its limit in the measure window; None when nothing shows that it was at its capacity.

    One of three facts is enough: a single process of the arm kept a core busy (an event loop has one thread, and the
    balance over the processes is the arm's own property), the quota throttled a container, or the machine had no
    idle core left. An arm that waits for something else (a lock, a blocking call) is indistinguishable from one that
    was offered too few lanes; it counts as below capacity, and the advice of the gate names both.
    """
    tables, window = result.tables, result.record.measure
    busiest = busiest_process(tables.processes, window)
    if busiest is not None and busiest[1] > BUSY_PROCESS:
        return busiest[0]
    if throttled_share(tables.cgroups, window) > THROTTLED_PERIODS:
        return "the CPU quota"
    return "the machine" if _machine_busy(tables, window, cpu_count) > BUSY_MACHINE else None


def _machine_busy(tables: TrialTables, window: PhaseWindow, cpu_count: int) -> float:
    busy, steal = (rate(tables.host, column, window) for column in ("busy_s", "steal_s"))
    return ((busy or 0.0) + (steal or 0.0)) / cpu_count
