"""Recordings: written inside Locust, read by the lab, whatever happened in between."""

from __future__ import annotations

from math import nan
from pathlib import Path

import polars as pl
import pytest

from lab.load.inside.openings import RESUMED
from lab.load.inside.recording import ARRIVAL, DROP, KINDS, MAX_LENGTH, MAX_STRINGS, ROW, RequestRecorder, strings_file
from lab.load.request_table import DTYPE, Marks, read_rows, read_strings, write_request_table
from lab.record.types import REQUESTS, RequestKind

MARKS = Marks(warmup_start_s=100.0, measure_start_s=105.0, measure_end_s=115.0, finished_s=116.0)


def table(path: Path, *, upstream: bool = False) -> pl.DataFrame:
    """The request table of one recording, on a clock that began at 90 s."""
    target = path.with_suffix(".parquet")
    write_request_table([path], target, MARKS, 90.0, upstream=upstream)
    return pl.read_parquet(target)


def test_kinds_are_those_of_the_records() -> None:
    """The copy that Locust can import says the same."""
    assert [kind.value for kind in RequestKind] == list(KINDS)


def test_the_row_format_is_the_same_on_both_sides() -> None:
    """struct and numpy agree about the size of a row."""
    assert DTYPE.itemsize == ROW.size


def test_rows_come_back_as_the_request_table(tmp_path: Path) -> None:
    """Every column, nulls where there is nothing, instants relative to the trial's start."""
    recorder = RequestRecorder(tmp_path / "r.bin")
    recorder.write(
        ARRIVAL,
        lane=3,
        scheduled_s=106.0,
        sent_s=106.5,
        done_s=107.0,
        size=2**33,
        status=503,
        name="GET /ü",
        server="app-1",
        error="HTTP 503",
        opened_s=0.25,
        secured=RESUMED,
    )
    recorder.write(DROP, lane=-1, scheduled_s=104.0, error="dropped")
    recorder.close()

    rows = table(tmp_path / "r.bin")

    assert dict(rows.schema) == dict(REQUESTS)
    assert rows.row(0) == (
        16.0,
        16.5,
        17.0,
        503,
        2**33,
        "GET /ü",
        "app-1",
        "measure",
        "arrival",
        "HTTP 503",
        3,
        0.25,
        1,
    )
    assert rows.row(1) == (14.0, None, None, 0, 0, None, None, "warmup", "drop", "dropped", -1, None, None)


@pytest.mark.parametrize(
    ("scheduled_s", "sent_s", "phase"),
    [
        (104.9, 105.1, "warmup"),
        (105.0, 105.1, "measure"),
        (114.9, 115.2, "measure"),
        (nan, 104.9, "warmup"),
        (nan, 105.0, "measure"),
        (nan, 115.0, "cooldown"),
    ],
)
def test_a_row_belongs_to_the_phase_of_its_schedule(
    tmp_path: Path, scheduled_s: float, sent_s: float, phase: str
) -> None:
    """A request in flight at a phase's end counts where it was scheduled; without a schedule, where it was sent."""
    recorder = RequestRecorder(tmp_path / "r.bin")
    recorder.write(ARRIVAL, lane=0, scheduled_s=scheduled_s, sent_s=sent_s, done_s=117.0)
    recorder.close()

    assert table(tmp_path / "r.bin")["phase"].to_list() == [phase]


def test_a_recording_cut_off_anywhere_can_be_read(tmp_path: Path) -> None:
    """A half-written last row or string is left out."""
    recorder = RequestRecorder(tmp_path / "r.bin")
    for name in ("one", "two"):
        recorder.write(ARRIVAL, lane=0, sent_s=106.0, done_s=107.0, name=name)
    recorder.close()
    with (tmp_path / "r.bin").open("ab") as file:
        file.write(b"\x00" * (ROW.size - 1))
    with strings_file(tmp_path / "r.bin").open("ab") as file:
        file.write(b'"thr')

    assert [len(rows) for rows in read_rows(tmp_path / "r.bin")] == [2]
    assert read_strings(tmp_path / "r.bin").to_list() == [None, "one", "two"]
    assert table(tmp_path / "r.bin")["name"].to_list() == ["one", "two"]


