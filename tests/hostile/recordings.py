"""What load processes and the sampler leave: rows that they did not write."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

import polars as pl
from hypothesis import strategies as st

from lab.errors import LoadError, SamplingError
from lab.load.inside.recording import ROW, strings_file
from lab.load.request_table import Marks, write_request_table
from lab.record.checks import table_problem
from lab.record.folder import read_tables
from lab.record.types import POLARS
from lab.sampling.sampler import read_connections, write_tables
from tests.hostile.texts import plain, refused, short_texts

MARKS = Marks(warmup_start_s=100.0, measure_start_s=105.0, measure_end_s=115.0, finished_s=116.0)
instants = st.one_of(st.floats(100, 116), st.floats())
rows = st.builds(
    ROW.pack,
    instants,
    instants,
    instants,
    instants,
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-(2**31), 2**31 - 1),
    st.integers(-1, 5),
    st.integers(0, 3),
    st.integers(0, 3),
    st.integers(0, 3),
    st.integers(0, 65535),
    st.integers(0, 5),
    st.integers(0, 4),
    st.integers(0, 2),
)
recordings = st.tuples(
    st.one_of(st.binary(max_size=200), st.lists(rows, max_size=4).map(b"".join)),
    st.one_of(
        st.binary(max_size=60),
        st.lists(st.one_of(short_texts, plain).map(lambda text: json.dumps(text).encode()), max_size=4).map(
            lambda lines: b"".join(line + b"\n" for line in lines)
        ),
    ),
)


def recording_is_read_or_refused(files: tuple[bytes, bytes]) -> None:
    """Whatever lies in the files of a load process: the request table, or a sentence and exit code 3."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "requests-0.bin"
        path.write_bytes(files[0])
        strings_file(path).write_bytes(files[1])
        target = Path(folder) / "requests.parquet"
        try:
            write_request_table([path], target, MARKS, 90.0, upstream=True)
        except LoadError as error:
            refused(error, 3)
            return
        assert pl.read_parquet(target).height == len(files[0]) // ROW.size


@st.composite
def samplings(draw: st.DrawFn) -> Mapping[str, bytes]:
    """The raw rows of a sampler: lines of the right number of columns, or any bytes."""
    cells = st.one_of(
        st.sampled_from(["", "1", "-1", "1.5", "nan", "inf", "1e999", "9" * 30, '"', '"a""b"', "\x00"]), short_texts
    )
    found = {}
    for name, schema in {
        **{key: POLARS[key] for key in ("processes", "cgroups", "host")},
        "connections": dict.fromkeys("abcd", 0),
    }.items():
        lines = draw(st.lists(st.lists(cells, min_size=len(schema), max_size=len(schema)).map(",".join), max_size=3))
        text = "\n".join([",".join(schema), *lines, ""]).encode(errors="replace")
        found[name] = draw(st.one_of(st.just(text), st.just(text), st.binary(max_size=80)))
    return found


def sampling_is_read_or_refused(files: Mapping[str, bytes]) -> None:
    """Whatever lies in the files of the sampler: the tables, or a sentence and exit code 3."""
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files.items():
            (Path(folder) / f"{name}.csv").write_bytes(data)
        try:
            write_tables(Path(folder), Path(folder))
            read_connections(Path(folder))
        except SamplingError as error:
            refused(error, 3)
            return
        pl.DataFrame(schema=dict(POLARS["requests"])).write_parquet(Path(folder) / "requests.parquet")
        assert isinstance(table_problem(read_tables(Path(folder))), str)
