"""comparison.json keeps its promise: the published schema, every number, plain JSON."""

from __future__ import annotations

import json
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it carries no types
import pytest

from lab.analysis.comparison import compare_run
from lab.analysis.summary import RunSummary, summarise_done
from lab.report.renderers.json_document import comparison_document, comparison_schema
from tests.builders import make_gate, make_run, make_summaries
from tests.judged_runs import Values, scenario, series, summary

MEMORY = "memory.pss.total"
LESS: Values = {(MEMORY, "workers"): series(1e8), (MEMORY, "replicas"): series(1e8, 0.9)}
EXPECT = [{"that": "errors(workers) == 0"}, {"that": f"{MEMORY}(replicas) < {MEMORY}(workers)", "name": "less"}]


def document(run: RunSummary) -> Any:
    """As a program would read it: through text."""
    made = comparison_document(make_run(run.scenario), run, compare_run(run, {MEMORY: 0.01}))
    return json.loads(json.dumps(made, allow_nan=False))


@pytest.mark.parametrize("blocks", [1, 8])
def test_a_real_summary_satisfies_the_published_schema(blocks: int) -> None:
    """From raw tables to the document, with and without verdicts."""
    plan_of = scenario(blocks, expect=EXPECT)
    run = summarise_done(make_run(plan_of), make_summaries(plan_of))

    jsonschema.validate(document(run), comparison_schema())


def test_the_schema_itself_is_valid_and_names_its_version() -> None:
    """Programs can refuse a version that they do not know."""
    schema = comparison_schema()

    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["properties"]["schema_version"]["const"] == 2
    assert schema["additionalProperties"] is False


def test_the_schema_refuses_what_it_does_not_describe() -> None:
    """A fifth word, or a key nobody documented."""
    made = document(summary(scenario(), LESS))
    made["verdicts"][0]["valid_blocks"]["verdict"] = "same"
    with pytest.raises(jsonschema.ValidationError, match="same"):
        jsonschema.validate(made, comparison_schema())

    with pytest.raises(jsonschema.ValidationError, match="extra"):
        jsonschema.validate(document(summary(scenario(), LESS)) | {"extra": 1}, comparison_schema())


def test_verdicts_carry_everything_that_they_rest_on() -> None:
    """Estimate, interval, level, bound, floor, blocks, and the same question over other blocks."""
    broken = {"b03-replicas": (make_gate("invalid"),)}
    made = document(summary(scenario(), LESS, gates=broken))
    (entry,) = made["verdicts"]
    found = entry["valid_blocks"]

    assert (entry["metric"], entry["arm"], entry["baseline"]) == (MEMORY, "replicas", "workers")
    assert (found["verdict"], found["n"], found["bound"], found["noise_floor"]) == ("better", 7, 0.05, 0.01)
    assert found["interval"]["low"] <= found["estimate"] <= found["interval"]["high"] < 0.95
    assert entry["without_gates"]["n"] == 8
    assert made["blocks"]["invalid"] == [3]
    assert made["blocks"]["faults"][0]["gate"] == "sampler.readings"
    assert made["blocks"]["faults"][0]["spoils"] == ["CPU", "memory", "time"]
    assert made["blocks"]["valid_for"]["memory"] == [1, 2, 4, 5, 6, 7, 8]


def test_an_expectation_that_the_machine_left_undecided_is_told_apart() -> None:
    """What --strict ends with 3 for, and not with 1, is there to be read by a program."""
    busy = (make_gate("invalid", key="machine.foreign", value=0.48, limit=0.2),)
    gates = {f"b{block:02d}-workers": busy for block in range(1, 9)}
    (entry,) = document(summary(scenario(expect=[{"that": "errors(workers) == 0"}]), LESS, gates=gates))["expectations"]

    assert (entry["outcome"], entry["spoiled"]) == ("undecided", True)


def test_expectations_and_block_values_are_in_it() -> None:
    """Outcome with its interval; every block's value, null where there is none."""
    values: Values = {**LESS, ("errors", "workers"): [0.0] * 7 + [None]}
    made = document(summary(scenario(expect=EXPECT), values))
    zero, less = made["expectations"]
    (memory,) = [entry for entry in made["metrics"] if (entry["metric"], entry["arm"]) == (MEMORY, "workers")]
    (errors,) = [entry for entry in made["metrics"] if (entry["metric"], entry["arm"]) == ("errors", "workers")]

    assert (zero["outcome"], zero["blocks"]) == ("undecided", [8])
    assert (less["name"], less["outcome"], less["unit"]) == ("less", "holds", "a size")
    assert (zero["spoiled"], less["spoiled"]) == (False, False)
    assert less["interval"]["high"] < 0
    assert memory["blocks"] == dict.fromkeys("12345678", 1e8)
    assert errors["blocks"]["8"] is None
