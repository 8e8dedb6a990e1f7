"""Whether the load generator carried a rung of a ladder: it is held against its gates rung by rung (METHOD 10.5).

A rung at which it fell short says nothing of the arm, unless the arm broke there, and neither do those above it; those
below it stand.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lab.analysis.gates.counters import busiest_second
from lab.analysis.gates.gate import Gate
from lab.analysis.gates.limits import LAG, LOAD_CPU
from lab.record.types import PhaseWindow, TrialResult


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
    if record.ladder is None or len(record.load.rung_lags_p99_s) != len(record.ladder.rungs):
        return ()
    host = result.tables.load_host
    return tuple(
        Effort(lag_s=lag_s, cpu=busiest_second(host, "load_cpu_max_s", PhaseWindow(start_s=r.count_s, end_s=r.end_s)))
        for r, lag_s in zip(record.ladder.rungs, record.load.rung_lags_p99_s, strict=True)
    )


def of_what_counts(found: Sequence[Effort]) -> tuple[Effort, ...]:
    """Those of the rungs below the first that was not carried; of a ladder that has none of these, the first."""
    short = next((place for place, effort in enumerate(found) if not effort.carried), len(found))
    return tuple(found[: max(1, short)])


def _beyond(gate: Gate, value: float | None) -> bool:
    return value is not None and gate.beyond(value, gate.invalid)
