"""Whether an arm was at its capacity, so that what it left undone is its result and not the generator's."""

import polars as pl

from lab.analysis.gates.counters import arm_machines, busiest_process, rate, throttled_share
from lab.analysis.gates.limits import BUSY_MACHINE, BUSY_PROCESS, THROTTLED_PERIODS
from lab.analysis.trial.ledger import of_arm
from lab.analysis.trial.lives import gaps, in_gaps
from lab.plan.kinds import Role
from lab.record.types import Phase, PhaseWindow, RequestKind, TrialRecord, TrialResult, TrialTables


def saturation(result: TrialResult, cpu_count: int) -> str | None:
    """Tell what of the arm was at its limit in the measure window; None when nothing shows that it was at its capacity.

    One of four facts is enough: a single process of the arm kept a core busy (an event loop has one thread, and the
    balance over the processes is the arm's own property), the quota throttled a container, a machine that runs the arm
    had no idle core left, or a serving process ended, and most of what was not sent waited for the one that took its
    place. Workers that are recycled as asked are no such end while another one serves: they go in every trial, also
    where the generator was the limit. An arm that waits for something else (a lock, a blocking call, a sidecar) is
    indistinguishable from one that was offered too few lanes; it counts as below capacity, and the advice of the gate
    names both.
    """
    tables, window = result.tables, result.record.measure
    busiest = busiest_process(tables.processes, window)
    if busiest is not None and busiest[1] > BUSY_PROCESS * _threads(result.record):
        return busiest[0]
    if throttled_share(of_arm(result.record, tables.cgroups), window) > THROTTLED_PERIODS:
        return "the CPU quota"
    if full := _full_machine(tables, window, cpu_count):
        return full
    return "the arm without a process that had ended" if _lost_around_ends(result) else None


def _threads(record: TrialRecord) -> int:
    """How many event loops a serving process has, by the processes that attestation found; one where it found none."""
    workers = sum(roles.get(Role.WORKER, 0) for roles in record.attestation.roles.values())
    return max(1, record.processes // workers) if workers else 1


def _full_machine(tables: TrialTables, window: PhaseWindow, cpu_count: int) -> str | None:
    """One that runs the arm, or a part of it, and has no idle core left: of several by its node."""
    for node, host in arm_machines(tables).items():
        cores = rate(host, "total_s", window) if node else cpu_count
        busy, steal = (rate(host, column, window) or 0.0 for column in ("busy_s", "steal_s"))
        if cores and (busy + steal) / cores > BUSY_MACHINE:
            return f"node {node}" if node else "the machine"
    return None


def _lost_around_ends(result: TrialResult) -> bool:
    """Most arrivals that were dropped, or not sent in the window, were due while a process of the app was missing."""
    unsent = pl.col("t_sent_s").is_null() | (pl.col("t_sent_s") >= result.record.measure.end_s)
    kinds = [str(RequestKind.ARRIVAL), str(RequestKind.DROP)]
    lost = result.tables.requests.filter((pl.col("phase") == Phase.MEASURE) & pl.col("kind").is_in(kinds) & unsent)
    due = pl.col("t_scheduled_s")
    return 2 * lost.filter(in_gaps(gaps(result, asked=False), due, due)).height > lost.height
