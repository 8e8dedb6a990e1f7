"""From raw tables to the numbers of a report: exactly by the catalogue's definitions, never a partial sum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import inf, isfinite
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.analysis.contests import explored_hop
from lab.analysis.gates import GATES, Gate
from lab.analysis.gates.gate import judge, unchecked
from lab.analysis.summary import RunSummary, _arm_metric, summarise, summarise_done
from lab.analysis.trial.trial import TrialSummary, summarise_trial
from lab.errors import RunFolderError
from lab.metric_types import Family, Reading
from lab.metrics import METRICS
from lab.plan.blocks import build_plan
from lab.record.types import CGROUPS, PROCESSES, REQUESTS, Phase, PhaseWindow, TrialResult
from lab.units import MIB
from tests.builders import (
    REPLICAS,
    WORKERS,
    WORKERS_NGINX,
    make_gate,
    make_run,
    make_scenario,
    make_summaries,
    make_trial,
    make_trials,
    table_of,
    with_record,
    with_tables,
)

SCENARIO = make_scenario()
TRIALS = list(make_trials(SCENARIO))
SUMMARY = summarise(make_run(SCENARIO), TRIALS)
WINDOW = TRIALS[0].record.measure  # [7 s, 17 s)
START = WINDOW.start_s


Rows = list[dict[str, Any]]


def a_trial(arm: str = "workers", **tables: Any) -> TrialResult:
    """A synthetic trial of an arm with some tables replaced by hand-made ones."""
    return with_tables(next(trial for trial in TRIALS if trial.record.arm == arm), **tables)


def requests(rows: Sequence[Mapping[str, Any]]) -> Any:
    """A request table; a row needs only what differs from one answered arrival of 10 ms at the window's start."""
    usual = {"t_scheduled_s": START, "t_sent_s": START, "t_done_s": START + 0.010}
    return table_of(REQUESTS, rows, **usual, status=200, phase="measure", kind="arrival", lane=0)


def processes(rows: Sequence[Mapping[str, Any]]) -> Any:
    """A process table; a row needs only what differs from an idle worker."""
    usual = {"pid": 1, "started_s": 1.0, "role": "worker", "service": "app", "cpu_s": 0.0, "ctx_switches": 0}
    return table_of(PROCESSES, rows, **usual, rss_bytes=100, threads=1, command="app")


def cgroups(rows: Sequence[Mapping[str, Any]]) -> Any:
    """A cgroup table; a row needs only what differs from an idle container."""
    return table_of(CGROUPS, rows, service="app", container="c", cpu_s=0.0, throttled_s=0.0, anon_bytes=0)


def values(trial: TrialResult) -> Mapping[str, float | None]:
    """The metrics of one trial."""
    return summarise_trial(trial).values


def test_every_metric_of_the_catalogue_has_a_value_or_none() -> None:
    """Nothing in the catalogue is forgotten and nothing outside it is made up."""
    for trial in TRIALS:
        assert set(values(trial)) == set(METRICS)


def test_synthetic_trials_have_their_known_values() -> None:
    """A whole trial gives back what the builder put in: sizes, CPU rates, the hop."""
    found = values(a_trial("replicas"))

    assert found["memory.pss.total"] == pytest.approx((4 * 35 + 2 * 3) * MIB, rel=0.01)
    assert found["memory.platform.pss"] == pytest.approx(5 * 9 * MIB, rel=0.01)
    assert found["cpu.cores"] == pytest.approx(4 * 0.08 + 2 * 0.02)
    assert found["share.max"] == pytest.approx(0.25, abs=0.001)
    assert found["boot"] == 2.0


def test_quantiles_are_observed_values() -> None:
    """1 to 1,000 ms: p50 is the 500th, p99 the 990th, with exactly 10 beyond it."""
    rows = [{"t_done_s": START + place / 1000} for place in range(1, 1001)]

    found = values(a_trial(requests=requests(rows)))

    assert found["p50"] == pytest.approx(0.500)
    assert found["p99"] == pytest.approx(0.990)
    assert found["p99.9"] is None


def test_a_quantile_with_fewer_than_ten_beyond_it_is_missing() -> None:
    """With 999 requests only nine lie beyond p99."""
    rows = [{"t_done_s": START + place / 1000} for place in range(1, 1000)]

    assert values(a_trial(requests=requests(rows)))["p99"] is None


