"""A ladder of rates: its rungs, what became of each, the capacity, and what may be said of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from benchmarks.capacity import undisturbed_s
from benchmarks.known.capacity import TOLERANCE, check_capacity, theory, waits_less
from lab.analysis.gates import CAVEAT, INVALID, PASS, run_gates
from lab.analysis.ladders import cliff_of, shares_held
from lab.analysis.trial.ladder import Climb, Edge, Held, RungResult, climb, climb_values, crossing, hold
from lab.analysis.trial.middle import middle_capacity
from lab.errors import ScenarioError
from lab.metric_types import Reading
from lab.metrics.capacity import CAPACITY
from lab.plan.blocks import build_plan
from lab.plan.loading import with_lanes
from lab.plan.points import points_of
from lab.record.types import LadderRecord, RungRecord, TrialResult
from lab.report.parts.capacity_words import amount, brief, capacity_sentences, interval_of, middle_range
from lab.run.capacity import ladder
from lab.run.rungs import geometric
from lab.scenario.capacity import Capacity, Objective, objective
from lab.scenario.expectation import parse_expectation
from lab.scenario.expectation_tree import evaluate
from lab.scenario.runnable import check_runnable
from lab.scenario.slo import of_arm
from lab.units import format_rounded
from tests.builders import REPLICAS, WORKERS, make_scenario, with_record, with_tables
from tests.gate_records import CORES, MEASURE, drop, host_table, request, trial

LOAD = {"locustfile": "f.py", "rate": 100, "measure": "30s"}
JUDGED = {"primary": ["capacity.rate"]}
SLO = "p99 <= 50ms"


def climbing(took_s: Callable[[float], float], rates: Sequence[float] = (100, 150, 200), **changes: Any) -> TrialResult:
    """Rungs of 3 s, of which the last 2 count, and 0.5 s to drain; ``took_s``: of a request, by the rate."""
    rungs = tuple(
        RungRecord(rate=rate, start_s=at, count_s=at + 1.0, end_s=at + 3.0)
        for rate, at in zip(rates, (MEASURE.start_s + 3.5 * place for place in range(len(rates))), strict=True)
    )
    rows = [
        request(rung.start_s + number / rung.rate, took_s(rung.rate))
        for rung in rungs
        for number in range(round(3.0 * rung.rate))
    ]
    made = trial(rows)
    return replace(made, record=replace(made.record, ladder=LadderRecord(slo=SLO, rungs=rungs), **changes))


def climbed(took_s: Callable[[float], float], rates: Sequence[float] = (100, 150, 200)) -> Climb:
    made = climbing(took_s, rates)
    found = climb(made)
    assert found is not None
    return found


def rungs_of(*margins: float) -> Climb:
    rungs = tuple(
        RungResult(
            rate=100.0 * 1.2**place,
            held=Held.GOOD if margin <= 0 else Held.BAD,
            quantile_s=0.05 * math.exp(margin),
            margin=margin,
        )
        for place, margin in enumerate(margins)
    )
    capacity, edge = crossing([rung.rate for rung in rungs], list(margins))
    return Climb(slo=SLO, rungs=rungs, capacity=capacity, edge=edge)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("p99 <= 50ms", Objective(0.99, 0.05, 0.001)),
        ("p95<=0.2s and errors <= 1%", Objective(0.95, 0.2, 0.01)),
        ("errors <= 0.5% and p50 <= 5ms", Objective(0.5, 0.005, 0.005)),
        ("p99 <= 2 * 25ms", Objective(0.99, 0.05, 0.001)),
    ],
)
def test_an_objective_is_a_percentile_and_a_share(text: str, found: Objective) -> None:
    """The share is 0.1% unless it is said."""
    assert objective(text) == pytest.approx(found)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "p99",
        "p99 < 50ms",
        "p99 <= 50",
        "p99 <= 0ms",
        "p99 <= p95",
        "p99(workers) <= 50ms",
        "p99 <= 50ms and p95 <= 10ms",
        "p99 <= 50ms and errors <= 1",
        "p99 <= 50ms and errors <= 0%",
        "errors <= 1%",
        "boot <= 3s",
    ],
)
def test_what_is_no_objective_is_refused_with_an_example(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match="p99 <= 50ms"):
        objective(text)


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("p99 <= 50ms and errors == 0", 'write a share above zero, as in "errors <= 0.1%"'),
        ("p99 <= 50ms and errors <= 5", 'write a share above zero, as in "errors <= 0.1%"'),
        ("p99 <= 50ms and errors <= 5", "leave it out for 0.1%"),
        ("p99 <= 50", 'give the number its unit, as in "5ms"'),
        ("p99 < 50ms", "write <= and a limit above zero"),
        ("p99 <= 50ms and error <= 1%", "did you mean 'errors'"),
        ("boot <= 3s", "an objective is about p50, p95, p99 and errors"),
    ],
)
def test_a_refused_objective_says_what_to_write(text: str, remedy: str) -> None:
    """As an expectation does."""
    with pytest.raises(ValueError, match=remedy):
        objective(text)


@pytest.mark.parametrize("text", ["p99 <= 50ms and errors <= 0.1%", "errors <= 2% and p95 <= 2 * 25ms"])
def test_every_objective_is_a_condition_of_a_sweep(text: str) -> None:
    """One grammar: what a ladder takes, ``sweep.slo`` takes too, and with an arm ``[[expect]]``."""
    scenario = make_scenario((WORKERS, REPLICAS), sweep={"processes": [1, 2], "slo": text})
    expected = [parse_expectation(clause, ["workers"]) for clause in of_arm(text, "workers")]

    assert objective(text).bad_share in {
        evaluate(each.right, {}) for each in expected if each.shares == {Reading("errors", "workers")}
    }
    assert scenario.sweep.slo == text


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"rates": [100, 120]}, "3 or more that grow"),
        ({"rates": [100, 140, 120], "slo": SLO}, "3 or more that grow"),
        ({"rates": [100, 120, 140]}, "give slo"),
        ({"slo": "p98 <= 50ms"}, "expected an objective"),
    ],
)
def test_a_ladder_that_cannot_be_climbed_is_refused(changes: dict[str, Any], told: str) -> None:
    """Before anything is built."""
    with pytest.raises(ScenarioError, match=told):
        make_scenario((WORKERS, REPLICAS), load=LOAD, compare=JUDGED, capacity=changes)


def test_rungs_follow_one_another() -> None:
    """Each settles, is measured until its percentile can be judged, and drains."""
    rungs = Capacity(slo="p95 <= 50ms", rates=(50.0, 100.0, 200.0), settle=1.0, measure=4.0, drain=2.0).rungs

    assert [rung.end_s - rung.count_s for rung in rungs] == [12.0, 6.0, 4.0]  # 600 requests, or 4 s
    assert [rung.count_s - rung.start_s for rung in rungs] == [1.0] * 3
    assert [later.start_s - rung.end_s for rung, later in pairwise(rungs)] == [2.0] * 2


def test_an_answer_within_the_limit_is_not_cut_off_by_the_next_rung() -> None:
    """A rung drains for as long as the objective allows, up to 10 s."""
    slow = Capacity(slo="p95 <= 4s", rates=(50.0, 100.0, 200.0), drain=2.0)

    assert [later.start_s - rung.end_s for rung, later in pairwise(slow.rungs)] == [4.0] * 2
    assert slow.length_s == slow.rungs[-1].end_s + 4.0
    assert Capacity(slo="p95 <= 1m", rates=(50.0, 100.0, 200.0)).drained_s == 10.0


def test_a_run_climbs_in_every_trial_and_not_without_rates() -> None:
    """The measure phase is as long as the ladder; rates that nobody knows are no plan."""
    asked = make_scenario(
        (WORKERS, REPLICAS), load=LOAD, compare=JUDGED, capacity={"slo": SLO, "rates": [100, 120, 140]}
    )
    (point,) = points_of(asked)

    assert point.scenario.load.measure == asked.capacity.length_s if asked.capacity else False
    assert {trial.scenario.load.rate for trial in build_plan(asked).trials} == {100}
    with pytest.raises(ScenarioError, match="not known yet"):
        build_plan(make_scenario((WORKERS, REPLICAS), load=LOAD, compare=JUDGED, capacity={"slo": SLO}))


def test_the_common_ladder_reaches_beyond_all_arms() -> None:
    """From 0.75 × the least boundary to 1.25 × the greatest; longer where they differ much, shorter for a look."""
    assert ladder((200.0, 240.0))[:: len(ladder((200.0, 240.0))) - 1] == (150.0, 300.0)
    assert [len(ladder((200.0, high))) for high in (240.0, 400.0)] == [8, 12]
    assert len(ladder((200.0,), quick=True)) == 6
    assert geometric(100, 400, 3) == (100.0, 200.0, 400.0)


def test_capacity_is_where_the_margin_crosses_zero() -> None:
    """Halfway on the logarithm, where the margins below and above are alike."""
    found = climbed(lambda rate: {100: 0.025, 150: 0.025, 200: 0.1}[round(rate)] - 0.001)

    assert [rung.held for rung in found.rungs] == [Held.GOOD, Held.GOOD, Held.BAD]
    assert found.capacity == pytest.approx(math.sqrt(150 * 200), rel=1e-6)
    assert (found.edge, found.last_good) == (Edge.NONE, 150)


@pytest.mark.parametrize(("took_s", "edge"), [(0.01, Edge.TOP), (0.08, Edge.BOTTOM)])
def test_beyond_the_ladder_there_is_no_capacity(took_s: float, edge: Edge) -> None:
    """Only on which side it lies."""
    found = climbed(lambda _rate: took_s)

    assert (found.capacity, found.edge) == (None, edge)
    assert climb_values(found)[CAPACITY] is None


def test_one_hiccup_does_not_decide() -> None:
    """Isotonic regression takes a bad rung between good ones with its neighbours."""
    assert crossing([100, 120, 144, 173, 207], [-1, -1, 0.2, -1, 1])[0] == pytest.approx(188, abs=6)
    assert crossing([100], [-1.0]) == (None, Edge.TOP)
    assert crossing([], []) == (None, Edge.UNKNOWN)
    assert crossing([100], [1.0]) == (None, Edge.BOTTOM)


def test_who_does_not_drain_has_no_higher_rungs() -> None:
    """What one rung left undone would be taken for the next one's."""
    found = climbed(lambda rate: 0.01 if rate == 100 else 2.0)

    assert [rung.held for rung in found.rungs] == [Held.GOOD, Held.UNDRAINED, Held.NOT_COUNTED]
    assert found.capacity is not None
    assert 100 < found.capacity < 150


