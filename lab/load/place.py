"""Where load processes run: on this machine, or in an agent inside the network of an arm."""

import json
import os
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Protocol

from lab.load.child import Exit as Exit
from lab.load.child import end_group, kill_group, load_child, wait_exit
from lab.load.load_plan import LoadPlan

MODULE = "lab.load.inside.plugin"


class Child(Protocol):
    """One load process."""

    @property
    def pid(self) -> int:
        """Its process, as the machine numbers it on which it runs."""

    @property
    def log(self) -> Path:
        """What it prints."""

    def tell(self, **order: Any) -> None:
        """Say what comes next; whoever listens notices one that has died."""

    def exit(self, timeout_s: float) -> Exit | None:
        """How it ended; None when it has not within ``timeout_s``."""

    def move_log(self, target: Path) -> None:
        """Let its log be ``target`` from now on."""

    def end(self, patience_s: float) -> None:
        """End it with its group, after some patience with its own end."""

    def kill(self) -> None:
        """At once."""

    def discard(self) -> None:
        """Let nothing be left of it, nor of a log that was not moved."""


class Place(Protocol):
    """A place for load processes."""

    @property
    def pids(self) -> tuple[int, ...]:
        """What relays for the load processes, and counts with them."""

    @property
    def clock_offset_s(self) -> float:
        """What to add to an instant here to have it there."""

    def start(self, log: Path, cwd: Path, python: str) -> Child:
        """A load process that imports Locust and waits for its plan; ``cwd`` only shows whose it is."""

    def share(self, plan: LoadPlan) -> None:
        """The plan has been written: have it there, and from there what the processes write."""

    def forget(self, plan: LoadPlan) -> None:
        """Nothing of this plan is of interest any more."""


class HereChild:
    """A load process of this machine."""

    def __init__(self, log: Path, cwd: Path, python: str) -> None:
        self.log = log
        self._stack = ExitStack()
        self._stack.callback(log.unlink, missing_ok=True)
        started = load_child(MODULE, str(cwd), log=log, cwd=cwd, python=python)
        self._process: subprocess.Popen[bytes] = self._stack.enter_context(started)

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def tell(self, **order: Any) -> None:
        """Say what comes next."""
        if self._process.stdin:
            with suppress(BrokenPipeError):
                os.write(self._process.stdin.fileno(), json.dumps(order).encode() + b"\n")

    def exit(self, timeout_s: float) -> Exit | None:
        """How it ended; it stays unreaped."""
        return wait_exit(self._process, timeout_s)

    def move_log(self, target: Path) -> None:
        """It goes on writing there."""
        self.log = self.log.rename(target)

    def end(self, patience_s: float) -> None:
        """End it with its group."""
        end_group(self._process, patience_s=patience_s)

    def kill(self) -> None:
        """At once."""
        kill_group(self._process)

    def discard(self) -> None:
        """Let nothing be left of it."""
        self._stack.close()


class Here:
    """On this machine, whose files both sides see."""

    pids: tuple[int, ...] = ()
    clock_offset_s = 0.0

    def start(self, log: Path, cwd: Path, python: str = sys.executable) -> Child:
        """A child of the lab."""
        return HereChild(log, cwd, python)

    def share(self, _plan: LoadPlan) -> None:
        """It is there already."""

    def forget(self, _plan: LoadPlan) -> None:
        """Nothing is kept."""


HERE = Here()
