"""``--summary-file``: the result as Markdown behind what a file already holds, as a CI job summary wants it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from lab.cli.console import shown
from lab.errors import LabError, UsageError
from lab.report.renderers.text import markdown

SummaryFile = Annotated[
    Path | None,
    typer.Option(
        "--summary-file",
        help="Append question, verdicts, table and caveats as Markdown to this file, such as the summary of a CI job.",
        show_default=False,
    ),
]


@contextmanager
def summary_in(path: Path | None) -> Iterator[Callable[[str], None]]:
    """A function that appends Markdown to ``path``, or does nothing without one; a LabError inside is appended too.

    Raises UsageError (exit 2) at once when the file cannot be written, not after a run of minutes.
    """
    _append(path, "")
    try:
        yield lambda text: _append(path, text)
    except LabError as error:
        _append(path, _failure(error))
        raise


def _append(path: Path | None, text: str) -> None:
    if path is None:
        return
    try:
        with path.open("a", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(
            f"--summary-file {path}: cannot be written: {error.strerror}", "name a file in a folder that exists"
        ) from None


def _failure(error: LabError) -> str:
    hint = f"\n\n{markdown(shown(error.hint))}" if error.hint else ""
    return f"## No result (exit code {error.exit_code})\n\n> **!** {markdown(shown(str(error)))}{hint}\n\n"
