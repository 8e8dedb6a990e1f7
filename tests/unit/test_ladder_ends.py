"""Capacities of which some lie beyond the ladder: what may still be said of the difference, and what is not shown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from math import inf
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]  # it carries no types
import pytest

from lab.analysis.comparison import compare_run
from lab.analysis.contests import Contest
from lab.analysis.decision import card_of
from lab.analysis.judge.verdict import Reason, Verdict
from lab.analysis.points import judge_points
from lab.analysis.summary import RunSummary, summarise_done
from lab.analysis.trial.ladder import Climb, Edge, Held, RungResult
from lab.cli.live.estimates import _interval
from lab.metric_types import Reading
from lab.metrics import METRICS
from lab.metrics.capacity import CAPACITY
from lab.report.charts.forest import Forest
from lab.report.parts.judged import measured
from lab.report.renderers.card_document import card_document, card_schema
from lab.report.renderers.json_document import comparison_document, comparison_schema
from lab.report.sections.answer import ratio_figure
from lab.report.sections.answer_sentences import contest_answer
from lab.report.sections.decision import verdict_words
from lab.report.sections.details import _word, metric_table
from lab.report.sections.headline import headline
from lab.report.sections.overview import Entry
from lab.report.sections.trend import trend_of
from lab.report.told import read_told
from tests.builders import REPLICAS, WORKERS, make_run, make_scenario, make_summaries

RATES = (100.0, 150.0, 220.0)
SLO = "p99 <= 50ms"
TOP, BOTTOM = "top", "bottom"


def climbed(capacity: float | str) -> Climb:
    """A ladder with this capacity, or beyond this end."""
    edge = Edge(capacity) if isinstance(capacity, str) else Edge.NONE
    rungs = tuple(RungResult(rate=rate, held=Held.GOOD, quantile_s=0.01, margin=-1.0) for rate in RATES)
    return Climb(slo=SLO, rungs=rungs, capacity=None if isinstance(capacity, str) else capacity, edge=edge)


def compared(
    workers: Sequence[float | str], replicas: Sequence[float | str], *, quick: bool = True
) -> tuple[RunSummary, Contest]:
    asked = make_scenario(
        (WORKERS, REPLICAS),
        trials={"blocks": len(workers)},
        compare={"baseline": "workers", "primary": [CAPACITY]},
        capacity={"slo": SLO, "rates": list(RATES), "quick": quick},
    )
    found = {"workers": workers, "replicas": replicas}
    trials = []
    for trial in make_summaries(asked):
        climb = climbed(found[trial.record.arm][trial.record.block - 1])
        trials.append(replace(trial, climb=climb, values={**trial.values, CAPACITY: climb.capacity}))
    summary = summarise_done(make_run(asked), trials)
    (contest,) = compare_run(summary).primaries
    return summary, contest


@pytest.mark.parametrize(
    ("workers", "replicas", "verdict"),
    [
        ([200, 205, TOP, 210, 208, 200], [120, 125, 130, 121, 119, 126], Verdict.WORSE),
        ([TOP] * 6, [120, 125, 130, 121, 119, 126], Verdict.WORSE),
        ([200, 205, 210, 210, 208, 200], [120, 125, BOTTOM, 121, 119, 126], Verdict.WORSE),
        ([120, 125, 130, 121, 119, 126], [200, 205, TOP, 210, TOP, 200], Verdict.BETTER),
    ],
)
def test_a_difference_that_can_only_be_larger_is_told(
    workers: list[float | str], replicas: list[float | str], verdict: Verdict
) -> None:
    """With the ends of the ladder in place of what lies beyond them, and "at least that"."""
    _, contest = compared(workers, replicas)
    found = contest.judgement

    assert (found.verdict, found.reason) == (verdict, Reason.AT_LEAST)
    assert found.blocks == tuple(
        block for block, pair in enumerate(zip(workers, replicas, strict=True), 1) if {*pair} & {TOP, BOTTOM}
    )
    assert "at least that" in contest_answer(contest, "workers").sentence


@pytest.mark.parametrize(
    ("workers", "replicas", "ends", "size"),
    [
        (
            [200, 205, 200, 210, 208, 200],
            [120, 125, BOTTOM, 121, 119, 126],
            "95% CI 37.0% or more, 6 blocks",
            "−41.2% (beyond −37.0%)",
        ),
        (
            [100, 102, 100, 105, 104, 100],
            [212, 216, TOP, 222, 219, 900],
            "95% CI 2.11 times or more",
            "×2.2 (beyond ×2.1)",
        ),
        (
            [120, 125, 130, 121, 119, 126],
            [200, 205, TOP, 210, TOP, 500],
            "95% CI 64.0% or more",
            "+74.1% (beyond +64.0%)",
        ),
    ],
)
def test_the_far_end_of_its_interval_bounds_nothing(
    workers: list[float | str], replicas: list[float | str], ends: str, size: str
) -> None:
    """An arm beyond the ladder may lie anywhere there, so only the near end is told."""
    summary, contest = compared(workers, replicas, quick=False)
    judgements = {Reading(CAPACITY, "replicas"): contest.judgement}
    tables = (headline(summary, judgements), metric_table(summary, METRICS[CAPACITY].group, judgements))

    assert contest.judgement.reason is Reason.AT_LEAST
    assert ends in contest_answer(contest, "workers").sentence
    assert measured(contest.judgement, METRICS[CAPACITY]) == f"capacity at least {size}"
    assert _word(contest.judgement).startswith(f"at least {size}, ")
    assert _interval(contest, 6).endswith(", at least that")
    for table in tables:
        assert f"at least {size}" in {cell.text for row in table.rows for cell in row}


def test_no_form_of_a_report_shows_the_far_end() -> None:
    """Null for programs, a dash in a table for them, a line to the edge of a figure, in all intervals."""
    summary, contest = compared([200, 205, 200, 210, 208, 200], [120, 125, BOTTOM, 121, 119, 126], quick=False)
    found, judgements = contest.judgement, {Reading(CAPACITY, "replicas"): contest.judgement}
    figure = ratio_figure(summary, judgements)
    shown = comparison_document(make_run(summary.scenario), summary, compare_run(summary))
    (verdict,) = shown["verdicts"]
    (row,) = (row for row in headline(summary, judgements).rows if row[0].text == METRICS[CAPACITY].title)

    for interval in (found.interval, found.equivalence, found.cross_check):
        assert interval is not None
        assert interval.low == -inf
        assert interval.estimate < interval.high < 1
    jsonschema.validate(json.loads(json.dumps(shown, allow_nan=False)), comparison_schema())
    ends = [verdict["valid_blocks"][key] for key in ("interval", "equivalence", "cross_check")]
    assert [end["low"] for end in ends] == [None] * 3
    assert all(0.5 < end["high"] < 0.7 for end in ends)
    assert [cell.text for cell in row][-2:] == ["–", "0.630"]
    assert figure is not None
    assert "at least −41.2%" in figure.sentence
    drawn = figure.chart.svg()
    assert "interval −37% or farther from none" in drawn
    assert drawn.count('class="whisker"') == 1  # of two ends


@pytest.mark.parametrize(("quick", "bound"), [(True, 1.15), (False, 1.1)])
def test_a_figure_has_the_bound_that_decides(*, quick: bool, bound: float) -> None:
    """A look has a wider one."""
    summary, contest = compared([200, 205, 200, 210, 208, 200], [120, 125, 130, 121, 119, 126], quick=quick)
    figure = ratio_figure(summary, {Reading(CAPACITY, "replicas"): contest.judgement})

    assert figure is not None
    assert isinstance(figure.chart, Forest)
    assert figure.chart.rows[0].band == pytest.approx((1 / bound, bound))


def test_a_figure_shows_a_difference_of_which_no_block_has_a_ratio() -> None:
    """One arm held every rung in every block: there is no dot, and all the same an end."""
    summary, contest = compared([TOP] * 6, [120, 125, 130, 121, 119, 126], quick=False)
    figure = ratio_figure(summary, {Reading(CAPACITY, "replicas"): contest.judgement})

    assert figure is not None
    assert "circle" not in figure.chart.svg()
    assert "or farther from none" in figure.chart.svg()


def test_the_table_of_the_arms_has_the_end_that_a_capacity_lies_beyond() -> None:
    """It was a dash, or no row where both arms held every rung."""
    for replicas, told in (([120] * 6, "120.0/s"), ([TOP] * 6, "≥ 220.0/s")):
        summary, contest = compared([TOP] * 6, replicas, quick=False)
        table = headline(summary, {Reading(CAPACITY, "replicas"): contest.judgement})
        row = [each.text for each in table.rows[0]]

        assert [text for text in row if text.endswith("/s")] == ["≥ 220.0/s", told]


def test_what_is_beyond_a_ladder_leaves_a_trend_open(tmp_path: Path) -> None:
    """Blocks of "that or more" count as such, and nothing bounds the interval there; nor does a document say so."""
    summary, _ = compared([200, 205, TOP, 210, 208, 200], [120, 125, BOTTOM, 121, 119, 126])
    run = make_run(summary.scenario)
    text = json.dumps(comparison_document(run, summary, compare_run(summary)), allow_nan=False)
    (tmp_path / "comparison.json").write_text(text)
    told = read_told(tmp_path)
    assert told is not None
    workers, replicas = (told.values[Reading(CAPACITY, arm)] for arm in ("workers", "replicas"))

    assert (workers.low, workers.median, workers.high, workers.blocks) == (200, 206.5, inf, 6)
    assert (replicas.low, replicas.high) == (-inf, 126)
    trend = trend_of([Entry(name="one", info=run, told=told)], run.scenario_name, CAPACITY)
    assert trend is not None
    assert trend.rows[0].spans == ("200.0/s or more", "126.0/s or less")
    assert trend.figure is not None
    assert "nan" not in trend.figure.chart.svg()
    assert "inf" not in trend.figure.chart.svg()


@pytest.mark.parametrize(
    ("workers", "replicas"),
    [
        ([200, 205, TOP, 210, 208, 200], [195, 200, 190, 207, 199, 206]),  # no large difference
        ([200, 205, TOP, 210, 208, 200], [120, 125, TOP, 121, 119, 126]),  # both: nothing is known of that ratio
        ([200, 205, TOP, 210, 208, 200], [120, TOP, 130, 121, 119, 126]),  # on both sides
        ([120, 125, TOP, 121, 119, 126], [200, 205, 215, 210, 208, 200]),  # would be better, and may be less so
    ],
)
def test_else_there_is_no_ratio_anywhere(workers: list[float | str], replicas: list[float | str]) -> None:
    """Neither a verdict nor the ratio of the other blocks, which are those in which an arm did worse."""
    summary, contest = compared(workers, replicas)

    assert (contest.judgement.verdict, contest.judgement.reason) == (Verdict.INCONCLUSIVE, Reason.CENSORED)
    assert contest.judgement.estimate is None
    assert summary.metrics[Reading(CAPACITY, "replicas")].ratio is None


@pytest.mark.parametrize(
    ("carried", "median"),
    [([120, 125, TOP, TOP, 119, 126], 125.5), ([120, 125, BOTTOM, 121, 119, 126], 120.5), ([120, TOP, TOP, TOP], None)],
)
def test_the_median_counts_a_block_beyond_the_ladder_as_more_or_less(
    carried: list[float | str], median: float | None
) -> None:
    """Of the others alone it would be 122.5 and 121, and of one block in four 120."""
    summary, _ = compared([200] * len(carried), carried)

    assert summary.metrics[Reading(CAPACITY, "replicas")].median == median


@pytest.mark.parametrize("quick", [True, False])
def test_a_winner_beyond_the_ladder_is_not_confirmed(*, quick: bool) -> None:
    """There is no capacity at which it could be tried for longer, and the card says so; of a look none is."""
    summary, contest = compared([TOP] * 6, [120, 125, 130, 121, 119, 126], quick=quick)
    (one,) = judge_points(make_run(summary.scenario), summary.trials)
    card = card_of([one])
    (line,) = (line for line in card.lines if line.metric == CAPACITY)
    document = json.loads(json.dumps(card_document(card), allow_nan=False))
    (told,) = (line for line in document["lines"] if line["metric"] == CAPACITY)

    assert contest.judgement.verdict is Verdict.WORSE
    assert (line.winner, line.unconfirmed) == ("workers", "" if quick else "workers")
    assert ("not confirmed by a longer run: workers" in verdict_words(line)) != quick
    jsonschema.validate(document, card_schema())
    assert told["unconfirmed"] == line.unconfirmed
    assert told["judgement"]["interval"]["low"] is None
