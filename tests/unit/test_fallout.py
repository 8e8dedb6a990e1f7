"""Who noticed an action, how many slots it reached, what was started again and what it burnt, on known traces."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import polars as pl
import pytest

from lab.analysis.gates import run_gates, spoiled
from lab.analysis.gates.limits import DRILL_CLOCK
from lab.analysis.trial.drill import aftermath
from lab.analysis.trial.drill_metrics import drill_values
from lab.analysis.trial.fallout import Fallout, fallout
from lab.analysis.trial.radius import Radius, radius
from lab.metric_types import Family, Unit
from lab.metrics.drills import DRILLS
from lab.plan.kinds import Role, ServiceKind
from lab.record.types import ClockOffset, Event, GateResult, NodeRecord, TrialResult
from tests.builders import with_record, with_tables
from tests.unit.test_aftermath import ACT_S, trial


def traces(result: TrialResult) -> Fallout:
    found = fallout(result, aftermath(result.record, result.tables.requests))
    assert found is not None
    return found


def told(found: Fallout) -> dict[str, float]:
    assert found.detected is not None
    return {each.by: each.after_s for each in found.detected}


def app_of(result: TrialResult) -> str:
    return next(service.name for service in result.record.services if service.kind == ServiceKind.APP)


def born(result: TrialResult, *after_s: float) -> TrialResult:
    """The same with workers that began so long after the action."""
    action_s = result.record.measure.start_s + ACT_S
    table = result.tables.processes
    one = table.filter(pl.col("role") == Role.WORKER).head(1)
    epoch_s = datetime.fromisoformat(result.record.started_at).timestamp()
    rows = [
        one.with_columns(
            pid=pl.lit(9000 + place, dtype=table["pid"].dtype),
            started_s=pl.lit(epoch_s + action_s + late_s),
            t_s=pl.lit(action_s + late_s + 0.3),
            service=pl.lit(app_of(result)),
        )
        for place, late_s in enumerate(after_s)
    ]
    return with_tables(result, processes=pl.concat([table, *rows]))


def ended(result: TrialResult, *after_s: float) -> TrialResult:
    """The same with ends of the container that the engine told of."""
    action_s = result.record.measure.start_s + ACT_S
    name = app_of(result)
    ends = [Event(t_s=action_s + late_s, kind="ended", service=name, detail="137") for late_s in after_s]
    return with_record(result, events=(*result.record.events, *ends))


def test_a_process_in_the_same_container_is_its_supervisors_doing() -> None:
    """The engine told of no end."""
    found = traces(born(trial(), 0.42))

    assert told(found) == {"supervisor": pytest.approx(0.42, abs=0.001)}
    assert (found.restarts, found.exits) == (1, ())


def test_the_clock_of_starts_may_be_late_by_the_rest_of_a_second() -> None:
    """It counts from the boot, which is told in whole seconds: the sampler says by how much; else only looks tell."""
    early = shifted(born(trial(), 0.42), -0.94)
    assert early.record.sampler is not None
    facts = replace(early.record.sampler, starts_early_s=0.94)

    assert told(traces(early)) == {"supervisor": 0.0}
    assert told(traces(with_record(early, sampler=facts))) == {"supervisor": pytest.approx(0.42, abs=0.001)}
    assert told(traces(ended(early, 0.2))) == {"engine": pytest.approx(0.2, abs=0.001)}


def shifted(result: TrialResult, by_s: float) -> TrialResult:
    """The same where the kernel tells other instants of starts."""
    return with_tables(result, processes=result.tables.processes.with_columns(pl.col("started_s") + by_s))


def test_a_process_after_the_end_of_its_container_is_the_engines() -> None:
    """Docker's restart policy."""
    found = traces(born(ended(trial(), 0.05), 0.3))

    assert told(found) == {"engine": pytest.approx(0.3, abs=0.001)}
    assert found.exits == (f"{app_of(trial())}: exit code 137",)