def test_a_lowest_rung_that_does_not_drain_is_the_bottom() -> None:
    """It says that the arm carries less, and is no fault of the generator."""
    found = climbed(lambda _rate: 2.0)

    assert [rung.held for rung in found.rungs] == [Held.UNDRAINED, Held.NOT_COUNTED, Held.NOT_COUNTED]
    assert (found.capacity, found.edge) == (None, Edge.BOTTOM)


def test_answers_that_outlast_the_window_are_achieved() -> None:
    """0.4 s of 1 s allowed, at settle 1 s and also in a run that has no settling: all that was due was done."""
    made = climbing(lambda _rate: 0.4)
    assert made.record.ladder is not None
    found = climb(with_record(made, ladder=replace(made.record.ladder, slo="p99 <= 1s")))
    at_once = trial([request(MEASURE.start_s + n / 100, 0.6) for n in range(1000)])
    record = replace(at_once.record, point=replace(at_once.record.point, rate=100.0))
    held = hold(record, at_once.tables.requests, "p99 <= 1s")

    assert found is not None
    assert [rung.held for rung in found.rungs] == [Held.GOOD] * 3
    assert [rung.achieved for rung in found.rungs] == [rung.offered for rung in found.rungs]
    assert (held.held, held.achieved) == (Held.GOOD, held.offered)


