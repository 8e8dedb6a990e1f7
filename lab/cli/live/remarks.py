"""Hints while there is still time: the gates on the machine, applied to this moment. They judge nothing."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.analysis.gates import INVALID, PASS, Gate
from lab.analysis.gates.limits import FOREIGN, SAMPLER_CPU, STEAL
from lab.live.figures import MachineFigures
from lab.live.trial import TrialFollower
from lab.record.schema import Outcome
from lab.report.parts.cells import quantity

EVERY_S = 1.0  # a log needs no more; the sampler reads at 2 Hz


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """``value`` is beyond a limit of ``gate`` for now; the gate itself decides over the whole measure phase."""

    gate: Gate
    value: float

    @property
    def outcome(self) -> Outcome:
        """Tell what the gate would say: ``"caveat"`` or ``"invalid"``."""
        return self.gate.outcome(self.value)

    @property
    def text(self) -> str:
        """``"steal 6.0% now"``."""
        name, since = ("sampler", "so far") if self.gate is SAMPLER_CPU else (self.gate.title, "now")
        return f"{name} {quantity(self.gate.unit, self.value)} {since}"

    @property
    def sentence(self) -> str:
        """The same for a log, with the limit that it is beyond."""
        limit = quantity(self.gate.unit, self.gate.limit(self.outcome) or 0.0)
        return f"{self.text} (over the whole phase: {self.outcome} above {limit})"


def remarks(figures: MachineFigures) -> tuple[Remark, ...]:
    """One for each figure beyond a limit, those that would invalidate the trial first."""
    seen = ((STEAL, figures.steal), (FOREIGN, figures.foreign), (SAMPLER_CPU, figures.sampler))
    found = [
        Remark(gate=gate, value=value) for gate, value in seen if value is not None and gate.outcome(value) != PASS
    ]
    return tuple(sorted(found, key=lambda remark: remark.outcome != INVALID))


class TrialRemarks:
    """The remarks on one trial as news: each gate's outcome is said once. ``staging`` is where its files grow."""

    def __init__(self, staging: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._follower, self._clock = TrialFollower(staging), clock
        self._said: set[tuple[str, str]] = set()
        self._next_s = 0.0

    def new(self, *, measuring: bool) -> Iterator[Remark]:
        """Give the remarks that were not said yet; looks at most every EVERY_S."""
        if (now_s := self._clock()) < self._next_s:
            return
        self._next_s = now_s + EVERY_S
        for remark in remarks(self._follower.machine(measuring=measuring)):
            if (key := (remark.gate.key, remark.outcome)) not in self._said:
                self._said.add(key)
                yield remark
