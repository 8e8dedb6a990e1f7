"""Who noticed the action of a drill, what was started again, how many slots it reached, what it burnt. Pure."""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import polars as pl

from lab.analysis.trial.counters import Floats, complete_sum
from lab.analysis.trial.cpu_source import cpu_growth
from lab.analysis.trial.drill import ONE_SLOT, QUIET_S, Aftermath, due_requests
from lab.analysis.trial.drill import STEP_S as RECOVERY_STEP_S
from lab.analysis.trial.ledger import PROCESS
from lab.analysis.trial.lives import STEP_S
from lab.plan.kinds import Role, ServiceKind
from lab.record.schema import ACTION, LIFESPAN, SHUTDOWN, STEP_BEGIN, STEP_END, EventKind
from lab.record.types import TrialRecord, TrialResult
from lab.scenario.drills import Verb

COUNTED_S = 60.0  # so long after the action restarts are counted (METHOD 9.4)
ENDS = (EventKind.ENDED, EventKind.OUT_OF_MEMORY)
TURNS = 5  # of a slot without an answer: by chance once in 150
UNSAMPLED = (Verb.DEPLOY, Verb.SCALE)  # verbs after which containers serve that are not sampled
ELSEWHERE = tuple(f"{ACTION}{what}" for what in ("updated", "not updated", "moved"))  # acts after which that is so too
SUPERVISOR, ENGINE, FRONT = "supervisor", "engine", "front"


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """Somebody acted on what had happened, so long after the action."""

    by: str
    after_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Shutdowns:
    """So many processes began the shutdown of their lifespan after the action, and so many came to its end."""

    began: int
    ended: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallout:
    """The traces of an action.

    ``detected``: everybody who acted on it, in that order; None where the verb leaves nothing to be noticed, or where
    nobody knows whether a front noticed. ``slots``: serving processes with bad requests; None where nobody knows who
    serves. ``restarts``: serving processes that began within COUNTED_S. ``cpu_s``: CPU of the arm beyond its steady
    rate. Both are None where other containers serve than those that are sampled. ``exits``: how its containers
    ended.
    ``duplicates``: requests that were executed again, None where the app does not tell of any. ``shutdowns``: of the
    lifespans, None where it does not tell of these.
    """

    detected: tuple[Detection, ...] | None
    slots: int | None
    restarts: int | None
    cpu_s: float | None
    exits: tuple[str, ...] = ()
    duplicates: int | None = None
    shutdowns: Shutdowns | None = None

    @property
    def first_s(self) -> float | None:
        """When the first one acted on it; infinite where nobody did."""
        if self.detected is None:
            return None
        return min((each.after_s for each in self.detected), default=math.inf)


def fallout(result: TrialResult, after: Aftermath | None) -> Fallout | None:
    """What is to be seen beside the requests; None for a trial without an action."""
    if after is None or result.record.drill is None:
        return None
    came, told = _came(result, after.action_s), result.record.executions
    acts = {event.kind for event in result.record.events}
    sampled = result.record.drill.verb not in UNSAMPLED and acts.isdisjoint(ELSEWHERE)
    return Fallout(
        detected=_detected(result.record, after, came) if result.record.drill.verb in ONE_SLOT else None,
        slots=_slots(result, after),
        restarts=_restarts(result.record, after.action_s, came) if sampled else None,
        cpu_s=_cpu_s(result, after.action_s) if sampled else None,
        exits=tuple(_exits(result.record, after.action_s)),
        duplicates=told.executions - told.distinct if told else None,
        shutdowns=_shutdowns(result.record, after.action_s),
    )


def _came(result: TrialResult, action_s: float) -> list[tuple[str, float]]:
    """(service, seconds after the action) of every serving process that began after it, in that order.

    That is all that was first seen then: the arm was steady before. The kernel's clock of starts may be another one
    than the trial's: what it says holds between two looks, and after the end of the container that was started again.
    """
    ends, facts = _ends(result.record, action_s), result.record.sampler
    epoch_s = datetime.fromisoformat(result.record.started_at).timestamp() - (facts.starts_early_s if facts else 0.0)
    seen = (
        result.tables.processes.filter(pl.col("role") == Role.WORKER)
        .group_by("service", *PROCESS)
        .agg(first_s=pl.col("t_s").min() - action_s)
        .filter(pl.col("first_s") > 0)
        .with_columns(told_s=pl.col("started_s") - epoch_s - action_s)
        .with_columns(began_s=pl.col("told_s").clip(pl.col("first_s") - STEP_S, pl.col("first_s")))
        .select("service", "began_s", "first_s")
    )
    return sorted(
        (
            (
                str(service),
                max(0.0, float(began_s), *(at_s for name, at_s in ends if name == service and at_s <= first_s)),
            )
            for service, began_s, first_s in seen.rows()
        ),
        key=lambda one: one[1],
    )


def _ends(record: TrialRecord, action_s: float) -> list[tuple[str, float]]:
    """(service, seconds after the action) of every container of the app that ended after it, as the engine told."""
    apps = {service.name for service in record.services if service.kind == ServiceKind.APP}
    ends = [event for event in record.events if event.kind in ENDS and event.service in apps]
    return [(event.service, event.t_s - action_s) for event in ends if event.t_s >= action_s]


def _restarts(record: TrialRecord, action_s: float, came: list[tuple[str, float]]) -> int:
    """Processes that were seen, or containers that ended and were there again: what lives shortly is not seen."""
    ends = _ends(record, action_s)
    again = [
        (service, at_s)
        for service, at_s in ends
        if any(other == service and later_s > at_s for other, later_s in ends)
        or any(other == service and began_s >= at_s for other, began_s in came)
    ]
    return max(sum(at_s <= COUNTED_S for _, at_s in each) for each in (came, again))