def spoiled(every: int, slo: str, **values: object) -> TrialResult:
    """A climb of which one in so many requests is other than the others."""
    made = climbing(lambda _rate: 0.01)
    rows = [row | (values if n % every == 0 else {}) for n, row in enumerate(made.tables.requests.to_dicts())]
    assert made.record.ladder is not None
    return replace(trial(rows), record=replace(made.record, ladder=replace(made.record.ladder, slo=slo)))


@pytest.mark.parametrize(
    ("every", "slo", "held"),
    [
        (50, "p95 <= 50ms and errors <= 3%", Held.GOOD),  # 2% failed
        (25, "p95 <= 50ms and errors <= 3%", Held.BAD),  # 4%
        (25, "p95 <= 50ms and errors <= 4.5%", Held.GOOD),
        (50, "p95 <= 50ms", Held.BAD),  # 0.1% where it does not say
        (50, "p99 <= 50ms and errors <= 3%", Held.BAD),  # the p99 is one that failed
    ],
)
def test_as_many_requests_may_fail_as_the_objective_says(every: int, slo: str, held: Held) -> None:
    """What is left undone is another question: 99% succeeded would be a second limit that nobody gave."""
    made = spoiled(every, slo, error="HTTP 503")
    found = climb(made)
    alone = hold(replace(made.record, point=replace(made.record.point, rate=0.0)), made.tables.requests, slo)

    assert found is not None
    assert {rung.held for rung in found.rungs} == {held}
    assert alone.held is held


