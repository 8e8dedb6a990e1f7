"""``lab metrics``: the catalogue."""

from __future__ import annotations

import dataclasses

from rich.console import Console
from rich.table import Table

from lab.analysis.metrics import CATALOGUE
from lab.cli.console import put_json
from lab.cli.options import Json


def metrics(json: Json = False) -> None:
    """List every metric: key, unit, direction, bound of practical equivalence, definition."""
    if json:
        put_json([dataclasses.asdict(metric) for metric in CATALOGUE])
        return
    table = Table("metric", "unit", "better", "bound", "definition", box=None, pad_edge=False)
    for metric in CATALOGUE:
        bound = "" if metric.bound is None else f"±{metric.bound:.0%}"
        table.add_row(metric.key, metric.unit.value, metric.better.value, bound, metric.definition)
    Console().print(table)
