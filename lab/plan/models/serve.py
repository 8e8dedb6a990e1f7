"""The command that serves the app, equal in every process model but for the number of workers (METHOD 5)."""

from __future__ import annotations

import shlex

from lab.errors import ScenarioError
from lab.plan.topology import LOOPBACK
from lab.scenario.model import IMAGE_COMMAND, App, Arm
from lab.scenario.secret import plain

KEEP_ALIVE_S = 75  # above the 60 s of a usual proxy: uvicorn's default of 5 s races a proxy's pool into 502s (FIELD 7)
GRACEFUL_SHUTDOWN_S = 8  # below the 10 s after which Docker kills


def serve(app: App, arm: Arm, port: int, workers: int) -> tuple[str, ...]:
    """Argv that serves the app on one port of 127.0.0.1 with ``workers`` serving processes; () is the image's own.

    ``--workers 1`` is spelled out: without it uvicorn would obey a WEB_CONCURRENCY of the image, and a replica would
    grow a supervisor. Access log and proxy-headers middleware cost up to half the throughput (FIELD 9): off everywhere.
    """
    if (command := arm.command or app.command) == IMAGE_COMMAND:
        return ()
    if command:
        return tuple(_fill(word, port, workers) for word in _words(command))
    return (
        "uvicorn",
        app.target,
        *("--host", LOOPBACK, "--port", str(port), "--workers", str(workers)),
        *("--loop", app.loop, "--http", app.http, "--log-level", "warning"),
        *("--no-access-log", "--no-proxy-headers"),
        *("--timeout-keep-alive", str(KEEP_ALIVE_S), "--timeout-graceful-shutdown", str(GRACEFUL_SHUTDOWN_S)),
    )


def environment(app: App, arm: Arm, port: int, workers: int) -> tuple[tuple[str, str], ...]:
    """The app's environment, overridden by the arm's, with placeholders filled as in the command."""
    return tuple((name, _fill(plain(value), port, workers)) for name, value in {**app.env, **arm.env}.items())


def _words(template: str) -> list[str]:
    """Split first, fill afterwards: a value can never become two arguments."""
    try:
        return shlex.split(template)
    except ValueError as error:
        raise ScenarioError(f"command: cannot be split into words: {error}") from None


def _fill(text: str, port: int, workers: int) -> str:
    for placeholder, value in {"{host}": LOOPBACK, "{port}": str(port), "{workers}": str(workers)}.items():
        text = text.replace(placeholder, value)
    return text
