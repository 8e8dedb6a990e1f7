"""Where load processes run: on this machine, or in an agent inside the network of an arm."""

import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, ParamSpec, Protocol, TypeVar, cast

from lab.host.jsonlines import Outgoing
from lab.load.child import Exit as Exit
from lab.load.child import end_group, kill_group, load_child, wait_exit
from lab.load.inside.status import write_json
from lab.load.load_plan import LoadPlan
from lab.record.types import ClockOffset
from lab.scenario.network import LOOPBACK, Network

MODULE = "lab.load.inside.plugin"
P = ParamSpec("P")
T = TypeVar("T")


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
    """A place for load processes. What listens there is found as ``host`` by an arm in ``network``.

    ``node``: the machine, where it is another one than runs the arms, else "".
    """

    network: Network
    host: str
    node: str

    @property
    def machines(self) -> "Sequence[Place]":
        """All from which load comes together: this place, and those on further machines."""

    @property
    def measured(self) -> Mapping[str, Callable[..., Any]]:
        """What ``call`` is on each machine of a run that measures, that of the arms too, by the name of its node."""

    @property
    def lost(self) -> str:
        """The machine, where it is gone with all that drove load on it; "" as long as it is there."""

    def renew(self) -> None:
        """Have a machine again that was lost. Raises MissingError where it does not come back."""

    @property
    def inside(self) -> "Place":
        """A place on the machine of the arms, found by them as its ``host``: this one, unless it is on another."""

    def url(self, url: str) -> str:
        """Where load reaches an arm that is at ``url`` for its neighbours."""

    @property
    def pids(self) -> tuple[int, ...]:
        """What relays for the load processes, and counts with them."""

    @property
    def clock_offset_s(self) -> float:
        """What to add to an instant here to have it there."""

    def clock(self) -> ClockOffset | None:
        """What became of that until now, compared once more; None where there is one clock."""

    def call(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function of the lab there; positional arguments only. Raises the LabError that it raises."""

    def start(self, log: Path, cwd: Path, python: str) -> Child:
        """A load process that imports Locust and waits for its plan; ``cwd`` only shows whose it is."""

    def share(self, plan: LoadPlan) -> None:
        """The plan has been written: have it there, and from there what the processes write."""

    def mark(self, plan: LoadPlan, marks: Mapping[str, float]) -> None:
        """Tell the load processes of a plan these instants of this machine's clock."""

    def forget(self, plan: LoadPlan) -> None:
        """Nothing of this plan is of interest any more."""


class HereChild:
    """A load process of this machine."""

    def __init__(self, log: Path, cwd: Path, python: str) -> None:
        self.log = log
        self._telling = threading.Lock()  # a relay does, beside what ends it
        self._stack = ExitStack()
        self._stack.callback(log.unlink, missing_ok=True)
        started = load_child(MODULE, str(cwd), log=log, cwd=cwd, python=python)
        self._process: subprocess.Popen[bytes] = self._stack.enter_context(started)
        self._stdin = cast(IO[bytes], self._process.stdin)
        self._lab = Outgoing(self._stdin)

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def tell(self, **order: Any) -> None:
        """Say what comes next; one that takes nothing is given up, and is silent then as well."""
        with self._telling:
            if not self._stdin.closed:
                self._lab.send(**order)

    def exit(self, timeout_s: float) -> Exit | None:
        """How it ended; it stays unreaped."""
        return wait_exit(self._process, timeout_s)

    def move_log(self, target: Path) -> None:
        """It goes on writing there."""
        self.log = self.log.rename(target)

    def end(self, patience_s: float) -> None:
        """End it with its group."""
        with self._telling:
            end_group(self._process, patience_s=patience_s)

    def kill(self) -> None:
        """At once."""
        kill_group(self._process)

    def discard(self) -> None:
        """Let nothing be left of it."""
        with self._telling:
            self._stack.close()


class Here:
    """On this machine, whose files both sides see."""

    network = Network.HOST
    host = LOOPBACK
    node = ""
    lost = ""
    pids: tuple[int, ...] = ()
    clock_offset_s = 0.0

    @property
    def machines(self) -> Sequence[Place]:
        """This one."""
        return (self,)

    @property
    def measured(self) -> Mapping[str, Callable[..., Any]]:
        """This one alone."""
        return {"": self.call}

    @property
    def inside(self) -> Place:
        """This machine."""
        return self

    def renew(self) -> None:
        """It is here."""

    def url(self, url: str) -> str:
        """As it is."""
        return url

    def clock(self) -> None:
        """There is one."""

    def call(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """In this process."""
        return function(*args, **kwargs)

    def start(self, log: Path, cwd: Path, python: str = sys.executable) -> Child:
        """A child of the lab."""
        return HereChild(log, cwd, python)

    def share(self, _plan: LoadPlan) -> None:
        """It is there already."""

    def mark(self, plan: LoadPlan, marks: Mapping[str, float]) -> None:
        """They have this machine's clock."""
        write_json(plan.marks_file, dict(marks))

    def forget(self, _plan: LoadPlan) -> None:
        """Nothing is kept."""


HERE = Here()
