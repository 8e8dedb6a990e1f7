"""The counts of load processes from their statuses: of all together, and of the machines that run them."""

from collections import Counter
from collections.abc import Sequence

from lab.load.inside.load_counts import lag_quantile_s
from lab.load.inside.status import Status
from lab.load.load_plan import LoadPlan
from lab.load.request_table import arrival_rows
from lab.record.types import ClientPolicy, LoadCounters, NodeLoad


def total(statuses: Sequence[Status], counter: str) -> int:
    """One of the counters of all of them."""
    return sum(status.tally.get(counter, 0) for status in statuses)


def load_counters(plan: LoadPlan, statuses: Sequence[Status], starved: int) -> LoadCounters:
    """Those of the whole load; ``starved``: serving processes that got too few requests in the warm-up."""
    verdict = next((status for status in statuses if status.exit_code), statuses[0])
    lag_s, rung_lags_s = _lags(plan, statuses)
    return LoadCounters(
        open_model=plan.open_model,
        lanes=sum(status.lanes for status in statuses),
        scheduled=total(statuses, "scheduled"),
        started=total(statuses, "started"),
        dropped=total(statuses, "dropped"),
        unfinished=total(statuses, "unfinished"),
        dispatch_lag_p99_s=lag_s,
        rung_lags_p99_s=rung_lags_s,
        starved_workers=starved,
        user_errors=total(statuses, "user_errors"),
        exceptions=_exceptions(statuses),
        events=total(statuses, "events"),
        unread=total(statuses, "unread"),
        ramp=sum(status.ramp for status in statuses),
        clients={name: ClientPolicy(**told) for status in statuses for name, told in status.clients.items()},
        exit_code=verdict.exit_code,
        last_words=verdict.last_words,
        workers=len(statuses) if plan.by_hand or statuses[0].mastered else 0,
    )


def node_loads(plan: LoadPlan, statuses: Sequence[Status]) -> tuple[NodeLoad, ...]:
    """Those of each machine, where several drive the load; their recordings are still there."""
    return tuple(_node_load(plan, statuses, machine) for machine in range(plan.machines)) if plan.led else ()


def _node_load(plan: LoadPlan, statuses: Sequence[Status], machine: int) -> NodeLoad:
    processes = range(machine, plan.load_processes, plan.machines)
    own = [statuses[process] for process in processes]
    lag_s, rung_lags_s = _lags(plan, own)
    return NodeLoad(
        processes=len(own),
        scheduled=total(own, "scheduled"),
        started=total(own, "started"),
        dropped=total(own, "dropped"),
        unfinished=total(own, "unfinished"),
        requests=total(own, "requests"),
        rows=sum(arrival_rows(plan.recording_file(process)) for process in processes),
        dispatch_lag_p99_s=lag_s,
        rung_lags_p99_s=rung_lags_s,
    )


def _lags(plan: LoadPlan, statuses: Sequence[Status]) -> tuple[float | None, tuple[float | None, ...]]:
    """The p99 of the whole measure phase, and of each of its stretches."""
    lags = [status.tally["lags"] for status in statuses]
    stretches = range(1, len(plan.stretches) + 1)
    return (
        lag_quantile_s([counts for each in lags for counts in each.values()], 0.99),
        tuple(lag_quantile_s([each.get(str(number), {}) for each in lags], 0.99) for number in stretches),
    )


def _exceptions(statuses: Sequence[Status]) -> dict[str, int]:
    """Of all load processes, most frequent first."""
    counted: Counter[str] = Counter()
    for status in statuses:
        counted.update(status.tally.get("exceptions", {}))
    return dict(counted.most_common())
