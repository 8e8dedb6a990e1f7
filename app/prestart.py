"""A start-up step, as apps have them: ``python -m app.prestart entrypoint`` takes the one before the server starts.

The app says when it begins and ends, in words that anybody can count: ``lab-step NAME begin``, ``lab-step NAME end``.
"""

from __future__ import annotations

import os
import sys
import time

from app.settings import Place, Settings, settings_or_exit


def prestart(place: Place, settings: Settings) -> None:
    """Take the step of this place, if there is one. It blocks, as migrations do."""
    if place not in settings.prestart:
        return
    _say(place, "begin")
    time.sleep(settings.prestart_ms / 1000)
    _say(place, "end")


def _say(place: Place, edge: str) -> None:
    """At one stroke: several processes say it at the same time."""
    os.write(sys.stdout.fileno(), f"lab-step {place} {edge}\n".encode())


if __name__ == "__main__":
    prestart("job" if sys.argv[1:] == ["job"] else "entrypoint", settings_or_exit())
