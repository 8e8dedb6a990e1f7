"""What each machine sent, where several drove the load: sums over trials, and the worst of lag and clock. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lab.record.types import NodeLoad, NodeRecord, TrialRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One machine over all trials. ``worst_lag_s``: p99 of its latest trial; ``worst_bound_s``: of its clock."""

    node: str
    processes: int
    scheduled: int
    started: int
    dropped: int
    unfinished: int
    requests: int
    worst_lag_s: float | None
    worst_bound_s: float | None


def sent_by_node(records: Iterable[TrialRecord]) -> tuple[Sent, ...]:
    """Of every machine that drove load, in the order of the first trial; empty where all load came from one."""
    found: dict[str, list[tuple[NodeRecord, NodeLoad]]] = {}
    for record in records:
        for node in record.nodes:
            if node.load is not None:
                found.setdefault(node.name, []).append((node, node.load))
    return tuple(_sent(name, told) for name, told in found.items())


def _sent(name: str, told: Sequence[tuple[NodeRecord, NodeLoad]]) -> Sent:
    loads = [load for _, load in told]
    return Sent(
        node=name,
        processes=max(load.processes for load in loads),
        scheduled=sum(load.scheduled for load in loads),
        started=sum(load.started for load in loads),
        dropped=sum(load.dropped for load in loads),
        unfinished=sum(load.unfinished for load in loads),
        requests=sum(load.requests for load in loads),
        worst_lag_s=max(
            (load.dispatch_lag_p99_s for load in loads if load.dispatch_lag_p99_s is not None), default=None
        ),
        worst_bound_s=max((node.clock.bound_s for node, _ in told if node.clock is not None), default=None),
    )
