"""Whether the load generator carried a rung of a ladder: it is held against its gates rung by rung (METHOD 10.5).

A rung at which it fell short says nothing of the arm, unless the arm broke there, and neither do those above it; those
below it stand.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from lab.analysis.gates.counters import busiest_second, rate
from lab.analysis.gates.gate import Gate
from lab.analysis.gates.limits import LAG, LOAD_CPU
from lab.record.types import LoadCounters, NodeLoad, PhaseWindow, RungRecord, TrialRecord, TrialResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """What a rung took of the generator: the p99 of its lag, and the busiest second of a process of it in cores.

    None: not known.
    """

    lag_s: float | None
    cpu: float | None

    @property
    def carried(self) -> bool:
        """Whether the generator did what was asked, as far as is known."""
        return not any(_beyond(gate, value) for gate, value in ((LAG, self.lag_s), (LOAD_CPU, self.cpu)))


def efforts(result: TrialResult) -> tuple[Effort, ...]:
    """Of every rung, in order; empty for a trial without a ladder, and of earlier versions, which noted no such lag."""
    record = result.record
    if record.ladder is None or any(len(load.rung_lags_p99_s) != len(record.ladder.rungs) for load in _loads(record)):
        return ()
    return tuple(_effort(result, number, rung) for number, rung in enumerate(record.ladder.rungs))


def _effort(result: TrialResult, number: int, rung: RungRecord) -> Effort:
    return Effort(
        lag_s=latest_s(result.record, lambda load: load.rung_lags_p99_s[number]),
        cpu=busiest_load(result, PhaseWindow(start_s=rung.count_s, end_s=rung.end_s)),
    )


def latest_s(record: TrialRecord, lag_s: Callable[[LoadCounters | NodeLoad], float | None]) -> float | None:
    """The greatest lag of the machines that drove load; None where none is known."""
    return max((late_s for load in _loads(record) if (late_s := lag_s(load)) is not None), default=None)


def _loads(record: TrialRecord) -> Sequence[LoadCounters | NodeLoad]:
    """Of each machine that drove load, where they are several; else of all of it."""
    return [node.load for node in record.nodes if node.load] or [record.load]


def busiest_load(result: TrialResult, window: PhaseWindow) -> float | None:
    """The busiest second of a load process, in cores; None where the readings of one machine do not tell."""
    found = [busiest_second(host, "load_cpu_max_s", window) for host in _drove(result)]
    return None if None in found else max(busy for busy in found if busy is not None)


def sent_for_a_core(result: TrialResult, rung: RungRecord) -> float | None:
    """Requests of a rung for each CPU second of its busiest load process; None where readings do not tell.

    So many a second the load processes would send with all of a core each: what the client of this locustfile costs.
    """
    window = PhaseWindow(start_s=rung.count_s, end_s=rung.end_s)
    found = [rate(host, "load_cpu_max_s", window) for host in _drove(result)]
    cores = 0.0 if None in found else max(each for each in found if each is not None)
    return rung.rate / cores if cores else None


def _drove(result: TrialResult) -> Sequence[pl.DataFrame]:
    """Readings of each machine that drove load. Where they are several, the record names them, also one never read."""
    names = [node.name for node in result.record.nodes if node.load]
    return [result.tables.host.filter(pl.col("node") == name) for name in names] or result.tables.load_hosts


def of_what_counts(found: Sequence[Effort]) -> tuple[Effort, ...]:
    """Those of the rungs below the first that was not carried; of a ladder that has none of these, the first."""
    short = next((place for place, effort in enumerate(found) if not effort.carried), len(found))
    return tuple(found[: max(1, short)])


def _beyond(gate: Gate, value: float | None) -> bool:
    return value is not None and gate.beyond(value, gate.invalid)
