"""Events that a locustfile fires itself: any value is written, read back and told, and none becomes a request."""

from __future__ import annotations

import math
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.analysis.trial.latency import measured
from lab.analysis.trial.names import by_event, by_name, events_of_arm, names_of_arm
from lab.load.event_table import write_event_table
from lab.load.inside.clients import Asked, request_listener
from lab.load.inside.journal import Journal
from lab.load.inside.load_counts import Tally
from lab.load.inside.recording import RequestRecorder
from lab.load.request_table import Marks, write_request_table
from lab.record.checks import table_problem
from lab.record.reading import read_tables
from lab.record.types import CGROUPS, HOST, PROCESSES, REQUESTS, USER_EVENTS

ANYTHING = st.one_of(
    st.none(), st.integers(), st.floats(), st.text(max_size=400), st.booleans(), st.decimals(), st.binary(max_size=9)
)


def tables_after(folder: Path, *fired: dict[str, Any]) -> Any:
    """The tables of a trial whose locustfile fired these events, as the lab reads them back."""
    recorder = RequestRecorder(folder / "r.bin")
    journal = Journal(recorder, Tally(), open_model=True)
    on_request = request_listener(journal, Asked(by_socket=False))
    for event in fired:
        on_request(**event)
    recorder.close()
    marks = Marks(warmup_start_s=0.0, measure_start_s=1.0, measure_end_s=1e8, finished_s=1e8)
    write_request_table([folder / "r.bin"], folder / "requests.parquet", marks, 0.0, upstream=False)
    assert write_event_table([folder / "r.bin"], folder / "user_events.parquet", marks, 0.0) == journal.tally.events
    for name, schema in (("processes", PROCESSES), ("cgroups", CGROUPS), ("host", HOST)):
        pl.DataFrame(schema=dict(schema)).write_parquet(folder / f"{name}.parquet")
    return read_tables(folder)


@given(
    kind=ANYTHING,
    name=ANYTHING,
    response_time=ANYTHING,
    response_length=ANYTHING,
    error=st.one_of(st.none(), st.text()),
)
def test_whatever_a_locustfile_fires_can_be_read_again(
    kind: Any, name: Any, response_time: Any, response_length: Any, error: str | None
) -> None:
    """Negative times, float lengths, no numbers at all: one event each, never a request."""
    event = {"request_type": kind, "name": name, "response_time": response_time, "response_length": response_length}
    with TemporaryDirectory() as folder:
        tables = tables_after(Path(folder), event | {"exception": error})

    assert table_problem(tables) == ""
    assert tables.requests.is_empty()
    (line,) = by_event(tables.user_events)
    assert (line.events, line.failures) == (1, error is not None)


@given(response_time=ANYTHING, response_length=ANYTHING, earlier_s=st.floats(-1, 1))
def test_whatever_a_locustfile_does_to_a_requests_numbers_can_be_read_again(
    response_time: Any, response_length: Any, earlier_s: float
) -> None:
    """A locustfile may change what Locust's client measured before it is reported."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        recorder = RequestRecorder(folder / "r.bin")
        journal = Journal(recorder, Tally(), open_model=True)
        request = journal.send(None, 10.0 + earlier_s)
        answer = SimpleNamespace(lab_request=request, headers=None)
        request_listener(journal, Asked(by_socket=False))(
            "GET", "/", response_time, response_length, response=answer, exception=None
        )
        recorder.close()
        marks = Marks(warmup_start_s=0.0, measure_start_s=1.0, measure_end_s=1e8, finished_s=1e8)
        write_request_table([folder / "r.bin"], folder / "requests.parquet", marks, 0.0, upstream=False)
        for table, schema in (("processes", PROCESSES), ("cgroups", CGROUPS), ("host", HOST)):
            pl.DataFrame(schema=dict(schema)).write_parquet(folder / f"{table}.parquet")

        assert table_problem(read_tables(folder)) == ""


def test_values_are_kept_as_they_were_given(tmp_path: Path) -> None:
    """A millisecond before its time, a length in kilobytes, and a number that is no time."""
    fired = [
        {"request_type": "WSR", "name": "news", "response_time": -1, "response_length": 12.5},
        {"request_type": "METRIC", "name": "tokens", "response_time": Decimal(20), "response_length": None},
    ]
    events = tables_after(tmp_path, *fired).user_events

    assert events.select("type", "name", "value", "length", "error", "lane").rows() == [
        ("WSR", "news", -1.0, 12.5, None, -1),
        ("METRIC", "tokens", 20.0, None, None, -1),
    ]


def event_rows(values: list[float | None]) -> pl.DataFrame:
    rows = [{"t_s": 5.0, "type": "WS", "name": "a", "value": value, "phase": "measure", "lane": 0} for value in values]
    return pl.DataFrame(rows, schema=dict(USER_EVENTS))


def test_events_are_summed_up_by_name_with_what_their_number_allows() -> None:
    """21 values carry a median and no more; what is no number counts as an event alone."""
    (line,) = by_event(event_rows([*map(float, range(-10, 11)), None]))

    assert (line.events, line.mean, line.mean_length) == (22, 0.0, None)
    assert line.quantiles == (0.0, None, None)
    (arm,) = events_of_arm([(line,), (line,)])
    assert (arm.events, arm.quantiles) == (44, (0.0, None, None))


def test_requests_are_summed_up_by_name() -> None:
    """Failures are slower than every answer; the rarest names are one line."""
    instants = {"t_sent_s": 5.0, "phase": "measure", "kind": "arrival", "status": 200, "lane": 0}
    slow = [{**instants, "t_done_s": 5.0 + place / 100, "name": "GET /a"} for place in range(30)]
    bad = [{**instants, "t_done_s": 5.1, "name": "GET /b", "error": "HTTP 500"}] * 25
    rare = [{**instants, "t_done_s": 5.1, "name": f"GET /{place}"} for place in range(60)]

    lines = by_name(measured(pl.DataFrame([*slow, *bad, *rare], schema=dict(REQUESTS))))

    found = {line.name: line for line in lines}
    assert found["GET /a"].quantiles[0] == pytest.approx(0.14)
    assert found["GET /a"].quantiles[1:] == (None, None)
    assert (found["GET /b"].failures, found["GET /b"].quantiles[0]) == (25, math.inf)
    assert found["other names"].requests == 12
    assert sum(line.requests for line in names_of_arm([lines, lines])) == 2 * 115
