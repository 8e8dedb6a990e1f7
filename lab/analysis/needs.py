"""The needs of each container of an arm: memory at its peak and cores, over the valid trials. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import polars as pl

from lab.analysis.medians import known_median
from lab.analysis.trial.courses import total
from lab.analysis.trial.ledger import ARM_ROLES, Ledger
from lab.analysis.trial.trial import TrialSummary, summarise_trial
from lab.metric_types import Family
from lab.plan.kinds import Role
from lab.record.types import PhaseWindow, TrialResult

CONTAINED = (*ARM_ROLES, Role.SIDECAR)  # what runs inside containers; the platform runs beside them


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One container: the largest over the trials of its memory at the peak, and of its mean cores under load.

    Memory: the sum of PSS at an instant of the whole trial, or the anonymous memory that the kernel counts for it,
    whichever is larger. None where it was never read.
    """

    memory_bytes: float | None
    cores: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmNeeds:
    """The needs of an arm by the names of its services, from trials whose memory, or CPU, is valid.

    ``memory_trials``: of how many the memory is. ``requests`` and ``failures`` are sums of their measure phases;
    ``p99_s`` and ``throughput`` medians.
    """

    memory_trials: int
    services: Mapping[str, Need]
    requests: int
    failures: int
    throughput: float | None
    p99_s: float | None


def needs_of(trials: Iterable[TrialResult]) -> ArmNeeds:
    """The needs of one arm from its trials, one at a time; empty where no trial is valid."""
    memory: defaultdict[str, list[float]] = defaultdict(list)
    cores: defaultdict[str, list[float]] = defaultdict(list)
    valid: dict[Family, list[TrialSummary]] = {family: [] for family in Family}
    for trial in trials:
        if not trial.record.gates:  # it was never checked
            continue
        summary = summarise_trial(trial)
        for family in (family for family in Family if summary.valid_for(family)):
            valid[family].append(summary)
        if summary.valid_for(Family.MEMORY):
            _collect(memory, _peaks(trial))
        if summary.valid_for(Family.CPU):
            _collect(cores, _cores(summary))
    counted = valid[Family.TIME] or valid[Family.MEMORY]
    return ArmNeeds(
        memory_trials=len(valid[Family.MEMORY]),
        services={
            name: Need(memory_bytes=max(memory[name], default=None), cores=max(cores[name], default=None))
            for name in sorted({*memory, *cores})
        },
        requests=sum(summary.counts.requests for summary in counted),
        failures=sum(summary.counts.failures for summary in counted),
        throughput=known_median(summary.values["throughput"] for summary in valid[Family.TIME]),
        p99_s=known_median(summary.values["p99"] for summary in valid[Family.TIME]),
    )


def _collect(known: defaultdict[str, list[float]], found: Mapping[str, float | None]) -> None:
    for name, value in found.items():
        if value is not None:
            known[name].append(value)


def _peaks(trial: TrialResult) -> Mapping[str, float | None]:
    """Of the whole trial: a limit must also hold while an app starts."""
    measure = trial.record.measure
    starts = [window.start_s for window in trial.record.phases.values()]
    window = PhaseWindow(start_s=min(starts), end_s=measure.end_s)
    ledger = Ledger(trial.tables.processes.filter(pl.col("role").is_in([role.value for role in CONTAINED])), window)
    anon = dict(trial.tables.cgroups.group_by("service").agg(pl.col("anon_bytes").max()).iter_rows())
    peaks: dict[str, float | None] = {}
    for service in trial.record.services:
        members = [member for member in ledger.members if member.service == service.name]
        # A process that was gone before anybody looked at it has no reading: those of the measure phase have one.
        known = filter(None, (ledger.course(member, "pss_bytes") for member in members))
        pss = total(known, window)
        peaks[service.name] = max(filter(None, (pss and pss.peak, anon.get(service.name))), default=None)
    return peaks


def _cores(summary: TrialSummary) -> Mapping[str, float | None]:
    length_s = summary.record.measure.length_s
    own = {line.service: None if line.cpu_s is None else line.cpu_s / length_s for line in summary.cpu}
    return {**own, **{sidecar.service: sidecar.cpu_cores for sidecar in summary.sidecars}}
