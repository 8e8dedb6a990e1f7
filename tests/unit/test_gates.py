"""Gates: each passes, earns a caveat and is invalid; and what could not be checked is never a pass."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy.stats import kendalltau

from lab.analysis.findings import FINDINGS, run_findings
from lab.analysis.findings.steadiness import trend_p_value
from lab.analysis.gates import CAVEAT, GATES, INVALID, PASS, rates_alike, run_gates
from lab.analysis.gates import spoiled as families_spoiled
from lab.analysis.gates.gate import judge
from lab.analysis.gates.limits import COMPLETE
from lab.metric_types import Family
from lab.record.evidence import Evidence
from lab.record.schema import Attribution
from lab.record.types import (
    CGROUPS,
    HOST,
    PROCESSES,
    ClockOffset,
    Finding,
    GateResult,
    Point,
    RequestKind,
    ServiceRecord,
    TrialResult,
    TrialState,
)
from lab.report.parts.gate_sentences import finding_sentence, gate_sentence
from lab.report.parts.gate_words import FINDING_WORDS, GATE_WORDS, MORE, WHY
from lab.units import plural
from tests.builders import sampler_facts
from tests.gate_records import (
    ANON_BYTES,
    CORES,
    GRID_S,
    MEASURE,
    WORKERS,
    arrivals,
    cgroup_table,
    drop,
    host_table,
    process_table,
    request,
    trial,
    waiting,
)

DRILLED = ("drill.done", "drill.steady", "drill.unrest", "drill.clock")
ELSEWHERE = ("block.alike", "memory.neighbours", *DRILLED)  # of blocks, of attestation, of drills
PER_TRIAL = [key for key in GATES if key not in ELSEWHERE]


def result_of(key: str, spoiled: TrialResult) -> GateResult:
    return next(gate for gate in run_gates(spoiled, CORES) if gate.key == key)


def outcome(key: str, spoiled: TrialResult) -> str:
    return result_of(key, spoiled).outcome


def finding_of(key: str, spoiled: TrialResult) -> Finding | None:
    return next((found for found in run_findings(spoiled, CORES) if found.key == key), None)


def value_of(key: str, spoiled: TrialResult) -> float | None:
    found = finding_of(key, spoiled)
    return found.value if found else None


def test_a_quiet_trial_passes_every_gate() -> None:
    """All gates are present, in the catalogue's order, and pass with a value."""
    results = run_gates(trial(), CORES)

    assert [gate.key for gate in results] == PER_TRIAL
    assert [gate for gate in results if gate.outcome != PASS or gate.value is None] == []
    assert run_findings(trial(), CORES) == ()


def test_without_any_data_no_gate_passes_silently() -> None:
    """Empty tables and unknown counters: every gate is a caveat that says it could not be checked, or invalid."""
    empty = trial(
        [],
        host=pl.DataFrame(schema=HOST),
        processes=pl.DataFrame(schema=PROCESSES),
        cgroups=pl.DataFrame(schema=CGROUPS),
        load={"dispatch_lag_p99_s": None},
        sampler=None,
        shared_files=None,
    )

    results = {gate.key: gate for gate in run_gates(empty, CORES)}

    assert {key for key, gate in results.items() if gate.outcome == PASS} == {"trial.complete", "load.clock"}
    assert {key for key, gate in results.items() if gate.outcome == INVALID} == {"load.requests"}
    unchecked = [gate for gate in results.values() if gate.value is None]
    assert len(unchecked) == len(PER_TRIAL) - 3
    assert all(gate.outcome == CAVEAT and gate.why in WHY for gate in unchecked)
    assert all(finding.value is None and finding.subject in WHY for finding in run_findings(empty, CORES))


def test_an_arm_that_was_asked_for_nothing_has_shown_nothing() -> None:
    """Tasks that make no request: not even memory counts. A request that hangs since the warm-up is the arm's doing."""
    start_s = trial().record.measure.start_s
    idle = [{**row, "kind": "empty", "t_sent_s": None, "t_done_s": None} for row in arrivals()]
    hung = [*idle, {"phase": "warmup", "kind": "arrival", "t_sent_s": start_s - 1, "t_done_s": None}]

    assert families_spoiled(run_gates(trial(idle), CORES)) == frozenset(Family)
    assert outcome("load.requests", trial(idle)) == INVALID
    assert outcome("load.requests", trial(hung)) == PASS


def test_a_value_that_is_no_number_is_no_pass() -> None:
    """NaN is beyond no limit, but it is not a measurement either."""
    assert judge(GATES["load.cpu"], float("nan")).outcome == CAVEAT


@pytest.mark.parametrize("state", [TrialState.FAILED, TrialState.INTERRUPTED])
def test_a_trial_that_did_not_end_is_invalid_and_nothing_else_is_asked(state: TrialState) -> None:
    """Half a trial says nothing."""
    (only,) = run_gates(trial(state=state), CORES)

    assert (only.key, only.outcome) == (COMPLETE.key, INVALID)