def test_where_nothing_begins_nobody_noticed() -> None:
    """Infinite, which is not unknown."""
    found = traces(trial())

    assert (found.detected, found.first_s, found.restarts) == ((), math.inf, 0)


def test_verbs_that_replace_everything_leave_nothing_to_be_noticed() -> None:
    """None, and restarts all the same."""
    result = born(trial(), 1.0, 2.0)
    assert result.record.drill is not None
    found = traces(with_record(result, drill=replace(result.record.drill, verb="roll")))

    assert (found.detected, found.first_s, found.restarts) == (None, None, 2)


def test_what_is_read_of_containers_that_gave_way_is_not_told() -> None:
    """Restarts and CPU of a deploy: the new containers are not sampled. Zero would be a claim."""
    result = born(trial(), 1.0, 2.0)
    assert result.record.drill is not None
    found = traces(with_record(result, drill=replace(result.record.drill, verb="deploy")))
    values = drill_values(None, found, None)

    assert (found.restarts, found.cpu_s) == (None, None)
    assert (values["drill.restarts"], values["drill.cpu"]) == (None, None)
    assert traces(result).cpu_s is not None


def test_a_front_is_not_told_of_where_nobody_knows_who_serves() -> None:
    """Requests that fare well at once say nothing of it; with one address there is no front to notice."""
    nobody = trial(lambda s, place: {"served_by": None})
    apps = [replace(nobody.record.services[0], name=f"app-{number}", ports=(number,)) for number in (1, 2)]
    proxy = replace(apps[0], name="nginx", kind=ServiceKind.PROXY)
    found = traces(with_record(nobody, services=(*apps, proxy)))

    assert (found.detected, found.first_s) == (None, None)
    assert told(traces(with_record(nobody, services=(*apps[:1], proxy)))) == {}


def test_a_front_noticed_when_requests_fare_well_before_the_slot_is_back() -> None:
    """A quarter fails for a second, then the other three take it over."""
    result = trial(
        lambda s, place: (
            {}
            if s < 0 or place % 4
            else {"error": "502", "served_by": None}
            if s < 1
            else {"served_by": f"s{1 + place // 4 % 3}"}
        )
    )
    apps = [replace(result.record.services[0], name=f"app-{number}", ports=(number,)) for number in (1, 2)]
    proxy = replace(apps[0], name="nginx", kind=ServiceKind.PROXY)
    found = traces(with_record(result, services=(*apps, proxy)))

    assert told(found) == {"front": pytest.approx(1.0, abs=0.15)}
    assert told(traces(with_record(result, services=(*apps[:1], proxy)))) == {}


def test_a_front_has_noticed_nothing_where_the_slot_is_back_a_moment_later() -> None:
    """A quarter fails for a second and is then served by a new one: its next turn is no sign that anybody acted."""
    result = trial(
        lambda s, place: (
            {} if s < 0 or place % 4 else {"error": "502", "served_by": None} if s < 1 else {"served_by": "new"}
        )
    )
    apps = [replace(result.record.services[0], name=f"app-{number}", ports=(number,)) for number in (1, 2)]
    proxy = replace(apps[0], name="nginx", kind=ServiceKind.PROXY)

    assert told(traces(with_record(result, services=(*apps, proxy)))) == {}


def test_a_process_that_begins_with_the_end_of_its_container_follows_it() -> None:
    """Its start is told as before that end, and taken at it: two ends, after each of which the container was there."""
    found = traces(ended(shifted(born(trial(), 1.0), -0.94), 0.1, 0.9))

    assert found.restarts == 2


def test_restarts_that_nobody_saw_alive_are_told_by_the_engine() -> None:
    """A crash loop: four ends, after three of which the container was there again; those after a minute count not."""
    found = traces(ended(trial(), 0.1, 0.4, 0.9, 1.8, 65.0, 70.0))

    assert found.restarts == 4


