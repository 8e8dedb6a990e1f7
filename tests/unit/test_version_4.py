"""A run folder that version 4 wrote (recorded: smoke.toml, plain processes) gives the numbers that it gave then."""

import json
from pathlib import Path

from lab.analysis.summary import summarise
from lab.metric_types import Reading
from lab.metrics import METRICS
from lab.record.reading import read_info, read_intact, read_trials
from lab.record.schema import SCHEMA_VERSION
from lab.record.upgrade import upgraded_record
from lab.scenario.file import scenario_from_json
from tests.old_runs import kept, made_now

FOLDER = Path(__file__).parent / "data" / "run_v4"


def test_every_metric_has_the_value_that_version_4_found() -> None:
    """To the last digit, of both arms."""
    info = read_info(FOLDER)
    summary = summarise(info, read_trials(FOLDER, info))
    then = json.loads((FOLDER / "comparison.json").read_text())["metrics"]
    now = {(one["metric"], one["arm"]): summary.metrics[Reading(one["metric"], one["arm"])].values for one in then}

    assert {key: values[1] for key, values in now.items()} == {
        (one["metric"], one["arm"]): one["blocks"]["1"] for one in then
    }
    assert {one["metric"] for one in then} <= METRICS.keys()


def test_its_tables_are_what_they_were_when_it_was_recorded() -> None:
    """Every cell of every table, as a person has read them; `python -m tests.old_runs` writes them again."""
    assert made_now("run_v4") == kept("run_v4")


def test_what_it_did_not_have_is_not_asked_of_it() -> None:
    """Its scenario knows no search for limits, and its load no cores of its own; its trials are of this version."""
    info = read_info(FOLDER)
    scenario = scenario_from_json(info.scenario)

    assert (scenario.limits, scenario.load.cores) == (None, "")
    assert read_intact(FOLDER).left_out == {}
    assert {trial.record.schema_version for trial in read_trials(FOLDER, info)} == {SCHEMA_VERSION}
    assert upgraded_record({"schema_version": 4, "arm": "a"}) == {"schema_version": 5, "arm": "a"}
