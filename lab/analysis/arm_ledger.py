"""The ledger of an arm over its trials: what its processes, its roles and the services beside it used. Pure."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from lab.analysis.medians import known_median
from lab.analysis.trial.ledger import ROLES, ProcessLine, RoleLine
from lab.analysis.trial.sidecars import SidecarUse
from lab.analysis.trial.trial import TrialSummary
from lab.plan.kinds import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmProcess:
    """A place in an arm's ledger. ``ordinal`` counts within role and service; ``trials`` is in how many it was seen.

    ``nodes``: the machines that ran it, "" for one without a name; several where it came elsewhere in another trial.
    """

    role: Role
    service: str
    ordinal: int
    nodes: tuple[str, ...]
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
class ArmSidecar:
    """A service beside an arm: medians over the trials of what it used while the arm was measured."""

    service: str
    processes: float
    pss_bytes: float | None
    cpu_cores: float | None


def arm_processes(trials: Sequence[TrialSummary]) -> tuple[ArmProcess, ...]:
    """The places of an arm's ledger, in its order."""
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
            nodes=tuple(dict.fromkeys(line.node for line, _ in seen)),
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


def arm_roles(trials: Sequence[TrialSummary]) -> tuple[ArmRole, ...]:
    """The roles that an arm has, in the order of the ledger."""
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


def arm_sidecars(trials: Sequence[TrialSummary]) -> tuple[ArmSidecar, ...]:
    """The services beside an arm."""
    used: defaultdict[str, list[SidecarUse]] = defaultdict(list)
    for trial in trials:
        for sidecar in trial.sidecars:
            used[sidecar.service].append(sidecar)
    return tuple(
        ArmSidecar(
            service=service,
            processes=median(use.processes for use in uses),
            pss_bytes=known_median(use.pss_bytes for use in uses),
            cpu_cores=known_median(use.cpu_cores for use in uses),
        )
        for service, uses in used.items()
    )
