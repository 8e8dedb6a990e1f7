"""What a drill cost: from the instant of the action on, by when requests were due (METHOD 9.4). Pure.

A request is bad when it failed, was never sent, or took longer than the drill's SLO from its scheduled instant.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from lab.analysis.trial.acted import unfinished
from lab.analysis.trial.latency import measured
from lab.record.schema import ACTION, EventKind
from lab.record.types import Event, TrialRecord
from lab.scenario.drills import CALM_S, Verb

STEP_S = 0.1  # how finely the begin of that is looked for
SLOWER = 1.25  # times the p95 before: recovered is not slower than that
HALF = 0.5  # of its fair share: a slot that carries this carries its part again
BEFORE_S = 5.0  # that much of the steady while is drawn
COURSE_BIN_S = 0.5
QUIET_S = 1.0  # a process that answers nothing for so long after the action was hit by it
ONE_SLOT = (Verb.KILL, Verb.HANG, Verb.BLOCK)  # verbs that hit one process, whose share can come back
BRINGS_NONE = (Verb.KILL_FRONT, Verb.ROTATE_CERT, Verb.STOP)  # verbs after which no new process has to answer
MONTH_BUDGET_S = 2592.0  # 99.9% of 30 days leave so long for outages

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """One drill in numbers; instants in seconds after the action, infinite for what did not come to be in the trial.

    ``action_s``: when the action began, as an instant of the trial. ``bad`` requests are the ``failed``, ``late`` and
    ``unsent`` ones. ``harm_s``: bad ÷ rate, the seconds of a whole outage that they stand for. ``recovery_s``: begin
    of CALM_S without a bad one, at a p95 of the SLO or SLOWER × before; infinite, as is the harm, of a drill that was
    not over. ``share_s``: the slot carries HALF of its fair share for CALM_S. ``process_s``: a new process answers.
    ``in_flight`` requests at the action, of which ``lost`` failed. ``bad_before`` in the steady while before it;
    ``unrest``: the p95 of its last BEFORE_S ÷ the median of that of its seconds. ``aborted_s``: when the load was given
    up, None where it was not; the ``cut`` requests, of those that are ``unsent``, were due from then on.
    """

    action_s: float
    rate: float
    bad: int
    failed: int
    late: int
    unsent: int
    harm_s: float
    recovery_s: float
    share_s: float | None
    process_s: float | None
    in_flight: int
    lost: int
    bad_before: int
    unrest: float | None = None
    aborted_s: float | None = None
    cut: int = 0
    acts: tuple[Event, ...] = ()
    course: "Course | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """Half seconds around the action: ``starts_s`` after it, and for each how much there was a second.

    ``served``: successes by the process that answered, in the order in which they first did. ``failed``, or never sent,
    and ``late`` ones by when they were due.
    """

    starts_s: tuple[float, ...]
    served: Mapping[str, tuple[float, ...]]
    failed: tuple[float, ...]
    late: tuple[float, ...]


def aftermath(record: TrialRecord, requests: pl.DataFrame) -> Aftermath | None:
    """What followed the action of a drill; None for a trial without one, or whose action was never carried out."""
    found = _followed(record, requests)
    return replace(found, harm_s=math.inf, recovery_s=math.inf) if found and unfinished(record) else found


def _followed(record: TrialRecord, requests: pl.DataFrame) -> Aftermath | None:
    """As far as requests have seen it."""
    acts = [event for event in record.events if event.kind.startswith(ACTION)]
    if record.drill is None or not acts or not record.point.rate:
        return None
    action_s, limit_s = acts[0].t_s, record.drill.slo_s
    due = due_requests(requests, action_s, limit_s)
    before, hit = struck(due, action_s)
    flying = hit.filter(pl.col("t_sent_s") < action_s)
    end_s, over_s = record.measure.end_s - action_s, (acts[0].until_s or action_s) - action_s
    killed_s = acts[-1].t_s - action_s if record.drill.verb == Verb.OOM else 0.0  # it fills memory first
    one_slot, heard_s = record.drill.verb in ONE_SLOT, max(over_s + QUIET_S, acts[-1].t_s - action_s - QUIET_S)
    abort = next((event for event in record.events if event.kind == EventKind.ABORTED), None)
    cut = round(record.point.rate * ((abort.until_s or abort.t_s) - abort.t_s)) if abort else 0
    bad = int(hit["bad"].sum()) + cut
    return Aftermath(
        action_s=action_s,
        rate=record.point.rate,
        bad=bad,
        failed=int(hit["failed"].sum()),
        late=int(hit["late"].sum()),
        unsent=int(hit["unsent"].sum()) + cut,
        harm_s=bad / record.point.rate,
        recovery_s=_recovery_s(hit, end_s, max(limit_s, SLOWER * _p95(before)), killed_s),
        share_s=_share_s(before, hit.filter(pl.col("after_s") >= over_s), record, heard_s, end_s) if one_slot else None,
        process_s=_process_s(before, hit, bound=record.drill.verb not in BRINGS_NONE),
        in_flight=flying.height,
        lost=int(flying["failed"].sum()),
        bad_before=int(before["bad"].sum()),
        unrest=_unrest(before),
        aborted_s=abort.t_s - action_s if abort else None,
        cut=cut,
        acts=tuple(acts),
        course=_course(due, end_s),
    )


def bad_without_action(record: TrialRecord, requests: pl.DataFrame) -> int:
    """Bad requests of the measure phase of a drill whose action was never carried out: all came before it."""
    return int(due_requests(requests, math.inf, record.drill.slo_s)["bad"].sum()) if record.drill else 0


def due_requests(requests: pl.DataFrame, action_s: float, slo_s: float) -> pl.DataFrame:
    """Arrivals of the measure phase in the order in which they were due, each with what became of it.

    ``after_s`` and ``done_after_s`` (infinite: no success) count from the action.
    """
    unsent, slow = pl.col("t_sent_s").is_null(), pl.col("t_done_s") - pl.col("t_scheduled_s") > slo_s
    return (
        measured(requests)
        .filter(pl.col("t_scheduled_s").is_not_null())
        .sort("t_scheduled_s")
        .with_columns(
            after_s=pl.col("t_scheduled_s") - action_s,
            unsent=unsent,
            failed=~pl.col("ok") & ~unsent,
            late=pl.col("ok") & slow,
            done_after_s=pl.when("ok").then(pl.col("t_done_s") - action_s).otherwise(math.inf),
        )
        .with_columns(bad=pl.col("unsent") | pl.col("failed") | pl.col("late"))
    )


def struck(due: pl.DataFrame, action_s: float) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Of ``due_requests``: what was over before the action, and what was hit: on its way then, or due from it on."""
    ended_before = pl.col("t_sent_s").is_null() | (pl.col("t_done_s").is_not_null() & (pl.col("t_done_s") < action_s))
    gone = (pl.col("after_s") < 0) & ended_before
    return due.filter(gone), due.filter(~gone)


