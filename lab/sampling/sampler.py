"""The lab's side of the sampler: start its process, give it orders, notice its death, collect its tables."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from lab.host.interrupts import INTERRUPTS
from lab.sampling.channel import STOP_DEADLINE_S, Channel
from lab.sampling.launch import Launch, as_child
from lab.sampling.plan import SamplerPlan
from lab.sampling.tables import read_connections, write_tables

START_DEADLINE_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplerOutcome:
    """What the sampler says about itself; its tables are files by then.

    ``facts``: planned_readings and achieved_readings, rounds and looks; pss_interval_s, from one look at a process to
    the next; its own cost as cpu_s over wall_s; mean wall time of a round (reading_s) and of a look
    (reading_with_pss_s), and the longest of both (reading_max_s).
    ``connections`` is a records.CONNECTIONS without rows when no port was watched.
    """

    facts: Mapping[str, float]
    connections: pl.DataFrame | None = None


class Sampler:
    """A running sampler. Every method raises what made the sampler fail: a half-sampled trial must not look whole."""

    def __init__(self, channel: Channel, folder: Path) -> None:
        self._channel = channel
        self._folder = folder
        self._facts: Mapping[str, float] | None = None

    @property
    def pid(self) -> int:
        """The sampler's process."""
        return self._channel.program.pid

    def watch_load(self, pids: Iterable[int]) -> None:
        """From now on measure these load processes."""
        self._channel.send(do="watch_load", pids=list(pids))

    def check(self) -> None:
        """Raise SamplingError, with its last words, when the sampler has died."""
        if self._facts is None and not self._channel.program.running():
            self._channel.answer(STOP_DEADLINE_S)

    def stop(self) -> None:
        """End sampling; a second call does nothing."""
        if self._facts is None:
            self._channel.send(do="stop")
            self._facts = self._channel.answer(STOP_DEADLINE_S)["facts"]
            self._channel.program.end(STOP_DEADLINE_S)

    def result(self, target: Path) -> SamplerOutcome:
        """Stop if need be and write processes.parquet, cgroups.parquet and host.parquet into ``target``."""
        self.stop()
        write_tables(self._folder, target)
        connections = read_connections(self._folder)
        shutil.rmtree(self._folder)
        return SamplerOutcome(facts=self._facts or {}, connections=connections)

    def wait_until_ready(self) -> None:
        """Return after the first reading. Raises SamplingError when that fails."""
        self._channel.answer(START_DEADLINE_S)

    def close(self) -> None:
        """Let the process go, whatever it is doing."""
        self._channel.close()


@contextmanager
def start_sampler(plan: SamplerPlan, launch: Launch = as_child) -> Iterator[Sampler]:
    """A sampler that has taken its first reading; its process is gone when this ends, however it ends."""
    with launch(plan) as launched, INTERRUPTS.killable(launched.channel.program.kill):
        sampler = Sampler(launched.channel, launched.folder)
        try:
            with INTERRUPTS.admitted():
                sampler.wait_until_ready()
            yield sampler
        finally:
            sampler.close()
