"""What the services beside an arm used: never part of its sums, but a limit of what the arms can show. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from lab.analysis.trial.counters import complete_sum, increases
from lab.analysis.trial.courses import total
from lab.analysis.trial.ledger import Ledger, most_at_once
from lab.plan.kinds import Role
from lab.record.types import TrialRecord, TrialResult


@dataclass(frozen=True, slots=True, kw_only=True)
class SidecarUse:
    """One sidecar in the measure phase: most processes at once, mean cores and mean PSS; None where it was not read."""

    service: str
    processes: int
    cpu_cores: float | None
    pss_bytes: float | None


def sidecar_cores(trial: TrialResult, service: str) -> float | None:
    """The cores that a sidecar's container used, mean of the measure phase."""
    own = trial.tables.cgroups.filter(pl.col("service") == service)
    window = trial.record.measure
    grown = increases(own, ("service", "container"), ("cpu_s",), window)
    used_s = complete_sum(growth["cpu_s"] for growth in grown.values())
    return None if used_s is None else used_s / window.length_s


def sidecar_uses(trial: TrialResult, ledger: Ledger) -> Iterator[SidecarUse]:
    """What each sidecar used, by name: sums at each instant, for a database's processes come and go."""
    for service in sorted(trial.record.sidecars):
        own = [member for member in ledger.members if member.role is Role.SIDECAR and member.service == service]
        pss = total((ledger.course(member, "pss_bytes") for member in own), trial.record.measure)
        yield SidecarUse(
            service=service,
            processes=most_at_once(own),
            cpu_cores=sidecar_cores(trial, service),
            pss_bytes=pss and pss.mean,
        )


def without_platform_of_sidecars(record: TrialRecord, processes: pl.DataFrame) -> pl.DataFrame:
    """The process table without what the engine runs for sidecars: the platform's line is that of the arm."""
    if not record.sidecars:
        return processes
    theirs = (pl.col("role") == Role.PLATFORM) & pl.col("service").is_in(record.sidecars)
    return processes.filter(~theirs)
