"""``lab open RUN``: the report of a run in the browser."""

import os
import shlex
import sys
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from lab.cli.console import say
from lab.cli.names import LATEST, complete_run_or_bundle, run_folder
from lab.errors import UsageError
from lab.report.files import PAGE
from lab.run.opened import report_folder

OptionalRun = Annotated[
    Path,
    typer.Argument(
        help="A run: `latest`, its folder, the beginning of its name, or a bundle.",
        callback=run_folder,
        autocompletion=complete_run_or_bundle,
    ),
]
Open = Annotated[bool, typer.Option("--open/--no-open", help="Open the report in the browser afterwards.")]
OpenWhereSeen = Annotated[  # of commands for the first day: False and True as said, None where nothing was
    bool | None,
    typer.Option("--open/--no-open", help="Open the report in the browser; by default if there is a display."),
]
DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY")


def has_display() -> bool:
    """Tell whether somebody could see a page that is opened here."""
    return sys.platform == "darwin" or any(os.environ.get(name) for name in DISPLAYS)


def open_run(run: OptionalRun = Path(LATEST)) -> None:
    """Open the report of a run, the newest one without an argument, in the browser."""
    page = report_folder(run) / PAGE
    if not page.is_file():
        raise UsageError(f"{run}: it has no report yet", f"`lab report {shlex.quote(str(run))}` draws it")
    show_page(page)


def show_page(page: Path) -> None:
    """Hand a page to the browser, and say where it is, for machines that have none."""
    if not webbrowser.open(page.resolve().as_uri()):
        say("no browser was found to open it")
    say(f"report: {page}")