def test_what_is_left_undone_is_not_excused_by_the_share_that_may_fail() -> None:
    """2% are answered after the next rung has begun: they did not fail, and they did not end in time either."""
    made = climbing(lambda _rate: 0.01)
    rows = [
        row | ({"t_done_s": row["t_sent_s"] + 5.0} if n % 50 == 0 else {})
        for n, row in enumerate(made.tables.requests.to_dicts())
    ]
    assert made.record.ladder is not None
    ladder = replace(made.record.ladder, slo="p95 <= 50ms and errors <= 3%")
    found = climb(replace(trial(rows), record=replace(made.record, ladder=ladder)))

    assert found is not None
    assert found.rungs[0].held is Held.UNDRAINED


@pytest.mark.parametrize(("rate", "lanes"), [(10, 32), (1000, 200), (140, 32)])
def test_a_ladder_has_lanes_for_four_times_what_the_objective_allows(rate: float, lanes: int) -> None:
    """Who waits for one is far beyond the limit anyway, and more would be connections that the scenario has not."""
    asked = make_scenario(
        (WORKERS, REPLICAS),
        load=LOAD,
        compare=JUDGED,
        capacity={"slo": SLO, "rates": [rate / 4, rate / 2, rate], "drain": 3.0},
    )
    (point,) = points_of(asked)

    assert point.scenario.load.lanes == lanes


def test_lanes_are_at_most_as_many_as_may_be_in_flight() -> None:
    """And never fewer than were asked for."""
    load = make_scenario((WORKERS, REPLICAS), load=LOAD).load

    assert with_lanes(load, 1000.0, 0.05).lanes == 200
    assert with_lanes(load, 1000.0, 1.0).lanes == 2000 + load.processes
    assert with_lanes(replace(load, lanes=5000), 1000.0, 1.0).lanes == 5000


def test_more_lanes_than_there_can_be_are_refused() -> None:
    """Before anything is built."""
    asked = make_scenario(
        (WORKERS, REPLICAS), load=LOAD, compare=JUDGED, capacity={"slo": "p99 <= 1s", "rates": [100, 200, 20_000]}
    )
    with pytest.raises(ScenarioError, match=r"20000 requests a second need 40001 connections.*20000 are the most"):
        points_of(asked)


@pytest.mark.parametrize("key", ["cpu.per_1k", "p99", "errors", "throughput"])
def test_what_mixes_the_rates_of_a_ladder_is_not_judged(key: str) -> None:
    """Memory is. What an earlier version judged is read all the same."""
    climbs = {"slo": SLO, "rates": [100, 120, 140]}
    asked = make_scenario((WORKERS, REPLICAS), load=LOAD, capacity=climbs, compare={"primary": [CAPACITY, key]})
    with pytest.raises(ValueError, match=f"{key} of a ladder would be of many rates"):
        check_runnable(asked)
    kept = make_scenario(
        (WORKERS, REPLICAS), load=LOAD, capacity=climbs, compare={"primary": [CAPACITY, "memory.pss.total"]}
    )
    check_runnable(kept)


def test_failures_are_compared_where_both_arms_hold() -> None:
    """4% at every rate it holds is told, what only one of them holds is not."""
    fails = replace(rungs_of(-1, -1, -1), rungs=tuple(replace(r, bad_share=0.04) for r in rungs_of(-1, -1, -1).rungs))
    stops = rungs_of(-1, -1, 1)
    stops = replace(stops, rungs=(*stops.rungs[:2], replace(stops.rungs[2], bad_share=0.9)))

    assert shares_held(stops, fails) == pytest.approx((0.0, 0.04))
    assert shares_held(rungs_of(1, 1, 1), fails) is None
    assert shares_held(None, fails) is None


