"""A program that runs beside a test, and ends with it."""

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
PATIENCE_S = 60.0  # with a lab that takes down what it had deployed, on a busy machine
Running = subprocess.Popen[str] | subprocess.Popen[bytes]


@contextmanager
def launched(
    command: Sequence[str],
    stdout: int | None = None,
    stderr: int | None = None,
    stdin: int | None = None,
    env: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """Start it in the repository; it ends with the block."""
    with subprocess.Popen(
        command, cwd=REPOSITORY, stdin=stdin, stdout=stdout, stderr=stderr, env=env, text=True
    ) as running:
        with ending(running):
            yield running


@contextmanager
def ending(running: Running) -> Iterator[None]:
    """Whoever leaves asks it to end (SIGTERM), and kills it where it does not: Popen alone would wait for ever."""
    try:
        yield
    finally:
        running.terminate()
        try:
            running.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            running.kill()
