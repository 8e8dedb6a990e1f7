"""The lab's side of the sampler: start its process, give it orders, notice its death, collect its tables."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from lab.errors import SamplingError
from lab.host.interrupts import INTERRUPTS
from lab.record.disk import disk_errors
from lab.record.schema import OPTIONAL
from lab.record.types import CGROUPS, CONNECTIONS, HOST, PROCESSES, THREADS, SamplerFacts
from lab.sampling.channel import STOP_DEADLINE_S, Channel, Launch, as_child
from lab.sampling.plan import SamplerPlan

START_DEADLINE_S = 30.0
SAMPLED: Mapping[str, Mapping[str, Any]] = {
    "processes": PROCESSES,
    "cgroups": CGROUPS,
    "host": HOST,
    "threads": THREADS,
}
CHUNK_BYTES = 2 * 1024**2  # of raw rows at once; 370 MB of them took 95 MB of memory on top of polars itself


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplerOutcome:
    """The sampler's word on itself; its tables are files by then.

    ``shared_files``: as lab.sampling.shared_files, of the sampler, the lab and its load processes; looked at once,
    before the warm-up. ``connections`` is a types.CONNECTIONS without rows when no port was watched. ``beside``: of
    the samplers on the other machines, in their order.
    """

    facts: SamplerFacts
    beside: tuple[SamplerFacts, ...] = ()
    connections: pl.DataFrame | None = None
    shared_files: Mapping[str, int] | None = None


class Sampler:
    """A running sampler. Every method raises what made the sampler fail: a half-sampled trial must not look whole."""

    def __init__(self, channel: Channel, folder: Path, node: str = "") -> None:
        self._channel = channel
        self._node = node
        self._folder = folder
        self._facts: SamplerFacts | None = None
        self._shared_files: Mapping[str, int] | None = None

    @property
    def pid(self) -> int:
        """The sampler's process."""
        return self._channel.program.pid

    def check(self) -> None:
        """Raise SamplingError, with its last words, when the sampler has died."""
        if self._facts is None and not self._channel.program.running():
            self._channel.answer(STOP_DEADLINE_S)

    def stop(self) -> SamplerFacts:
        """End sampling, and tell what it was; a second call only tells."""
        if self._facts is None:
            self._channel.send(do="stop")
            self._facts = SamplerFacts(**self._channel.answer(STOP_DEADLINE_S)["facts"])
            self._channel.program.end(STOP_DEADLINE_S)
        return self._facts

    def result(self, target: Path) -> SamplerOutcome:
        """Stop if need be and write processes.parquet, cgroups.parquet and host.parquet into ``target``."""
        facts = self.stop()
        write_tables(self._folder, target, self._node)
        connections = read_connections(self._folder)
        shutil.rmtree(self._folder)
        return SamplerOutcome(facts=facts, connections=connections, shared_files=self._shared_files)

    def wait_until_ready(self) -> None:
        """Return after the first reading. Raises SamplingError when that fails."""
        self._shared_files = self._channel.answer(START_DEADLINE_S)["shared_files"]

    def close(self) -> None:
        """Let the process go in any state."""
        self._channel.close()


@contextmanager
def start_sampler(plan: SamplerPlan, launch: Launch = as_child) -> Iterator[Sampler]:
    """A sampler that has taken its first reading; its process is gone when this ends, however it ends."""
    with launch(plan) as launched, INTERRUPTS.killable(launched.channel.program.kill):
        sampler = Sampler(launched.channel, launched.folder, plan.node)
        try:
            with INTERRUPTS.admitted():
                sampler.wait_until_ready()
            yield sampler
        finally:
            sampler.close()


def write_tables(directory: Path, target: Path, node: str = "") -> None:
    """``directory/*.csv`` → ``target/*.parquet``, a chunk of rows at a time, of this ``node``.

    A table that a trial need not have is not written where it has no rows. A last line cut short by a kill is dropped.
    Raises SamplingError when the sampler left no rows or broken ones.
    """
    for name, schema in SAMPLED.items():
        source = directory / f"{name}.csv"
        full = disk_errors(target)  # entered twice: once the parts are gone there may be room again, and no error
        with _understood(source), full, tempfile.TemporaryDirectory(dir=directory) as parts, full:
            if name not in OPTIONAL or next(_chunks(source), None):
                _write_table(source, schema, Path(parts), target / f"{name}.parquet", node)


def read_connections(directory: Path) -> pl.DataFrame:
    """``directory/connections.csv`` as types.CONNECTIONS, read whole: an hour on 32 lanes is 230,000 short rows.

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


def _write_table(source: Path, schema: Mapping[str, Any], parts: Path, target: Path, node: str) -> None:
    """Small Parquet files first, then one of them: neither step holds the whole table."""
    pl.DataFrame(schema=dict(schema)).write_parquet(parts / "000000.parquet")
    for number, lines in enumerate(_chunks(source), start=1):
        # CSV cannot tell an empty text from a missing one, and none is missing: see schema.POOL.
        rows = pl.read_csv(lines, has_header=False, schema=dict(schema)).with_columns(pl.col(pl.String).fill_null(""))
        rows = rows.with_columns(node=pl.lit(node)) if node else rows
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