def test_a_trial_without_a_measure_phase_is_invalid() -> None:
    """A missing phase is not a crash."""
    assert outcome("trial.complete", trial(phases={})) == INVALID


@pytest.mark.parametrize(("peak", "expected"), [(0.69, PASS), (0.75, CAVEAT), (0.89, CAVEAT), (0.95, INVALID)])
def test_load_cpu_looks_at_the_busiest_second(peak: float, expected: str) -> None:
    """One hot second from 13.5 to 14.5 decides, although the mean over the window is low."""
    host = host_table(busiest=lambda at_s: peak if 13.5 <= at_s < 14.5 else 0.2)

    found = result_of("load.cpu", trial(host=host))

    assert found.outcome == expected
    assert found.value == pytest.approx(peak)


def test_load_cpu_ignores_what_was_used_before_the_window() -> None:
    """Importing and starting are not the measure phase."""
    assert outcome("load.cpu", trial(host=host_table(busiest=lambda at_s: 1.0 if at_s < 9.5 else 0.2))) == PASS


@pytest.mark.parametrize("grid", [GRID_S[:30], GRID_S[30:]])
def test_load_cpu_needs_readings_over_the_whole_window(grid: list[float]) -> None:
    """Readings that end or begin in the middle of the window leave seconds unchecked."""
    found = result_of("load.cpu", trial(host=host_table(grid=grid)))

    assert (found.outcome, found.value, found.why) == (CAVEAT, None, "readings")


def test_a_counter_that_runs_backwards_is_not_believed() -> None:
    """A negative rate would hide a busy second."""
    host = host_table().with_columns(
        pl.when(pl.col("t_s") > 15).then(0.0).otherwise(pl.col("load_cpu_max_s")).alias("load_cpu_max_s")
    )

    assert result_of("load.cpu", trial(host=host)).value is None


def late(seconds: float) -> list[dict[str, object]]:
    """Arrivals of the last ``seconds`` of the window that were sent only after its end."""
    rows = arrivals()
    first_s = MEASURE.end_s - seconds
    return [
        row | {"t_sent_s": 20.5, "t_done_s": 20.52} if row["t_scheduled_s"] >= first_s - 1e-9 else row for row in rows
    ]


def test_arrivals_may_wait_a_moment_at_the_edge() -> None:
    """Fewer than 1% sent after the end of the window is the last arrival's ordinary wait."""
    assert outcome("load.arrivals", trial(late(0.05))) == PASS


def test_a_short_trial_is_not_invalid_for_three_arrivals_at_its_edge() -> None:
    """With 10/s one arrival is already 1%: the edge allowance decides."""
    rows = [
        row | {"t_sent_s": 20.5, "t_done_s": 20.52} if row["t_scheduled_s"] > 19.65 else row
        for row in arrivals(rate=10)
    ]

    found = result_of("load.arrivals", trial(rows))

    assert found.value == pytest.approx(0.97)
    assert found.outcome == PASS


def test_arrivals_not_sent_below_capacity_are_invalid() -> None:
    """2% of the arrivals waited for a lane past the end while the arm had CPU left."""
    assert outcome("load.arrivals", trial(late(0.2))) == INVALID


def test_a_backlog_from_the_warm_up_does_not_count_against_the_window() -> None:
    """Arrivals scheduled before the window and sent in it make up for those that wait at its end."""
    rows = [
        row | {"t_sent_s": row["t_scheduled_s"] + 0.5, "t_done_s": row["t_scheduled_s"] + 0.52} for row in arrivals()
    ]

    assert result_of("load.arrivals", trial(rows)).value == pytest.approx(1.0)


def test_a_single_drop_below_capacity_is_invalid() -> None:
    """Although 99.9% were sent."""
    assert outcome("load.arrivals", trial([*arrivals(), drop(15.0)])) == INVALID


def test_a_drop_in_the_warm_up_is_not_judged() -> None:
    """The gate is about the measure window."""
    assert outcome("load.arrivals", trial([*arrivals(), drop(5.0)])) == PASS


@pytest.mark.parametrize(
    ("why", "saturated"),
    [
        ("worker 102 of app-2", {"processes": process_table(cores=(0.1, 0.1, 0.97, 0.1))}),
        ("the CPU quota", {"cgroups": cgroup_table(throttled=0.5)}),
        ("the machine", {"host": host_table(busy=3.9)}),
        ("the machine", {"host": host_table(busy=3.5, steal=0.4)}),
    ],
)
def test_drops_of_an_arm_at_its_capacity_are_its_result(why: str, saturated: dict[str, pl.DataFrame]) -> None:
    """A busy process, a throttled container or a busy machine turn an invalid trial into findings that name it."""
    spoiled = trial([*arrivals(), drop(15.0)], **saturated)  # type: ignore[arg-type]  # tables by name

    assert (outcome("load.arrivals", spoiled), result_of("load.arrivals", spoiled).why) == (PASS, "capacity")
    capacity = finding_of("load.capacity", spoiled)
    assert capacity is not None
    assert capacity.value == pytest.approx(1 / 1001)
    assert capacity.subject == why
    assert value_of("requests.dropped", spoiled) == 1