def test_response_counts_from_the_scheduled_instant_and_service_from_sending() -> None:
    """A wait of 50 ms for a lane is in the response time only."""
    rows = [{"t_sent_s": START + 0.050, "t_done_s": START + 0.060}] * 30

    found = values(a_trial(requests=requests(rows)))

    assert found["p50"] == pytest.approx(0.060)
    assert found["service.p50"] == pytest.approx(0.010)


def test_follow_up_requests_have_service_time_only() -> None:
    """Slow follow-ups move service times and leave response times alone."""
    follow = {"kind": "follow", "t_scheduled_s": None, "t_done_s": START + 0.5}
    found = values(a_trial(requests=requests([{}] * 30 + [follow] * 70)))

    assert found["p50"] == pytest.approx(0.010)
    assert found["service.p50"] == pytest.approx(0.5)


def test_in_the_closed_model_response_is_service() -> None:
    """Without scheduled instants every successful request counts from its sending."""
    trial = a_trial(
        requests=requests([{"t_scheduled_s": None}] * 30 + [{"kind": "follow", "t_done_s": START + 1}] * 70)
    )
    closed = with_record(trial, load=replace(trial.record.load, open_model=False))

    found = values(closed)

    assert found["p50"] == found["service.p50"] == pytest.approx(1.0)


def test_failures_are_counted_and_are_slower_than_everything() -> None:
    """An error, a drop and a request without an answer are failures; on_start and warm-up are in no result.

    Of 33 arrivals 3 failed, of 32 requests that were sent 2.
    """
    rows: Rows = [{}] * 30
    rows += [{"error": "HTTP 500", "t_done_s": START + 9}]
    rows += [{"kind": "drop", "t_sent_s": None, "t_done_s": None, "error": "dropped"}]
    rows += [{"t_done_s": None}]
    rows += [{"kind": "start", "error": "x"}, {"kind": "empty", "t_sent_s": None, "t_done_s": None}]
    rows += [{"phase": "warmup", "error": "x"}]

    trial = summarise_trial(a_trial(requests=requests(rows)))

    assert (trial.counts.requests, trial.counts.successes, trial.counts.failures, trial.counts.drops) == (33, 30, 3, 1)
    assert trial.values["errors"] == 3
    assert trial.values["throughput"] == pytest.approx(3.0)
    assert (trial.response.count, trial.service.count) == (33, 32)
    assert dict(trial.counts.errors) == {"HTTP 500": 1, "dropped": 1, "no response before the trial ended": 1}


@pytest.mark.parametrize(
    ("rate", "capacity", "warmup_s", "measure_s"), [(200, 150, 2.0, 8.0), (300, 250, 5.0, 10.0), (150, 145, 5.0, 10.0)]
)
def test_near_capacity_requests_count_where_their_cpu_was_spent(
    rate: float, capacity: float, warmup_s: float, measure_s: float
) -> None:
    """One server keeps a core busy, first in, first out: it serves its capacity, whatever was due in the window."""
    scheduled = START - warmup_s + np.arange(int(rate * (warmup_s + measure_s))) / rate
    done = START - warmup_s + (np.arange(len(scheduled)) + 1) / capacity
    rows: Rows = [
        {"t_scheduled_s": at, "t_sent_s": at, "t_done_s": end, "phase": "warmup" if at < START else "measure"}
        for at, end in zip(scheduled.tolist(), done.tolist(), strict=True)
    ]
    readings: Rows = [{"t_s": t_s, "cpu_s": t_s - START + 50} for t_s in (START - 1, START + measure_s + 1)]
    busy: Rows = [{**row, "runqueue_s": row["cpu_s"], "ctx_switches": int(10 * row["cpu_s"])} for row in readings]
    trial = a_trial(requests=requests(rows), cgroups=cgroups(readings), processes=processes(busy))
    window = PhaseWindow(start_s=START, end_s=START + measure_s)

    found = values(with_record(trial, phases={**trial.record.phases, Phase.MEASURE: window}))

    seconds = pytest.approx(1000 / capacity, rel=2e-3)
    assert found["throughput"] == pytest.approx(capacity, rel=2e-3)
    assert found["cpu.per_1k"] == found["cpu.runqueue.per_1k"] == seconds
    assert found["cpu.switches.per_1k"] == pytest.approx(10_000 / capacity, rel=2e-3)


