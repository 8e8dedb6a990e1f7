"""The command line: one file a verb. Only here are messages printed and exit codes chosen."""

import sys
from collections.abc import Callable, Mapping
from typing import Annotated

import typer

from lab import __version__
from lab.cli import (
    bundle,
    capacity,
    clean,
    compare,
    decide,
    demo,
    doctor,
    export,
    images,
    init,
    limits,
    listing,
    metrics,
    plan,
    quick,
    report,
    run,
    schema,
    selfcheck,
    serve,
    study,
    ui,
)
from lab.cli import open as open_page
from lab.cli.console import put, say_error, survive_any_terminal
from lab.cli.junit import annotate
from lab.cli.options import Verbs
from lab.cli.signals import staged
from lab.errors import LabError
from lab.report.renderers.junit import command_of_failure

app = typer.Typer(
    name="lab",
    cls=Verbs,
    help="Compare process models of a FastAPI app: one container with --workers N, or N containers behind a balancer.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
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


VERBS: Mapping[str, Callable[..., None]] = {
    "demo": demo.demo,
    "quick": quick.quick,
    "init": init.init,
    "run": run.run,
    "capacity": capacity.capacity,
    "limits": limits.limits,
    "plan": plan.plan,
    "report": report.report,
    "compare": compare.compare,
    "decide": decide.decide,
    "study": study.study,
    "bundle": bundle.bundle,
    "export": export.export,
    "ui": ui.ui,
    "selfcheck": selfcheck.selfcheck,
    "list": listing.list_runs,
    "open": open_page.open_run,
    "serve": serve.serve,
    "doctor": doctor.doctor,
    "images": images.images,
    "clean": clean.clean,
    "schema": schema.schema,
    "metrics": metrics.metrics,
}
CLASSES = {"compare": compare.ManyAgainst}
for verb, command in VERBS.items():
    app.command(verb, cls=CLASSES.get(verb))(command)


def main() -> None:
    """Entry point of the ``lab`` command: the one place where an error becomes a message and an exit code."""
    survive_any_terminal()
    try:
        with staged():
            app(standalone_mode=True)
    except LabError as error:
        say_error(error)
        annotate(command_of_failure(str(error)))
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)  # what was running is down already: the context managers saw the same interrupt
