"""The command line: one file a verb. Only here are messages printed and exit codes chosen."""

import sys
from typing import Annotated, NoReturn

import typer

from lab import __version__
from lab.cli.console import put, say_error, survive_any_terminal, to_paste
from lab.cli.signals import staged
from lab.cli.system_errors import told
from lab.cli.verbs import HELP_OPTIONS, Verbs, named_in
from lab.errors import LabError

app = typer.Typer(
    name="lab",
    cls=Verbs,
    help="Compare process models of a FastAPI app: one container with --workers N, or N containers behind a balancer.",
    no_args_is_help=True,
    context_settings={"help_option_names": [*HELP_OPTIONS]},
    pretty_exceptions_enable=False,
)


def _version(asked: bool) -> None:
    if asked:
        put(f"lab {__version__}")
        raise typer.Exit


@app.callback()
def _lab(
    version: Annotated[
        bool, typer.Option("--version", "-V", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    pass


def main() -> None:
    """Entry point of the ``lab`` command: the one place where an error becomes a message and an exit code."""
    survive_any_terminal()
    try:
        with staged():
            app(standalone_mode=True)
    except LabError as error:
        _end(error)
    except OSError as error:
        if (known := told(error)) is None:
            raise
        _end(known)
    except KeyboardInterrupt:
        sys.exit(130)  # what was running is down already: the context managers saw the same interrupt


def _end(error: LabError) -> NoReturn:
    error.hint = to_paste(error.hint, named_in(sys.argv[1:]))
    say_error(error)
    _annotate(error)
    sys.exit(error.exit_code)


def _annotate(error: LabError) -> None:
    from lab.cli.junit import annotate  # here, because both import what concludes, which most commands need not
    from lab.report.renderers.junit import command_of_failure

    annotate(command_of_failure(str(error)))