def _course(due: pl.DataFrame, end_s: float) -> Course:
    """From BEFORE_S before the action to the end of the measure phase."""
    edges = np.arange(-BEFORE_S, end_s + COURSE_BIN_S / 2, COURSE_BIN_S)
    answered = due.filter("ok").with_columns(pl.col("served_by").fill_null(""))
    first = answered.group_by("served_by").agg(pl.col("done_after_s").min().alias("first_s")).sort("first_s")
    return Course(
        starts_s=tuple(edges[:-1].tolist()),
        served={
            name: _a_second(answered.filter(pl.col("served_by") == name)["done_after_s"], edges)
            for name in first["served_by"]
        },
        failed=_a_second(due.filter(pl.col("failed") | pl.col("unsent"))["after_s"], edges),
        late=_a_second(due.filter("late")["after_s"], edges),
    )


def _a_second(instants: pl.Series, edges: Floats) -> tuple[float, ...]:
    counts, _ = np.histogram(instants.to_numpy(), edges)
    return tuple((counts / COURSE_BIN_S).tolist())


def _p95(before: pl.DataFrame) -> float:
    times = before.filter("ok").select(pl.col("t_done_s") - pl.col("t_scheduled_s")).to_series()
    return float(np.quantile(times.to_numpy(), 0.95, method="inverted_cdf")) if len(times) else 0.0


