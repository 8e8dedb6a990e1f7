"""Arms over blocks: the ledger, shares, CPU and latency curve that a figure shows for each arm. Pure.

Every number is a median over the given trials of one arm; a part that a trial lacks is left out, never taken as zero.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from lab.analysis.counters import complete_sum
from lab.analysis.ledger import ROLES, ProcessLine, RoleLine
from lab.analysis.trial import TrialSummary
from lab.topology import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmProcess:
    """A place in an arm's ledger. ``ordinal`` counts within role and service; ``trials`` is in how many it was seen."""

    role: Role
    service: str
    ordinal: int
    command: str
    trials: int
    pss_bytes: float | None
    pss_peak_bytes: float | None
    uss_bytes: float | None
    rss_bytes: float | None
    cpu_cores: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmRole:
    """All processes of one role in an arm."""

    role: Role
    processes: float
    pss_bytes: float | None
    uss_bytes: float | None
    rss_bytes: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmSummary:
    """One arm. ``shares`` are those of the busiest, second busiest, … process; curves as in ``Latency``."""

    name: str
    trials: int
    processes: tuple[ArmProcess, ...]
    roles: tuple[ArmRole, ...]
    shares: tuple[float, ...]
    cpu_app_per_1k_s: float | None
    cpu_proxy_per_1k_s: float | None
    response_quantiles: tuple[float | None, ...]
    service_quantiles: tuple[float | None, ...]
    response_curve: tuple[tuple[float, float], ...]
    service_curve: tuple[tuple[float, float], ...]


def known_median(values: Iterable[float | None]) -> float | None:
    """Median of what is known; None when nothing is."""
    known = [value for value in values if value is not None]
    return median(known) if known else None


def summarise_arm(name: str, trials: Sequence[TrialSummary]) -> ArmSummary:
    """Medians over ``trials``, all of them of one arm; empty and None throughout when there are none."""
    return ArmSummary(
        name=name,
        trials=len(trials),
        processes=_processes(trials),
        roles=_roles(trials),
        shares=_shares(trials),
        cpu_app_per_1k_s=known_median(_per_1k(trial, proxy=False) for trial in trials),
        cpu_proxy_per_1k_s=known_median(_per_1k(trial, proxy=True) for trial in trials),
        response_quantiles=_quantiles([trial.response.quantiles for trial in trials]),
        service_quantiles=_quantiles([trial.service.quantiles for trial in trials]),
        response_curve=_curve([trial.response.curve for trial in trials]),
        service_curve=_curve([trial.service.curve for trial in trials]),
    )


def _processes(trials: Sequence[TrialSummary]) -> tuple[ArmProcess, ...]:
    places: defaultdict[tuple[int, str, int], list[tuple[ProcessLine, float]]] = defaultdict(list)
    for trial in trials:
        for line in trial.ledger:
            place = (ROLES.index(line.role), line.service, line.ordinal)
            places[place].append((line, trial.record.measure.length_s))
    return tuple(
        ArmProcess(
            role=ROLES[role],
            service=service,
            ordinal=ordinal,
            command=seen[0][0].command,
            trials=len(seen),
            pss_bytes=known_median(line.pss_bytes for line, _ in seen),
            pss_peak_bytes=known_median(line.pss_peak_bytes for line, _ in seen),
            uss_bytes=known_median(line.uss_bytes for line, _ in seen),
            rss_bytes=known_median(line.rss_bytes for line, _ in seen),
            cpu_cores=known_median(None if line.cpu_s is None else line.cpu_s / length_s for line, length_s in seen),
        )
        for (role, service, ordinal), seen in sorted(places.items())
    )


def _roles(trials: Sequence[TrialSummary]) -> tuple[ArmRole, ...]:
    lines: defaultdict[Role, list[RoleLine]] = defaultdict(list)
    for trial in trials:
        for line in trial.roles:
            lines[line.role].append(line)
    return tuple(
        ArmRole(
            role=role,
            processes=median(line.processes for line in lines[role]),
            pss_bytes=known_median(line.pss_bytes for line in lines[role]),
            uss_bytes=known_median(line.uss_bytes for line in lines[role]),
            rss_bytes=known_median(line.rss_bytes for line in lines[role]),
        )
        for role in ROLES
        if role in lines
    )


def _shares(trials: Sequence[TrialSummary]) -> tuple[float, ...]:
    attributed = [trial.shares for trial in trials if trial.shares]
    places = max(map(len, attributed), default=0)
    return tuple(
        median(shares[place].fraction for shares in attributed if place < len(shares)) for place in range(places)
    )


def _per_1k(trial: TrialSummary, *, proxy: bool) -> float | None:
    return complete_sum(service.per_1k_s for service in trial.cpu if service.proxy is proxy)


def _quantiles(trials: Sequence[Sequence[float | None]]) -> tuple[float | None, ...]:
    return tuple(known_median(values) for values in zip(*trials, strict=True))


def _curve(curves: Sequence[Sequence[tuple[float, float]]]) -> tuple[tuple[float, float], ...]:
    """The median over the curves at each point that all of them reach."""
    return tuple((points[0][0], median(seconds for _, seconds in points)) for points in zip(*curves, strict=False))