def test_the_platform_is_not_the_arm() -> None:
    """A busy containerd-shim is no reason to believe that the arm was at its capacity."""
    shim_only = process_table().with_columns(
        pl.when(pl.col("role") == "platform").then(pl.col("t_s")).otherwise(pl.col("cpu_s")).alias("cpu_s")
    )

    assert outcome("load.arrivals", trial([*arrivals(), drop(15.0)], processes=shim_only)) == INVALID


@pytest.mark.parametrize(("cores", "at_capacity"), [(1.5, False), (3.8, True)])
def test_a_process_with_four_loops_is_busy_at_four_cores(cores: float, at_capacity: bool) -> None:
    """One that serves with threads; attestation found a single worker for four answers."""
    spoiled = trial(
        [*arrivals(), drop(15.0)],
        processes=process_table(cores=(cores,)),
        attestation=Evidence(roles={"app-0": {"worker": 1}}),
    )

    assert outcome("load.arrivals", spoiled) == (PASS if at_capacity else INVALID)


def test_a_busy_sidecar_is_not_the_arm() -> None:
    """Neither the busiest process, nor the quota, are of a service beside it: that has a finding of its own."""
    busy = process_table(cores=(0.1, 0.1, 0.97, 0.1)).with_columns(
        role=pl.when(pl.col("service") == "app-2").then(pl.lit("sidecar")).otherwise("role")
    )
    throttled = cgroup_table(cores=0.97, throttled=0.5).filter(pl.col("service") == "app-2")
    quiet = cgroup_table().filter(pl.col("service") != "app-2")
    spoiled = trial(
        [*arrivals(), drop(15.0)],
        processes=busy,
        cgroups=pl.concat([quiet, throttled]),
        services=(
            ServiceRecord(name="app-2", kind="sidecar", container_id="", image="", image_digest="", argv=(), ports=()),
        ),
    )

    assert spoiled.record.sidecars
    assert outcome("load.arrivals", spoiled) == INVALID
    assert value_of("sidecar.cpu", spoiled) == pytest.approx(0.97)


def test_arrivals_that_never_got_a_lane_are_counted() -> None:
    """They have a row without a sending, and are unfinished to the load process."""
    stuck = trial(arrivals() + [waiting(19.0) for _ in range(100)])

    assert result_of("load.arrivals", stuck).value == pytest.approx(1000 / 1100)
    assert outcome("load.arrivals", stuck) == INVALID
    assert outcome("load.rows", stuck) == PASS


def test_requests_cut_off_are_rows_and_are_counted() -> None:
    """What was in flight when the run ended is an unfinished arrival without an end: nothing is lost."""
    cut = trial([*arrivals(), request(19.9, t_done_s=None, status=0, error="unfinished")])

    assert cut.record.load.unfinished == 1
    assert outcome("load.rows", cut) == PASS


@pytest.mark.parametrize("open_model", [True, False])
def test_an_arrival_in_no_counter_is_a_caveat(open_model: bool) -> None:
    """Scheduled = started + dropped + unfinished in both models."""
    rows = arrivals()
    spoiled = trial(rows, load={"open_model": open_model, "scheduled": len(rows) + 1})

    assert outcome("load.rows", spoiled) == CAVEAT


def test_a_task_without_a_request_is_an_arrival_served() -> None:
    """The locustfile may decide to send nothing; that is no shortfall."""
    rows = [
        row | {"kind": RequestKind.EMPTY, "t_sent_s": None, "t_done_s": None} if n % 10 == 0 else row
        for n, row in enumerate(arrivals())
    ]

    assert outcome("load.arrivals", trial(rows)) == PASS
    assert outcome("load.rows", trial(rows)) == PASS


def test_the_closed_model_has_no_schedule_to_keep() -> None:
    """Not applicable is said in words, and is not a caveat."""
    closed = trial(load={"open_model": False, "dispatch_lag_p99_s": None})

    for key in ("load.arrivals", "load.lag"):
        found = result_of(key, closed)
        assert (found.outcome, found.value, found.why) == (PASS, None, "closed-model")


@pytest.mark.parametrize(("started", "expected"), [(1600, PASS), (1605, CAVEAT), (1650, INVALID), (1550, INVALID)])
def test_rows_must_match_the_counters(started: int, expected: str) -> None:
    """Rows lost, or counted twice, are found by the load process's own count."""
    assert outcome("load.rows", trial(load={"started": started, "scheduled": started})) == expected