@pytest.mark.parametrize(
    ("failed", "expected"), [(0, [0.5, 0.9, 0.95]), (80, [0.5, 0.9, inf]), (120, [0.5, inf, inf]), (1000, [inf] * 3)]
)
def test_a_quantile_among_failures_is_infinite(failed: int, expected: list[float]) -> None:
    """1,000 arrivals of 1 ms to 1 s; the slowest fail, a third each with an error, a drop, and without an answer."""
    rows: Rows = [{"t_done_s": START + place / 1000} for place in range(1, 1001)]
    bad: Sequence[Mapping[str, Any]] = (
        {"error": "HTTP 503"},
        {"kind": "drop", "t_sent_s": None, "t_done_s": None, "error": "dropped"},
        {"t_done_s": None},
    )
    for place in range(failed):
        rows[999 - place] = {**rows[999 - place], **bad[place % 3]}

    trial = summarise_trial(a_trial(requests=requests(rows)))

    assert list(trial.response.quantiles[:3]) == pytest.approx(expected)
    assert trial.response.quantiles[4] is None
    assert all(seconds <= 1 - failed / 1000 for _, seconds in trial.response.curve)
    assert bool(trial.response.curve) == (failed < 1000)
    assert all(value is None or isfinite(value) for track in trial.timeline.quantiles.values() for value in track)


def test_no_requests_give_missing_values_not_zeros() -> None:
    """Nothing measured is not "fast": quantiles, CPU for 1,000 requests and shares are missing."""
    found = values(a_trial(requests=requests([])))

    assert found["throughput"] == found["errors"] == 0
    assert [found[key] for key in ("p50", "cpu.per_1k", "cpu.runqueue.per_1k", "share.max")] == [None] * 4


def test_between_its_readings_a_member_is_known_and_the_sum_is_never_partial() -> None:
    """At 8 s one PSS was not read: it is what it was at 7 s and 9 s."""
    rows: Rows = [
        {"t_s": t_s, "pid": pid, "pss_bytes": 10 * pid, "uss_bytes": 1} for t_s in (7, 8, 9) for pid in (1, 2)
    ]
    rows[3]["pss_bytes"] = None

    found = values(a_trial(processes=processes(rows)))

    assert found["memory.pss.total"] == found["memory.pss.peak"] == 30
    assert found["memory.uss.total"] == 2
    assert found["memory.rss.total"] == 200


def test_a_member_that_is_never_readable_makes_the_sum_unknown() -> None:
    """The sum of the others would be too small and look right."""
    rows: Rows = [{"t_s": t_s, "pid": pid, "pss_bytes": 10 if pid == 1 else None} for t_s in (7, 8) for pid in (1, 2)]

    found = values(a_trial(processes=processes(rows)))

    assert found["memory.pss.total"] is None
    assert found["memory.pss.peak"] is None


def test_steady_is_weighted_with_time_and_peak_is_the_largest_reading() -> None:
    """10 to 30 in [7, 9], 30 to 20 in [9, 17): readings beyond the phase do not count."""
    rows: Rows = [{"t_s": t_s, "pss_bytes": size} for t_s, size in ((6, 999), (7, 10), (9, 30), (17, 20), (18, 999))]

    found = values(a_trial(processes=processes(rows)))

    assert found["memory.pss.total"] == pytest.approx((2 * 20 + 8 * 25) / 10)
    assert found["memory.pss.peak"] == 30


def test_readings_that_lie_close_do_not_weigh_more() -> None:
    """Growth from 100 to 200 MiB is 150 on average, also with five readings in the last second (as labs before had)."""
    grown = [(t_s, 100 + 10 * (t_s - 7)) for t_s in (7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 16.2, 16.4, 16.6, 16.8, 17)]
    rows: Rows = [{"t_s": t_s, "pss_bytes": round(size * MIB)} for t_s, size in grown]

    assert values(a_trial(processes=processes(rows)))["memory.pss.total"] == pytest.approx(150 * MIB, rel=1e-6)


def test_processes_that_are_looked_at_one_after_the_other_are_summed_at_every_instant() -> None:
    """One grows while the other shrinks by as much: the sum is 100 throughout, and so is its peak."""
    rows: Rows = [{"t_s": t_s, "pid": 1, "pss_bytes": 10 + 5 * (t_s - 7)} for t_s in (6.5, 9, 12, 15, 17.5)]
    rows += [{"t_s": t_s, "pid": 2, "pss_bytes": 90 - 5 * (t_s - 7)} for t_s in (7, 10, 13, 16, 18)]
    rows = [row | {"pss_bytes": round(row["pss_bytes"] * 2)} for row in rows]

    found = values(a_trial(processes=processes(rows)))

    assert found["memory.pss.total"] == pytest.approx(200)
    assert found["memory.pss.peak"] == pytest.approx(200)


