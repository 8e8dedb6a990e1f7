"""Arms over blocks: the ledger, shares, CPU and latency curve that a figure shows for each arm. Pure.

Every number is a median over the given trials of one arm; a part that a trial lacks is left out, never taken as zero.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from lab.analysis.arm_ledger import ArmProcess, ArmRole, ArmSidecar, arm_processes, arm_roles, arm_sidecars
from lab.analysis.medians import known_median
from lab.analysis.trial.counters import complete_sum
from lab.analysis.trial.cpu_roles import divided, role_fractions
from lab.analysis.trial.names import EventLine, NameLine, events_of_arm, names_of_arm
from lab.analysis.trial.prestart import StepCount
from lab.analysis.trial.timeline import Timeline
from lab.analysis.trial.tracks import Track
from lab.analysis.trial.trial import TrialSummary
from lab.metric_types import Family


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmStep:
    """A step before serving: medians over the trials that told of it; fields as in ``StepCount``."""

    name: str
    by: str
    trials: int
    executions: float
    at_once: float
    seconds: float
    again: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmServer:
    """Service times of the busiest, second busiest, … serving process, in seconds."""

    place: int
    p50_s: float | None
    p95_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmTimeline:
    """The median over the trials in each bin that all of them have; fields as in ``Timeline``."""

    bin_s: float
    start_s: tuple[float, ...]
    throughput: Track
    failures: Track
    quantiles: Mapping[float, Track]
    slowest: Track
    events: Track = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmSummary:
    """One arm. ``shares`` are those of the busiest, second busiest, … process; curves as in ``Latency``.

    ``cpu_app_by_role_s`` divides ``cpu_app_per_1k_s`` among the roles of its processes and a rest, see ``cpu_roles``.
    """

    name: str
    trials: int
    processes: tuple[ArmProcess, ...]
    roles: tuple[ArmRole, ...]
    shares: tuple[float, ...]
    cpu_app_per_1k_s: float | None
    cpu_app_by_role_s: Mapping[str, float]
    cpu_proxy_per_1k_s: float | None
    response_quantiles: tuple[float | None, ...]
    service_quantiles: tuple[float | None, ...]
    response_curve: tuple[tuple[float, float], ...]
    service_curve: tuple[tuple[float, float], ...]
    servers: tuple[ArmServer, ...]
    timeline: ArmTimeline
    names: tuple[NameLine, ...] = ()
    events: tuple[EventLine, ...] = ()
    sidecars: tuple[ArmSidecar, ...] = ()
    steps: tuple[ArmStep, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmLoad:
    """Sums over trials: arrivals of whole trials, requests and failures of the measure phases; the worst p99 of lag."""

    scheduled: int
    started: int
    dropped: int
    unfinished: int
    requests: int
    failures: int
    worst_lag_s: float | None


def arm_load(trials: Sequence[TrialSummary]) -> ArmLoad | None:
    """Tell what the load generator counted over ``trials``; None without any."""
    loads = [trial.record.load for trial in trials]
    lags = [load.dispatch_lag_p99_s for load in loads if load.dispatch_lag_p99_s is not None]
    if not trials:
        return None
    return ArmLoad(
        scheduled=sum(load.scheduled for load in loads),
        started=sum(load.started for load in loads),
        dropped=sum(load.dropped for load in loads),
        unfinished=sum(load.unfinished for load in loads),
        requests=sum(trial.counts.requests for trial in trials),
        failures=sum(trial.counts.failures for trial in trials),
        worst_lag_s=max(lags, default=None),
    )


def summarise_arm(name: str, trials: Mapping[Family, Sequence[TrialSummary]]) -> ArmSummary:
    """Medians over the trials that count for each family, all of one arm; empty and None where there are none."""
    memory, cpu, time = (trials[family] for family in (Family.MEMORY, Family.CPU, Family.TIME))
    cpu_app_per_1k_s = known_median(_per_1k(trial, proxy=False) for trial in cpu)
    return ArmSummary(
        name=name,
        trials=len(memory),
        processes=arm_processes(memory),
        roles=arm_roles(memory),
        shares=_shares(time),
        cpu_app_per_1k_s=cpu_app_per_1k_s,
        cpu_app_by_role_s=divided(cpu_app_per_1k_s, [role_fractions(trial) for trial in cpu]),
        cpu_proxy_per_1k_s=known_median(_per_1k(trial, proxy=True) for trial in cpu),
        response_quantiles=_quantiles([trial.response.quantiles for trial in time]),
        service_quantiles=_quantiles([trial.service.quantiles for trial in time]),
        response_curve=_curve([trial.response.curve for trial in time]),
        service_curve=_curve([trial.service.curve for trial in time]),
        servers=_servers(time),
        timeline=_timeline([trial.timeline for trial in time]),
        names=names_of_arm([trial.names for trial in time]),
        events=events_of_arm([trial.events for trial in time]),
        sidecars=arm_sidecars(memory),
        steps=_steps(time),
    )


def _steps(trials: Sequence[TrialSummary]) -> tuple[ArmStep, ...]:
    counted: defaultdict[tuple[str, str], list[StepCount]] = defaultdict(list)
    for trial in trials:
        for step in trial.steps:
            counted[step.name, step.by].append(step)
    return tuple(
        ArmStep(
            name=name,
            by=by,
            trials=len(counts),
            executions=median(count.executions for count in counts),
            at_once=median(count.at_once for count in counts),
            seconds=median(count.seconds for count in counts),
            again=known_median(count.again for count in counts),
        )
        for (name, by), counts in counted.items()
    )


def _shares(trials: Sequence[TrialSummary]) -> tuple[float, ...]:
    attributed = [trial.shares for trial in trials if trial.shares]
    places = max(map(len, attributed), default=0)
    return tuple(
        median(shares[place].fraction for shares in attributed if place < len(shares)) for place in range(places)
    )


def _servers(trials: Sequence[TrialSummary]) -> tuple[ArmServer, ...]:
    ranked = [sorted(trial.servers, key=lambda server: -server.requests) for trial in trials if trial.servers]
    return tuple(
        ArmServer(
            place=place + 1,
            p50_s=known_median(servers[place].p50_s for servers in ranked if place < len(servers)),
            p95_s=known_median(servers[place].p95_s for servers in ranked if place < len(servers)),
        )
        for place in range(max(map(len, ranked), default=0))
    )


def _timeline(lines: Sequence[Timeline]) -> ArmTimeline:
    shared = sorted(
        set[float]().union(*(line.start_s for line in lines)).intersection(*(line.start_s for line in lines))
    )
    return ArmTimeline(
        bin_s=max((line.bin_s for line in lines), default=1.0),
        start_s=tuple(shared),
        throughput=_middle(lines, [line.throughput for line in lines], shared),
        failures=_middle(lines, [line.failures for line in lines], shared),
        quantiles={
            quantile: _middle(lines, [line.quantiles[quantile] for line in lines], shared)
            for quantile in (lines[0].quantiles if lines else ())
        },
        slowest=_middle(lines, [line.slowest for line in lines], shared),
        events=_middle(lines, [line.events for line in lines], shared) if all(line.events for line in lines) else (),
    )


def _middle(lines: Sequence[Timeline], tracks: Sequence[Track], bins: Sequence[float]) -> Track:
    values = [dict(zip(line.start_s, own, strict=True)) for line, own in zip(lines, tracks, strict=True)]
    return tuple(known_median(own[start_s] for own in values) for start_s in bins)


def _per_1k(trial: TrialSummary, *, proxy: bool) -> float | None:
    return complete_sum(service.per_1k_s for service in trial.cpu if service.proxy is proxy)


def _quantiles(trials: Sequence[Sequence[float | None]]) -> tuple[float | None, ...]:
    return tuple(known_median(values) for values in zip(*trials, strict=True))


def _curve(curves: Sequence[Sequence[tuple[float, float]]]) -> tuple[tuple[float, float], ...]:
    """The median over the curves at each point that all of them reach."""
    return tuple((points[0][0], median(seconds for _, seconds in points)) for points in zip(*curves, strict=False))