def test_arrivals_in_no_counter_are_found() -> None:
    """scheduled = started + dropped + unfinished, or something vanished without a trace."""
    assert outcome("load.rows", trial(load={"scheduled": 1700})) == INVALID


@pytest.mark.parametrize(("late_s", "expected"), [(0.0019, PASS), (0.0021, CAVEAT), (0.0101, INVALID)])
def test_dispatcher_lag(late_s: float, expected: str) -> None:
    """2 ms and 10 ms."""
    assert outcome("load.lag", trial(load={"dispatch_lag_p99_s": late_s})) == expected


def test_little_holds_for_a_steady_trial_whatever_the_service_time() -> None:
    """Half a second in a window of ten: requests that straddle both edges cancel out."""
    found = result_of("load.little", trial(arrivals(lambda _: 0.5)))

    assert found.outcome == PASS
    assert found.value == pytest.approx(0.0, abs=1e-3)


@pytest.mark.parametrize(("sent_s", "hung"), [(10.5, 1), (19.5, 6)])
def test_requests_without_an_answer_are_the_arms_doing(sent_s: float, hung: int) -> None:
    """One in a thousand that hangs for the whole window is a finding: no gate fails, the block stays."""
    spoiled = trial(arrivals() + [request(sent_s, t_done_s=None, status=0, error="unfinished") for _ in range(hung)])

    assert value_of("requests.hung", spoiled) == hung
    assert value_of("requests.failed", spoiled) is None
    assert result_of("load.little", spoiled).value == result_of("load.little", trial()).value
    assert [gate.key for gate in run_gates(spoiled, CORES) if gate.outcome != PASS] == []


def test_failures_are_counted_and_spoil_nothing() -> None:
    """All that end badly in the measure phase; those of the warm-up are not asked."""
    rows = [row | {"status": 503, "error": "HTTP 503"} if n % 100 == 0 else row for n, row in enumerate(arrivals())]
    spoiled = trial(rows)

    assert value_of("requests.failed", spoiled) == 10
    assert [gate.key for gate in run_gates(spoiled, CORES) if gate.outcome == INVALID] == []


def bad_gateway(at_s: float, status: int = 502) -> dict[str, object]:
    """A front's own answer: it names nobody, for nobody answered."""
    return request(at_s, status=status, error=f"HTTP {status}", served_by=None)


def behind(kind: str, attribution: Attribution, result: TrialResult) -> TrialResult:
    """The same trial with a service of this kind."""
    service = ServiceRecord(name="x", kind=kind, container_id="", image="x", image_digest="", argv=(), ports=())
    return replace(result, record=replace(result.record, services=(service,), attribution=attribution))


@pytest.mark.parametrize(
    ("kind", "attribution", "served_by", "found"),
    [
        ("proxy", "header", None, {"front.refused": (3, "413, 502")}),
        ("proxy", "header", "worker-0", {"front.refused": (1, "502")}),
        ("proxy", "upstream", None, {"front.refused": (4, "413, 502, 503")}),
        ("proxy", "upstream", "worker-0", {"front.refused": (2, "502, 503")}),
        ("proxy", "none", None, {"front.unclear": (2, "502, 503")}),
        ("app", "header", None, {}),
    ],
)
def test_what_the_front_refused_is_told_from_what_the_app_did(
    kind: str, attribution: Attribution, served_by: str | None, found: dict[str, tuple[int, str]]
) -> None:
    """By who answered. A 503 without a name may come from a full server; where nobody has a name, nothing is sure."""
    refused = request(12.5, status=413, error="HTTP 413", served_by=served_by)
    spoiled = trial([*arrivals(), refused, refused, bad_gateway(13.5), bad_gateway(13.6, 503)])
    told = [each for each in run_findings(behind(kind, attribution, spoiled), CORES) if each.key.startswith("front.")]

    assert {each.key: (each.value, each.subject) for each in told} == found
    assert all(each.subject[:3] in finding_sentence(each) for each in told)


@pytest.mark.parametrize("attribution", ["header", "upstream"])
@pytest.mark.parametrize("status", [502, 503, 504])
def test_what_an_app_passes_on_from_others_is_the_apps(attribution: Attribution, status: int) -> None:
    """An app before a model server gives the statuses of a front, but its answers name a process."""
    own = trial([*arrivals(), request(13.5, status=status, error=f"HTTP {status}", served_by="worker-0")])

    assert finding_of("front.refused", behind("proxy", attribution, own)) is None
    assert value_of("requests.failed", own) == 1


