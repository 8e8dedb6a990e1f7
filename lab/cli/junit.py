"""``--junit FILE``: the result for a build server; and annotations where the run is a step of a GitHub workflow."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from lab.cli.console import say, shown
from lab.cli.names import RUN_FILE
from lab.errors import LabError, UsageError
from lab.record.bundle_reading import BUNDLE
from lab.record.folder import read_info
from lab.report.files import Written
from lab.report.renderers.junit import junit_of_failure
from lab.run.opened import opened_run

GITHUB = "GITHUB_ACTIONS"  # "true" in every step of a workflow
Junit = Annotated[
    Path | None,
    typer.Option("--junit", help="Write the result as test cases (JUnit XML) to this file.", show_default=False),
]


@contextmanager
def results_in(junit: Path | None, asked: Path | None) -> Iterator[Callable[[Written], None]]:
    """A function that hands what came out to a build server; a LabError inside is handed over too.

    ``asked``: the scenario or run, whose name the cases have. Raises UsageError (exit 2) at once when the file cannot
    be written, not after a run of minutes.
    """
    name = _called(asked) if junit and asked else ""
    _write(junit, junit_of_failure("the run has not ended", name))
    try:
        yield lambda written: _hand_over(junit, written)
    except LabError as error:
        _write(junit, junit_of_failure(shown(str(error)), name))
        raise


def _called(asked: Path) -> str:
    """The name of the scenario in a file, a run folder or a bundle; "" of a run that cannot be read."""
    if not asked.is_dir() and asked.suffix != BUNDLE:
        return asked.stem
    try:
        with opened_run(asked, RUN_FILE.__eq__) as run:
            return read_info(run).scenario_name
    except LabError:  # which the command itself tells
        return ""


def _hand_over(junit: Path | None, written: Written) -> None:
    _write(junit, written.junit)
    annotate(*written.annotations)


def annotate(*commands: str) -> None:
    """Print the commands where a workflow of GitHub reads them."""
    if os.environ.get(GITHUB) == "true":
        for command in commands:
            say(command)


def _write(path: Path | None, text: str) -> None:
    if path is None:
        return
    try:
        path.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise UsageError(
            f"--junit {path}: cannot be written: {error.strerror}", "name a file in a folder that exists"
        ) from None
