"""Noise floors on disk: one machine's, of the same versions, whole or not there."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.analysis.comparison import compare_run, floors_of
from lab.analysis.judge.floor import noise_floors
from lab.analysis.judge.verdict import Verdict
from lab.errors import MissingError, UsageError
from lab.record.types import Environment
from lab.report.parts.boxes import validity_box
from lab.report.parts.caveats import Caveats
from lab.run.floors import KeptFloor, conditions_of, machine_of, read_floors, write_floor
from lab.scenario.model import Scenario
from tests.builders import make_run
from tests.judged_runs import scenario, series, summary

HERE = Environment(facts={"machine": "abc", "kernel": "6.1", "docker": "20.10", "load_average": 0.3})
SHORT = scenario()
LONG = replace(SHORT, load=replace(SHORT.load, measure=60.0))


def kept(environment: Environment, plan_of: Scenario, noise: float = 0.01, day: int = 1) -> KeptFloor:
    machine_id, versions = machine_of(environment)
    return KeptFloor(
        floor=noise_floors({"p50": [noise, -noise] * 4}, machine_id=machine_id, versions=versions),
        conditions=conditions_of(plan_of),
        measured_at=f"2026-11-{day:02d}T00:00:00+00:00",
    )


def test_what_was_kept_is_read_again(tmp_path: Path) -> None:
    """Same machine, same versions, same conditions; facts that do not measure anything play no part."""
    written = kept(HERE, SHORT)
    write_floor(written, tmp_path)
    later = Environment(facts={**HERE.facts, "load_average": 3.0})

    assert read_floors(later, SHORT, tmp_path) == written


@pytest.mark.parametrize(
    "change",
    [
        {"machine": "other"},
        {"kernel": "6.2"},
        {"docker": "29.0"},
        {"locust": "3.0"},
        {"engine_at": "server"},
        {"generator": {"engine_at": "gen1"}},
        {"generators": {"gen1": {"engine_at": "gen1"}, "gen2": {"engine_at": "gen2"}}},
    ],
)
def test_another_machine_or_version_has_no_floor_yet(tmp_path: Path, change: dict[str, Any]) -> None:
    """What measures is part of the noise, and so is where the arms run and where load comes from."""
    write_floor(kept(HERE, SHORT), tmp_path)

    assert read_floors(Environment(facts={**HERE.facts, **change}), SHORT, tmp_path) is None


def test_the_floor_of_the_same_conditions_goes_before_a_newer_one(tmp_path: Path) -> None:
    """A minute is quieter than ten seconds; where only the other is known, it has to do."""
    short, long = kept(HERE, SHORT, 0.1, day=1), kept(HERE, LONG, 0.01, day=2)
    write_floor(long, tmp_path)
    assert read_floors(HERE, SHORT, tmp_path) == long

    write_floor(short, tmp_path)
    assert read_floors(HERE, SHORT, tmp_path) == short
    assert read_floors(HERE, LONG, tmp_path) == long


def test_a_new_selfcheck_replaces_the_old_one(tmp_path: Path) -> None:
    """One floor for each set of conditions, and no half-written file beside it."""
    write_floor(kept(HERE, SHORT, 0.1), tmp_path)
    path = write_floor(kept(HERE, SHORT, 0.02, day=2), tmp_path)

    assert [found.name for found in path.parent.iterdir()] == [path.name]
    assert read_floors(HERE, SHORT, tmp_path) == kept(HERE, SHORT, 0.02, day=2)


@pytest.mark.parametrize("damage", ["", "[]", "{}", '{"floor": {"schema_version": 9}}', '{"floor": 1'])
def test_a_damaged_floor_is_named_and_not_passed_over(tmp_path: Path, damage: str) -> None:
    """Without its floor a verdict would claim more than it should."""
    path = write_floor(kept(HERE, SHORT), tmp_path)
    path.write_text(damage)

    with pytest.raises(UsageError, match=str(path)) as caught:
        read_floors(HERE, SHORT, tmp_path)
    assert "lab selfcheck" in caught.value.hint


def test_a_place_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    """Exit 4 with the path."""
    (tmp_path / "floors").write_text("a file where a folder should be")

    with pytest.raises(MissingError, match="floors"):
        write_floor(kept(HERE, SHORT), tmp_path / "floors")


def test_conditions_are_told_in_words() -> None:
    """What the noise depends on."""
    assert conditions_of(SHORT) == "json_api.py, 300 arrivals/s, 32 connections, 4 processes, 10 s measured"
    closed = replace(SHORT, load=replace(SHORT.load, rate=None))
    assert "closed model" in conditions_of(closed)


def test_the_file_is_plain_json(tmp_path: Path) -> None:
    """A person can read what is kept."""
    document = json.loads(write_floor(kept(HERE, SHORT), tmp_path).read_text())

    assert document["floor"]["metrics"][0]["metric"] == "p50"


def test_a_floor_is_printed_with_its_conditions() -> None:
    """It was measured in other trials than these: the reader is told in which, and no verdict is changed by it."""
    memory = "memory.pss.total"
    machine_id, versions = machine_of(HERE)
    floor = noise_floors({memory: [0.18, -0.18] * 4}, machine_id=machine_id, versions=versions)
    told = KeptFloor(floor=floor, conditions="locustfile.py, 10 arrivals/s", measured_at="2026-11-20T08:00:00+00:00")
    run = replace(make_run(SHORT), noise_floor=told.to_json())
    found = summary(SHORT, {(memory, "workers"): series(1e8), (memory, "replicas"): series(1e8, 0.9)})
    comparison = compare_run(found, floors_of(run))
    box = dict(validity_box(run, found, comparison, Caveats((), ())).rows)

    assert box["noise floor"] == (
        "memory (PSS), steady −16.5% to +19.7%, of an arm against itself (locustfile.py, 10 arrivals/s; 2026-11-20)"
    )
    assert comparison.primaries[0].judgement.verdict is Verdict.BETTER