@pytest.mark.parametrize(("at_s", "value"), [(11.0, 1), (13.2, None), (15.0, None), (18.5, 1)])
def test_a_front_that_has_nobody_to_ask_refuses_nothing(at_s: float, value: int | None) -> None:
    """Worker 100 was last seen at 12.5 s, its successor first at 14.5 s, and it starts within 1 s."""
    gone = (pl.col("pid") == 900) & (pl.col("t_s") < 14.5)
    rows = trial([*arrivals(), bad_gateway(at_s)], processes=successor(process_table(), 13.0).filter(~gone))
    spoiled = behind("proxy", "upstream", replace(rows, record=replace(rows.record, boot_s=1.0)))

    assert value_of("front.refused", spoiled) == value


def test_a_front_whose_trial_was_not_read_is_judged_by_its_statuses() -> None:
    """Without readings nobody knows of a process that ended."""
    unread = trial([*arrivals(), bad_gateway(15.0)], host=pl.DataFrame(schema=HOST))

    assert value_of("front.refused", behind("proxy", "upstream", unread)) == 1


def test_a_front_before_an_app_that_died_refuses_nothing() -> None:
    """Nothing took its place: all that follows is the app's doing."""
    dead = process_table().filter((pl.col("pid") != 100) | (pl.col("t_s") < 8.0))
    spoiled = trial([*arrivals(), bad_gateway(19.0)], processes=dead)

    assert finding_of("front.refused", behind("proxy", "upstream", spoiled)) is None


def test_little_finds_a_growing_number_in_flight() -> None:
    """Latency that grows from 0.1 s to 2 s over the window: the work in flight at its end is in no mean yet."""
    assert outcome("load.little", trial(arrivals(lambda at_s: 0.1 + 0.2 * max(0.0, at_s - 10)))) == INVALID


def test_little_finds_instants_that_run_backwards() -> None:
    """A done before its sent shortens the mean, but no request can be in flight for less than nothing."""
    rows = [row | {"t_done_s": row["t_sent_s"] - 0.02} if n % 7 == 0 else row for n, row in enumerate(arrivals())]

    assert outcome("load.little", trial(rows)) == INVALID


def test_little_counts_follow_ups_and_leaves_out_starts() -> None:
    """A request of on_start that hangs over the whole window is in no result, so in no gate."""
    login = request(9.0, took_s=30.0, kind=RequestKind.START)
    follow = [request(row["t_scheduled_s"], kind=RequestKind.FOLLOW) for row in arrivals()]

    assert outcome("load.little", trial([*arrivals(), *follow, login])) == PASS


def test_little_refuses_few_requests() -> None:
    """With 90 requests the edges alone can move the residual past its limit."""
    found = result_of("load.little", trial(arrivals(rate=9)))

    assert (found.outcome, found.value, found.why) == (CAVEAT, None, "few-requests")


@pytest.mark.parametrize(("achieved", "expected"), [(44.0, PASS), (40.0, PASS), (39.0, INVALID)])
def test_sampler_readings(achieved: float, expected: str) -> None:
    """90% of 44 are 39.6."""
    assert outcome("sampler.readings", trial(sampler=sampler_facts(44.0, achieved))) == expected


@pytest.mark.parametrize(("cores", "expected"), [(0.019, PASS), (0.021, CAVEAT), (0.5, CAVEAT)])
def test_sampler_cpu_is_a_caveat_only(cores: float, expected: str) -> None:
    """METHOD 2 knows no invalid sampler cost."""
    assert outcome("sampler.cpu", trial(host=host_table(sampler=cores))) == expected


@pytest.mark.parametrize(("bound_s", "expected"), [(0.0049, PASS), (0.0051, CAVEAT), (0.49, CAVEAT), (0.51, INVALID)])
def test_a_clock_that_is_not_well_known_is_a_caveat_and_worse_is_invalid(bound_s: float, expected: str) -> None:
    """By how much it was moved does not matter, nor does it say anything where there is one clock."""
    found = result_of("load.clock", trial(clock=ClockOffset(offset_s=-7200.0, bound_s=bound_s)))

    assert (found.outcome, found.value) == (expected, bound_s)
    assert result_of("load.clock", trial(clock=None)).why == "one-clock"


@pytest.mark.parametrize(("cores", "expected"), [(0.036, PASS), (0.08, CAVEAT), (0.24, INVALID)])
def test_steal_is_a_share_of_the_machine(cores: float, expected: str) -> None:
    """0.9%, 2% and 6% of four cores."""
    found = result_of("machine.steal", trial(host=host_table(steal=cores)))

    assert found.outcome == expected
    assert found.value == pytest.approx(cores / CORES)


@pytest.mark.parametrize(("foreign", "expected"), [(-0.04, PASS), (0.19, PASS), (0.25, CAVEAT), (0.9, INVALID)])
def test_foreign_cpu_is_what_nobody_of_us_used(foreign: float, expected: str) -> None:
    """busy − arm (1.6) − load (0.3) − sampler (0.01) − lab (0.02) − engine (0.02), of four cores."""
    found = result_of("machine.foreign", trial(host=host_table(busy=1.95 + foreign)))

    assert found.outcome == expected
    assert found.value == pytest.approx(foreign / CORES)