def test_a_process_counts_while_it_lives() -> None:
    """60 for the first 2 s, then nothing until another one of 40 comes for the last 4 s of ten."""
    kept: Rows = [{"t_s": t_s, "pss_bytes": 100} for t_s in range(6, 19)]
    went: Rows = [{"t_s": t_s, "pid": 2, "pss_bytes": 60} for t_s in (6, 7, 8, 9)]
    came: Rows = [{"t_s": t_s, "pid": 3, "started_s": 9.0, "pss_bytes": 40} for t_s in (13, 14, 15, 16, 17, 18)]

    trial = summarise_trial(a_trial(processes=processes(kept + went + came)))

    assert trial.values["memory.pss.total"] == pytest.approx(100 + 0.2 * 60 + 0.4 * 40)
    assert trial.values["memory.pss.peak"] == 160
    assert [line.pss_bytes for line in trial.ledger] == pytest.approx([100, 60, 40]), "each while it lived"
    assert [role.processes for role in trial.roles] == [2], "never three at once"


def test_platform_processes_are_not_in_the_arm() -> None:
    """containerd-shim stands on its own line."""
    rows: Rows = [{"t_s": 8, "pss_bytes": 10}, {"t_s": 8, "pid": 2, "role": "platform", "pss_bytes": 7}]

    trial = summarise_trial(a_trial(processes=processes(rows)))

    assert trial.values["memory.pss.total"] == 10
    assert trial.values["memory.platform.pss"] == 7
    assert [(line.role, line.pss_bytes) for line in trial.roles] == [("worker", 10), ("platform", 7)]


def test_platform_processes_are_read_rarely_and_still_known() -> None:
    """Readings around a short measure phase stand for it, however far away they are."""
    rows: Rows = [{"t_s": 8, "pss_bytes": 10}]
    rows += [{"t_s": t_s, "pid": 2, "role": "platform", "pss_bytes": size} for t_s, size in ((3, 5), (6, 7), (18, 9))]

    assert values(a_trial(processes=processes(rows)))["memory.platform.pss"] == 8


def test_a_respawned_worker_is_another_process_of_the_ledger() -> None:
    """The same pid with another start time is another process."""
    rows: Rows = [{"t_s": 8, "pss_bytes": 10}, {"t_s": 12, "started_s": 2.0, "pss_bytes": 30, "command": "new"}]

    ledger = summarise_trial(a_trial(processes=processes(rows))).ledger

    assert [(line.ordinal, line.command, line.pss_bytes) for line in ledger] == [(1, "app", 10), (2, "new", 30)]


def test_cpu_is_interpolated_to_the_edges_of_the_measure_phase() -> None:
    """Readings at 6.5, 12 and 17.5 s of a counter that grows by 0.5 a second: exactly 5 s in the 10 s window."""
    rows: Rows = [{"t_s": t_s, "cpu_s": 0.5 * t_s + 100} for t_s in (6.5, 12.0, 17.5)]

    found = values(a_trial(cgroups=cgroups(rows), requests=requests([{}] * 2000)))

    assert found["cpu.cores"] == pytest.approx(0.5)
    assert found["cpu.per_1k"] == pytest.approx(2.5)


def test_a_counter_that_starts_again_goes_on_from_where_it_was() -> None:
    """A container restarted at 12 s counts from zero again: 3 + 2 CPU seconds, not a negative number."""
    rows: Rows = [{"t_s": 7.0, "cpu_s": 10.0}, {"t_s": 12.0, "cpu_s": 13.0}, {"t_s": 17.0, "cpu_s": 2.0}]

    assert values(a_trial(cgroups=cgroups(rows)))["cpu.cores"] == pytest.approx(0.5)


def test_a_process_born_in_the_measure_phase_counts_from_zero() -> None:
    """Its first reading already has the CPU of its start."""
    rows: Rows = [{"t_s": 7, "pid": 1}, {"t_s": 12, "pid": 2, "cpu_s": 3.0}, {"t_s": 17, "pid": 2, "cpu_s": 4.0}]

    ledger = summarise_trial(a_trial(processes=processes(rows))).ledger

    assert [line.cpu_s for line in ledger] == [0.0, 4.0]