def test_hostile_strings_do_not_grow_without_end(tmp_path: Path) -> None:
    """Ever new error texts are cut and, beyond a limit, become one; known ones keep their names."""
    recorder = RequestRecorder(tmp_path / "r.bin")
    for number in range(MAX_STRINGS + 500):
        recorder.write(ARRIVAL, lane=0, sent_s=106.0, done_s=107.0, error=f"{number} " + "x" * 1000, name="GET /")
    recorder.write(ARRIVAL, lane=0, sent_s=106.0, done_s=107.0, error="0 " + "x" * 1000, name="GET /")
    recorder.close()

    rows = table(tmp_path / "r.bin")
    assert rows.height == MAX_STRINGS + 501
    assert rows["error"].n_unique() == MAX_STRINGS + 1
    assert rows["error"].str.len_chars().max() == MAX_LENGTH
    assert rows.filter(pl.col("error") == "other errors").height == 500
    assert rows["error"][-1].startswith("0 xxx")
    assert rows["name"].n_unique() == 1


def test_rows_leave_memory_when_flushed(tmp_path: Path) -> None:
    """What was flushed is in the file, strings before the rows that need them."""
    recorder = RequestRecorder(tmp_path / "r.bin")
    recorder.write(ARRIVAL, lane=0, sent_s=106.0, done_s=107.0, name="GET /")
    assert (tmp_path / "r.bin").stat().st_size == 0
    recorder.flush()

    assert (tmp_path / "r.bin").stat().st_size == ROW.size
    assert read_strings(tmp_path / "r.bin").to_list() == [None, "GET /"]
    recorder.close()


def test_upstream_addresses_stand_in_only_where_no_header_does(tmp_path: Path) -> None:
    """Names of two sorts are never mixed in one table."""
    recorder = RequestRecorder(tmp_path / "r.bin")
    recorder.write(ARRIVAL, lane=0, sent_s=106.0, done_s=107.0, server="app-1")
    recorder.write(ARRIVAL, lane=0, sent_s=106.0, done_s=107.0, server="127.0.0.1:8001", upstream=True)
    recorder.close()

    assert table(tmp_path / "r.bin")["served_by"].to_list() == ["app-1", None]
    assert table(tmp_path / "r.bin", upstream=True)["served_by"].to_list() == ["app-1", "127.0.0.1:8001"]


def test_recordings_of_load_processes_are_merged(tmp_path: Path) -> None:
    """Each with its own string table, over several chunks."""
    for process in range(2):
        recorder = RequestRecorder(tmp_path / f"{process}.bin")
        for number in range(70_000):
            recorder.write(ARRIVAL, lane=process, sent_s=106.0, done_s=107.0, name=f"{process}/{number % 3}")
        recorder.close()

    write_request_table([tmp_path / "0.bin", tmp_path / "1.bin"], tmp_path / "r.parquet", MARKS, 0.0, upstream=False)

    rows = pl.read_parquet(tmp_path / "r.parquet")
    assert rows.height == 140_000
    assert rows.select(pl.col("name").str.head(1) == pl.col("lane").cast(pl.String)).to_series().all()


def test_a_recording_is_never_overwritten(tmp_path: Path) -> None:
    """Two load processes with one file would mix their rows."""
    RequestRecorder(tmp_path / "r.bin").close()
    with pytest.raises(FileExistsError):
        RequestRecorder(tmp_path / "r.bin")


def test_an_empty_recording_is_an_empty_table(tmp_path: Path) -> None:
    """A closed run in which no task sent anything."""
    RequestRecorder(tmp_path / "r.bin").close()

    assert table(tmp_path / "r.bin").height == 0
