"""A run folder that version 1 wrote (recorded: scenarios/smoke.toml) reads as it did, but for what is listed here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from lab.record.reading import read_info, read_intact, read_trials
from lab.record.schema import NAMES, SCHEMA_VERSION
from lab.record.types import Finding, GateResult, Point
from lab.record.upgrade import upgraded_record
from tests.old_runs import kept, made_now

FOLDER = Path(__file__).parent / "data" / "run_v1"
RIGHTLY_DIFFERENT: Mapping[str, str] = {
    "names.csv": "requests by name are a table of their own since",
    "gates.csv": "sentences are made from the numbers; drift, starved and changed processes are findings",
    "findings.csv": "new: findings stood among the gates",
    "runtime.csv": "new: event loop and HTTP implementation were attested and not shown",
    "valid-blocks.csv": "new: validity by family of metrics",
    "metrics-cpu.csv": "titles write 1,000 as the field does, with a comma",
    **dict.fromkeys(
        ("metrics-memory.csv", "ledger.csv", "memory-by-role.csv", "headline.csv"),
        "memory is a mean weighted with time: bursts in the last second weighed as much as the seconds before",
    ),
}


@pytest.fixture(scope="module")
def tables() -> Mapping[str, str]:
    """The report's tables as this version makes them."""
    return made_now("run_v1")


def test_its_tables_are_those_that_version_1_made(tables: Mapping[str, str]) -> None:
    """Byte for byte, and none is missing; those that are another rightly are what they were when that was seen."""
    expected, since = kept("run_v1", "tables"), kept("run_v1")

    different = {name for name in expected.keys() | tables.keys() if expected.get(name) != tables.get(name)}
    assert different == set(RIGHTLY_DIFFERENT) == since.keys()
    assert {name: tables[name] for name in different} == since


def test_gates_have_the_values_that_version_1_found(tables: Mapping[str, str]) -> None:
    """What was left of that table: every number of the gates that are gates still."""
    columns = ["gate", "worst", "worst value", "limit", "unit", "passed"]
    (text,) = (text for name, text in tables.items() if Path(name).name == "gates.csv")
    now, then = (
        pl.read_csv(source).select(columns).sort("gate") for source in (text.encode(), FOLDER / "tables/gates.csv")
    )
    became_findings = ["processes that came or went", "processes starved in the warm-up"]
    drifts = pl.col("gate").str.starts_with("drift of")

    assert now.equals(then.filter(~drifts & ~pl.col("gate").is_in(became_findings)))


def test_records_and_tables_are_those_of_this_version() -> None:
    """Nobody behind the reader meets version 1; every trial is intact."""
    info = read_info(FOLDER)
    trials = list(read_trials(FOLDER, info))

    assert read_intact(FOLDER).left_out == {}
    assert {trial.record.schema_version for trial in trials} == {SCHEMA_VERSION}
    assert {trial.record.point for trial in trials} == {Point(processes=2)}
    assert [found.key for found in trials[0].record.findings] == ["steady.p50", "steady.throughput"]
    for trial in trials:
        for name in ("requests", "processes", "cgroups", "host"):
            assert tuple(getattr(trial.tables, name).columns) == NAMES[name]
        assert trial.tables.processes["node"].unique().to_list() == [""]


def old_gate(key: str, outcome: str, value: float | None, limit: float | None) -> dict[str, Any]:
    """As version 1 wrote it."""
    return {"key": key, "outcome": outcome, "value": value, "limit": limit, "sentence": "Something."}


@pytest.mark.parametrize(
    ("gate", "gates", "findings"),
    [
        (
            old_gate("steady.p50", "caveat", 0.09, 0.05),
            [],
            [Finding(key="steady.p50", value=0.09, limit=0.05)],
        ),
        (old_gate("warmup.starved", "pass", 0.0, 0.0), [], []),
        (
            old_gate("load.arrivals", "caveat", 0.75, 0.99),
            [GateResult(key="load.arrivals", outcome="pass", value=0.75, limit=0.99, why="capacity")],
            [Finding(key="load.capacity", value=0.25, limit=0.0)],
        ),
        (
            old_gate("load.arrivals", "invalid", 0.75, 0.99),
            [GateResult(key="load.arrivals", outcome="invalid", value=0.75, limit=0.99)],
            [],
        ),
        (
            old_gate("machine.steal", "caveat", None, 0.01),
            [GateResult(key="machine.steal", outcome="caveat", value=None, limit=0.01)],
            [],
        ),
    ],
)
def test_gates_of_version_1_become_gates_and_findings(
    gate: dict[str, Any], gates: list[GateResult], findings: list[Finding]
) -> None:
    """Caveats about the arm are findings; an arm at its capacity passes its gate; sentences are not kept."""
    upgraded = upgraded_record({"schema_version": 1, "processes": 4, "gates": [gate]})

    assert [GateResult(**found) for found in upgraded["gates"]] == gates
    assert [Finding(**found) for found in upgraded["findings"]] == findings
    assert (upgraded["point"], upgraded["schema_version"]) == ({"processes": 4}, SCHEMA_VERSION)
