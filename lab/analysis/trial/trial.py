"""One trial in numbers: every metric of the catalogue, and what the figures need. Pure."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from lab.analysis.gates.limits import spoiled
from lab.analysis.trial.attribution import ProcessLatency, latency_by_process
from lab.analysis.trial.counters import complete_sum, increases
from lab.analysis.trial.courses import courses, total
from lab.analysis.trial.cpu_source import cpu_growth
from lab.analysis.trial.disturbance import Quiet, quiet
from lab.analysis.trial.drill import Aftermath, aftermath, drill_values
from lab.analysis.trial.latency import QUANTILES, Latency, ended_in, latency, measured, response_times, service_times
from lab.analysis.trial.ledger import ARM_ROLES, PROCESS, Ledger, ProcessLine, RoleLine, of_arm, of_roles
from lab.analysis.trial.memory_course import memory_course
from lab.analysis.trial.names import EventLine, NameLine, by_event, by_name
from lab.analysis.trial.openings import opening_values
from lab.analysis.trial.prestart import StepCount, app_values, step_counts
from lab.analysis.trial.shares import Share, gini, shares
from lab.analysis.trial.sidecars import SidecarUse, sidecar_uses, without_platform_of_sidecars
from lab.analysis.trial.timeline import Timeline, timeline
from lab.metric_types import Family
from lab.plan.kinds import Role, ServiceKind
from lab.record.types import POOL, PhaseWindow, RequestKind, TrialRecord, TrialResult

Values = dict[str, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Requests of the measure phase, by when they were due; ``ended``: successes inside it, whenever they were due.

    ``events``: of those that the locustfile fired itself, such as were no failures.

    ``errors`` counts failures by their text, most frequent first.
    """

    requests: int
    successes: int
    ended: int
    failures: int
    drops: int
    errors: tuple[tuple[str, int], ...]
    events: int = 0

    @property
    def succeeded(self) -> bool:
        """Whether any request did; of a locustfile that makes none, whether any event did."""
        return self.successes > 0 or self.ended > 0 or (not self.requests and self.events > 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceCpu:
    """CPU of one container or process tree over the measure phase; None where it could not be read."""

    service: str
    proxy: bool
    cpu_s: float | None
    per_1k_s: float | None
    throttled_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialSummary:
    """A trial: ``values`` has every key of the catalogue, None where the trial cannot say.

    A percentile of times is infinite where it lies among requests that failed.
    """

    record: TrialRecord
    values: Mapping[str, float | None]
    counts: Counts
    response: Latency
    service: Latency
    ledger: tuple[ProcessLine, ...]
    roles: tuple[RoleLine, ...]
    shares: tuple[Share, ...]
    cpu: tuple[ServiceCpu, ...]
    timeline: Timeline
    servers: tuple[ProcessLatency, ...] = ()
    sidecars: tuple[SidecarUse, ...] = ()
    steps: tuple[StepCount, ...] = ()
    aftermath: Aftermath | None = None
    quiet: Quiet = field(default_factory=Quiet)
    names: tuple[NameLine, ...] = ()
    events: tuple[EventLine, ...] = ()

    def valid_for(self, family: Family) -> bool:
        """Whether no gate failed that spoils this family of metrics."""
        return family not in spoiled(self.record.gates)


def summarise_trial(trial: TrialResult) -> TrialSummary:
    """All numbers of one finished trial. The tables are not kept."""
    record, tables = trial.record, trial.tables
    rows = measured(tables.requests)
    events = by_event(tables.user_events)
    counts = _counts(rows, ended_in(tables.requests, record.measure), events)
    response = latency(response_times(rows, open_model=record.load.open_model))
    service = latency(service_times(rows))
    served = shares(rows, record.processes)
    cgroups = of_arm(record, tables.cgroups)
    cpu = _service_cpu(trial, counts.ended)
    processes = without_platform_of_sidecars(record, tables.processes)
    ledger = Ledger(processes, record.measure)
    lines = ledger.lines()
    steps = tuple(step_counts(record))
    after = aftermath(record, tables.requests)
    values: Values = {
        **_latency_values("", response),
        **_latency_values("service.", service),
        "throughput": counts.ended / record.measure.length_s,
        "errors": float(counts.failures),
        **_memory_values(ledger, cgroups.filter(pl.col("container") != POOL), record.measure),
        **memory_course(record, processes, tables.requests),
        **_cpu_values(cpu, record.measure),
        "cpu.throttled": _throttled(cgroups, record.measure),
        **_scheduler_values(tables.processes, record.measure, counts.ended),
        **_share_values(served, record.processes),
        **opening_values(rows),
        "boot": record.boot_s,
        **app_values(steps),
        **drill_values(after),
    }
    return TrialSummary(
        record=record,
        values=values,
        counts=counts,
        response=response,
        service=service,
        ledger=lines,
        roles=ledger.role_lines(),
        shares=served,
        cpu=cpu,
        timeline=timeline(record, tables, lines),
        sidecars=tuple(sidecar_uses(trial, ledger)),
        steps=steps,
        aftermath=after,
        servers=latency_by_process(rows) if served else (),
        quiet=quiet(trial),
        names=by_name(rows),
        events=events,
    )


def _counts(rows: pl.DataFrame, ended: int, events: tuple[EventLine, ...]) -> Counts:
    failed = rows.filter(~pl.col("ok"))
    errors = Counter(text or "no response before the trial ended" for text in failed["error"])
    return Counts(
        requests=len(rows),
        successes=len(rows) - len(failed),
        ended=ended,
        failures=len(failed),
        drops=len(rows.filter(pl.col("kind") == RequestKind.DROP)),
        errors=tuple(errors.most_common()),
        events=sum(line.events - line.failures for line in events),
    )


def _latency_values(prefix: str, measured_latency: Latency) -> Values:
    return {
        f"{prefix}p{100 * quantile:g}": value
        for quantile, value in zip(QUANTILES, measured_latency.quantiles, strict=True)
        if quantile != 0.90 and (not prefix or quantile < 0.999)  # in the quantile table only, not in the catalogue
    }


def _memory_values(ledger: Ledger, cgroups: pl.DataFrame, window: PhaseWindow) -> Values:
    pss, uss, rss = (ledger.total(column, *ARM_ROLES) for column in ("pss_bytes", "uss_bytes", "rss_bytes"))
    platform, proxy = (ledger.total("pss_bytes", role) for role in (Role.PLATFORM, Role.PROXY))
    anon = total(courses(cgroups, ("service", "container"), "anon_bytes", window), window)
    return {
        "memory.pss.total": pss and pss.mean,
        "memory.pss.peak": pss and pss.peak,
        "memory.uss.total": uss and uss.mean,
        "memory.rss.total": rss and rss.mean,
        "memory.cgroup.anon": anon and anon.mean,
        "memory.platform.pss": platform and platform.mean,
        "memory.proxy.pss": proxy and proxy.mean,
    }


def _service_cpu(trial: TrialResult, requests: int) -> tuple[ServiceCpu, ...]:
    proxies = {service.name for service in trial.record.services if service.kind == ServiceKind.PROXY}
    return tuple(
        ServiceCpu(
            service=service,
            proxy=service in proxies,
            cpu_s=grown["cpu_s"],
            per_1k_s=_per_1k(grown["cpu_s"], requests),
            throttled_s=grown["throttled_s"],
        )
        for service, grown in sorted(cpu_growth(trial.record, trial.tables), key=lambda item: item[0])
    )


def _per_1k(amount: float | None, requests: int) -> float | None:
    return None if amount is None or not requests else amount / requests * 1000


def _cpu_values(cpu: tuple[ServiceCpu, ...], window: PhaseWindow) -> Values:
    cpu_s = complete_sum(service.cpu_s for service in cpu)
    return {
        "cpu.per_1k": complete_sum(service.per_1k_s for service in cpu),
        "cpu.proxy.per_1k": complete_sum(service.per_1k_s for service in cpu if service.proxy),
        "cpu.cores": None if cpu_s is None else cpu_s / window.length_s,
    }


def _throttled(cgroups: pl.DataFrame, window: PhaseWindow) -> float | None:
    """Every quota counts: those of the containers, and that of the parent cgroup that pools them."""
    growth = increases(cgroups, ("service", "container"), ("throttled_s",), window)
    return complete_sum(grown["throttled_s"] for grown in growth.values())


def _scheduler_values(processes: pl.DataFrame, window: PhaseWindow, requests: int) -> Values:
    growth = increases(of_roles(processes, *ARM_ROLES), PROCESS, ("runqueue_s", "ctx_switches"), window)
    return {
        "cpu.runqueue.per_1k": _per_1k(complete_sum(grown["runqueue_s"] for grown in growth.values()), requests),
        "cpu.switches.per_1k": _per_1k(complete_sum(grown["ctx_switches"] for grown in growth.values()), requests),
    }


def _share_values(served: tuple[Share, ...], processes: int) -> Values:
    if not served:
        return {"share.max": None, "share.skew": None, "share.gini": None}
    largest = served[0].fraction
    return {
        "share.max": largest,
        "share.skew": largest * processes,
        "share.gini": gini([share.requests for share in served]),
    }
