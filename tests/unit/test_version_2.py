"""A run folder that version 2 wrote (recorded: scenarios/smoke.toml) gives the numbers that it gave then."""

import json
from pathlib import Path

from lab.analysis.summary import summarise
from lab.metric_types import Reading
from lab.metrics import METRICS
from lab.record.reading import read_info, read_intact, read_trials
from lab.record.schema import SCHEMA_VERSION
from tests.old_runs import kept, made_now

FOLDER = Path(__file__).parent / "data" / "run_v2"


def test_every_metric_has_the_value_that_version_2_found() -> None:
    """To the last digit, of both arms."""
    info = read_info(FOLDER)
    summary = summarise(info, read_trials(FOLDER, info))
    then = json.loads((FOLDER / "comparison.json").read_text())["metrics"]
    now = {(one["metric"], one["arm"]): summary.metrics[Reading(one["metric"], one["arm"])].values for one in then}

    assert {one["metric"] for one in then} <= METRICS.keys()
    assert {key: values[1] for key, values in now.items()} == {
        (one["metric"], one["arm"]): one["blocks"]["1"] for one in then
    }


def test_its_tables_are_what_they_were_when_it_was_recorded() -> None:
    """Every cell of every table, as a person has read them; `python -m tests.old_runs` writes them again."""
    assert made_now("run_v2") == kept("run_v2")


def test_ports_have_become_addresses() -> None:
    """All were on the loopback of one machine."""
    info = read_info(FOLDER)
    replicas = next(trial.record for trial in read_trials(FOLDER, info) if trial.record.arm == "replicas")

    assert read_intact(FOLDER).left_out == {}
    assert replicas.schema_version == SCHEMA_VERSION
    assert sorted(replicas.attestation.homes.values()) == ["127.0.0.1:20877", "127.0.0.1:26337"]
    assert replicas.attestation.listeners["127.0.0.1:27295"] == "nginx"