def test_late_answers_tell_which_slots_were_reached() -> None:
    """Of four processes two were late."""
    assert traces(trial(lambda s, place: {"took_s": 0.4} if 0 <= s < 1 and place % 4 < 2 else {})).slots == 2
    assert traces(trial()).slots == 0


def test_failed_requests_are_those_of_the_process_that_their_lane_was_connected_to() -> None:
    """Without a front; every lane keeps to one process."""
    result = trial(
        lambda s, place: {
            "lane": place % 4,
            **({"error": "reset", "served_by": None} if 0 <= s < 1 and place % 4 == 2 else {}),
        }
    )
    direct = [service for service in result.record.services if service.kind != ServiceKind.PROXY]

    assert traces(with_record(result, services=tuple(direct))).slots == 1


def test_behind_a_front_silence_tells_whom_it_could_not_reach() -> None:
    """A failed request names nobody."""
    result = trial(lambda s, place: {"error": "502", "served_by": None} if 0 <= s < 3 and place % 4 in (1, 2) else {})
    proxy = replace(result.record.services[0], name="nginx", kind=ServiceKind.PROXY)

    assert traces(with_record(result, services=(*result.record.services, proxy))).slots == 2


def test_without_names_nobody_counts_slots() -> None:
    """None, which is not zero."""
    assert traces(trial(lambda _s, _: {"served_by": None})).slots is None


def test_cpu_beyond_the_steady_rate_is_that_of_what_started_again() -> None:
    """The container uses 0.2 cores, and two seconds more from the action on."""
    result = trial()
    measure, action_s = result.record.measure, result.record.measure.start_s + ACT_S
    service = next(each for each in result.record.services if each.kind == ServiceKind.APP)
    table = result.tables.cgroups.filter(pl.col("service") == service.name)
    used = 0.2 * pl.col("t_s") + pl.when(pl.col("t_s") > action_s + 1).then(2.0).otherwise(0.0)
    instants = pl.DataFrame({"t_s": [measure.start_s + step * 0.5 for step in range(int(measure.length_s * 2) + 1)]})
    rows = instants.join(table.head(1).drop("t_s"), how="cross").select(table.columns).with_columns(cpu_s=used)
    found = traces(with_tables(result, cgroups=rows.cast(table.schema)))

    assert found.cpu_s == pytest.approx(2.0, abs=0.02)


def test_containers_that_were_stopped_tell_their_ends_once() -> None:
    """By the act, not again by the engine's event of the same end."""
    result = ended(trial(), 0.4)
    act = Event(t_s=result.record.events[0].t_s + 0.01, kind="action.stopped", detail="app: exit code 0 after 0.4 s")

    assert traces(with_record(result, events=(*result.record.events, act))).exits == ("app: exit code 0 after 0.4 s",)


def test_a_window_before_the_action_that_is_slower_than_its_seconds_is_not_steady() -> None:
    """METHOD 9.3: its p95 within 1.25 × the median of that of its seconds."""
    calm = trial(lambda s, _: {"took_s": 0.012} if -2 <= s < -1 else {})
    restless = trial(lambda s, _: {"took_s": 0.02} if -2 <= s < -1 else {})
    gates = [{gate.key: gate for gate in run_gates(each, 2)}["drill.unrest"] for each in (calm, restless)]

    assert [gate.outcome for gate in gates] == ["pass", "invalid"]
    assert gates[1].value == pytest.approx(2.0, abs=0.01)


