"""``lab metrics``: the catalogue."""

import dataclasses
from typing import Any

from rich.console import Console
from rich.table import Table

from lab.cli.console import put_json
from lab.cli.options import Json
from lab.metrics import CATALOGUE, Metric
from lab.report.parts.effects import bound_text
from lab.units import format_count


def metrics(json: Json = False) -> None:
    """List every metric: key, unit, direction, bound of practical equivalence, least count, definition.

    The least count is how many requests a trial needs before a percentile is shown, and before it is judged.
    """
    if json:
        put_json([entry(metric) for metric in CATALOGUE])
        return
    table = Table("metric", "unit", "better", "bound", "least count", "definition", box=None, pad_edge=False)
    for metric in CATALOGUE:
        bound = "" if metric.bound is None else bound_text(metric, metric.bound)
        table.add_row(metric.key, metric.unit.value, metric.better.value, bound, least(metric), metric.definition)
    Console().print(table)


def entry(metric: Metric) -> dict[str, Any]:
    """A metric for programs; the least counts are null where one observation is enough."""
    counts = {"least_to_show": metric.least_to_show, "least_to_judge": metric.least_to_judge}
    return dataclasses.asdict(metric) | {"noun": metric.called} | counts


def least(metric: Metric) -> str:
    """``"1,000 / 3,000"``: requests before it is shown, and before it is judged; empty where one is enough."""
    shown, judged = metric.least_to_show, metric.least_to_judge
    return "" if shown is None or judged is None else f"{format_count(shown)} / {format_count(judged)}"