def test_one_unreadable_container_makes_cpu_unknown() -> None:
    """CPU of half the arm would look like a cheap arm."""
    rows: Rows = [
        {"t_s": t_s, "container": name, "cpu_s": t_s if name == "a" else None} for t_s in (7, 17) for name in "ab"
    ]

    found = values(a_trial(cgroups=cgroups(rows)))

    assert found["cpu.per_1k"] is None
    assert found["cpu.cores"] is None


def test_the_proxy_is_part_of_the_cpu_and_known_apart() -> None:
    """Behind nginx: 0.04 of 0.36 cores."""
    found = values(a_trial("replicas"))
    proxy, together = found["cpu.proxy.per_1k"], found["cpu.per_1k"]

    assert proxy is not None
    assert together is not None
    assert proxy / together == pytest.approx(0.04 / 0.36, rel=1e-6)
    assert values(a_trial("workers"))["cpu.proxy.per_1k"] is None


def test_a_silent_process_counts_in_the_shares() -> None:
    """Two of four processes did all the work, three quarters and one quarter."""
    trial = summarise_trial(a_trial(requests=requests([{"served_by": "a"}] * 3 + [{"served_by": "b"}])))

    assert [share.fraction for share in trial.shares] == [0.75, 0.25, 0, 0]
    assert trial.values["share.max"] == 0.75
    assert trial.values["share.skew"] == 3.0
    assert trial.values["share.gini"] == pytest.approx(0.625)


def test_timeline_keeps_every_request_and_rate() -> None:
    """Bins of one second from warm-up to the end; CPU rates come from cumulative counters."""
    trial = a_trial()
    line = summarise_trial(trial).timeline

    assert line.bin_s == 1.0
    assert (line.start_s[0], line.start_s[-1]) == (-5.0, 9.0)
    done = sum((rate or 0) + (failed or 0) for rate, failed in zip(line.throughput, line.failures, strict=True))
    assert done == pytest.approx(len(trial.tables.requests), abs=5)  # some end after the last bin
    worker = next(track for track in line.processes if track.role == "worker")
    assert [value for value in worker.cpu_cores if value is not None] == pytest.approx([0.08] * 15)


def test_long_trials_have_longer_bins() -> None:
    """However long a trial is, its time line has at most 120 bins."""
    scenario = make_scenario(load={"locustfile": "x.py", "rate": 1, "warmup": "5s", "measure": "10m"})
    line = summarise_trial(make_trial(scenario, build_plan(scenario).trials[0])).timeline

    assert line.bin_s == 10.0
    assert len(line.start_s) == 60


def test_ratios_pair_trials_of_one_block() -> None:
    """Each block's ratio is arm ÷ baseline of that block; the summary is their median."""
    found, base = SUMMARY.metrics[Reading("p50", "replicas")], SUMMARY.metrics[Reading("p50", "workers")]

    assert found.ratios == {block: found.values[block] / base.values[block] for block in (1, 2)}  # type: ignore[operator]
    assert found.ratio == pytest.approx(sum(ratio or 0 for ratio in found.ratios.values()) / 2)
    assert base.ratios == {}
    assert base.ratio is None


def test_a_baseline_of_zero_has_no_ratio() -> None:
    """Failures ÷ no failures is not a number."""
    trials = [a_trial("workers", requests=requests([{}])), a_trial("replicas", requests=requests([{"error": "x"}]))]
    trials = [with_record(trial, block=1) for trial in trials]

    assert summarise(make_run(SCENARIO), trials).metrics[Reading("errors", "replicas")].ratios == {1: None}


def summary_with(block_2: Mapping[str, Any]) -> RunSummary:
    """The synthetic run with changes to the record of block 2's replicas."""
    trials = [
        with_record(trial, **block_2) if (trial.record.block, trial.record.arm) == (2, "replicas") else trial
        for trial in TRIALS
    ]
    return summarise(make_run(SCENARIO), trials)


def test_a_failed_gate_takes_the_whole_block_out_of_the_medians() -> None:
    """For every arm; the values of the block stay visible."""
    summary = summary_with({"gates": (make_gate("invalid", value=0.95),)})
    found = summary.metrics[Reading("p50", "workers")]

    assert summary.decision.used == (1,)
    assert found.median == found.values[1] != found.median_all
    assert set(found.values) == {1, 2}
    assert [arm.trials for arm in summary.arms] == [1, 1, 1]


