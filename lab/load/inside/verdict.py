"""The locustfile's own end of a run: too early, or with the exit code that it sets and the last that it said of it."""

import logging
from collections.abc import Callable
from typing import Any

from lab.errors import LoadError

MAX_LENGTH = 300


class LastWords(logging.Handler):
    """Keeps the first line of the latest warning or error that is not Locust's own."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Take a message."""
        if not record.name.startswith("locust"):
            self.said = next(iter(record.getMessage().strip().splitlines()), "")[:MAX_LENGTH]


def stopped_early(*, ready: bool) -> LoadError:
    """The error for a locustfile that ends the run; ``ready``: every lane had finished its on_start by then."""
    if ready:
        hint = "the locustfile stopped the run, or its LoadTestShape is shorter than warmup + measure"
        return LoadError("Locust stopped before the measure phase had ended", hint)
    hint = "look for runner.quit() or runner.stop() in test_start and on_start: the scenario says how long a run takes"
    return LoadError("the locustfile ended the test itself, before every connection had finished its on_start", hint)


def hear_verdict(events: Any, take: Callable[[int, str], None]) -> None:
    """Call ``take`` with the exit code of a process that ends, and what was said last while it ended."""
    words = LastWords()
    events.test_stop.add_listener(lambda **_: logging.getLogger().addHandler(words))
    events.quit.add_listener(lambda exit_code, **_: take(exit_code, words.said))
