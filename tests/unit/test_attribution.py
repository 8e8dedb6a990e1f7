"""Attribution: silent processes count, and few requests give no percentile."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.analysis.trial.latency import latency_by_process, measured
from lab.analysis.trial.shares import Share, gini, shares
from lab.record.types import RequestKind
from tests.gate_records import WORKERS, arrivals, drop, request, request_table


def served(*counts: int) -> list[dict[str, object]]:
    """As many requests of the measure phase for each process, 1 ms longer each time."""
    return [
        request(10 + n * 9 / max(counts), took_s=0.001 * (n + 1), served_by=f"worker-{process}")
        for process, count in enumerate(counts)
        for n in range(count)
    ]


def shares_of(rows: list[dict[str, object]]) -> tuple[Share, ...]:
    return shares(measured(request_table(rows)), WORKERS)


def fractions(rows: list[dict[str, object]]) -> list[float]:
    return [share.fraction for share in shares_of(rows)]


def test_processes_that_served_nothing_count() -> None:
    """One process of four did everything: the worst balance there is, not the best."""
    assert fractions(arrivals()) == [0.25] * 4
    assert fractions(served(400)) == [1.0, 0.0, 0.0, 0.0]


def test_nothing_attributed_is_not_balance() -> None:
    """Missing, never zero."""
    assert fractions([row | {"served_by": None} for row in arrivals()]) == []
    assert fractions([]) == []


def test_only_the_measure_phase_counts() -> None:
    """Warm-up, drops and requests of on_start are in no share."""
    others = [request(5.0, served_by="worker-3"), drop(12.0), request(12.0, served_by="x", kind=RequestKind.START)]

    assert fractions(served(10, 10) + others) == [0.5, 0.5, 0.0, 0.0]


@pytest.mark.parametrize(("unknown", "told"), [(10, True), (11, False)])
def test_shares_of_a_part_of_the_requests_are_no_shares(unknown: int, told: bool) -> None:
    """Of 1,000 successful requests 990 must be attributed, or the shares are missing."""
    rows = arrivals()
    for row in rows[-unknown:]:
        row["served_by"] = None

    assert bool(shares_of(rows)) is told


def test_failures_need_no_server() -> None:
    """A refused connection was served by nobody."""
    refused = request(12.0, served_by=None, status=0, error="ConnectionRefusedError")

    assert fractions(served(50, 50) + [refused] * 100) == [0.5, 0.5, 0.0, 0.0]


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=40).filter(any))
def test_gini_stays_in_its_range(counts: list[int]) -> None:
    """0 ≤ Gini ≤ (N − 1)/N, and Gini is half the mean difference ÷ mean."""
    n = len(counts)
    differences = sum(abs(a - b) for a in counts for b in counts)

    assert -1e-9 <= gini(counts) <= (n - 1) / n + 1e-9
    assert gini(counts) == pytest.approx(differences / (2 * n * sum(counts)), abs=1e-9)


def test_latency_of_each_process_with_its_eligibility() -> None:
    """p50 needs 20 requests and p95 needs 200: exact, from the rows, by service time."""
    found = {process.served_by: process for process in latency_by_process(measured(request_table(served(200, 20, 19))))}

    assert (found["worker-0"].p50_s, found["worker-0"].p95_s) == pytest.approx((0.100, 0.190))
    assert found["worker-1"].p50_s == pytest.approx(0.010)
    assert found["worker-1"].p95_s is None
    assert (found["worker-2"].requests, found["worker-2"].p50_s) == (19, None)