def test_foreign_cpu_without_cgroups_takes_the_processes() -> None:
    """The platform's shim is in the engine's share, not in the arm's."""
    found = result_of("machine.foreign", trial(host=host_table(busy=2.35), cgroups=pl.DataFrame(schema=CGROUPS)))

    assert found.value == pytest.approx(0.1)


def test_foreign_cpu_without_docker_subtracts_no_engine() -> None:
    """A null engine column is not missing data: there is no engine."""
    host = host_table(busy=2.35).with_columns(pl.lit(None, pl.Float64).alias("engine_cpu_s"))

    assert result_of("machine.foreign", trial(host=host)).value == pytest.approx(0.105)


def test_foreign_cpu_of_a_long_trial_subtracts_an_engine_that_is_read_every_five_seconds() -> None:
    """The slow grid of PSS reaches the ends of the window only roughly: the engine is no foreign program for that."""
    for interval_s, count in ((5, 4), (19, 2)):  # the second one has no reading inside the window
        rarely = pl.when(pl.col("t_s") % interval_s == 3).then(pl.col("engine_cpu_s"))
        host = host_table(busy=2.35).with_columns(rarely.alias("engine_cpu_s"))
        assert host["engine_cpu_s"].drop_nulls().len() == count

        assert result_of("machine.foreign", trial(host=host)).value == pytest.approx(0.1)


def test_foreign_cpu_needs_the_load_processes() -> None:
    """Without them our own load would be called foreign."""
    host = host_table().with_columns(pl.lit(None, pl.Float64).alias("load_cpu_s"))

    assert result_of("machine.foreign", trial(host=host)).value is None


@pytest.mark.parametrize(("factor", "expected"), [(1.0, PASS), (1.04, PASS), (1.06, CAVEAT), (0.94, CAVEAT)])
def test_anonymous_memory_must_agree_with_the_cgroups(factor: float, expected: str) -> None:
    """Either account may be the larger one; the shim's memory is in neither."""
    found = result_of("memory.anon", trial(processes=process_table(anon_bytes=round(ANON_BYTES * factor))))

    assert found.outcome == expected
    assert found.value == pytest.approx(abs(factor - 1), abs=1e-6)


@pytest.mark.parametrize("key", ["ledger.changed", "ledger.recycled", "memory.drift", None])
def test_memory_that_moves_is_no_missing_process(key: str | None) -> None:
    """What the same trial did explains the difference; else all that may be behind it is named."""
    findings = (Finding(key=key, value=2.0, limit=0.0, subject=""),) if key else ()
    apart = trial(processes=process_table(anon_bytes=round(ANON_BYTES * 1.2)))
    told = gate_sentence(result_of("memory.anon", apart), replace(apart.record, findings=findings))

    assert ("missing from the memory breakdown" in told) is (key is None)
    assert "its memory changed" in told if key else "processes that restart" in told


def test_anonymous_memory_never_sums_a_part() -> None:
    """With one process that was never read nothing was checked."""
    partial = process_table().with_columns(
        pl.when(pl.col("pid") == 101).then(None).otherwise(pl.col("pss_anon_bytes")).alias("pss_anon_bytes")
    )

    assert result_of("memory.anon", trial(processes=partial)).value is None


def test_the_parent_cgroup_of_a_pool_is_not_counted_again() -> None:
    """Its rows carry no container; what its children used is in theirs."""
    pool = (
        cgroup_table().filter(pl.col("service") == "app-0").with_columns(container=pl.lit(""), service=pl.lit("pool"))
    )
    pooled = trial(cgroups=pl.concat([cgroup_table(), pool.with_columns(pl.col("cpu_s") * WORKERS)]))

    assert result_of("memory.anon", pooled).value == pytest.approx(0.0)
    assert result_of("machine.foreign", pooled).value == result_of("machine.foreign", trial()).value


def test_anonymous_memory_is_not_compared_with_that_of_another_time() -> None:
    """cgroups read long after the measure phase are not beside it."""
    far = cgroup_table().with_columns(pl.col("t_s") + 100)

    assert result_of("memory.anon", trial(cgroups=far)).value is None


@pytest.mark.parametrize(("count", "expected"), [(0, None), (1, 1)])
def test_starved_processes(count: int, expected: float | None) -> None:
    """One is enough for a finding."""
    assert value_of("warmup.starved", trial(load={"starved_workers": count})) == expected


def successor(rows: pl.DataFrame, died_s: float) -> pl.DataFrame:
    """The same processes, but worker 100 ends at ``died_s`` and another one takes its place."""
    later = (pl.col("pid") == 100) & (pl.col("t_s") >= died_s)
    return rows.with_columns(pid=pl.when(later).then(900).otherwise("pid"))


