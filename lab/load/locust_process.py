"""Start, watch and stop Locust: K child processes, each in its own process group, that never outlive the lab."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import polars as pl

import lab
from lab.errors import LoadError, MissingError
from lab.host.interrupts import INTERRUPTS
from lab.load.child import disk_full, end_group, kill_group, wait_exit
from lab.load.inside.exits import EXIT_DISK
from lab.load.inside.status import Status, read_status
from lab.load.load_plan import LoadPlan
from lab.load.outcome import LoadOutcome, LoadProgress, outcome, progress

__all__ = ["LoadOutcome", "LoadPlan", "LoadProcess", "LoadProgress", "start_load"]

SILENCE_S = 30.0  # a load process reports four times a second
STOP_S = 5.0  # a finished Locust runs the locustfile's on_stop and test_stop
KILL_S = 5.0  # after SIGINT
LOG_TAIL = 15


class LoadProcess:
    """A running load: all load processes together."""

    def __init__(self, plan: LoadPlan, children: list[subprocess.Popen[bytes]], silence_s: float) -> None:
        self._plan = plan
        self._silence_s = silence_s
        self._children = children
        self._heard_s = [time.monotonic()] * plan.load_processes
        self._statuses = [Status() for _ in range(plan.load_processes)]

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of the load processes."""
        return tuple(child.pid for child in self._children)

    def poll(self) -> LoadProgress:
        """How far the load is. Raises LoadError when a load process refused the plan, died early or fell silent."""
        for process, child in enumerate(self._children):
            exited = wait_exit(child, 0.0) is not None  # before the status, which a process writes before it ends
            self._listen(process)
            if self._statuses[process].finished_s is None:
                if exited:
                    raise self._death(process)
                if time.monotonic() - self._heard_s[process] > self._silence_s:
                    raise LoadError(
                        f"load process {process} has not reported for {self._silence_s:.0f} s",
                        "the locustfile keeps the event loop busy (a long computation, or I/O that is not gevent's); "
                        + self._log_tail(process),
                    )
        return progress(self._statuses)

    def result(self, target: Path, t0_monotonic_s: float, connections: pl.DataFrame | None = None) -> LoadOutcome:
        """Write the request table, check it against the counters, remove the raw recordings.

        Instants in the table, and in the ``connections`` (records.CONNECTIONS) by which requests are attributed when
        the plan's fallback is "socket", are relative to ``t0_monotonic_s``; those in the outcome are CLOCK_MONOTONIC.
        Raises LoadError when the load has not finished, or when an arrival was lost.
        """
        if not self.poll().finished:
            raise LoadError("the load has not finished")
        found = outcome(self._plan, self._statuses, target, t0_monotonic_s, connections)
        shutil.rmtree(self._plan.raw)
        return found

    def _listen(self, process: int) -> None:
        status = read_status(self._plan.status_file(process))
        if status and status != self._statuses[process]:
            self._statuses[process] = status
            self._heard_s[process] = time.monotonic()
        if status and status.refusal:
            raise LoadError(status.refusal["message"], status.refusal["hint"])

    def _death(self, process: int) -> LoadError | MissingError:
        state = os.waitid(os.P_PID, self._children[process].pid, os.WEXITED | os.WNOWAIT)
        code = state.si_status if state else 0
        if state and state.si_code != os.CLD_EXITED:
            killer = signal.Signals(code).name
            return LoadError(f"load process {process} was killed by {killer}", self._log_tail(process))
        if code == EXIT_DISK:
            return disk_full()
        return LoadError(f"Locust ended early with exit code {code}", self._log_tail(process))

    def _log_tail(self, process: int) -> str:
        path = self._plan.log_file(process)
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join([f"the end of {path.name}:", *lines[-LOG_TAIL:]])


@contextmanager
def start_load(plan: LoadPlan, silence_s: float = SILENCE_S) -> Iterator[LoadProcess]:
    """Start the load processes; on leaving, whatever happened, none of them or of their children is left.

    A load process that has not reported for ``silence_s`` is taken for hung. Raises LoadError when there is no such
    locustfile.
    """
    if not plan.locustfile.is_file():
        raise LoadError(f"no such locustfile: {plan.locustfile}", "see load.locustfile")
    plan.raw.mkdir(parents=True)
    plan.write()
    with ExitStack() as stack:
        children = [stack.enter_context(_child(plan, process)) for process in range(plan.load_processes)]
        yield LoadProcess(plan, children, silence_s)


def child_environment(environment: dict[str, str]) -> dict[str, str]:
    """The environment of a load process: no LOCUST_* settings, the same hash order in every arm, unbuffered logs."""
    kept = {name: value for name, value in environment.items() if not name.startswith("LOCUST_")}
    root = str(Path(lab.__file__).parents[1])
    path = os.pathsep.join(filter(None, [root, environment.get("PYTHONPATH", "")]))
    return kept | {"PYTHONPATH": path, "PYTHONHASHSEED": "0", "PYTHONUNBUFFERED": "1"}


def child_command(plan: LoadPlan, process: int) -> list[str]:
    """The command of one load process. ``-P``: a module beside the locustfile must not shadow the standard library."""
    return [sys.executable, "-P", "-m", "lab.load.inside.plugin", str(plan.plan_file), str(process)]


@contextmanager
def _child(plan: LoadPlan, process: int) -> Iterator[subprocess.Popen[bytes]]:
    with plan.log_file(process).open("wb") as log:
        child = subprocess.Popen(
            child_command(plan, process),
            stdin=subprocess.PIPE,  # its end tells the child that the lab has died
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=plan.locustfile.parent,
            env=child_environment(dict(os.environ)),
            start_new_session=True,
        )
    with INTERRUPTS.killable(lambda: kill_group(child)):
        try:
            yield child
        finally:
            end_group(child, patience_s=STOP_S if _finished(plan, process) else 0.0, grace_s=KILL_S)


def _finished(plan: LoadPlan, process: int) -> bool:
    status = read_status(plan.status_file(process))
    return not plan.raw.exists() if status is None else status.finished_s is not None
