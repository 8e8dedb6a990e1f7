"""Whether the load generator carried a rung of a ladder: it is held against its gates rung by rung (METHOD 10.5).

A rung at which it fell short says nothing of the arm, unless the arm broke there, and neither do those above it; those
below it stand.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import polars as pl

from lab.analysis.gates.counters import busiest_second, rate
from lab.analysis.gates.gate import Gate
from lab.analysis.gates.limits import LAG, LOAD_CPU
from lab.record.types import LoadCounters, NodeLoad, PhaseWindow, RungRecord, TrialResult


class Worst(NamedTuple):
    """The greatest value of the machines that drove load, and the name of that one."""

    value: float
    node: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """What a rung took of the generator: the p99 of its lag, and the busiest second of a process of it in cores.

    None: not known.
    """

    lag: Worst | None
    cpu: Worst | None

    @property
    def carried(self) -> bool:
        """Whether the generator did what was asked, as far as is known."""
        return not any(_beyond(gate, found) for gate, found in ((LAG, self.lag), (LOAD_CPU, self.cpu)))


def efforts(result: TrialResult) -> tuple[Effort, ...]:
    """Of every rung, in order; empty for a trial without a ladder, and of earlier versions, which noted no such lag."""
    record = result.record
    loads = _loads(result).values()
    if record.ladder is None or any(len(load.rung_lags_p99_s) != len(record.ladder.rungs) for load in loads):
        return ()
    return tuple(_effort(result, number, rung) for number, rung in enumerate(record.ladder.rungs))


def _effort(result: TrialResult, number: int, rung: RungRecord) -> Effort:
    return Effort(
        lag=latest(result, lambda load: load.rung_lags_p99_s[number]),
        cpu=busiest_load(result, PhaseWindow(start_s=rung.count_s, end_s=rung.end_s)),
    )


def latest(result: TrialResult, lag_s: Callable[[LoadCounters | NodeLoad], float | None]) -> Worst | None:
    """The greatest lag of the machines that drove load; None where none is known."""
    return _greatest({name: lag_s(load) for name, load in _loads(result).items()})


def _loads(result: TrialResult) -> Mapping[str, LoadCounters | NodeLoad]:
    """Of each machine that drove load; without a name where a trial has one machine."""
    if several := {node.name: node.load for node in result.record.nodes if node.load}:
        return several
    drove = tuple(_drove(result))
    return {drove[0] if len(drove) == 1 else "": result.record.load}


def busiest_load(result: TrialResult, window: PhaseWindow) -> Worst | None:
    """The busiest second of a load process, in cores; None where the readings of one machine do not tell."""
    found = {name: busiest_second(host, "load_cpu_max_s", window) for name, host in _drove(result).items()}
    return None if None in found.values() else _greatest(found)


def _greatest(found: Mapping[str, float | None]) -> Worst | None:
    return max((Worst(value, name) for name, value in found.items() if value is not None), default=None)


def busiest_cores(result: TrialResult, rung: RungRecord) -> float | None:
    """Cores of its busiest load process at a rung; None where readings do not tell."""
    window = PhaseWindow(start_s=rung.count_s, end_s=rung.end_s)
    found = [rate(host, "load_cpu_max_s", window) for host in _drove(result).values()]
    return None if None in found else max(each for each in found if each is not None)


def _drove(result: TrialResult) -> Mapping[str, pl.DataFrame]:
    """Readings of each machine that drove load. Where they are several, the record names them, also one never read."""
    names, host = [node.name for node in result.record.nodes if node.load], result.tables.host
    if names:
        return {name: host.filter(pl.col("node") == name) for name in names}
    several = len(result.record.nodes) > 1
    return {str(each["node"].first()) if several else "": each for each in result.tables.load_hosts}


def of_what_counts(found: Sequence[Effort]) -> tuple[Effort, ...]:
    """Those of the rungs below the first that was not carried; of a ladder that has none of these, the first."""
    short = next((place for place, effort in enumerate(found) if not effort.carried), len(found))
    return tuple(found[: max(1, short)])


def _beyond(gate: Gate, found: Worst | None) -> bool:
    return found is not None and gate.beyond(found.value, gate.invalid)