def test_a_generator_that_falls_short_says_nothing_of_the_arm() -> None:
    """The rung is not bad, and those above it were not offered either."""
    made = climbing(lambda _rate: 0.01)
    ladder_record = made.record.ladder
    assert ladder_record is not None
    doubled = tuple(replace(rung, rate=rung.rate * (2 if rung.rate == 200 else 1)) for rung in ladder_record.rungs)
    record = replace(made.record, ladder=replace(ladder_record, rungs=doubled))
    found = climb(replace(made, record=record))

    assert found is not None
    assert found.rungs[-1].held is Held.SHORT


def test_failures_and_drops_are_bad() -> None:
    """More than 0.1% of them break a rung whose percentile is kept."""
    made = climbing(lambda _rate: 0.01)
    assert made.record.ladder is not None
    last = made.record.ladder.rungs[-1]
    rows = [*made.tables.requests.to_dicts(), *(drop(last.count_s + n / 10) for n in range(3))]
    spoiled = trial(rows)
    found = climb(replace(spoiled, record=made.record))

    assert found is not None
    assert [rung.held for rung in found.rungs][:2] == [Held.GOOD, Held.GOOD]
    assert found.rungs[-1].bad_share == pytest.approx(3 / 403)
    assert found.rungs[-1].margin == pytest.approx(math.log(3 / 403 / 0.001))


def test_latency_over_all_rungs_is_not_told() -> None:
    """It would be of many rates; memory stays."""
    values = climb_values(climbed(lambda _rate: 0.01))

    assert values["p99"] is None
    assert values["throughput"] is None
    assert values["cpu.per_1k"] is None
    assert values["errors"] is None
    assert "memory.pss.total" not in values


def test_a_trial_at_one_rate_is_held_against_the_objective() -> None:
    """As a rung that nothing follows."""
    made = trial([request(MEASURE.start_s + n / 100, 0.02) for n in range(1000)])
    record = replace(made.record, point=replace(made.record.point, rate=100.0))

    assert hold(record, made.tables.requests, SLO).held is Held.GOOD
    assert hold(record, made.tables.requests, "p99 <= 10ms").held is Held.BAD


def test_overload_at_the_top_invalidates_no_trial() -> None:
    """What is left undone there is the arm's result; a generator that is late there says nothing of the arm."""
    made = late(climbing(lambda rate: 0.01 if rate < 200 else 3.0), 0.001, 0.003, 0.05)
    gates = {gate.key: gate for gate in run_gates(made, CORES)}

    assert (gates["load.arrivals"].outcome, gates["load.arrivals"].why) == (PASS, "ladder")
    assert (gates["load.lag"].outcome, gates["load.lag"].value) == (CAVEAT, 0.003)


def late(made: TrialResult, *lags_s: float) -> TrialResult:
    """The generator was so late at each rung; the p99 of all is that of the worst."""
    return with_record(
        made, load=replace(made.record.load, rung_lags_p99_s=tuple(lags_s), dispatch_lag_p99_s=max(lags_s))
    )


def test_a_rung_at_which_the_generator_was_late_ends_the_ladder() -> None:
    """What lies below it stands: the arm carries that or more. Late at the lowest, and nothing is left of the trial."""
    made = climbing(lambda rate: 0.01 if rate < 200 else 0.2)
    found, whole = climb(late(made, 0.001, 0.02, 0.001)), climb(late(made, 0.001, 0.001, 0.02))
    bottom = {gate.key: gate for gate in run_gates(late(made, 0.02, 0.001, 0.001), CORES)}

    assert found is not None
    assert [rung.held for rung in found.rungs] == [Held.GOOD, Held.SHORT, Held.NOT_COUNTED]
    assert (found.capacity, found.edge, found.top, found.short) == (None, Edge.TOP, 100, True)
    assert whole is not None
    assert amount([whole]) == "150 or more, the highest rung that the load generator carried, in 1 block"
    assert (bottom["load.lag"].outcome, bottom["load.lag"].value) == (INVALID, 0.02)


def test_a_rung_at_which_a_load_process_had_no_time_left_ends_the_ladder() -> None:
    """It used 95% of a core for a second of the top rung, and the trial is valid."""
    made = late(climbing(lambda _rate: 0.01), 0.001, 0.001, 0.001)
    top_s = made.record.ladder.rungs[-1].count_s if made.record.ladder else 0.0
    busy = with_tables(made, host=host_table(busiest=lambda at_s: 0.95 if at_s >= top_s else 0.3))
    found = climb(busy)
    gates = {gate.key: gate for gate in run_gates(busy, CORES)}

    assert found is not None
    assert [rung.held for rung in found.rungs] == [Held.GOOD, Held.GOOD, Held.SHORT]
    assert gates["load.cpu"].outcome == PASS
    assert gates["load.cpu"].value == pytest.approx(0.3)


