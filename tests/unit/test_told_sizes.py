"""No size is told flat: a difference has its interval, and "not settled" where that leaves both directions open."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.analysis.comparison import Comparison, compare_run
from lab.analysis.judge.failures import explore_shares
from lab.analysis.moves import Move, Part
from lab.analysis.points import judge_points
from lab.analysis.summary import RunSummary, summarise_done
from lab.metric_types import Reading
from lab.metrics import METRICS
from lab.report.content import Table
from lab.report.parts.values import PAIRED, Judgements
from lab.report.sections.answer import plain_answers, ratio_figure
from lab.report.sections.drill import _moved
from lab.report.sections.headline import headline
from lab.report.sections.lead import NOT_SETTLED, lead_of
from lab.report.sections.points import points_table
from lab.report.sections.why import hop_sentences, hop_table
from tests.builders import REPLICAS, WORKERS, WORKERS_NGINX, make_run, make_scenario, make_summaries
from tests.judged_runs import NOISE

CPU, MEMORY, P50, SHARE = "cpu.per_1k", "memory.pss.total", "p50", "share.max"
CONTROL = WORKERS_NGINX | {"control": True}
OPEN, CLEAR = 20.0, 1.0  # how far blocks are apart: by 16%, and by 0.8%


def sized(
    factor: float, spread: float, *keys: str, arm: str = "workers-nginx", baseline: str = "workers"
) -> RunSummary:
    """Eight blocks in which an arm has ``factor`` of these metrics, more or less, and all others 1."""
    compare = {"baseline": baseline, "primary": [MEMORY]}
    scenario = make_scenario((WORKERS, CONTROL, REPLICAS), trials={"blocks": 8, "seed": 7}, compare=compare)
    trials = []
    for trial in make_summaries(scenario):
        size = factor * (1 + spread * NOISE[trial.record.block - 1]) if trial.record.arm == arm else 1.0
        trials.append(replace(trial, values={**trial.values, **dict.fromkeys(keys, size)}))
    return summarise_done(make_run(scenario), trials)


def compared(summary: RunSummary) -> tuple[Comparison, Judgements]:
    """What is found of every metric."""
    comparison = compare_run(summary)
    contests = (*comparison.primaries, *comparison.exploratory)
    return comparison, {Reading(each.metric, each.arm): each.judgement for each in contests}


def rows_of(table: Table, name: str) -> list[list[str]]:
    """The cells that people see of a metric."""
    return [cells for row in table.shown.rows if name in (cells := [cell.text for cell in row])]


@pytest.mark.parametrize(("spread", "word"), [(OPEN, NOT_SETTLED), (CLEAR, "")])
def test_what_the_proxy_costs_is_one_number_wherever_it_is_told(spread: float, word: str) -> None:
    """On the first screen and in its table, in the sentence on the mechanism and in the table of hops."""
    summary = sized(1.044, spread, CPU)
    comparison, judgements = compared(summary)
    (control,) = lead_of(make_run(summary.scenario), summary, comparison).controls
    (first,) = (told for told in control.sentences if told.startswith(METRICS[CPU].called))
    size = first.removeprefix(f"{METRICS[CPU].called} ").removesuffix(f": {word}" if word else "")
    (sentence,) = hop_sentences(summary, judgements)
    (row,) = rows_of(hop_table(summary, judgements), METRICS[CPU].title)
    (wide,) = rows_of(headline(summary, judgements), METRICS[CPU].title)

    assert size.startswith("+3.7%" if word else "+4.")
    assert "…" in size
    assert first in sentence
    assert first.endswith(NOT_SETTLED) == bool(word)
    assert row[-2:] == [size, word]
    assert size in wide


def test_a_hop_between_arms_of_which_none_is_the_baseline_is_estimated_alike() -> None:
    """The first screen compares each of them with a third arm; what one is against the other is the same."""
    runs = [sized(1.044, OPEN, CPU, P50, baseline=baseline) for baseline in ("workers", "replicas")]
    told = [list(hop_sentences(summary, compared(summary)[1])) for summary in runs]
    shown = [rows_of(hop_table(summary, {}), METRICS[CPU].title) for summary in runs]

    assert told[0] == told[1]
    assert told[0][0].count(NOT_SETTLED) == 2
    assert shown[0] == shown[1]


def test_tables_of_medians_say_why_a_change_is_not_their_ratio() -> None:
    """A reader who divides them finds another number."""
    summary = sized(1.044, OPEN, CPU)
    _, judgements = compared(summary)
    scenario = make_scenario((WORKERS, REPLICAS), sweep={"processes": [1, 2]})
    points = judge_points(make_run(scenario), make_summaries(scenario))

    assert all(PAIRED in table.note for table in (headline(summary, judgements), hop_table(summary, judgements)))
    assert "pair the arms within each block" in points_table(points).note


def test_the_caption_of_the_first_figure_has_an_interval_and_a_word() -> None:
    """A control is not judged, and may be open."""
    summary = sized(1.2, 40.0, MEMORY)
    _, judgements = compared(summary)
    figure = ratio_figure(summary, judgements)

    assert figure is not None
    assert figure.sentence.startswith("Largest difference: workers-nginx, memory +")
    assert f"): {NOT_SETTLED}. Dots" in figure.sentence


@pytest.mark.parametrize(("spread", "open_"), [(40.0, True), (CLEAR, False)])
def test_shares_of_the_work_are_medians_and_may_be_open(spread: float, *, open_: bool) -> None:
    """Which worker gets most of the requests is luck in each block."""
    summary = sized(0.9, spread, SHARE, arm="replicas")
    (told,) = lead_of(make_run(summary.scenario), summary, compared(summary)[0]).observed

    assert told.sentences[0].startswith("busiest process ")
    assert told.sentences[0].endswith("(medians)" + (f": {NOT_SETTLED}" if open_ else ""))


def test_numbers_without_a_comparison_say_that_they_have_no_interval() -> None:
    """As in a session by hand."""
    summary = sized(1.044, OPEN, MEMORY)
    told = [answer.sentence for answer in plain_answers(make_run(summary.scenario), summary)]

    assert all("medians of 8 blocks, without an interval" in sentence for sentence in told)


def test_a_point_has_its_interval_and_says_what_is_open() -> None:
    """A control has no verdict that would say it."""
    compare = {"baseline": "workers", "primary": [P50]}
    scenario = make_scenario((WORKERS, CONTROL), sweep={"processes": [1, 2]}, trials={"blocks": 8}, compare=compare)
    trials = [
        replace(
            trial,
            values={
                **trial.values,
                P50: 1.0 + (trial.record.arm == CONTROL["name"]) * OPEN * NOISE[trial.record.block - 1],
            },
        )
        for trial in make_summaries(scenario)
    ]
    rows = rows_of(points_table(judge_points(make_run(scenario), trials)), METRICS[P50].title)

    assert [row[-1] for row in rows] == [NOT_SETTLED] * 2
    assert all("…" in row[-2] for row in rows)


@pytest.mark.parametrize(
    ("differences", "told"),
    [
        ([0.5] * 8, "by +500 ms (95% CI +500 ms to +500 ms), stock"),
        ([-0.5, 0.5] * 4, f", {NOT_SETTLED}, stock"),
        ([0.5], "by +500 ms (1 block), stock"),
    ],
)
def test_what_moves_a_harm_says_what_is_open(differences: list[float], told: str) -> None:
    """The profile of a front may move nothing at all."""
    found = explore_shares([1.0] * len(differences), [1.0 + each for each in differences], METRICS["drill.harm"])

    assert told in _moved(Move(part=Part.PROFILE, arm="stock", other="replicas", judgement=found))
