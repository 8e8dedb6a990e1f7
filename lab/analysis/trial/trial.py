"""One trial in numbers: every metric of the catalogue, and what the figures need. Pure."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import polars as pl

from lab.analysis.gates.limits import spoiled
from lab.analysis.trial.acted import unfinished
from lab.analysis.trial.disturbance import Quiet, quiet
from lab.analysis.trial.drill import Aftermath, aftermath
from lab.analysis.trial.drill_metrics import drill_values
from lab.analysis.trial.fallout import Fallout, fallout
from lab.analysis.trial.ladder import Climb, climb, climb_values
from lab.analysis.trial.latency import (
    QUANTILES,
    Latency,
    ProcessLatency,
    ended_in,
    latency,
    latency_by_process,
    measured,
    opening_values,
    response_times,
    service_times,
    successes,
)
from lab.analysis.trial.ledger import ProcessLine, RoleLine
from lab.analysis.trial.names import EventLine, NameLine, by_event, by_name
from lab.analysis.trial.prestart import StepCount, app_values, step_counts
from lab.analysis.trial.radius import Radius, radius
from lab.analysis.trial.resources import Resources, ServiceCpu, Values, resources
from lab.analysis.trial.shares import Share, ThreadLine, gini, shares, thread_lines
from lab.analysis.trial.shortage import shortage
from lab.analysis.trial.sidecars import SidecarUse, sidecar_uses
from lab.analysis.trial.timeline import Timeline, timeline
from lab.metric_types import Family
from lab.metrics.limits import LIMITS
from lab.record.types import RequestKind, TrialRecord, TrialResult


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
class TrialSummary:
    """A trial: ``values`` has every key of the catalogue, None where the trial cannot say.

    A percentile of times is infinite where it lies among requests that failed. ``shortage``: how memory was
    short where no request succeeded; else "".
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
    climb: Climb | None = None
    fallout: Fallout | None = None
    radius: Radius | None = None
    quiet: Quiet = field(default_factory=Quiet)
    names: tuple[NameLine, ...] = ()
    events: tuple[EventLine, ...] = ()
    threads: tuple[ThreadLine, ...] = ()
    shortage: str = ""

    def valid_for(self, family: Family) -> bool:
        """Whether no gate failed that spoils this family of metrics."""
        return family not in spoiled(self.record.gates)


def summarise_trial(trial: TrialResult) -> TrialSummary:
    """All numbers of one finished trial. The tables are not kept."""
    record, tables = trial.record, trial.tables
    rows = measured(tables.requests)
    events = by_event(tables.user_events)
    ended_s = successes(tables.requests)
    counts = _counts(rows, ended_in(ended_s, record.measure), events)
    response = latency(response_times(rows, open_model=record.load.open_model))
    service = latency(service_times(rows))
    served = shares(rows, record.processes)
    used = resources(trial, ended_s)
    steps = tuple(step_counts(record))
    after = aftermath(record, tables.requests)
    climbed = climb(trial)
    traces = fallout(trial, after)
    found = TrialSummary(
        record=record,
        values={},
        counts=counts,
        response=response,
        service=service,
        ledger=used.lines,
        roles=used.ledger.role_lines(),
        shares=served,
        cpu=used.cpu,
        timeline=timeline(record, tables, used.lines),
        sidecars=tuple(sidecar_uses(trial, used.ledger)),
        steps=steps,
        aftermath=after,
        climb=climbed,
        fallout=traces,
        radius=radius(record, tables.requests, after),
        servers=latency_by_process(rows) if served else (),
        quiet=quiet(trial),
        names=by_name(rows),
        events=events,
        threads=thread_lines(trial, served),
        shortage="" if counts.succeeded else shortage(trial) or "",
    )
    return replace(found, values=_values(found, used, rows))


def _values(found: TrialSummary, used: Resources, rows: pl.DataFrame) -> Values:
    """The catalogue's metrics of a trial of which everything else is known."""
    return {
        **_latency_values("", found.response),
        **_latency_values("service.", found.service),
        "throughput": found.counts.ended / found.record.measure.length_s,
        "errors": float(found.counts.failures),
        **used.values,
        **_share_values(found.shares, found.record.processes),
        **opening_values(rows),
        "boot": found.record.boot_s,
        **app_values(found.steps),
        **drill_values(found.aftermath, found.fallout, found.radius, over=not unfinished(found.record)),
        **climb_values(found.climb),
        **dict.fromkeys(LIMITS.values()),  # of a search that is several runs
    }


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


def _share_values(served: tuple[Share, ...], processes: int) -> Values:
    if not served:
        return {"share.max": None, "share.skew": None, "share.gini": None}
    largest = served[0].fraction
    return {
        "share.max": largest,
        "share.skew": largest * processes,
        "share.gini": gini([share.requests for share in served]),
    }