def failing(made: TrialResult, part: float) -> TrialResult:
    """Of the requests of the top rung so many are answered with 503."""
    top_s = made.record.ladder.rungs[-1].start_s if made.record.ladder else 0.0
    rows = made.tables.requests.to_dicts()
    for number, row in enumerate(row for row in rows if row["t_scheduled_s"] >= top_s):
        if round(number * part) != round((number + 1) * part):
            row |= {"status": 503, "error": "Service Unavailable"}
    return replace(trial(rows), record=made.record)


@pytest.mark.parametrize(
    ("made", "held"),
    [
        (failing(climbing(lambda _rate: 0.01), 0.5), Held.BAD),
        (failing(climbing(lambda _rate: 0.01), 0.02), Held.BAD),  # 0.1% are allowed, and 1% are no generator's doing
        (failing(climbing(lambda _rate: 0.01), 0.005), Held.SHORT),
        (climbing(lambda rate: 0.01 if rate < 200 else 0.2), Held.SHORT),  # late answers may be the generator's
    ],
)
def test_an_arm_that_breaks_is_not_excused_by_the_generator(made: TrialResult, held: Held) -> None:
    """Failures take the generator's time: what it was late with at a rung that the arm broke is the arm's."""
    found = climb(late(made, 0.001, 0.001, 0.02))

    assert found is not None
    assert found.rungs[-1].held is held
    assert (found.edge, found.short) == ((Edge.NONE, False) if held is Held.BAD else (Edge.TOP, True))
    assert ("or more" in amount([found])) is (held is Held.SHORT)


def test_an_arm_that_does_not_drain_is_not_excused_by_the_generator() -> None:
    """It was late at the rung that the arm left undone, and those above it were not offered as planned either."""
    found = climb(late(climbing(lambda rate: 0.01 if rate == 100 else 2.0), 0.001, 0.02, 0.001))

    assert found is not None
    assert [rung.held for rung in found.rungs] == [Held.GOOD, Held.UNDRAINED, Held.NOT_COUNTED]
    assert found.capacity is not None
    assert 100 < found.capacity < 150


def test_what_a_generator_that_stands_still_drops_is_not_the_arms() -> None:
    """A tenth of the arrivals found the queue full, and all that were sent were answered well."""
    made = climbing(lambda _rate: 0.01)
    assert made.record.ladder is not None
    last = made.record.ladder.rungs[-1]
    dropped = [drop(last.count_s + n / 40) for n in range(40)]
    found = climb(late(replace(trial([*made.tables.requests.to_dicts(), *dropped]), record=made.record), 0, 0, 0.5))

    assert found is not None
    assert found.rungs[-1].held is Held.SHORT


def test_a_ladder_of_an_earlier_version_is_judged_as_a_whole() -> None:
    """It did not note how late the generator was at each rung."""
    made = climbing(lambda _rate: 0.01)
    made = with_record(made, load=replace(made.record.load, dispatch_lag_p99_s=0.05))

    assert {gate.key: gate.outcome for gate in run_gates(made, CORES)}["load.lag"] == INVALID


def test_a_capacity_in_brief_says_on_which_side_of_the_ladder_it_lies() -> None:
    """Its interval where every block has one, else each way in which blocks differ."""
    inside, top, bottom = rungs_of(-1, -1, 1), rungs_of(-1, -1, -1), rungs_of(1, 1, 1)

    assert brief([inside, inside]) == "131/s (131 to 131)"
    assert brief([top]) == "≥ 144/s"
    assert brief([inside, top, bottom]) == "131/s in 1 block, ≥ 144/s in 1 block, ≤ 100/s in 1 block"
    assert interval_of([inside, top]) is None


