"""Drift over a run and uneven shares: what captions and limits say comes from the data, and only when it is so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from lab.analysis.judge.drift import drift
from lab.analysis.summary import RunSummary, summarise_done
from lab.metrics import METRICS
from lab.report.charts.order import Order
from lab.report.parts.boxes import machine_box
from lab.report.parts.facts import facts_line
from lab.report.sections.limits import limits
from lab.report.sections.machine import order_figure
from lab.scenario.nodes import Node
from tests import judged_runs
from tests.builders import REPLICAS, REPLICAS_LEAST, WORKERS, make_run, make_scenario, make_summaries

LOAD = {"locustfile": "x.py", "rate": 50, "lanes": 8, "warmup": "1s", "measure": "2s"}
COMPARE = {"baseline": "workers", "primary": ["memory.pss.total"]}
SCENARIO = make_scenario([WORKERS, REPLICAS], load=LOAD, trials={"blocks": 6, "seed": 7}, compare=COMPARE)
ORDER = make_run(SCENARIO).order


@pytest.fixture(scope="module")
def summary() -> RunSummary:
    """Six blocks of two arms."""
    return summarise_done(make_run(SCENARIO), make_summaries(SCENARIO))


def sentence_of(summary: RunSummary) -> str:
    """The caption of the run in its order."""
    figure = order_figure(summary, ORDER)
    assert figure is not None
    return figure.sentence


def growing(summary: RunSummary, arm: str, factor: float) -> RunSummary:
    """The arm's memory is 100 in the first half of the run and ``factor`` times that in the second; others have 100."""
    places = [trial_id for trial_id in ORDER if trial_id.endswith(f"-{arm}")]
    late = places[len(places) // 2 :]
    trials = [
        replace(
            trial,
            values={**trial.values, "memory.pss.total": 100 * (factor if trial.record.trial_id in late else 1.0)},
        )
        for trial in summary.trials
    ]
    return replace(summary, trials=tuple(trials))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([10.0, 10.0, 50.0, 1.0, 11.0, 11.0], 0.1),
        ([10.0, 12.0, 0.0, 0.0, 11.0, 11.0], 0.0),
        ([10.0, None, 10.0, 1.0, 1.0, 5.0, None, 5.0], -0.5),
        ([10.0, 10.0, 10.0, 11.0, 11.0], None),
        ([10.0, 10.0, 10.0, None, 11.0, 11.0], None),
        ([0.0, 0.0, 1.0, 1.0, 1.0, 1.0], None),
        ([], None),
    ],
)
def test_a_drift_is_last_third_against_first(values: Sequence[float | None], expected: float | None) -> None:
    """The middle does not count; too few values, or nothing to divide by, are no drift and not zero."""
    found = drift(values)

    assert found == (None if expected is None else pytest.approx(expected))


def test_the_caption_says_which_arm_moved_most(summary: RunSummary) -> None:
    """In the order in which the trials ran, whatever the order of blocks in the summary."""
    title = METRICS["memory.pss.total"].title

    grown = sentence_of(growing(summary, "replicas", 1.2))
    shrunk = sentence_of(growing(summary, "workers", 0.9))

    assert f"{title}: most in replicas, +20.0%" in grown
    assert f"{title}: most in workers, −10.0%" in shrunk


def test_many_arms_are_not_all_named(summary: RunSummary) -> None:
    """The caption stays a caption."""
    names = [f"arm-{place}" for place in range(8)]
    arms = [WORKERS | {"name": name} for name in names]
    scenario = make_scenario(arms, load=LOAD, trials={"blocks": 6, "seed": 7}, compare=COMPARE | {"baseline": "arm-0"})
    templates = [trial for trial in summary.trials if trial.record.arm == "workers"]
    trials = [
        replace(trial, record=replace(trial.record, arm=name, trial_id=f"b{trial.record.block:02d}-{name}"))
        for trial in templates
        for name in names
    ]
    many = replace(
        summary,
        scenario=scenario,
        trials=tuple(trials),
        arms=tuple(replace(summary.arms[0], name=name) for name in names),
    )
    figure = order_figure(many, [trial.record.trial_id for trial in trials])

    assert figure is not None
    assert sum(name in figure.sentence for name in names) == 4
    assert "4 others less" in figure.sentence


def test_blocks_and_places_are_in_the_run_order(summary: RunSummary) -> None:
    """A line where each block but the first begins, and each trial's place in its block."""
    figure = order_figure(summary, ORDER)
    assert figure is not None
    assert isinstance(figure.chart, Order)

    assert figure.chart.blocks == (1, 3, 5, 7, 9, 11)
    assert figure.chart.svg().count(' x1="') == 5
    assert f"{ORDER[3]}, place 2 of 2 in its block:" in figure.chart.svg()


def limits_of(summary: RunSummary) -> str:
    """The limits of the run as one text."""
    return " ".join(limits(make_run(summary.scenario), summary).sentences)


def test_what_the_lab_took_is_said_of_every_arm(summary: RunSummary) -> None:
    """As measured, or that it was not."""
    cores = {"workers": 0.31, "replicas": 0.42}
    measured = [
        replace(trial, quiet=replace(trial.quiet, instrument_cores=cores[trial.record.arm])) for trial in summary.trials
    ]
    unknown = [replace(trial, quiet=replace(trial.quiet, instrument_cores=None)) for trial in summary.trials]

    assert "0.31 with workers, 0.42 with replicas" in limits_of(replace(summary, trials=tuple(measured)))
    assert "not measured" in limits_of(replace(summary, trials=tuple(unknown)))


def test_what_shared_the_machine_of_the_arms_is_said_as_it_was(summary: RunSummary) -> None:
    """Load from other nodes took nothing of it, and no request stayed on one machine."""
    nodes = tuple(Node(name=name, address="10.0.0.1") for name in ("server", "gen1", "gen2"))
    given = summary.scenario
    apart = replace(given, nodes=nodes[:2], load=replace(given.load, nodes=("gen1",)))
    here, there = limits_of(summary), limits_of(replace(summary, scenario=apart))
    assert "the load generator and the sampler ran on the same machine" in here
    assert "every request stayed on the loopback interface" in here
    assert "the load generator ran on gen1, but the sampler on the machine of the arms" in there
    assert "ran on the same machine" not in there
    assert "every request stayed" not in there
    assert "what lies between the nodes" in there

    swarm = replace(apart, engine="swarm", nodes=nodes)
    spread = limits_of(replace(summary, scenario=swarm))
    box = dict(machine_box(make_run(summary.scenario), replace(summary, scenario=swarm)).rows)
    assert box["machine"].endswith("2 cores, 8.0 GiB, the first of 2 nodes that ran the arms")
    assert "the first of 2 nodes that ran the arms" in facts_line(
        make_run(summary.scenario), replace(summary, scenario=swarm)
    )
    assert "4 processes in one container share its node's 2 cores" in spread
    assert "4 processes share 2 cores" in there
    assert "ran on gen1, a sampler on each node, and on the 2 of the arms they used some of its cores" in spread


@pytest.mark.parametrize(("blocks", "named"), [(6, False), (12, False), (8, True)])
def test_blocks_that_are_no_multiple_of_the_period_are_a_limit(blocks: int, named: bool) -> None:
    """Three arms are balanced over six blocks."""
    arms = [WORKERS, REPLICAS, REPLICAS_LEAST]
    scenario = make_scenario(arms, load=LOAD, trials={"blocks": blocks, "seed": 7}, compare=COMPARE)
    found = judged_runs.summary(scenario, {})

    assert ("Balance: the order of 3 arms" in limits_of(found)) is named