@pytest.mark.parametrize(
    ("died_s", "expected"),
    [(9.0, None), (13.0, 2.0), (21.0, None)],
    ids=["in the warm-up", "while measured", "afterwards"],
)
def test_a_worker_that_was_replaced_while_it_was_measured_is_found(died_s: float, expected: float | None) -> None:
    """Its supervisor hides its death from the requests; the readings do not: one ended, one began."""
    assert value_of("ledger.changed", trial(processes=successor(process_table(), died_s))) == expected


def test_an_app_that_died_with_all_its_processes_is_found() -> None:
    """Nothing is read of it any more, but of the machine."""
    dead = process_table().filter((pl.col("role") == "platform") | (pl.col("t_s") < 13.0))

    assert value_of("ledger.changed", trial(processes=dead)) == WORKERS


def test_platform_processes_may_come_and_go() -> None:
    """They are no part of the arm."""
    rows = process_table()
    gone = rows.filter((pl.col("role") != "platform") | (pl.col("t_s") < 13.0))

    assert value_of("ledger.changed", trial(processes=gone)) is None


@pytest.mark.parametrize(("slope", "expected"), [(0.0, None), (0.004, None), (0.01, 0.09), (-0.01, -0.09)])
def test_a_drifting_median_is_not_steady(slope: float, expected: float | None) -> None:
    """0.4% of 20 ms a second is 4% over the window, 1% a second is 10%, up or down."""
    rows = arrivals(lambda at_s: 0.02 * (1 + slope * (at_s - 15)))

    found = value_of("steady.p50", trial(rows))
    assert found == (expected and pytest.approx(expected, rel=0.05))


@pytest.mark.parametrize(("growth", "expected"), [(0.0, None), (0.003, None), (0.01, 0.090), (-0.01, -0.090)])
def test_memory_that_grows_is_found(growth: float, expected: float | None) -> None:
    """1% a second of the middle of the window, over the 9 s from first second to last; the trial stays valid."""
    rows = process_table().with_columns(
        pss_bytes=(1e7 * (1 + growth * (pl.col("t_s") - 15))).cast(pl.Int64), command=pl.lit("app")
    )

    found = value_of("memory.drift", trial(processes=rows))
    assert found == (expected and pytest.approx(expected, rel=0.05))


def test_noise_is_not_a_drift() -> None:
    """Medians that jump by 10% from second to second have slopes past the limit, but hardly ever a trend."""
    rng = random.Random(7)
    caveats = 0
    for _ in range(20):
        levels = [0.02 * rng.gauss(1, 0.1) for _ in range(20)]
        rows = arrivals(lambda at_s, levels=levels: levels[int(at_s)])  # type: ignore[misc]  # default binds the loop's value
        caveats += value_of("steady.p50", trial(rows)) is not None

    assert caveats <= 2


def test_a_poisson_schedule_is_not_a_drift_of_the_throughput() -> None:
    """In the open model the schedule's own variation is divided out: twice the arrivals is no change of the arm."""
    rows = arrivals() + [row for row in arrivals() if row["t_scheduled_s"] >= 15]

    assert finding_of("steady.throughput", trial(rows)) is None


@pytest.mark.parametrize(("growth", "found"), [(0, False), (4, True)])
def test_a_growing_throughput_of_the_closed_model_is_not_steady(growth: int, found: bool) -> None:
    """100 requests in the first second and 4 more in each further one."""
    rows = [
        request(second + n / (100 + growth * second)) for second in range(10, 20) for n in range(100 + growth * second)
    ]

    assert (value_of("steady.throughput", trial(rows, load={"open_model": False})) is not None) is found


def test_failing_more_and_more_is_not_steady() -> None:
    """Failures are quick, but they are no throughput."""
    rows = [
        row | ({"error": "HTTP 500"} if n % 100 < row["t_scheduled_s"] - 10 else {}) for n, row in enumerate(arrivals())
    ]

    assert value_of("steady.throughput", trial(rows)) is not None


@pytest.mark.parametrize(("other", "expected"), [(100.5, CAVEAT), (101.4, CAVEAT), (101.6, PASS), (90.0, PASS)])
def test_arms_that_are_equally_fast_may_show_the_generator(other: float, expected: str) -> None:
    """Within 1.5% over the arms of a block of the closed model."""
    assert rates_alike({"workers": 100.0, "replicas": other}).outcome == expected


def test_an_arm_without_successes_leaves_likeness_unchecked() -> None:
    """No division by zero, no pass."""
    found = rates_alike({"workers": 100.0, "replicas": 0.0})

    assert (found.outcome, found.value) == (CAVEAT, None)