def test_a_cliff_is_a_jump_beyond_the_noise() -> None:
    """Of the arm against itself, where it held; a slope is none."""
    steep = [rungs_of(-1.0 + off, -0.9 - off, -0.8 + off, 2.0) for off in (0.02, -0.02, 0.01)]
    gentle = [rungs_of(-0.6 + off, -0.3 - off, -0.1 + off, 0.1) for off in (0.2, -0.2, 0.3)]
    found = cliff_of(steep)

    assert found is not None
    assert [found.good, found.bad] == pytest.approx([144, 172.8])
    assert cliff_of(gentle) is None
    assert "at 172.8 the percentile is 369 ms, more than noise" in " ".join(capacity_sentences("a", steep, {}))
    assert cliff_of([]) is None


def test_a_cliff_of_failures_says_how_many() -> None:
    """The percentile alone, which is within the objective, would not say what broke."""
    steep = [rungs_of(-1.0 + off, -0.9 - off, -0.8 + off, 2.0) for off in (0.02, -0.02, 0.01)]
    fail = [
        replace(one, rungs=(*one.rungs[:3], replace(one.rungs[3], quantile_s=0.03, bad_share=0.02))) for one in steep
    ]

    assert "at 172.8 the percentile is 30.0 ms and 2.0% of requests are bad" in " ".join(
        capacity_sentences("a", fail, {})
    )


def test_the_middle_capacity_ranks_what_lies_beyond_the_ladder() -> None:
    """Above all others at the top, below at the bottom, and never averaged with them."""
    inside, top, bottom = rungs_of(-1, -1, 1), rungs_of(-1, -1, -1), rungs_of(1, 1, 1)
    higher = rungs_of(-1, -1, 0.5)
    short = replace(top, rungs=(top.rungs[0], *(replace(rung, held=Held.SHORT) for rung in top.rungs[1:])))

    assert middle_capacity([inside, inside, top]) == inside.capacity
    assert middle_capacity([bottom, inside, higher]) == inside.capacity
    assert middle_capacity([top, inside, higher]) == higher.capacity
    assert middle_capacity([inside, inside, inside, short, short]) == inside.capacity  # carried less than they hold
    assert higher.capacity is not None
    told = format_rounded(higher.capacity)
    low, high = format_rounded(inside.capacity or 0.0), told
    assert amount([top, inside, higher]).startswith(f"{told} requests a second ({low} to {high} in 2 blocks); ")
    assert brief([top, inside, higher]).startswith(f"{told}/s in 2 blocks, ")


def test_the_few_blocks_inside_the_ladder_have_no_middle_that_passes_for_the_capacity() -> None:
    """What is so in most blocks comes first."""
    inside, top, higher = rungs_of(-1, -1, 1), rungs_of(-1, -1, -1), rungs_of(-1, -1, 0.5)
    low, high = (format_rounded(one.capacity or 0.0) for one in (inside, higher))

    assert amount([inside, top, higher, top, top]) == (
        f"144 or more, the highest rung, in 3 blocks; {low} to {high} requests a second in 2 blocks"
    )
    assert brief([inside, top, higher, top, top]) == f"{low} to {high}/s in 2 blocks, ≥ 144/s in 3 blocks"


def test_the_middle_of_blocks_beyond_the_ladder_is_told_as_far_as_it_is_known() -> None:
    """At least the median of what each is at least; of one that says nothing anything may be."""
    inside, top, bottom = rungs_of(-1, -1, 1), rungs_of(-1, -1, -1), rungs_of(1, 1, 1)

    assert middle_range([top, top, inside]) == "≥ 144.0/s"
    assert middle_range([inside, inside, top, top]) == "≥ 137.7/s"
    assert middle_range([bottom, bottom, top]) == "≤ 100.0/s"
    assert middle_range([bottom, top]) == middle_range([]) == ""


def test_a_capacity_lies_inside_what_is_printed_beside_it() -> None:
    """Blocks beyond the ladder move the middle, and an interval of the others would know nothing of them."""
    inside = [replace(rungs_of(-1, -1, 1), capacity=120.0 + 4 * number) for number in range(7)]

    assert amount(inside).startswith("132 requests a second (")
    assert ", 95% CI, 7 blocks)" in amount(inside)
    assert amount(inside + [rungs_of(-1, -1, -1)] * 5).startswith("142 requests a second (120 to 144 in 7 blocks); ")


