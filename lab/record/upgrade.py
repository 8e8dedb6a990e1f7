"""Run folders of earlier versions, as this one would have written them."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from lab.scenario.network import LOOPBACK

ADDED = {  # columns that earlier runs did not have
    "node": pl.lit(""),  # since schema version 2: a run of version 1 was on one machine
    "opened_s": pl.lit(None, pl.Float64),
    "resumed": pl.lit(None, pl.Int32),
    "limit_hits": pl.lit(None, pl.Int64),
    "psi_memory_some_s": pl.lit(None, pl.Float64),
}
FINDINGS_V1 = ("ledger.changed", "warmup.starved", "steady.p50", "steady.throughput")  # were gates
ARRIVALS = "load.arrivals"  # a caveat was an arm at its capacity


def upgraded_table(table: pl.DataFrame, schema: Mapping[str, Any]) -> pl.DataFrame:
    """The table with the columns of ``schema`` that its version did not have yet."""
    added = [value.alias(name) for name, value in ADDED.items() if name in schema and name not in table.columns]
    return table.with_columns(added).select(*schema) if added and {*ADDED, *table.columns} >= set(schema) else table


def upgraded_record(record: dict[str, Any]) -> dict[str, Any]:
    """A record.json of an earlier version as one of this; another one as it is.

    The sentences of gates are left out: the report makes them from the numbers. Nothing is changed that is not what
    that version wrote: what is damaged is found by whoever reads the result.
    """
    if record.get("schema_version") == 1:
        record = _of_version_2(record)
    if record.get("schema_version") == 2:
        record = record | {"attestation": _with_addresses(record.get("attestation", {})), "schema_version": 3}
    if record.get("schema_version") == 3:  # it had no points by key and no drills
        record = record | {"schema_version": 4}
    if record.get("schema_version") == 4:  # what came since has a default
        record = record | {"schema_version": 5}
    return record


def _of_version_2(record: dict[str, Any]) -> dict[str, Any]:
    gates = record.get("gates")
    if not isinstance(gates, list) or not all(map(_is_gate, gates)):
        return record
    return record | {
        "point": {"processes": record.get("processes")},
        "gates": [_gate(gate) for gate in gates if gate["key"] not in FINDINGS_V1],
        "findings": [_finding(gate) for gate in gates if _is_finding(gate)],
        "schema_version": 2,
    }


def _with_addresses(evidence: Any) -> Any:
    """Evidence as it was before containers had addresses of their own: every port was one of 127.0.0.1."""
    if not isinstance(evidence, dict):
        return evidence
    listeners, homes = evidence.get("listeners"), evidence.get("homes")
    changed: dict[str, Any] = {}
    if isinstance(listeners, dict):
        changed["listeners"] = {_address(port): service for port, service in listeners.items()}
    if isinstance(homes, dict):
        changed["homes"] = {name: _address(port) for name, port in homes.items()}
    return evidence | changed


def _address(port: Any) -> Any:
    return f"{LOOPBACK}:{port}" if str(port).isdigit() else port


def _is_gate(gate: Any) -> bool:
    return isinstance(gate, dict) and {"key", "outcome", "value", "limit"} <= gate.keys()


def _is_finding(gate: dict[str, Any]) -> bool:
    return gate["outcome"] == "caveat" and gate["key"] in (*FINDINGS_V1, ARRIVALS) and gate["limit"] is not None


def _at_capacity(gate: dict[str, Any]) -> bool:
    return gate["key"] == ARRIVALS and gate["outcome"] == "caveat" and isinstance(gate["value"], float | int)


def _gate(gate: dict[str, Any]) -> dict[str, Any]:
    kept = {name: gate[name] for name in ("key", "outcome", "value", "limit")}
    return kept | {"outcome": "pass", "why": "capacity"} if _at_capacity(gate) else kept


def _finding(gate: dict[str, Any]) -> dict[str, Any]:
    if _at_capacity(gate):
        return {"key": "load.capacity", "value": max(0.0, 1 - gate["value"]), "limit": 0.0}
    return {name: gate[name] for name in ("key", "value", "limit")}
