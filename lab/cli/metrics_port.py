"""``--metrics-port``: live figures for Prometheus while the verb runs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from lab.plan.blocks import Plan
from lab.run.view import QuietView

MetricsPort = Annotated[
    int | None,
    typer.Option(
        "--metrics-port",
        metavar="PORT",
        min=1,
        max=65535,
        help="Serve live figures as OpenMetrics at /metrics on this port of 127.0.0.1 until the run ends.",
        show_default=False,
    ),
]


@contextmanager
def metrics_at(port: int | None) -> Iterator[Callable[[Plan, QuietView], QuietView]]:
    """A function from a plan and its view to one that feeds the figures as well; without a port, to the view itself.

    Raises MissingError (exit 4) at once when the port is another's, not after images were built.
    """
    if port is None:
        yield lambda _plan, view: view
        return
    from lab.cli.live.openmetrics import serving  # only who asks for it waits for the library

    with serving(port) as show:
        yield show