def test_the_middle_capacity_is_not_known_where_most_blocks_are_beyond_the_ladder() -> None:
    """A mean with "that or less" may lie below the ladder, and one block does not speak for five."""
    inside, top, bottom = rungs_of(-1, -1, 1), rungs_of(-1, -1, -1), rungs_of(1, 1, 1)
    short = replace(top, rungs=(top.rungs[0], *(replace(rung, held=Held.SHORT) for rung in top.rungs[1:])))

    assert middle_capacity([]) is None
    assert middle_capacity([inside, bottom]) is None
    assert middle_capacity([inside, inside, bottom, bottom]) is None
    assert middle_capacity([inside, top, top]) is None
    assert middle_capacity([inside, short, short, short, short, short]) is None


def test_the_slowest_process_is_told_at_the_last_good_rung() -> None:
    """Beside all together; a process that served next to nothing tells no percentile."""
    made = climbing(lambda rate: 0.01 if rate < 200 else 0.2)
    rows = [
        row
        | ({"served_by": "worker-1", "t_done_s": row["t_sent_s"] + 0.04} if n % 3 == 0 else {"served_by": "worker-0"})
        for n, row in enumerate(made.tables.requests.to_dicts())
        if row["t_scheduled_s"] < MEASURE.start_s + 7.0
    ] + [row for row in made.tables.requests.to_dicts() if row["t_scheduled_s"] >= MEASURE.start_s + 7.0]
    assert made.record.ladder is not None
    record = replace(made.record, ladder=replace(made.record.ladder, slo="p50 <= 50ms"))
    found = climb(replace(trial(rows), record=record))

    assert found is not None
    assert found.last_good == 150
    assert found.worst_slot == pytest.approx(0.041 / 0.011)
    assert climbed(lambda _rate: 0.01).worst_slot is None  # one process alone


@pytest.mark.parametrize(
    ("slo", "processes", "told"),
    [("p50 <= 50ms", 8, True), ("p95 <= 50ms", 2, True), ("p99 <= 50ms", 2, True), ("p99 <= 50ms", 8, False)],
)
def test_no_percentile_is_told_of_a_process_with_few_requests(slo: str, processes: int, told: bool) -> None:
    """Equal ones: of a handful of requests a p90 is nearly the largest; the largest of eight is no slow process."""
    made = climbing(lambda _rate: 0.01)
    rows = [row | {"served_by": f"worker-{n % processes}"} for n, row in enumerate(made.tables.requests.to_dicts())]
    assert made.record.ladder is not None
    rows = [row for row in rows if row["t_scheduled_s"] < MEASURE.start_s + 7.0]
    rungs = made.record.ladder.rungs[:2]
    found = climb(replace(trial(rows), record=replace(made.record, ladder=LadderRecord(slo=slo, rungs=rungs))))

    assert found is not None
    assert found.last_good == 150
    assert (found.worst_slot is not None) == told


def test_a_process_whose_percentile_is_among_failures_is_told_in_words() -> None:
    """An eighth of its requests failed, and of all of them few enough: no multiple says that."""
    made = climbing(lambda _rate: 0.01, (400, 600, 800))
    rows = [
        row | {"served_by": "worker-1" if n % 4 == 0 else "worker-0", "error": "HTTP 503" if n % 32 == 0 else None}
        for n, row in enumerate(made.tables.requests.to_dicts())
    ]
    assert made.record.ladder is not None
    ladder = replace(made.record.ladder, slo="p95 <= 50ms and errors <= 4%")
    found = climb(replace(trial(rows), record=replace(made.record, ladder=ladder)))

    assert found is not None
    assert found.worst_slot == math.inf
    (_, slowest) = capacity_sentences("replicas", [found], {})
    assert slowest.endswith("of its slowest serving process was among the requests that failed (median of 1 block).")


def test_the_service_time_of_a_known_server_is_that_of_who_waits_for_nobody() -> None:
    """At the lowest rung; from it theory has another capacity."""
    assert undisturbed_s(climbing(lambda rate: 0.0055 if rate == 100 else 0.1)) == pytest.approx(0.0055)
    assert 0.85 * theory() < theory(0.0055) < theory() / 1.1  # slower by a tenth, and less room up to the limit


def test_theory_knows_the_wait() -> None:
    """Half of all requests of a server that is half busy do not wait at all."""
    assert waits_less(100, 0.0) == pytest.approx(0.5)
    assert 150 < theory() < 180


def test_the_capacity_of_a_known_server_is_found() -> None:
    """As queueing theory has it, and an arm against itself is not told apart."""
    assert TOLERANCE == 0.07
    checks = list(check_capacity())
    assert [str(check) for check in checks if not check.holds] == []
    assert len(checks) == 3
