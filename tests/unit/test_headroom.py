"""Head-room: what the generator was driven at against what it can do, and a caveat when the two come close."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lab.analysis.headroom import NEAR_CEILING, headroom
from lab.analysis.summary import RunSummary, summarise_done
from lab.record.types import Calibration, RunInfo
from lab.report.parts.boxes import validity_box
from lab.report.parts.caveats import Caveats
from lab.report.sections.validity import validity_section
from lab.scenario.nodes import Node
from tests.builders import make_run, make_scenario, make_summaries, told

LOAD = {"locustfile": "x.py", "rate": 100, "lanes": 8, "warmup": "2s", "measure": "4s"}


def run_of(ceiling_per_s: float | None = 400.0, **load: Any) -> tuple[RunInfo, RunSummary]:
    """A synthetic run, and its ceiling; without a rate the builders send 200 requests a second."""
    scenario = make_scenario(load={key: value for key, value in (LOAD | load).items() if value is not None})
    calibration = ceiling_per_s and Calibration(
        ceiling_per_s=ceiling_per_s, load_processes=1, lanes=16, measured_at="2026-11-18T11:00:00+00:00"
    )
    run = make_run(scenario, calibration=calibration)
    return run, summarise_done(run, make_summaries(scenario))


def test_the_asked_rate_counts_in_the_open_model() -> None:
    """100 arrivals a second of 400 are a quarter."""
    found = headroom(*run_of())

    assert found is not None
    assert found.driven_per_s == pytest.approx(100, rel=0.1)
    assert found.used == pytest.approx(0.25, rel=0.1)
    assert not found.near


def test_the_busiest_trial_counts_in_the_closed_model() -> None:
    """Nothing was asked for, so what was sent counts: about 200 a second, the most of any trial."""
    run, summary = run_of(rate=None)
    found = headroom(run, summary)

    assert found is not None
    sent = [trial.counts.requests / trial.record.measure.length_s for trial in summary.trials]
    assert found.driven_per_s == max(sent) > 150


def test_an_unreached_rate_counts_as_asked() -> None:
    """A generator that sent half of what it was asked for was driven at all of it."""
    run, summary = run_of()
    found = headroom(run, replace(summary, scenario=make_scenario(load=LOAD | {"rate": 380})))

    assert found is not None
    assert found.driven_per_s == 380
    assert found.near


def test_no_ceiling_no_headroom() -> None:
    """An unknown ceiling is no number, and the report says that it is not known."""
    run, summary = run_of(None)

    assert headroom(run, summary) is None
    assert "is not known" in " ".join(validity_section(run, summary).sentences)


def test_the_box_says_where_load_came_from() -> None:
    """From this machine, or from the nodes that drove it together."""
    for ceiling_per_s, told_here in ((400.0, "of what it can generate {}"), (None, "its limit {} is not known")):
        run, summary = run_of(ceiling_per_s)
        nodes = tuple(
            Node(name=name, engine=f"unix:///{name}", address="10.0.0.1") for name in ("server", "gen1", "gen2")
        )
        load = replace(summary.scenario.load, nodes=("gen1", "gen2"))
        apart = replace(summary, scenario=replace(summary.scenario, nodes=nodes, load=load))
        for found, where in ((summary, "on this machine"), (apart, "on gen1 and gen2")):
            box = dict(validity_box(run, found, None, Caveats((), ())).rows)
            assert told_here.format(where) in box["load generator"]


@pytest.mark.parametrize(("used", "doubted"), [(NEAR_CEILING - 0.1, False), (NEAR_CEILING + 0.1, True)])
def test_a_near_ceiling_is_a_caveat_of_the_report(used: float, doubted: bool) -> None:
    """The figures are always shown; above the limit they catch the eye."""
    run, summary = run_of(100 / used)
    section = validity_section(run, summary)

    assert "load generator sent" in " ".join(section.sentences)
    assert any("of its ceiling" in caveat for caveat in told(section.caveats)) is doubted