def test_an_incomplete_block_does_not_count() -> None:
    """A run cut short in its second block has one valid block."""
    trials = [trial for trial in TRIALS if (trial.record.block, trial.record.arm) != (2, "workers")]

    summary = summarise(make_run(SCENARIO), trials)

    assert summary.decision.used == (1,)
    assert summary.decision.missing == {2: ("workers",)}
    assert set(summary.metrics[Reading("p50", "replicas")].ratios) == {1}


def test_the_worst_trial_of_a_gate_is_named() -> None:
    """Among passes the one nearest to its limit, and any caveat before every pass."""
    near = summary_with({"gates": (make_gate(value=0.69),)}).gates[0]
    caveat = summary_with({"gates": (make_gate("caveat", value=0.71, limit=0.7),)}).gates[0]

    assert (near.worst_trial, near.passed, near.trials) == ("b02-replicas", 6, 6)
    assert (caveat.worst_trial, caveat.passed, caveat.worst.outcome) == ("b02-replicas", 5, "caveat")


@given(st.sampled_from([gate for gate in GATES.values() if gate.invalid or gate.caveat]), st.data())
@settings(max_examples=40)
def test_no_trial_lies_farther_beyond_the_limit_than_the_worst(gate: Gate, data: st.DataObject) -> None:
    """Of the trials with the worst outcome: seen were 3.64 ms of lag, and 2.07 ms were shown."""
    values = data.draw(st.lists(st.none() | st.floats(0, 2), min_size=len(TRIALS), max_size=len(TRIALS)))
    results = [unchecked(gate, "readings") if value is None else judge(gate, value) for value in values]
    trials = [
        replace(trial, record=replace(trial.record, gates=(result,)))
        for trial, result in zip(SUMMARY.trials, results, strict=True)
    ]
    (shown,) = [found for found in summarise_done(make_run(SCENARIO), trials).gates if found.key == gate.key]

    outcomes = [result.outcome for result in results]
    assert shown.worst.outcome == max(outcomes, key=["pass", "caveat", "invalid"].index)
    alike = [result.value for result in results if result.outcome == shown.worst.outcome and result.value is not None]
    assert shown.worst.value == ((min if gate.floor else max)(alike) if alike else None)
    assert shown.passed == outcomes.count("pass")


def test_each_part_of_an_arm_is_over_the_blocks_that_are_valid_for_it() -> None:
    """Foreign CPU in block 2: memory from both blocks, CPU and latency from the first."""
    foreign = make_gate("invalid", key="machine.foreign", value=0.48, limit=0.2)
    summary = summary_with({"gates": (foreign,)})
    memory, p50 = (summary.metrics[Reading(key, "replicas")] for key in ("memory.pss.total", "p50"))

    assert [summary.valid_for(key) for key in ("memory.pss.total", "cpu.per_1k", "p50")] == [(1, 2), (1,), (1,)]
    assert memory.median == memory.median_all
    assert p50.median == p50.values[1]
    assert [arm.processes[0].trials for arm in summary.arms] == [2, 2, 2]
    assert {family: SUMMARY.trials[0].valid_for(family) for family in Family} == dict.fromkeys(Family, True)
    assert not summary.of_arm("replicas")[1].valid_for(Family.TIME)


def test_the_hop_compares_arms_that_differ_in_the_front_only() -> None:
    """workers against workers-nginx: 0.3 ms, two nginx processes of 3 MiB and 0.02 cores."""
    (hop,) = SUMMARY.hops
    p50, memory = (
        [SUMMARY.metrics[Reading(key, arm)].median or 0.0 for arm in (hop.direct, hop.behind)]
        for key in ("p50", "memory.pss.total")
    )

    assert (hop.direct, hop.behind) == ("workers", "workers-nginx")
    assert p50[1] - p50[0] == pytest.approx(0.0003, rel=0.2)
    assert memory[1] - memory[0] == pytest.approx(6 * MIB, rel=0.05)
    assert explored_hop(SUMMARY, hop, METRICS["memory.pss.total"]).estimate == pytest.approx(memory[1] / memory[0])


