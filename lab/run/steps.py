"""The steps of a trial by name: which one it is in, when each began, and how a sentence says so."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

STEPS_FILE = "steps.jsonl"


class Step(StrEnum):
    """In the order in which a trial goes through them."""

    PREPARE = "prepare"
    DEPLOY = "deploy"
    ATTEST = "attest"
    WARM_UP = "warm up"
    MEASURE = "measure"
    COOL_DOWN = "cool down"
    COLLECT = "collect"
    RESTART = "restart"
    TEAR_DOWN = "tear down"


WHILE = {
    Step.PREPARE: "it was prepared",
    Step.DEPLOY: "it was deployed",
    Step.ATTEST: "it was attested",
    Step.WARM_UP: "it warmed up",
    Step.MEASURE: "it was measured",
    Step.COOL_DOWN: "it cooled down",
    Step.COLLECT: "its results were collected",
    Step.RESTART: "one serving process was restarted",
    Step.TEAR_DOWN: "it was taken down",
}


class Steps:
    """The step of one trial. Each step is a line of ``steps.jsonl`` in its folder as soon as it begins.

    ``clock`` is CLOCK_MONOTONIC; ``t_s`` in the file is relative to the construction of this object.
    """

    def __init__(
        self,
        staging: Path,
        tell: Callable[[Step], None] = lambda _step: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = staging / STEPS_FILE
        self._tell = tell
        self._clock = clock
        self._t0 = clock()
        self._cut_in: Step | None = None
        self._current = Step.PREPARE

    def enter(self, step: Step) -> None:
        """A step begins; the same one again is no news. Raises OSError when it cannot be written down."""
        if step is self._current and self._path.exists():
            return
        self._current = step
        self._tell(step)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"t_s": round(self._clock() - self._t0, 6), "step": step}) + "\n")

    @contextmanager
    def then_tear_down(self) -> Iterator[None]:
        """Enter the tear-down step when the block ends, for any reason; ``said`` remembers the step of an error."""
        try:
            yield
        except BaseException:
            self._cut_in = self._current
            raise
        finally:
            self.enter(Step.TEAR_DOWN)

    @property
    def said(self) -> str:
        """``it warmed up``: what was going on when the trial was cut, or now."""
        return WHILE[self._cut_in or self._current]
