"""The answer in a sentence: which arm, better or worse, by how much; and what stands beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import pytest

from lab.analysis.comparison import compare_run
from lab.analysis.conclusion import Outcome, Standing, arms_in_order, conclude_arms, outcome
from lab.analysis.judge.power import Outlook
from lab.analysis.summary import summarise, summarise_done
from lab.errors import ScenarioError
from lab.report.build import build_content
from lab.report.charts.glance import ICONS, icon
from lab.report.content import Content
from lab.report.first_screen import Lead
from lab.report.renderers.html_page import render_html
from lab.report.sections.answer_sentences import outlook_text, verdict_answers
from lab.report.sections.lead import INVALID, lead_of
from tests import judged_runs
from tests.builders import (
    REPLICAS,
    WORKERS,
    make_gate,
    make_run,
    make_scenario,
    make_summaries,
    make_trials,
    with_record,
)

CONTROL = {"name": "workers-nginx", "model": "workers", "front": "nginx", "control": True}
MEMORY, CPU = "memory.pss.total", "cpu.per_1k"
NOBODY: Mapping[str, int] = {}


def lead(factors: dict[str, float], *, spread: float = 1.0, failed: Mapping[str, int] = NOBODY, **compare: Any) -> Lead:
    """The answer where replicas have so many times as much as workers, in each of these primaries, over 8 blocks."""
    scenario = judged_runs.scenario(compare={"baseline": "workers", "primary": list(factors), **compare})
    values = {}
    for key, factor in factors.items():
        values[key, "workers"] = judged_runs.series(100.0)
        values[key, "replicas"] = judged_runs.series(100.0, factor, spread=spread)
    summary = judged_runs.summary(scenario, values, failed=failed)
    return lead_of(make_run(scenario), summary, compare_run(summary))


@pytest.mark.parametrize(
    ("factors", "spread", "begins", "word"),
    [
        ({MEMORY: 0.89}, 1, "“replicas” is better than “workers”: memory −11.", "better"),
        ({MEMORY: 1.2}, 1, "“replicas” is worse than “workers”: memory +20.", "worse"),
        ({MEMORY: 1.01}, 1, "“replicas” and “workers” are about the same: memory +1.", "equivalent"),
        ({MEMORY: 0.952}, 1, "“replicas” differs from “workers”, maybe too little to matter: memory −4.8%", "small"),
        ({MEMORY: 1.0001}, 20, "“replicas” against “workers” is not settled: memory", "open"),
        ({MEMORY: 0.8, CPU: 1.3}, 1, "“replicas” against “workers” is a trade-off: memory −20.", "trade"),
        ({MEMORY: 0.8, CPU: 1.01}, 1, "“replicas” is better than “workers” in memory: memory −20.", "better"),
    ],
)
def test_the_answer_is_a_sentence(factors: dict[str, float], spread: float, begins: str, word: str) -> None:
    """With the arm, the word, the size and its interval."""
    (answer,) = lead(factors, spread=spread).sentences

    assert answer.sentence.startswith(begins)
    assert "…" in answer.sentence
    assert answer.word == word


@pytest.mark.parametrize(
    ("factor", "failed", "begins", "word"),
    [
        (
            0.89,
            {"workers": 50_000, "replicas": 50_000},
            "“replicas” against “workers” has no winner, as requests failed (50.0% in workers, 50.0% in replicas): ",
            "failing",
        ),
        (
            0.89,
            {"replicas": 5_000},
            "“replicas” against “workers” has no winner, as requests failed (5.0% in replicas): memory",
            "failing",
        ),
        (
            0.89,
            {"workers": 5_000},
            "“replicas” is better than “workers”, and requests failed (5.0% in workers):",
            "better",
        ),
        (0.89, {"replicas": 900}, "“replicas” is better than “workers”: memory", "better"),
        (1.2, {"workers": 5_000}, "“replicas” against “workers” has no winner, as requests failed (5.0%", "failing"),
        (
            1.2,
            {"workers": 5_000, "replicas": 9_000},
            "“replicas” is worse than “workers”, and requests failed (5.0% in workers, 9.0% in replicas):",
            "worse",
        ),
        (
            1.01,
            {"workers": 5_000},
            "“replicas” and “workers” are about the same, and requests failed (5.0% in workers):",
            "equivalent",
        ),
    ],
)
def test_an_arm_that_failed_requests_wins_nothing(
    factor: float, failed: Mapping[str, int], begins: str, word: str
) -> None:
    """The answer itself says it, of both sides, and is still one sentence; of less than a hundredth it says nothing."""
    found = lead({MEMORY: factor}, failed=failed)
    (answer,) = found.sentences

    assert answer.sentence.startswith(begins)
    assert answer.sentence.endswith(").") or ", better." in answer.sentence or ", worse." in answer.sentence
    assert answer.word == word
    assert ("requests failed" in found.title) == ("requests failed" in answer.sentence)


def test_a_difference_on_the_bound_names_the_bound_that_was_declared() -> None:
    """And the badge of its verdict has the reason as a second word."""
    scenario = judged_runs.scenario()
    values = {(MEMORY, "workers"): judged_runs.series(100.0), (MEMORY, "replicas"): judged_runs.series(100.0, 0.952)}
    summary = judged_runs.summary(scenario, values)
    comparison = compare_run(summary)
    found = lead_of(make_run(scenario), summary, comparison)

    assert "around the bound of 5%" in found.sentences[0].sentence
    assert verdict_answers(comparison)[0].badge == "inconclusive: less, maybe too little to matter"


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([Standing.BETTER, Standing.WORSE], Outcome.TRADE),
        ([Standing.EQUIVALENT, Standing.OPEN], Outcome.OPEN),
        ([Standing.OPEN, Standing.SMALL, Standing.BETTER], Outcome.BETTER),
        ([Standing.REFUSED, Standing.NUMBERS], Outcome.OPEN),
        ([Standing.NUMBERS], Outcome.NUMBERS),
        ([], Outcome.NUMBERS),
    ],
)
def test_a_clear_word_goes_before_an_open_one(found: Sequence[Standing], expected: Outcome) -> None:
    """Better in one thing and worse in another is neither."""
    assert outcome(found) is expected


@pytest.mark.parametrize("count", [2, 3])
def test_every_combination_of_standings_has_the_outcome_that_all_of_them_allow(count: int) -> None:
    """About the same only where all are; no verdict only where none has one; a difference is never hidden."""
    for found in product(Standing, repeat=count):
        different = {Standing.BETTER, Standing.WORSE, Standing.SMALL} & {*found}
        if {Standing.BETTER, Standing.WORSE} <= different:
            expected = Outcome.TRADE
        elif different:
            expected = Outcome((different - {Standing.SMALL} or different).pop().value)
        elif len({*found}) == 1 and found[0] is not Standing.REFUSED:
            expected = Outcome(found[0].value)
        else:
            expected = Outcome.OPEN
        assert outcome(found) is expected, found


def test_an_answer_is_not_about_the_same_where_another_primary_was_refused() -> None:
    """Memory is equivalent, and p99 has too few requests: the second one is open, and is named."""
    scenario = judged_runs.scenario(compare={"baseline": "workers", "primary": [MEMORY, "p99"]})
    values = {
        (key, arm): judged_runs.series(100.0, factor)
        for key in (MEMORY, "p99")
        for arm, factor in (("workers", 1.0), ("replicas", 1.01))
    }
    summary = judged_runs.summary(scenario, values, requests=2_000)
    (answer,) = lead_of(make_run(scenario), summary, compare_run(summary)).sentences

    assert answer.sentence.startswith("“replicas” against “workers” is not settled in p99 response time: memory +1.")
    assert answer.sentence.endswith(", inconclusive: too few requests.")
    assert answer.word == "open"


def test_an_answer_is_not_about_the_same_where_the_run_is_not_valid_for_another_primary() -> None:
    """A disturbed machine spoils latency and leaves memory standing, which is then half of an answer."""
    scenario = judged_runs.scenario(compare={"baseline": "workers", "primary": [MEMORY, "p50"]})
    values = {(MEMORY, "workers"): judged_runs.series(100.0), (MEMORY, "replicas"): judged_runs.series(100.0, 1.01)}
    late = {f"b{block:02d}-workers": (make_gate("invalid", key="load.lag"),) for block in range(1, 9)}
    summary = judged_runs.summary(scenario, values, gates=late)
    (answer,) = lead_of(make_run(scenario), summary, compare_run(summary)).sentences

    assert answer.sentence.startswith("“replicas” against “workers” is not settled in p50 response time: memory +1.")
    assert answer.sentence.endswith("p50 response time not valid in this run.")


def content_of(**changes: Any) -> Content:
    """The report of eight blocks of three arms, the one in the middle a control."""
    scenario = make_scenario((WORKERS, CONTROL, REPLICAS), trials={"blocks": 8, "seed": 7}, **changes)
    run = make_run(scenario)
    summary = summarise_done(run, make_summaries(scenario))
    return build_content(run, summary, compare_run(summary))


def test_what_was_only_observed_is_said_with_signs_and_the_work_first() -> None:
    """Of the judged arm; the control stands below, and nothing that was judged is said again."""
    found = content_of().lead
    (observed,), (control,) = found.observed, found.controls

    assert observed.about == "replicas"
    assert observed.sentences[0] == "busiest process 25.0% instead of 53.0% of requests (medians)"
    assert any(told.startswith("CPU for 1,000 requests +") for told in observed.sentences)
    assert not any(told.startswith("memory") for told in observed.sentences)
    assert control.about == "workers-nginx"


def test_the_arms_that_the_question_is_about_come_first() -> None:
    """In the answer and in the verdicts; one name may stand without brackets."""
    nginx = {"name": "workers-nginx", "model": "workers", "front": "nginx"}
    compare = {"baseline": "workers", "primary": [MEMORY], "headline": "replicas"}
    scenario = make_scenario((WORKERS, nginx, REPLICAS), trials={"blocks": 8, "seed": 7}, compare=compare)
    summary = summarise_done(make_run(scenario), make_summaries(scenario))
    found = conclude_arms(summary, compare_run(summary))

    assert arms_in_order(summary) == ("replicas", "workers-nginx")
    assert [(side.arm, side.asked) for side in found.sides] == [("replicas", True), ("workers-nginx", False)]


def test_the_question_can_only_be_about_a_judged_arm() -> None:
    """A control is none, and the scenario is refused before anything starts."""
    with pytest.raises((ScenarioError, ValueError), match=r"compare\.headline: unknown judged arm 'workers-nginx'"):
        make_scenario((WORKERS, CONTROL, REPLICAS), compare={"baseline": "workers", "headline": ["workers-nginx"]})


def test_a_run_that_is_not_valid_has_no_answer() -> None:
    """Neither in the sentence, nor in the tab."""
    scenario = make_scenario(trials={"blocks": 8, "seed": 7})
    bad = [with_record(trial, gates=(make_gate("invalid"),)) for trial in make_trials(scenario)]
    summary = summarise(make_run(scenario), bad)
    content = build_content(make_run(scenario), summary, compare_run(summary))

    assert [answer.sentence for answer in content.lead.sentences] == ["No answer: this run is not valid."]
    assert content.lead.outcome == INVALID
    assert f"<title>Not valid · {content.run_id}</title>" in render_html(content)
    assert content.lead.observed == ()


def test_the_tab_says_the_result_and_its_icon_has_a_shape_for_each() -> None:
    """Tabs of three runs can be told apart, by people who see no colours too."""
    content = content_of(compare={"baseline": "workers", "primary": [MEMORY]})
    html = render_html(content)

    assert f"<title>replicas vs workers: memory −11.0%, better · {content.run_id}</title>" in html
    assert f'<link rel="icon" href="{icon("better")}">' in html
    assert {*map(str, Outcome), INVALID} < set(ICONS)
    assert len({shape for _, shape in ICONS.values()}) == len(ICONS)


def test_settling_a_question_is_told_in_minutes() -> None:
    """A block takes as long as those that ran, and a pause between two of them does not count."""
    scenario = make_scenario(trials={"blocks": 8, "seed": 7}, compare={"baseline": "workers", "primary": ["p50"]})
    run = make_run(scenario)
    trials = [
        with_record(trial, started_monotonic_s=1000.0 + 20 * place + 900 * (place > 9))
        for place, trial in enumerate(make_trials(scenario))
    ]
    comparison = compare_run(summarise(run, trials))
    told = outlook_text(Outlook(low=9, high=65, never=0.0), comparison.block_s)

    assert comparison.block_s == 60
    assert told.startswith("A run of 9 to 65 blocks (9 min to 65 min) would settle it")