@pytest.mark.parametrize("option", [{"image": "other:1"}, {"env": {"A": "1"}}])
def test_arms_that_differ_in_more_than_the_front_are_no_hop(option: dict[str, Any]) -> None:
    """What another image or environment changes is not the proxy's doing; its own options are."""
    balanced = WORKERS_NGINX | {"name": "workers-random", "balance": "random"}
    scenario = make_scenario([WORKERS, WORKERS_NGINX | option, balanced])

    hops = summarise_done(make_run(scenario), make_summaries(scenario)).hops

    assert [(hop.direct, hop.behind) for hop in hops] == [("workers", "workers-random")]


def test_a_hop_adds_no_tls_and_takes_none_away() -> None:
    """Each is held against the one that speaks to its clients alike: the rest of a difference would be TLS."""
    secured = [
        WORKERS | {"name": "app", "front": {"kind": "direct", "tls": True}},
        WORKERS_NGINX | {"name": "front", "front": {"kind": "nginx", "tls": True}},
    ]
    scenario = make_scenario([WORKERS, WORKERS_NGINX, *secured])

    hops = summarise_done(make_run(scenario), make_summaries(scenario)).hops

    assert [(hop.direct, hop.behind) for hop in hops] == [("workers", "workers-nginx"), ("app", "front")]


def test_arms_are_medians_over_blocks() -> None:
    """Four workers, a supervisor and a helper, each seen in both blocks."""
    arm = SUMMARY.arms[0]

    assert [(line.role, line.ordinal, line.trials) for line in arm.processes if line.role == "worker"] == [
        ("worker", ordinal, 2) for ordinal in (1, 2, 3, 4)
    ]
    assert [line.role for line in arm.roles] == ["supervisor", "worker", "helper", "platform"]
    assert sum(arm.shares) == pytest.approx(1.0, abs=0.01)


def test_the_order_of_reading_does_not_matter() -> None:
    """Trials arrive in run order; the summary is in block and arm order, the same whichever way."""
    assert summarise(make_run(SCENARIO), reversed(TRIALS)) == SUMMARY
    assert [trial.record.arm for trial in SUMMARY.trials[:3]] == ["workers", "workers-nginx", "replicas"]


def test_a_trial_of_an_unknown_arm_is_refused() -> None:
    """A folder whose trials do not belong to its scenario is not a run."""
    with pytest.raises(RunFolderError, match="no arm 'other'"):
        summarise(make_run(SCENARIO), [with_record(TRIALS[0], arm="other")])


def test_no_finished_trial_is_an_empty_summary() -> None:
    """A run that was cut in its first trial can still be reported."""
    summary = summarise(make_run(SCENARIO), [])

    assert summary.decision.used == ()
    assert summary.metrics[Reading("p50", "workers")].median is None


def test_one_arm_alone_has_no_ratios() -> None:
    """A scenario with one arm is summarised without comparison."""
    scenario = make_scenario([REPLICAS])
    summary = summarise_done(make_run(scenario), make_summaries(scenario))

    assert summary.metrics[Reading("p50", "replicas")].median is not None
    assert summary.hops == ()


def test_replacement_blocks_do_not_count_as_planned() -> None:
    """Ten planned blocks with two replacements are still ten planned blocks."""
    scenario = make_scenario([WORKERS, WORKERS_NGINX], trials={"blocks": 10, "seed": 1})
    run = make_run(scenario)
    longer = replace(run, order=(*run.order, "b11-workers", "b11-workers-nginx"))

    assert summarise(longer, []).decision.planned == 10
    assert summarise(replace(run, order=run.order[:4]), []).decision.planned == 2


def test_trial_summaries_do_not_keep_tables() -> None:
    """What a summary holds is small: memory stays flat however many trials there are."""
    assert not any("tables" in name for name in TrialSummary.__slots__)


@pytest.mark.parametrize(
    ("mine", "baseline", "middle"),
    [([2.0, 4.0], [1.0, 1.0], 3.0), ([2.0, inf], [1.0, inf], None), ([2.0, 4.0], [1.0, inf], None)],
)
def test_no_size_is_told_from_the_blocks_alone_in_which_the_baseline_answered(
    mine: list[float], baseline: list[float], middle: float | None
) -> None:
    """Beside *failed* it would be the size of another comparison."""
    found = _arm_metric("replicas", "p50", dict(enumerate(mine)), dict(enumerate(baseline)), [0, 1])

    assert (found.ratio, found.ratio_all) == (middle, middle)
