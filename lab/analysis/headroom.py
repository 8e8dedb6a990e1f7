"""The head-room of the load generator: how much faster than asked it could have been. Pure."""

from dataclasses import dataclass

from lab.analysis.summary import RunSummary
from lab.analysis.trial.trial import TrialSummary
from lab.record.types import RunInfo
from lab.units import format_rate, format_ratio

NEAR_CEILING = 0.70  # as the caveat on the CPU of a load process (METHOD 2): a ceiling is where it has a whole core


@dataclass(frozen=True, slots=True, kw_only=True)
class Headroom:
    """The rate at which the load generator was driven, and the most that it reaches here, in requests a second."""

    driven_per_s: float
    ceiling_per_s: float
    tls: bool = False

    @property
    def used(self) -> float:
        """The part of the ceiling that was used; above 1 the ceiling is wrong, or the rate was never reached."""
        return self.driven_per_s / self.ceiling_per_s

    @property
    def near(self) -> bool:
        """The generator may have been what was measured."""
        return self.used > NEAR_CEILING

    @property
    def sentence(self) -> str:
        """The figures in words."""
        return (
            f"The load generator sent {format_rate(self.driven_per_s)}, {format_ratio(self.used)} of the "
            f"{format_rate(self.ceiling_per_s)} that it can send here to a server that does nothing but answer"
            f"{' over TLS' if self.tls else ''}."
        )

    @property
    def caveat(self) -> str:
        """Say what to think of a run that came near the ceiling, and what to do."""
        return (
            f"The load generator used {format_ratio(self.used)} of its ceiling; above {format_ratio(NEAR_CEILING)} it "
            "may itself be what was measured. Lower the rate, or use more load processes (load.processes)."
        )


def headroom(run: RunInfo, summary: RunSummary) -> Headroom | None:
    """The head-room of a run's busiest trial; None when the ceiling is not known or nothing was asked for.

    Driven is the rate that was asked for, of a ladder the highest, or the requests a second that were really sent where
    these are more: in the closed model, and where a task makes several requests.
    """
    if run.calibration is None or run.calibration.ceiling_per_s <= 0:
        return None
    asked = summary.scenario.capacity.rates if summary.scenario.capacity else (summary.scenario.load.rate or 0.0,)
    driven = max(*asked, *map(_sent_per_s, summary.trials))
    ceiling = run.calibration
    return Headroom(driven_per_s=driven, ceiling_per_s=ceiling.ceiling_per_s, tls=ceiling.tls) if driven > 0 else None


def _sent_per_s(trial: TrialSummary) -> float:
    return (trial.counts.requests - trial.counts.drops) / trial.record.measure.length_s
