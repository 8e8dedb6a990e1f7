"""Who served a request, by its connection: the process that held the server's end when the answer was there. Pure."""

from __future__ import annotations

import polars as pl

NEAR_S = 1.0  # two steps of the sampler's grid, so that one skipped reading loses nothing


def owners(client_ports: pl.Series, done_s: pl.Series, connections: pl.DataFrame) -> pl.Series:
    """``service:pid`` for each request, from its connection's client port and the instant of its answer.

    ``connections`` has the columns of records.CONNECTIONS, instants on the same clock. The kernel gives ports out
    again, so the reading nearest in time decides, and one more than ``NEAR_S`` away decides nothing: null, as for a
    connection that was never seen, a port that is 0 and a request without an answer.
    """
    asked = pl.DataFrame({"client_port": client_ports, "t_s": done_s}).with_row_index("row").drop_nulls().sort("t_s")
    seen = connections.select("t_s", "client_port", pl.format("{}:{}", "service", "pid").alias("owner")).sort("t_s")
    nearest = asked.join_asof(
        seen,
        on="t_s",
        by="client_port",
        strategy="nearest",
        tolerance=NEAR_S,
        check_sortedness=False,  # polars cannot check it within groups, and warns of that
    )
    rows = pl.DataFrame({"row": pl.arange(len(client_ports), dtype=pl.get_index_type(), eager=True)})
    return rows.join(nearest, on="row", how="left", maintain_order="left")["owner"]
