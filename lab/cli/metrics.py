"""``lab metrics``: the catalogue."""

import dataclasses
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from lab.cli.console import put_json
from lab.cli.options import Json
from lab.errors import UsageError
from lab.metrics import CATALOGUE, METRICS, Group, Metric
from lab.report.parts.effects import bound_text
from lab.scenario.compare import unknown
from lab.units import format_count

INDENT = 4
GROUPS = {group.value.lower(): [metric for metric in CATALOGUE if metric.group is group] for group in Group}

Key = Annotated[
    str,
    typer.Argument(
        help="The key of one metric, or a group such as latency; without it, all are listed.",
        show_default=False,
        autocompletion=lambda incomplete: [key for key in (*METRICS, *GROUPS) if key.startswith(incomplete)],
    ),
]


def metrics(key: Key = "", json: Json = False) -> None:
    """Explain a metric: unit, direction, bound of practical equivalence, least count, definition.

    The least count is how many requests a trial needs before a percentile is
    shown, and before it is judged.
    """
    of_group = GROUPS.get(key.lower())
    if key and key not in METRICS and of_group is None:
        raise UsageError(
            unknown("metric", key, METRICS),
            f"`lab metrics` lists all; behind it a group lists some: {', '.join(GROUPS)}",
        )
    chosen = of_group or ([METRICS[key]] if key else CATALOGUE)
    if json:
        put_json([entry(metric) for metric in chosen])
        return
    console = Console(highlight=False)
    for metric in chosen:
        console.print(Text(metric.key, style="bold").append(f"  {' · '.join(_facts(metric))}", style="not bold"))
        console.print(Padding(Text(metric.definition), (0, 0, 0, INDENT)))


def _facts(metric: Metric) -> Iterator[str]:
    yield from (metric.title, metric.unit.value, f"{metric.better.value} is better")
    if metric.bound is not None:
        yield f"bound {bound_text(metric, metric.bound)}"
    if counts := least(metric):
        yield f"shown / judged from {counts} requests"


def entry(metric: Metric) -> dict[str, Any]:
    """A metric for programs; the least counts are null where one observation is enough."""
    counts = {"least_to_show": metric.least_to_show, "least_to_judge": metric.least_to_judge}
    return dataclasses.asdict(metric) | {"noun": metric.called} | counts


def least(metric: Metric) -> str:
    """``"1,000 / 3,000"``: requests before it is shown, and before it is judged; empty where one is enough."""
    shown, judged = metric.least_to_show, metric.least_to_judge
    return "" if shown is None or judged is None else f"{format_count(shown)} / {format_count(judged)}"
