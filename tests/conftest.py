"""For all tiers: the same signals wherever the tests are started."""

from __future__ import annotations

import signal


def pytest_sessionstart() -> None:
    """Under nohup a hang-up is ignored, by every child as well: those of the tests are sent one and must end of it."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
