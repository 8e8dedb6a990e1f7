"""The locustfile's own verdict: the exit code that it sets when it quits, and the last that it said about it."""

import logging
from collections.abc import Callable
from typing import Any

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


def hear_verdict(events: Any, take: Callable[[int, str], None]) -> None:
    """Call ``take`` with the exit code of a process that ends, and what was said last while it ended."""
    words = LastWords()
    events.test_stop.add_listener(lambda **_: logging.getLogger().addHandler(words))
    events.quit.add_listener(lambda exit_code, **_: take(exit_code, words.said))
