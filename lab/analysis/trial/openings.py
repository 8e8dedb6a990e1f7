"""The connections that the load made in the measure phase: their times, and how many TLS sessions went on. Pure."""

import polars as pl

from lab.analysis.trial.latency import rank

MEDIAN = 0.50


def opening_values(rows: pl.DataFrame) -> dict[str, float | None]:
    """The metrics of new connections, from the requests of the measure phase; None of too few, or of none over TLS."""
    opened = rows["opened_s"].drop_nulls().sort()
    resumed = rows["resumed"].drop_nulls().to_list()
    index = rank(len(opened), MEDIAN)
    return {
        "connection.p50": None if index is None else float(opened[index]),
        "connection.resumed": sum(resumed) / len(resumed) if resumed else None,
    }