def _detected(record: TrialRecord, after: Aftermath, came: list[tuple[str, float]]) -> tuple[Detection, ...] | None:
    """Everybody who acted; None where a front may have, and nobody knows: the first one is not known either."""
    front = _front_noticed(record, after)
    if front is None:
        return None
    found = [*_started_again(record, after, came)]
    if front:
        found.append(Detection(by=FRONT, after_s=after.recovery_s))
    return tuple(sorted(found, key=lambda each: each.after_s))


def _started_again(record: TrialRecord, after: Aftermath, came: list[tuple[str, float]]) -> Iterator[Detection]:
    ends = _ends(record, after.action_s)
    for service, began_s in came:
        ended = [at_s for name, at_s in ends if name == service and at_s <= began_s]
        yield Detection(by=ENGINE if ended else SUPERVISOR, after_s=began_s)
        break  # what is started again after that was noticed already


def _front_noticed(record: TrialRecord, after: Aftermath) -> bool | None:
    """Requests fared well again before the slot did, behind a front that has several addresses to choose from.

    None where nobody knows who serves, and so not when the slot was back.
    """
    proxied = any(service.kind == ServiceKind.PROXY for service in record.services)
    addresses = sum(len(service.ports) for service in record.services if service.kind == ServiceKind.APP)
    if not (proxied and addresses > 1):
        return False
    if after.share_s is None and after.process_s is None:
        return None
    held_s = after.acts[-1].t_s - after.action_s if after.acts else 0.0
    back_s = max(held_s, min(_or_never(after.share_s), _or_never(after.process_s)))
    turn_s = record.processes / after.rate  # when the slot is back, its next request is so far away in the mean
    return after.share_s != 0 and after.recovery_s + RECOVERY_STEP_S + TURNS * turn_s < back_s


def _or_never(after_s: float | None) -> float:
    return math.inf if after_s is None else after_s


def _slots(result: TrialResult, after: Aftermath) -> int | None:
    """Processes that gave late answers, those whose connections failed, and those that fell silent behind a front.

    A failed request names nobody: without a front its lane had a connection to one process, behind one only silence
    tells whom the front could not reach.
    """
    record = result.record
    slo_s = record.drill.slo_s if record.drill else math.inf
    due = due_requests(result.tables.requests, after.action_s, slo_s)
    before = due.filter("ok", pl.col("done_after_s") < 0, pl.col("served_by").is_not_null())
    known = set(before["served_by"])
    if not known:
        return None
    bad = due.filter(pl.col("after_s") >= -QUIET_S, "bad", pl.col("t_done_s").is_null() | (pl.col("done_after_s") >= 0))
    found = set(bad["served_by"].drop_nulls()) & known
    nameless = bad.filter(pl.col("served_by").is_null(), pl.col("t_sent_s").is_not_null())
    if nameless.is_empty():
        return len(found)
    if not any(service.kind == ServiceKind.PROXY for service in record.services):
        last = dict(before.select("lane", "served_by").iter_rows())  # in the order of their instants
        return len(found | {last[lane] for lane in nameless["lane"] if lane in last})
    answered = due.filter("ok", pl.col("served_by").is_not_null()).sort("done_after_s")
    due_s = nameless["after_s"].to_numpy()
    silent = {name for name in known if _silent_at(answered.filter(pl.col("served_by") == name), due_s)}
    return max(1, len(found | silent))


def _silent_at(own: pl.DataFrame, due_s: Floats) -> bool:
    """Whether a process was silent for QUIET_S around one of these instants, or from there on."""
    answers = np.append(own["done_after_s"].to_numpy(), np.inf)
    following = np.searchsorted(answers, due_s, side="right")
    inside = (following > 0) & (following < len(answers))
    return bool((answers[following[inside]] - answers[following[inside] - 1] > QUIET_S).any())


def _cpu_s(result: TrialResult, action_s: float) -> float | None:
    """What the arm used from the action on, less what it would have at the rate before it."""
    measure = result.record.measure
    before, since = replace(measure, end_s=action_s), replace(measure, start_s=action_s)
    steady_s, used_s = (
        complete_sum(part["cpu_s"] for _, part in cpu_growth(result.record, result.tables, window))
        for window in (before, since)
    )
    return None if steady_s is None or used_s is None else used_s - steady_s / before.length_s * since.length_s


def _shutdowns(record: TrialRecord, action_s: float) -> Shutdowns | None:
    """Of an app that told of its lifespan's steps at all: else silence says nothing."""
    steps = [event for event in record.events if event.kind in (STEP_BEGIN, STEP_END)]
    if not any(step.detail in (LIFESPAN, SHUTDOWN) for step in steps):
        return None
    since = Counter(step.kind for step in steps if step.detail == SHUTDOWN and step.t_s >= action_s)
    return Shutdowns(began=since[STEP_BEGIN], ended=since[STEP_END])


def _exits(record: TrialRecord, action_s: float) -> Iterator[str]:
    """How the containers of the app ended: by the act that stopped them, else as the engine told."""
    since = [event for event in record.events if event.t_s >= action_s]
    if stopped := [event.detail for event in since if event.kind == f"{ACTION}stopped"]:
        yield from stopped
        return
    for event in since:
        if event.kind in ENDS:
            killed = " (out of memory)" if event.kind == EventKind.OUT_OF_MEMORY else ""
            yield f"{event.service}: exit code {event.detail}{killed}"