@pytest.mark.parametrize(("bound_s", "expected"), [(0.049, "pass"), (0.101, "invalid")])
def test_a_drill_takes_clocks_that_are_better_known(bound_s: float, expected: str) -> None:
    """METHOD 11.2, a round trip of 0.2 s: a tenth of what is judged, whatever this arm's recovery was; times are lost.

    On one clock there is nothing to know.
    """
    node = NodeRecord(name="gen", clock=ClockOffset(offset_s=3.0, bound_s=bound_s))
    near = ClockOffset(offset_s=0.0, bound_s=0.001)
    (found,) = held(with_record(trial(), clock=near, nodes=(node,)))
    assert (found.outcome, found.value) == (expected, bound_s)
    assert spoiled([found]) == ({Family.TIME} if expected == "invalid" else frozenset())
    (alone,) = held(trial())
    assert (alone.outcome, alone.why) == ("pass", "one-clock")
    judged = [metric.bound for metric in DRILLS if metric.unit is Unit.SECONDS and metric.bound]
    assert pytest.approx(min(judged) / 10) == DRILL_CLOCK.invalid


def held(result: TrialResult) -> list[GateResult]:
    return [gate for gate in run_gates(result, 2) if gate.key == "drill.clock"]


def wired(row: Callable[[float, int], dict[str, Any]]) -> TrialResult:
    """Eight clients take turns; each opened its connection before, and keeps it but for what ``row`` says."""

    def one(after_s: float, place: int) -> dict[str, Any]:
        first = after_s < -6.4
        return {"lane": place % 8, "opened_s": 0.001 if first else None} | row(after_s, place)

    return trial(one)


def reach(row: Callable[[float, int], dict[str, Any]]) -> Radius:
    result = wired(row)
    found = radius(result.record, result.tables.requests, aftermath(result.record, result.tables.requests))
    assert found is not None
    return found


def test_the_blast_radius_is_the_share_of_what_was_due_until_nothing_was_bad_any_more() -> None:
    """A quarter of the requests fails for two seconds: a quarter, however long the trial goes on."""
    found = reach(lambda s, place: {"error": "502", "status": 502} if 0 <= s < 2 and place % 4 == 0 else {})

    assert found.requests == pytest.approx(0.25, abs=0.02)
    assert found.connections == 0.0  # an answer came, if a bad one: clients keep their connections to a front


def test_what_was_due_when_the_load_had_been_given_up_is_in_the_radius() -> None:
    """55% of 13.5 s is bad, and all of the 60 s that were left: (742 + 6000) ÷ (1350 + 6000), not 55%."""
    result = trial(lambda s, place: {"error": "502"} if s >= 0 and place % 20 < 11 else {})
    end_s = result.record.measure.end_s
    given_up = Event(t_s=end_s, until_s=end_s + 60, kind="aborted")
    cut = with_record(result, events=(*result.record.events, given_up))
    found = radius(cut.record, cut.tables.requests, aftermath(cut.record, cut.tables.requests))

    assert found is not None
    assert found.requests == pytest.approx(0.917, abs=0.001)


def test_connections_are_lost_where_a_request_gets_no_response_or_opens_another() -> None:
    """Of eight clients one is reset, and one opens anew by itself."""
    reset = {"error": "reset", "status": 0}

    def row(after_s: float, place: int) -> dict[str, Any]:
        if not 0 <= after_s < 0.08:
            return {}
        return reset if place % 8 == 3 else {"opened_s": 0.001} if place % 8 == 5 else {}

    found = reach(row)

    assert found.connections == pytest.approx(2 / 8)


def test_nothing_bad_reaches_nobody_and_never_is_the_rest_of_the_trial() -> None:
    """Zero of it; and where it does not end, all that was due."""
    assert reach(lambda _s, _p: {}).requests == 0.0
    forever = reach(lambda s, place: {"error": "x", "status": 0} if s >= 0 and place % 2 else {})
    assert forever.requests == pytest.approx(0.5, abs=0.01)


def test_clients_that_keep_no_connection_lose_none() -> None:
    """Each request opens its own: there is none to be lost, and nobody says that all of them were."""
    assert reach(lambda _s, _p: {"opened_s": 0.001}).connections is None
    assert reach(lambda _s, _p: {"opened_s": None}).connections is None