def test_every_gate_says_why_its_limit_is_what_it_is() -> None:
    """Limits are ordered, and each has a source."""
    for gate in GATES.values():
        assert gate.source
        if gate.caveat is not None and gate.invalid is not None:
            assert (gate.caveat > gate.invalid) == gate.floor


def test_sentences_are_sentences() -> None:
    """A capital, a full stop, a number: in all three outcomes."""
    spoiled = [
        trial(),
        trial(host=host_table(load=0.8, steal=0.08, busy=2.3, sampler=0.1), processes=process_table(anon_bytes=1)),
        trial(
            [*arrivals(), drop(15.0)], host=host_table(load=0.99, steal=1.0, busy=3.9), sampler=sampler_facts(9.0, 5.0)
        ),
    ]
    for gate in (gate for bad in spoiled for gate in run_gates(bad, CORES)):
        said = gate_sentence(gate)
        assert said[0].isupper()
        assert said.endswith(".")
        assert ".." not in said


def test_every_gate_and_finding_has_its_words() -> None:
    """A key without words would be shown bare."""
    assert GATES.keys() <= GATE_WORDS.keys()
    assert FINDINGS.keys() == FINDING_WORDS.keys()
    for key, kind in FINDINGS.items():
        for value in (kind.limit + 0.5, -kind.limit - 0.5, None):
            assert finding_sentence(Finding(key=key, value=value, limit=kind.limit, subject="x")).endswith(".")


@pytest.mark.parametrize("n", [8, 12, 30, 60])
def test_the_trend_test_agrees_with_scipy(n: int) -> None:
    """Mann–Kendall is Kendall's rank correlation with time; its normal approximation is close from 8 seconds on."""
    rng = np.random.default_rng(n)
    for slope in (0.0, 0.05, 0.2):
        values = rng.normal(size=n) + slope * np.arange(n)
        exact = kendalltau(np.arange(n), values, method="exact").pvalue
        assert trend_p_value(values) == pytest.approx(exact, abs=0.02)


def test_a_constant_series_has_no_trend() -> None:
    """All values tied: nothing can be said against no trend."""
    assert trend_p_value(np.ones(20)) == 1.0


def unattributed(every: int, **changes: object) -> TrialResult:
    """A trial in which one request in ``every`` has no known server; 1: none has."""
    rows = [row | {"served_by": None} if n % every == 0 else row for n, row in enumerate(arrivals())]
    return trial(rows, **changes)  # type: ignore[arg-type]  # fields of the record by name


@pytest.mark.parametrize(("every", "expected"), [(200, PASS), (50, CAVEAT), (1, CAVEAT)])
def test_attribution_must_cover_almost_all_requests(every: int, expected: str) -> None:
    """99% of the successful requests of the measure phase, else a caveat; it makes no trial invalid."""
    found = result_of("attribution.partial", unattributed(every))

    assert found.outcome == expected
    assert found.value == pytest.approx(1 - 1 / every)


@pytest.mark.parametrize(
    ("attribution", "front", "why"),
    [
        ("header", "nginx", "header"),
        ("socket", "direct", "socket"),
        ("upstream", "nginx", "upstream"),
        ("none", "direct", "none-direct"),
        ("none", "nginx", "none-behind"),
    ],
)
def test_a_missing_attribution_says_why(attribution: str, front: str, why: str) -> None:
    """Who could have told, and did not; the reason has its words."""
    every = 1 if attribution == "none" else 10

    found = result_of("attribution.partial", unattributed(every, attribution=attribution, front=front))

    assert found.why == why
    assert MORE[why] in gate_sentence(found)


def test_a_single_process_needs_no_attribution() -> None:
    """Nor is it a caveat that its warm-up was not told apart."""
    several = unattributed(1, attribution="none")
    single = replace(several, record=replace(several.record, point=Point(processes=1)))

    assert outcome("attribution.partial", single) == PASS
    assert finding_of("warmup.starved", single) is None


def test_an_unknown_server_may_have_been_cold() -> None:
    """Without attribution the load process takes requests as evenly spread: that is no check of the warm-up."""
    found = finding_of("warmup.starved", unattributed(1, attribution="none"))

    assert found == Finding(key="warmup.starved", value=None, limit=0.0, subject="attribution")


@pytest.mark.parametrize("key", [key for key, words in FINDING_WORDS.items() if "{value " in words.said])
def test_one_of_what_is_counted_is_told_as_one(key: str) -> None:
    """As everywhere else: "1 request", "2 requests"."""
    noun = FINDING_WORDS[key].said.partition("{value ")[2].partition("}")[0]
    one, two = (finding_sentence(Finding(key=key, value=value, limit=0.0, subject="503")) for value in (1.0, 2.0))

    assert f"1 {noun} " in one
    assert f"2 {plural(noun, 2)} " in two
    assert " were " not in one.partition(".")[0]
    assert "{" not in one + two
