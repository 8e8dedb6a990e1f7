"""The lab's side of the sampler: start its process, give it orders, notice its death, collect its tables."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, cast

import polars as pl

from lab.errors import LabError, MissingError, SamplingError
from lab.sampling.plan import SamplerPlan, plan_to_json
from lab.sampling.tables import read_connections, write_tables

START_DEADLINE_S = 30.0
STOP_DEADLINE_S = 10.0
STDERR_TAIL_CHARACTERS = 2000
FOLDER = "sampling"  # inside the plan's directory: raw rows, gone once they are tables
LOG = "sampler.log"
ERRORS: Mapping[str, type[LabError]] = {kind.__name__: kind for kind in (SamplingError, MissingError)}


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplerOutcome:
    """What the sampler says about itself; its tables are files by then.

    ``facts``: planned_readings, achieved_readings, pss_interval_s; its own cost as cpu_s over wall_s, reading_s and
    reading_with_pss_s (mean wall time of one reading) and reading_max_s; ``burst LABEL s``: when each burst began,
    since the trial's start. ``connections`` is a records.CONNECTIONS without rows when no port was watched.
    """

    facts: Mapping[str, float]
    connections: pl.DataFrame | None = None


class Sampler:
    """A running sampler. Every method raises what made the sampler fail: a half-sampled trial must not look whole."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        self._process = process
        self._orders = cast(IO[bytes], process.stdin)
        self._answers = cast(IO[bytes], process.stdout)
        self._folder = folder
        self._unread = b""
        self._facts: Mapping[str, float] | None = None

    @property
    def pid(self) -> int:
        """The sampler's process."""
        return self._process.pid

    def watch_load(self, pids: Iterable[int]) -> None:
        """From now on measure these load processes."""
        self._send(do="watch_load", pids=list(pids))

    def burst_at(self, monotonic_s: float, label: str) -> None:
        """Read PSS five times, 0.2 s apart, from this instant of CLOCK_MONOTONIC on (METHOD 4.4)."""
        self._send(do="burst_at", monotonic_s=monotonic_s, label=label)

    def check(self) -> None:
        """Raise SamplingError, with its last words, when the sampler has died."""
        if self._facts is None and self._process.poll() is not None:
            self._answer(STOP_DEADLINE_S)

    def stop(self) -> None:
        """End sampling; a second call does nothing."""
        if self._facts is None:
            self._send(do="stop")
            self._facts = self._answer(STOP_DEADLINE_S)["facts"]
            self._process.wait(STOP_DEADLINE_S)

    def result(self, target: Path) -> SamplerOutcome:
        """Stop if need be and write processes.parquet, cgroups.parquet and host.parquet into ``target``."""
        self.stop()
        write_tables(self._folder, target)
        connections = read_connections(self._folder)
        shutil.rmtree(self._folder)
        return SamplerOutcome(facts=self._facts or {}, connections=connections)

    def wait_until_ready(self) -> None:
        """Return after the first reading. Raises SamplingError when that fails."""
        self._answer(START_DEADLINE_S)

    def close(self) -> None:
        """Let the process go, whatever it is doing: the end of its orders ends it, a kill does if it hangs."""
        self._orders.close()
        try:
            self._process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._answers.close()

    def _send(self, **command: object) -> None:
        try:
            self._orders.write(json.dumps(command).encode() + b"\n")
        except BrokenPipeError:
            self._answer(STOP_DEADLINE_S)  # says why

    def _answer(self, deadline_s: float) -> Mapping[str, Any]:
        """The next message of the sampler. Raises what it reports, or that it died or does not answer."""
        give_up_at = time.monotonic() + deadline_s
        while b"\n" not in self._unread:
            ready, _, _ = select.select([self._answers], [], [], max(0.0, give_up_at - time.monotonic()))
            if not ready:
                raise SamplingError(f"the sampler has not answered for {deadline_s:.0f} s", self._last_words())
            if not (received := os.read(self._answers.fileno(), 65536)):
                code = self._process.wait(STOP_DEADLINE_S)
                raise SamplingError(f"the sampler died (exit code {code})", self._last_words())
            self._unread += received
        line, _, self._unread = self._unread.partition(b"\n")
        message: Mapping[str, Any] = json.loads(line)
        if "error" in message:
            raise ERRORS[message["error"]](message["message"], message["hint"])
        return message

    def _last_words(self) -> str:
        text = (self._folder / LOG).read_text(encoding="utf-8", errors="replace").strip()
        return f"its last words:\n{text[-STDERR_TAIL_CHARACTERS:]}" if text else "it said nothing"


@contextmanager
def start_sampler(plan: SamplerPlan) -> Iterator[Sampler]:
    """A sampler that has taken its first reading; its process is gone when this ends, however it ends.

    The process has a session of its own, so that Ctrl-C reaches only the lab, which then stops it in order.
    """
    folder = plan.directory / FOLDER
    folder.mkdir(parents=True)
    written = folder / "plan.json"
    written.write_text(plan_to_json(replace(plan, directory=folder)), encoding="utf-8")
    with (folder / LOG).open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "lab.sampling", str(written)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            bufsize=0,
            start_new_session=True,
        )
    sampler = Sampler(process, folder)
    try:
        sampler.wait_until_ready()
        yield sampler
    finally:
        sampler.close()
