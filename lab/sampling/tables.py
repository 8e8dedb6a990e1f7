"""From the sampler's raw rows to the Parquet tables of a trial, in bounded memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from lab.errors import SamplingError
from lab.record.folder import disk_errors
from lab.record.types import CGROUPS, CONNECTIONS, HOST, PROCESSES

SAMPLED: Mapping[str, Mapping[str, Any]] = {"processes": PROCESSES, "cgroups": CGROUPS, "host": HOST}
CHUNK_BYTES = 2 * 1024**2  # of raw rows at once; 370 MB of them took 95 MB of memory on top of polars itself


def write_tables(directory: Path, target: Path) -> None:
    """``directory/*.csv`` → ``target/{processes,cgroups,host}.parquet``, a chunk of rows at a time.

    A last line cut short by a kill is dropped. Raises SamplingError when the sampler left no rows or broken ones.
    """
    for name, schema in SAMPLED.items():
        source = directory / f"{name}.csv"
        full = disk_errors(target)  # inside as well: once the parts are gone there may be room again
        with _understood(source), full, tempfile.TemporaryDirectory(dir=directory) as parts, full:
            _write_table(source, schema, Path(parts), target / f"{name}.parquet")


def read_connections(directory: Path) -> pl.DataFrame:
    """``directory/connections.csv`` as records.CONNECTIONS, read whole: an hour on 32 lanes is 230 000 short rows.

    Raises SamplingError as ``write_tables`` does.
    """
    source, schema = directory / "connections.csv", dict(CONNECTIONS)
    with _understood(source):
        parts = [pl.read_csv(lines, has_header=False, schema=schema) for lines in _chunks(source)]
    return pl.concat([pl.DataFrame(schema=schema), *parts])


@contextmanager
def _understood(source: Path) -> Iterator[None]:
    if not source.is_file():
        raise SamplingError(f"{source}: the sampler left no rows", "see sampler.log beside it")
    try:
        yield
    except pl.exceptions.PolarsError as error:
        raise SamplingError(f"{source}: not the rows of a sampler: {str(error).splitlines()[0]}") from None


def _write_table(source: Path, schema: Mapping[str, Any], parts: Path, target: Path) -> None:
    """Small Parquet files first, then one of them: neither step holds the whole table."""
    pl.DataFrame(schema=dict(schema)).write_parquet(parts / "000000.parquet")
    for number, lines in enumerate(_chunks(source), start=1):
        # CSV cannot tell an empty text from a missing one, and none is missing: see schema.POOL.
        rows = pl.read_csv(lines, has_header=False, schema=dict(schema)).with_columns(pl.col(pl.String).fill_null(""))
        rows.write_parquet(parts / f"{number:06}.parquet")
    pl.scan_parquet(parts / "*.parquet").sink_parquet(target)


def _chunks(source: Path) -> Iterator[bytes]:
    """Whole lines in pieces of about CHUNK_BYTES, without the header and without an unfinished last line."""
    with source.open("rb") as file:
        file.readline()
        unfinished = b""
        while piece := file.read(CHUNK_BYTES):
            whole, _, unfinished = (unfinished + piece).rpartition(b"\n")
            if whole:
                yield whole
