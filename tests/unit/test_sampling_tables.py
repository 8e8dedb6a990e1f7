"""From raw rows to Parquet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from lab.errors import MissingError, SamplingError
from lab.record.checks import table_problem
from lab.record.schema import CgroupRow, ConnectionRow, HostRow, ProcessRow
from lab.record.types import CGROUPS, CONNECTIONS, HOST, POOL, PROCESSES, REQUESTS, TrialTables
from lab.sampling.recorder import Rows, recorder
from lab.sampling.sampler import read_connections, write_tables

CHUNK_BYTES = 1 << 16  # of megabytes in earnest
COMMAND = 'nginx: "worker", process'


def rows(t_s: float) -> Rows:
    process = ProcessRow(
        t_s, 41, 1_790_000_000.25, "worker", "app", 1.5, 0.25, 1.75, None, 50, 30, 20, None, 2, 10, COMMAND
    )
    cgroup = CgroupRow(t_s, "app", "3135", 0.5, 4096, 8192, None, 10, 1, 0.25, None, 3, None)
    host = HostRow(t_s, 10.0, 0.0, 20.0, None, None, None, 5, None, None, None, 0.5, 7, 0.25, 8, None)
    return Rows(
        processes=[process, process._replace(pid=42, pss_bytes=None)],
        cgroups=[cgroup],
        host=host,
        connections=[ConnectionRow(t_s, 60999, 41, "app", "10.0.0.2")],
    )


def test_a_pool_without_a_container_is_a_sound_row(tmp_path: Path) -> None:
    """The parent cgroup of a pooled budget: its empty container comes back empty, not missing."""
    pool = rows(0.5).cgroups[0]._replace(service="pool", container="")
    with recorder(tmp_path) as output:
        output.append(replace(rows(0.5), cgroups=[*rows(0.5).cgroups, pool]))
    write_tables(tmp_path, tmp_path)
    found = {name: pl.read_parquet(tmp_path / f"{name}.parquet") for name in ("processes", "cgroups", "host")}

    assert found["cgroups"]["container"].to_list() == ["3135", POOL]
    assert table_problem(TrialTables(requests=pl.DataFrame(schema=dict(REQUESTS)), **found)) == ""


def record(directory: Path, instants: int) -> None:
    with recorder(directory) as output:
        for instant in range(instants):
            output.append(rows(instant / 2))


def test_rows_come_back_with_the_schemas_of_the_records(tmp_path: Path) -> None:
    """Values, types and missing values survive; quotes and commas in a command line too."""
    record(tmp_path, 3)
    write_tables(tmp_path, tmp_path)

    tables = {name: pl.read_parquet(tmp_path / f"{name}.parquet") for name in ("processes", "cgroups", "host")}
    assert dict(tables["processes"].schema) == dict(PROCESSES)
    assert dict(tables["cgroups"].schema) == dict(CGROUPS)
    assert dict(tables["host"].schema) == dict(HOST)
    assert tables["processes"].row(0) == tuple(rows(0.0).processes[0])
    assert tables["processes"]["pss_bytes"].to_list() == [30, None] * 3
    assert tables["cgroups"].row(2) == tuple(rows(1.0).cgroups[0])
    assert tables["host"].row(2) == tuple(rows(1.0).host)


def test_a_last_line_cut_short_by_a_kill_is_dropped(tmp_path: Path) -> None:
    """What was written whole before it stays."""
    record(tmp_path, 3)
    with (tmp_path / "processes.csv").open("a") as file:
        file.write("1.5,41,1790000000.25,worker,app,1.5,0.2")
    write_tables(tmp_path, tmp_path)

    assert pl.read_parquet(tmp_path / "processes.parquet").height == 6


def test_a_long_trial_is_written_in_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No row is lost or moved where one chunk ends and the next begins."""
    monkeypatch.setattr("lab.sampling.sampler.CHUNK_BYTES", CHUNK_BYTES)
    instants = 1 + 2 * CHUNK_BYTES // len(",".join(map(str, rows(0.0).processes[0])))
    record(tmp_path, instants)
    assert (tmp_path / "processes.csv").stat().st_size > 2 * CHUNK_BYTES
    write_tables(tmp_path, tmp_path)

    assert pl.read_parquet(tmp_path / "processes.parquet")["t_s"].to_list() == [
        k / 2 for k in range(instants) for _ in "ab"
    ]


def test_connections_come_back_too(tmp_path: Path) -> None:
    """For the attribution of requests; a line cut short is dropped, no row at all is an empty table."""
    record(tmp_path, 2)
    with (tmp_path / "connections.csv").open("a") as file:
        file.write("1.0,6099")

    found = read_connections(tmp_path)

    assert dict(found.schema) == dict(CONNECTIONS)
    assert found.rows() == [(t_s, 60999, 41, "app", "10.0.0.2") for t_s in (0.0, 0.5)]
    (tmp_path / "connections.csv").write_text("t_s,client_port,pid,service,client\n")
    assert read_connections(tmp_path).is_empty()
    assert dict(read_connections(tmp_path).schema) == dict(CONNECTIONS)


def test_a_table_without_rows_is_a_table(tmp_path: Path) -> None:
    """No cgroup could be read: an empty table with its columns."""
    record(tmp_path, 0)
    write_tables(tmp_path, tmp_path)

    assert dict(pl.read_parquet(tmp_path / "cgroups.parquet").schema) == dict(CGROUPS)


def test_no_rows_at_all_fails_the_trial(tmp_path: Path) -> None:
    """A sampler that left no file has failed."""
    with pytest.raises(SamplingError, match="left no rows"):
        write_tables(tmp_path, tmp_path)
    with pytest.raises(SamplingError, match="left no rows"):
        read_connections(tmp_path)


def test_a_broken_file_fails_the_trial(tmp_path: Path) -> None:
    """Something else has written into it: no table is made from half understood lines."""
    record(tmp_path, 2)
    with (tmp_path / "host.csv").open("a") as file:
        file.write("these,are,not\n")

    with pytest.raises(SamplingError, match=r"host\.csv"):
        write_tables(tmp_path, tmp_path)


def test_a_full_disk_is_said_in_a_sentence(tmp_path: Path) -> None:
    """/dev/full takes no byte: exit code 4, and what to do."""
    (tmp_path / "host.csv").symlink_to("/dev/full")

    with pytest.raises(MissingError, match=r"No space left"):
        record(tmp_path, 1)