def _unrest(before: pl.DataFrame) -> float | None:
    """The p95 of the last BEFORE_S ÷ the median of that of its seconds; None where one of these has no answer."""
    seconds = [
        _p95(before.filter(pl.col("after_s").is_between(-start_s, 1 - start_s, closed="left")))
        for start_s in range(int(BEFORE_S), 0, -1)
    ]
    if not all(seconds):
        return None
    return _p95(before.filter(pl.col("after_s") >= -BEFORE_S)) / float(np.median(seconds))


def _recovery_s(hit: pl.DataFrame, end_s: float, limit_s: float, done_s: float) -> float:
    """The first instant after a bad request from which CALM_S hold none, at a p95 within the limit; 0 without any.

    Nor may there be one from it on until ``done_s``: what is done has not come about before.
    """
    due_s, bad = hit["after_s"].to_numpy(), hit["bad"].to_numpy()
    if not bad.any():
        return 0.0
    bad_s, took_s = due_s[bad], hit["done_after_s"].to_numpy() - due_s
    for start_s in (step_s for step_s in _steps(end_s) if step_s >= bad_s.min()):
        inside = (due_s >= start_s) & (due_s < start_s + CALM_S)
        calm = not ((bad_s >= start_s) & (bad_s < max(start_s + CALM_S, done_s))).any()
        if calm and inside.any() and np.quantile(took_s[inside], 0.95, method="inverted_cdf") <= limit_s:
            return start_s
    return math.inf


def _steps(end_s: float) -> Sequence[float]:
    """Where a stretch of CALM_S may begin that ends inside the measure phase."""
    return [round(STEP_S * step, 6) for step in range(max(0, int((end_s - CALM_S) / STEP_S) + 1))]


def _process_s(before: pl.DataFrame, hit: pl.DataFrame, *, bound: bool) -> float | None:
    """When a process answered that had not before; None where nobody knows, or where none came nor was ``bound`` to."""
    known = before["served_by"].drop_nulls().unique()
    if known.is_empty():
        return None
    new = hit.filter("ok", ~pl.col("served_by").is_in(known.to_list()))
    if new.is_empty():
        return math.inf if bound else None
    return float(str(new["done_after_s"].min()))


def _share_s(
    before: pl.DataFrame, after: pl.DataFrame, record: TrialRecord, heard_s: float, end_s: float
) -> float | None:
    """When the slot that was hit carried HALF of a fair share for CALM_S again; 0 where no slot fell silent.

    ``after``: requests that were due when the act was over. Whoever answers until ``heard_s`` was not hit; whoever is
    silent may have had no connection, so that of a verb that kills only a new name is the slot's, where it gets one.
    """
    known = set(before["served_by"].drop_nulls())
    if not known or not record.point.rate:
        return None
    answers = after.filter("ok", pl.col("served_by").is_not_null())
    heard = set(answers.filter(pl.col("done_after_s") <= heard_s)["served_by"])
    if not known - heard and not set(answers["served_by"]) - known:
        return 0.0
    renamed = record.drill is not None and record.drill.verb == Verb.KILL and record.attribution != "upstream"
    others = known if renamed else known & heard
    own = answers.filter(~pl.col("served_by").is_in(list(others)), ~pl.col("bad"))  # late ones carry nothing
    slot = np.sort(own["done_after_s"].to_numpy())
    enough = HALF * record.point.rate / record.processes * CALM_S
    carried = np.searchsorted(slot, slot + CALM_S) - np.arange(len(slot))  # from each of its answers on
    back = slot[(carried >= enough) & (slot + CALM_S <= end_s)]
    return float(back[0]) if len(back) else math.inf
