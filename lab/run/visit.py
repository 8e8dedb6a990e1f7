"""The load of one visit of an arm by hand: users of the page's own process, or of its workers where load is driven."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import polars as pl

from lab.load.inside.status import Status, read_status
from lab.load.load_plan import Fallback, LoadPlan
from lab.load.locust_process import LoadProcess
from lab.load.outcome import LoadOutcome, LoadProgress, outcome, progress
from lab.load.web.process import WebProcess


class Visit(Protocol):
    """Who drives it, from when the arm is up until it goes."""

    @property
    def pids_by_machine(self) -> tuple[tuple[int, ...], ...]:
        """The load processes of each machine that drives load."""

    def users(self, fallback: Fallback, header: str) -> AbstractContextManager[None]:
        """Inside, tests may be started."""

    def poll(self) -> LoadProgress:
        """Tell how far the latest test is. Raises LoadError when a load process has died."""

    def close(self) -> Sequence[Status]:
        """End it; the users have stopped when this returns."""

    def result(self, target: Path, t0_monotonic_s: float, connections: pl.DataFrame | None) -> LoadOutcome:
        """Write the request table of a visit that was closed."""


class OnPage:
    """By the process that serves the page."""

    def __init__(self, web: WebProcess, plan: LoadPlan) -> None:
        self._web = web
        self._plan = plan
        self._closed = Status()

    @property
    def pids_by_machine(self) -> tuple[tuple[int, ...], ...]:
        """The process of the page, here."""
        return ((self._web.pid,),)

    @contextmanager
    def users(self, fallback: Fallback, header: str) -> Iterator[None]:  # noqa: ARG002  the page is told
        """It records into the folder of the plan."""
        self._plan.raw.mkdir()
        self._plan.write()
        yield

    def poll(self) -> LoadProgress:
        """As it was written down last."""
        return progress([read_status(self._plan.status_file(0)) or Status()])

    def close(self) -> Sequence[Status]:
        """Stop the users."""
        self._closed = self._web.close()
        return [self._closed]

    def result(self, target: Path, t0_monotonic_s: float, connections: pl.DataFrame | None) -> LoadOutcome:
        """From what the page has recorded."""
        found = outcome(self._plan, [self._closed], target, t0_monotonic_s, connections)
        shutil.rmtree(self._plan.raw)
        return found


class ByWorkers:
    """By workers of Locust, whose master the page is: what they record is merged as that of any load processes."""

    def __init__(self, web: WebProcess, load: LoadProcess) -> None:
        self._web = web
        self._load = load
        self.pids_by_machine = load.pids_by_machine
        self.users = load.users
        self.result = load.result

    def poll(self) -> LoadProgress:
        """As they told last."""
        self._web.relay.check()
        return self._load.poll()

    def close(self) -> Sequence[Status]:
        """Stop the users by their master, then end the workers."""
        self._web.close()
        return self._load.close()
