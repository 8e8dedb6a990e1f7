"""What long bins keep of the seconds in them: extremes, the tail, whole sums, shares."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from lab.analysis.comparison import compare_run
from lab.analysis.summary import summarise_done
from lab.analysis.trial.timeline import MAX_BINS, Timeline, memory_growth_bytes, middle_bin, mostly_known, sampled_edges
from lab.analysis.trial.tracks import Track, extremes, rate_extremes, role_tracks, second_extremes, share_tracks
from lab.analysis.trial.trial import summarise_trial
from lab.plan.blocks import build_plan
from lab.plan.kinds import Role
from lab.record.types import HOST, PROCESSES, REQUESTS
from lab.report.parts.caveats import caveats
from lab.report.renderers.json_document import comparison_document
from tests.builders import (
    make_gate,
    make_run,
    make_scenario,
    make_summaries,
    make_trial,
    table_of,
    told,
    with_record,
    with_tables,
)

EDGES = np.array([0.0, 10.0, 20.0])


def test_a_long_bin_keeps_its_quietest_and_its_busiest_second() -> None:
    """Ten seconds with one request each but for one with five and one with none."""
    instants = np.array([0.5, 1.5, 2.5, 2.6, 2.7, 2.8, 2.9, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 12.5])
    found = second_extremes(instants, EDGES)

    assert found is not None
    assert (found.low, found.high) == ((0.0, 0.0), (5.0, 1.0))
    assert second_extremes(instants, np.arange(0.0, 5.0)) is None, "bins of a second have nothing to hide"


def test_a_burst_of_cpu_between_two_readings_is_kept() -> None:
    """One second at a whole core in ten at a tenth."""
    t_s = np.arange(0.0, 20.5)
    counter = np.cumsum(np.where(np.arange(len(t_s)) == 5, 1.0, 0.1))
    found = rate_extremes(t_s, counter, EDGES)

    assert found is not None
    assert found.high[0] == pytest.approx(1.0)
    assert found.low == pytest.approx((0.1, 0.1))


def test_bins_with_too_few_requests_are_counted() -> None:
    """A quantile is drawn when more than half of all bins have it; the middle bin says what was there."""
    line = Timeline(
        bin_s=1.0, start_s=(0.0, 1.0), throughput=(), failures=(), quantiles={0.99: (0.1, None)}, processes=()
    )
    other = replace(line, quantiles={0.99: (0.1, 0.2)}, timed=(9, 3, 5))

    assert not mostly_known([line], 0.99)
    assert mostly_known([line, other], 0.99)
    assert middle_bin([line, other]) == 5
    assert middle_bin([line]) is None


def test_growth_is_from_the_first_to_the_last_bin_of_the_measure_phase() -> None:
    """Of whole sums only: a bin in which a role was not read is none of them."""
    memory: dict[Role, Track] = {Role.WORKER: (9.0, 10.0, None, 14.0, 99.0), Role.PROXY: (9.0, 1.0, 1.0, 2.0, 99.0)}
    line = Timeline(
        bin_s=1.0,
        start_s=(),
        throughput=(),
        failures=(),
        quantiles={},
        processes=(),
        memory=memory,
        sampled_s=(-1, 0, 1, 2, 3),
    )
    assert memory_growth_bytes(line, 3.0) == 5.0
    assert memory_growth_bytes(line, 0.0) is None


def test_values_outside_the_bins_are_left_out() -> None:
    """And a bin without any is unknown, not zero."""
    found = extremes(np.array([-1, 0, 0, 2]), np.array([9.0, 1.0, 3.0, 9.0]), 2)

    assert (found.low, found.high) == ((1.0, None), (3.0, None))


def test_memory_by_role_is_that_of_one_instant_and_never_partial() -> None:
    """Of two instants in a bin the larger one counts; one at which a process that is never read lives does not."""
    rows = [
        {"t_s": 1.0, "pid": 1, "role": "worker", "pss_bytes": 30},
        {"t_s": 1.0, "pid": 2, "role": "proxy", "pss_bytes": 5},
        {"t_s": 2.0, "pid": 1, "role": "worker", "pss_bytes": 20},
        {"t_s": 2.0, "pid": 2, "role": "proxy", "pss_bytes": 9},
        {"t_s": 3.5, "pid": 1, "role": "worker", "pss_bytes": 99},
        {"t_s": 3.5, "pid": 2, "role": "proxy", "pss_bytes": 9},
        {"t_s": 3.5, "pid": 3, "role": "worker", "pss_bytes": None},
    ]

    assert role_tracks(table_of(PROCESSES, rows), 0.0, EDGES) == {Role.PROXY: (5.0, None), Role.WORKER: (30.0, None)}


def test_shares_are_parts_of_each_bin() -> None:
    """Three of four requests; a bin without requests has no shares."""
    served = ["b", "a", "b", "b"]
    rows = [{"t_done_s": 1.0 + place, "served_by": name} for place, name in enumerate(served)]
    tracks = share_tracks(table_of(REQUESTS, [*rows, {"t_done_s": 5.0}]), 0.0, EDGES)

    assert [(track.served_by, track.fractions) for track in tracks] == [("b", (0.75, None)), ("a", (0.25, None))]


def test_the_slowest_request_of_a_long_trial_is_in_its_time_line() -> None:
    """One request of two seconds in ten minutes: thinning keeps it."""
    scenario = make_scenario(load={"locustfile": "x.py", "rate": 5, "warmup": "5s", "measure": "10m"})
    trial = make_trial(scenario, build_plan(scenario).trials[0])
    late = pl.when(pl.int_range(pl.len()) == 1500).then(pl.col("t_scheduled_s") + 2).otherwise(pl.col("t_done_s"))
    line = summarise_trial(with_tables(trial, requests=trial.tables.requests.with_columns(t_done_s=late))).timeline

    assert line.bin_s > 1
    assert max(value for value in line.slowest if value is not None) == pytest.approx(2.0)
    assert line.throughput_extremes is not None
    assert line.processes[0].cpu_extremes is not None


def test_readings_reach_beyond_the_requests_by_bins_of_which_they_cover_more_than_half() -> None:
    """From 0.6 of a bin before, to half a bin behind; an arm that idles for hours does not fill the figure."""
    edges = np.arange(-2.0, 4.0)

    assert sampled_edges(np.array([-2.6, 0.0, 3.5]), edges).tolist() == [-3, -2, -1, 0, 1, 2, 3]
    assert sampled_edges(np.array([-1.0, 1.0]), edges).tolist() == edges.tolist()
    assert sampled_edges(np.array([]), edges).tolist() == edges.tolist()
    assert sampled_edges(np.array([-9999.0]), edges)[0] == -2 - MAX_BINS


def test_processes_are_followed_from_idle_to_cool_down_and_requests_are_not() -> None:
    """Readings from 1 s before the warm-up to 2 s after the measure phase: nine bins, in which the CPU is even."""
    scenario = make_scenario(load={"locustfile": "x.py", "rate": 100, "warmup": "2s", "measure": "4s"})
    trial = make_trial(scenario, build_plan(scenario).trials[0])
    stretched = (pl.col("t_s") - 2.0) * 9 / 6.5 + 1.0  # the builder's are from 2.0 s, its warm-up, to 8.5 s
    line = summarise_trial(with_tables(trial, processes=trial.tables.processes.with_columns(t_s=stretched))).timeline
    worker = next(process for process in line.processes if process.role is Role.WORKER)

    assert (line.start_s[0], line.start_s[-1]) == (-2.0, 3.0)
    assert (line.sampled_s[0], line.sampled_s[-1]) == (-3.0, 5.0)
    assert len(worker.cpu_cores) == len(worker.pss_bytes) == len(line.memory[Role.WORKER]) == len(line.sampled_s)
    assert [value for value in worker.cpu_cores if value is not None] == pytest.approx([0.08 * 6.5 / 9] * 9)


def test_the_arm_over_time_is_the_median_of_its_blocks() -> None:
    """In the bins that all blocks have."""
    scenario = make_scenario(load={"locustfile": "x.py", "rate": 100, "warmup": "2s", "measure": "4s"})
    summary = summarise_done(make_run(scenario), make_summaries(scenario))
    blocks = [trial.timeline for trial in summary.of_arm("workers")]
    line = summary.arms[0].timeline

    assert line.start_s == blocks[0].start_s == blocks[1].start_s
    means = [
        (first or 0) / 2 + (second or 0) / 2 for first, second in zip(*(b.throughput for b in blocks), strict=True)
    ]
    assert line.throughput == pytest.approx(means)


def test_quiet_has_steal_pressure_and_the_gates_foreign_cpu() -> None:
    """A tenth of all CPU time stolen, CPU pressure half of the time, no pressure that the kernel does not tell."""
    scenario = make_scenario()
    trial = make_trial(scenario, build_plan(scenario).trials[0])
    times = np.arange(0.0, 20.0, 0.5)
    rows = [{"t_s": t, "steal_s": 0.1 * t, "total_s": t, "psi_cpu_some_s": 0.5 * t} for t in times.tolist()]
    trial = with_record(trial, gates=(make_gate(key="machine.foreign", value=0.03),))
    found = summarise_trial(with_tables(trial, host=table_of(HOST, rows))).quiet

    assert (found.steal, found.psi_cpu, found.foreign) == pytest.approx((0.1, 0.5, 0.03))
    assert found.psi_memory is None


def test_arms_that_are_alike_in_a_closed_run_leave_a_caveat_over_blocks() -> None:
    """The builder's closed arms all answer 200 requests a second; the open ones are alike by design."""
    closed = make_scenario(load={"locustfile": "x.py", "warmup": "2s", "measure": "4s"})
    open_load = make_scenario(load={"locustfile": "x.py", "rate": 100, "warmup": "2s", "measure": "4s"})
    found, none = (summarise_done(make_run(scenario), make_summaries(scenario)) for scenario in (closed, open_load))
    gate = next(gate for gate in found.gates if gate.key == "block.alike")

    assert (gate.over, gate.trials, gate.passed, gate.worst.outcome) == ("blocks", 2, 0, "caveat")
    assert "block.alike" not in {gate.key for gate in none.gates}
    assert found.decision.used == (1, 2), "a caveat, never a reason to drop a block"
    entries = comparison_document(make_run(closed), found, compare_run(found))["caveats"]
    assert [(c["gate"], c["over"], c["doubtful"], c["checked"]) for c in entries] == [("block.alike", "blocks", 2, 2)]
    said = " ".join(told(caveats(make_run(closed), found).judged))
    assert "The throughputs of the block's arms differ by" in said
    assert "(2 of 2 blocks" in said
