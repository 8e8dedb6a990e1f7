"""Attribution: silent processes count, few requests give no percentile, and silence is a row of the heat map."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.analysis.trial.attribution import balance, latency_by_process, requests_over_time, share_max, skew
from lab.analysis.trial.shares import gini
from lab.record.types import PhaseWindow, RequestKind
from tests.gate_records import MEASURE, WORKERS, arrivals, drop, request, request_table, trial


def served(*counts: int) -> list[dict[str, object]]:
    """As many requests of the measure phase for each process, 1 ms longer each time."""
    return [
        request(10 + n * 9 / max(counts), took_s=0.001 * (n + 1), served_by=f"worker-{process}")
        for process, count in enumerate(counts)
        for n in range(count)
    ]


def test_perfect_balance() -> None:
    """Round robin: everyone has 1/N."""
    found = balance(trial())

    assert found is not None
    assert (found.share_max, found.skew, found.gini) == pytest.approx((0.25, 1.0, 0.0))
    assert (found.silent, found.attributed) == (0, 1.0)


def test_processes_that_served_nothing_count() -> None:
    """One process of four did everything: the worst balance there is, not the best."""
    found = balance(trial(served(400)))

    assert found is not None
    assert (found.share_max, found.skew, found.gini, found.silent) == pytest.approx((1.0, 4.0, 0.75, 3))


def test_the_skew_of_a_shared_listener() -> None:
    """FIELD, trap 3: 16 connections gave [100, 100, 1400] of four workers."""
    found = balance(trial(served(100, 100, 1400)))

    assert found is not None
    assert found.skew == pytest.approx(3.5)
    assert found.silent == 1


def test_nothing_attributed_is_not_balance() -> None:
    """Missing, never zero."""
    assert balance(trial(arrivals() and [row | {"served_by": None} for row in arrivals()])) is None
    assert balance(trial([])) is None


def test_only_the_measure_phase_counts() -> None:
    """Warm-up, drops and requests of on_start are in no share."""
    others = [request(5.0, served_by="worker-3"), drop(12.0), request(12.0, served_by="x", kind=RequestKind.START)]

    found = balance(trial(served(10, 10) + others))

    assert found is not None
    assert found.share_max == pytest.approx(0.5)
    assert found.silent == 2


@pytest.mark.parametrize(("unknown", "told"), [(10, True), (11, False)])
def test_shares_of_a_part_of_the_requests_are_no_shares(unknown: int, told: bool) -> None:
    """Of 1 000 successful requests 990 must be attributed, or the balance is missing."""
    rows = arrivals()
    for row in rows[-unknown:]:
        row["served_by"] = None

    found = balance(trial(rows))

    assert (found is not None) is told
    assert found is None or found.attributed == pytest.approx(0.99)


def test_failures_need_no_server() -> None:
    """A refused connection was served by nobody."""
    refused = request(12.0, served_by=None, status=0, error="ConnectionRefusedError")

    found = balance(trial(served(50, 50) + [refused] * 100))

    assert found is not None
    assert (found.share_max, found.attributed) == (0.5, 1.0)


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=40).filter(any))
def test_the_measures_of_balance_stay_in_their_range(counts: list[int]) -> None:
    """1/N ≤ share ≤ 1, 1 ≤ skew ≤ N, 0 ≤ Gini ≤ (N − 1)/N, and Gini is half the mean difference ÷ mean."""
    n = len(counts)
    differences = sum(abs(a - b) for a in counts for b in counts)

    assert 1 / n - 1e-12 <= share_max(counts) <= 1
    assert 1 - 1e-9 <= skew(counts, n) <= n
    assert gini(counts) == pytest.approx(differences / (2 * n * sum(counts)), abs=1e-9)


def test_latency_of_each_process_with_its_eligibility() -> None:
    """p50 needs 20 requests and p95 needs 200: exact, from the rows, by service time."""
    found = {process.served_by: process for process in latency_by_process(trial(served(200, 20, 19)))}

    assert (found["worker-0"].p50_s, found["worker-0"].p95_s) == pytest.approx((0.100, 0.190))
    assert found["worker-1"].p50_s == pytest.approx(0.010)
    assert found["worker-1"].p95_s is None
    assert (found["worker-2"].requests, found["worker-2"].p50_s) == (19, None)


def test_requests_over_time_show_silence() -> None:
    """Every process has a cell in every second; a known process that served nothing has zeros."""
    table = requests_over_time(request_table(arrivals()), MEASURE, known=("worker-9",))

    assert table.height == 10 * (WORKERS + 1)
    assert table.columns == ["start_s", "served_by", "per_second"]
    assert table.filter(pl.col("served_by") == "worker-9")["per_second"].to_list() == [0.0] * 10
    busy = table.filter((pl.col("served_by") == "worker-1") & (pl.col("start_s") == 3.0))
    assert busy["per_second"].to_list() == [25.0]


def test_a_shorter_last_bin_is_still_a_rate() -> None:
    """A window of 2.5 s in bins of 1 s: half a second of requests is divided by half a second."""
    window = PhaseWindow(start_s=10.0, end_s=12.5)

    table = requests_over_time(request_table(arrivals()), window).filter(pl.col("served_by") == "worker-0")

    assert table["start_s"].to_list() == [0.0, 1.0, 2.0]
    assert table["per_second"].to_list() == pytest.approx([25, 25, 25], abs=2)


def test_requests_over_time_of_nothing() -> None:
    """No attributed request: no rows, and no crash."""
    assert requests_over_time(request_table([]), MEASURE).height == 0
