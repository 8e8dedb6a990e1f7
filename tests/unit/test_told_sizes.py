"""No size is told flat: a difference has its interval, and "not settled" where that leaves both directions open."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.analysis.comparison import Comparison, compare_run
from lab.analysis.contests import bound_of, unjudged
from lab.analysis.judge.failures import explore_shares
from lab.analysis.judge.verdict import Reason
from lab.analysis.moves import Move, Part
from lab.analysis.points import judge_points
from lab.analysis.summary import RunSummary, summarise_done
from lab.metric_types import Reading
from lab.metrics import METRICS
from lab.report.charts.forest import Forest
from lab.report.content import Table
from lab.report.overview import overview
from lab.report.parts.judged import NOT_SETTLED, TOO_LITTLE, left_open, word_of
from lab.report.parts.values import PAIRED, Judgements
from lab.report.renderers.json_document import comparison_document
from lab.report.sections.answer import plain_answers, ratio_figure
from lab.report.sections.drill import _moved
from lab.report.sections.headline import headline
from lab.report.sections.lead import lead_of
from lab.report.sections.observed import SAME_FRONT
from lab.report.sections.points import points_table
from lab.report.sections.why import hop_sentences, hop_table
from lab.scenario.capacity import Capacity
from tests.builders import REPLICAS, WORKERS, WORKERS_NGINX, make_run, make_scenario, make_summaries
from tests.judged_runs import NOISE

CPU, MEMORY, P50, P99, SHARE = "cpu.per_1k", "memory.pss.total", "p50", "p99", "share.max"
OF_P99 = {"baseline": "workers", "primary": ["p99"]}
CONTROL = WORKERS_NGINX | {"control": True}
OPEN, CLEAR = 20.0, 1.0  # how far blocks are apart: by 16%, and by 0.8%


def sized(
    factor: float, spread: float, *keys: str, arm: str = "workers-nginx", baseline: str = "workers", blocks: int = 8
) -> RunSummary:
    """Of eight planned blocks ``blocks``, in which an arm has about ``factor`` of these metrics, and all others 1."""
    compare = {"baseline": baseline, "primary": [MEMORY]}
    scenario = make_scenario((WORKERS, CONTROL, REPLICAS), trials={"blocks": 8, "seed": 7}, compare=compare)
    trials = []
    for trial in make_summaries(scenario):
        if trial.record.block > blocks:
            continue
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


@pytest.mark.parametrize(
    ("factor", "spread", "word"),
    [
        (1.0, 1.0, TOO_LITTLE),  # more or less, and next to nothing
        (1.03, 1.0, TOO_LITTLE),  # certainly more, and inside the bound
        (1.0, 10.0, NOT_SETTLED),
        (1.05, 1.0, ""),  # the interval lies across the bound: there is a difference, which may matter
        (1.2, 1.0, ""),
    ],
)
def test_what_was_not_judged_is_told_by_where_its_interval_lies(factor: float, spread: float, word: str) -> None:
    """Of a control's memory, whose bound is that of the primary, and of throughput, whose bound is the catalogue's."""
    for key in (MEMORY, "throughput"):
        _, judgements = compared(sized(factor, spread, key))
        found = judgements[Reading(key, "workers-nginx")]

        assert found.verdict is None
        assert word_of(found, METRICS[key]) == word


@pytest.mark.parametrize("factor", [1.0, 1.03])
def test_a_run_that_was_cut_proves_no_likeness(factor: float) -> None:
    """Neither of what it was to judge nor of a control, nor of a hop: who ends at will ends where it suits."""
    summary = sized(factor, CLEAR, MEMORY, blocks=6)
    looked_at = sized(factor, CLEAR, MEMORY, arm="replicas", blocks=6)
    word = NOT_SETTLED if factor == 1.0 else ""

    for arm, found in (("workers-nginx", summary), ("replicas", looked_at)):
        judged = compared(found)[1][Reading(MEMORY, arm)]
        assert judged.reason is Reason.CUT
        assert word_of(judged, METRICS[MEMORY]) == word
    (row,) = rows_of(hop_table(summary, {}), METRICS[MEMORY].title)
    assert row[-1] == word


@pytest.mark.parametrize("reason", [Reason.CUT, Reason.LOOK, Reason.FEW_RUNS, Reason.FAILED])
def test_only_what_was_not_to_be_judged_is_called_too_little(reason: Reason) -> None:
    found = compared(sized(1.0, CLEAR, MEMORY))[1][Reading(MEMORY, "workers-nginx")]

    assert left_open(found) == TOO_LITTLE
    assert left_open(found.numbers_only(reason)) == NOT_SETTLED


@pytest.mark.parametrize("factor", [1.0, 1.2])
def test_a_percentile_of_too_few_requests_is_told_as_such(factor: float) -> None:
    """In the table of hops and in that of points, where no verdict on a control says it."""
    scenario = make_scenario((WORKERS, CONTROL), sweep={"processes": [1, 2]}, trials={"blocks": 6}, compare=OF_P99)
    trials = [
        replace(trial, values={**trial.values, P99: factor if trial.record.arm == CONTROL["name"] else 1.0})
        for trial in make_summaries(scenario)
    ]
    points = judge_points(make_run(scenario), trials)
    words = [row[-1] for row in rows_of(points_table(points), METRICS[P99].title)]
    (row,) = rows_of(hop_table(points[0].summary, {}), METRICS[P99].title)

    assert [*words, row[-1]] == ["too few requests"] * 3


def test_a_look_at_capacities_has_its_bound_for_what_it_does_not_judge() -> None:
    """It tells only what is larger; of a metric without a bound there is none."""
    summary = sized(1.0, CLEAR, MEMORY)
    look = replace(summary, scenario=replace(summary.scenario, capacity=Capacity(quick=True)))

    keys = ("capacity.rate", MEMORY, "memory.proxy.pss")
    bounds = [bound_of(each, METRICS[key]) for each in (summary, look) for key in keys]

    assert bounds == [0.1, 0.05, None, 0.15, 0.05, None]


@pytest.mark.parametrize(("spread", "word"), [(OPEN, NOT_SETTLED), (CLEAR, TOO_LITTLE)])
def test_what_the_proxy_costs_is_one_number_wherever_it_is_told(spread: float, word: str) -> None:
    """On the first screen and in its table, in the sentence on the mechanism and in the table of hops."""
    summary = sized(1.044, spread, CPU)
    comparison, judgements = compared(summary)
    control, _ = lead_of(make_run(summary.scenario), summary, comparison).controls
    (first,) = (told for told in control.sentences if told.startswith(METRICS[CPU].called))
    size = first.removeprefix(f"{METRICS[CPU].called} ").removesuffix(f": {word}")
    (sentence,) = hop_sentences(summary, judgements)
    (row,) = rows_of(hop_table(summary, judgements), METRICS[CPU].title)
    (wide,) = rows_of(headline(summary, judgements), METRICS[CPU].title)

    assert size.startswith("+3.7%" if spread == OPEN else "+4.")
    assert "…" in size
    assert first in sentence
    assert first.endswith(word)
    assert row[-2:] == [size, word]
    assert size in wide


def test_an_arm_is_told_against_the_control_behind_the_same_front() -> None:
    """The baseline has another 1.2 times there; where another arm is the baseline there is no such question."""
    summary, other = (sized(1.2, CLEAR, CPU, P50, baseline=baseline) for baseline in ("workers", "replicas"))
    _, told = lead_of(make_run(summary.scenario), summary, compare_run(summary)).controls

    named = [sentence.removeprefix(SAME_FRONT).split(" −16.")[0] for sentence in told.sentences]

    assert told.about == "replicas against workers-nginx"
    assert told.sentences[0].startswith(SAME_FRONT)
    assert named == [METRICS[key].called for key in (P50, CPU)]
    assert len(lead_of(make_run(other.scenario), other, compare_run(other)).controls) == 1
    documents = [comparison_document(make_run(each.scenario), each, compare_run(each)) for each in (summary, other)]
    front, nothing = (document["same_front"] for document in documents)
    assert nothing == []
    assert [(each["metric"], each["arm"], each["baseline"]) for each in front] == [
        (key, "replicas", "workers-nginx") for key in (P50, CPU)
    ]
    assert all(each["valid_blocks"]["estimate"] == pytest.approx(0.83, abs=0.01) for each in front)


def test_the_page_of_all_points_tells_of_controls_what_each_point_does() -> None:
    """What a front costs, and the judged arms against the control behind the same one."""
    scenario = make_scenario((WORKERS, CONTROL, REPLICAS), sweep={"processes": [1, 2]}, trials={"blocks": 8})
    points = judge_points(make_run(scenario), make_summaries(scenario))
    own = [lead_of(one.run, one.summary, one.comparison).controls for one in points]
    page = overview(make_run(scenario), points)
    shown = [section.sentences for section in page.sections if section.key.startswith("point-")]

    assert [len(controls) for controls in own] == [2, 2]
    for controls, sentences in zip(own, shown, strict=True):
        assert [f"{each.about}: {', '.join(each.sentences)}." for each in controls] == list(sentences[-2:])


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
    assert "; change against workers: " in headline(summary, judgements).note  # as its cells have it
    assert "pair the arms within each block" in points_table(points).note


def test_the_caption_of_the_first_figure_has_an_interval_and_a_word() -> None:
    """Those of the verdict."""
    summary = sized(1.2, 40.0, MEMORY, arm="replicas")
    figure = ratio_figure(summary, compared(summary)[1])

    assert figure is not None
    assert figure.sentence.startswith("Largest difference: replicas, memory +")
    assert "), could be either. Dots" in figure.sentence


def test_the_first_figure_is_about_the_arms_that_the_question_is_about() -> None:
    """A control that is farther away stands below them, and the caption says that it leaves those aside."""
    summary = sized(1.2, CLEAR, MEMORY)
    figure = ratio_figure(summary, compared(summary)[1])

    assert figure is not None
    assert isinstance(figure.chart, Forest)
    assert [row.name for row in figure.chart.rows] == ["replicas", "workers-nginx"]
    assert [row.arm for row in figure.chart.rows] == [2, 1], "each keeps its colour"
    assert figure.sentence.startswith("Largest difference, controls aside: replicas, memory ")


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
        ([-0.001, 0.001] * 4, f", {TOO_LITTLE}, stock"),  # of a bound of 0.5 s
        ([0.5], "by +500 ms (1 block), stock"),
    ],
)
def test_what_moves_a_harm_says_what_is_open(differences: list[float], told: str) -> None:
    """The profile of a front may move nothing at all."""
    found = explore_shares([1.0] * len(differences), [1.0 + each for each in differences], METRICS["drill.harm"])
    judged = unjudged(sized(1.0, CLEAR), METRICS["drill.harm"], found)

    assert told in _moved(Move(part=Part.PROFILE, arm="stock", other="replicas", judgement=judged))
