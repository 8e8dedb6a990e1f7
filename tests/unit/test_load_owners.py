"""Attribution by socket: the process that held the connection when the answer was there, or nobody."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.load.request_table import NEAR_S, owners
from lab.record.types import CONNECTIONS


def seen(*rows: tuple[float, int, int]) -> pl.DataFrame:
    """Readings of service ``app``: instant, client port, pid."""
    return pl.DataFrame([(*row, "app", "10.0.0.2") for row in rows], schema=dict(CONNECTIONS), orient="row")


def asked(*requests: tuple[int, float | None], of: pl.DataFrame) -> list[str | None]:
    """Owners of requests given as client port and instant of the answer."""
    ports, done_s = zip(*requests, strict=True)
    return owners(pl.Series(ports, dtype=pl.UInt16), pl.Series(done_s, dtype=pl.Float64), of).to_list()


def test_a_request_belongs_to_the_process_that_holds_its_connection() -> None:
    """In the order of the requests, whatever the order of the readings."""
    readings = seen((1.0, 40001, 7), (0.5, 40002, 8), (0.5, 40001, 7), (1.0, 40002, 8))

    assert asked((40002, 0.9), (40001, 0.6), (40002, 0.4), of=readings) == ["app:8", "app:7", "app:8"]


def test_a_port_that_was_given_out_again_belongs_to_the_nearest_reading() -> None:
    """The first connection ended after 2 s, the second one was seen from 5 s on, by another process."""
    readings = seen((1.5, 40001, 7), (2.0, 40001, 7), (5.0, 40001, 8), (5.5, 40001, 8))

    assert asked((40001, 2.1), (40001, 4.8), of=readings) == ["app:7", "app:8"]


@pytest.mark.parametrize(("done_s", "owner"), [(2.0 + NEAR_S, "app:7"), (2.01 + NEAR_S, None), (1.99 - NEAR_S, None)])
def test_a_connection_that_was_never_seen_has_no_owner(done_s: float, owner: str | None) -> None:
    """Another connection with its port, long before or after, says nothing."""
    assert asked((40001, done_s), of=seen((2.0, 40001, 7))) == [owner]


def test_what_has_no_port_or_no_answer_has_no_owner() -> None:
    """Dropped arrivals, requests cut off, requests of clients that do not tell their port."""
    assert asked((0, 1.0), (40001, None), (40001, 1.0), of=seen((1.0, 40001, 7))) == [None, None, "app:7"]


def test_nothing_seen_and_nothing_asked() -> None:
    """Empty tables keep their length."""
    assert asked((40001, 1.0), of=seen()) == [None]
    assert owners(pl.Series([], dtype=pl.UInt16), pl.Series([], dtype=pl.Float64), seen((1.0, 1, 1))).to_list() == []


@given(st.lists(st.tuples(st.integers(1, 4), st.floats(0, 30)), min_size=1, max_size=60), st.permutations(range(60)))
def test_long_lived_connections_are_attributed_whatever_the_order(
    requests: list[tuple[int, float]], order: list[int]
) -> None:
    """Readings twice a second for 30 s, each port always in one process."""
    readings = [(step / 2, port, 100 + port) for step in range(61) for port in range(1, 5)]
    shuffled = sorted(readings, key=lambda row: order[int(row[0] * 2) % 60])

    assert asked(*requests, of=seen(*shuffled)) == [f"app:{100 + port}" for port, _ in requests]
