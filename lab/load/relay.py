"""Carry Locust's own messages between its master and its workers, which see no common network and no common file."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from lab.host.jsonlines import Message, Whole
from lab.load.load_plan import LoadPlan
from lab.load.place import Child

STEP_S = 0.05  # between two rounds; Locust waits for seconds


class Said:
    """Whole lines that a growing file of messages has gained; no file is no gain."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._whole = Whole()

    def lines(self) -> list[Message]:
        """Those since the last look."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            file.seek(self._offset)
            gained = file.read()
        self._offset += len(gained)
        return list(self._whole.take(gained))


class Relay:
    """Between a master, which writes into the file ``said`` and is told by ``tell``, and the workers of the moment."""

    def __init__(self, said: Path, tell: Callable[..., None]) -> None:
        self._master = Said(said)
        self._tell = tell
        self._workers: list[Said] = []
        self._children: Sequence[Child] = ()
        self._known: dict[str, Child] = {}
        self._turn = threading.Lock()
        self._working: Future[None] | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        """Carry inside the block, beside whatever else is done there."""
        over = threading.Event()

        def work() -> None:
            while not over.wait(STEP_S):
                self.carry()

        with ThreadPoolExecutor(1, thread_name_prefix="relay") as pool:
            self._working = pool.submit(work)
            try:
                yield
            finally:
                over.set()

    def check(self) -> None:
        """Raise what has ended the carrying, if anything has."""
        if self._working and self._working.done():
            self._working.result()

    @contextmanager
    def workers(self, plan: LoadPlan, children: Sequence[Child]) -> Iterator[None]:
        """Those of a plan inside the block, as they come into ``children``; their last words are carried at its end."""
        with self._turn:
            self._workers = [Said(plan.mail_file(process)) for process in range(plan.load_processes)]
            self._children = children
        try:
            yield
        finally:
            self.carry()
            with self._turn:
                self._workers = []
                self._known.clear()

    def carry(self) -> None:
        """Whatever either side has said since. A worker is known by the name that its first message has."""
        with self._turn:
            for said, child in zip(self._workers, self._children, strict=False):
                for line in said.lines():
                    self._known[line["worker"]] = child
                    self._tell(**line)
            for line in self._master.lines():
                if line["worker"] in self._known:  # else it has gone
                    self._known[line["worker"]].tell(**line)
