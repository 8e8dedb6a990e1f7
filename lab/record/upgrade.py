"""Run folders of earlier versions, as this one would have written them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

ADDED = {"node": pl.lit("")}  # since schema version 2: a run of version 1 was on one machine


def upgraded_table(table: pl.DataFrame, schema: Mapping[str, Any]) -> pl.DataFrame:
    """The table with the columns of ``schema`` that its version did not have yet."""
    added = [value.alias(name) for name, value in ADDED.items() if name in schema and name not in table.columns]
    return table.with_columns(added).select(*schema) if added and {*ADDED, *table.columns} >= set(schema) else table
