"""The answer in a sentence: which arm, better or worse, by how much; and what stands beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from math import inf
from pathlib import Path
from typing import Any

import pytest

from lab.analysis.comparison import compare_run
from lab.analysis.conclusion import Outcome, Standing, arms_in_order, conclude_arms, outcome
from lab.analysis.judge.power import Outlook
from lab.analysis.points import judge_points
from lab.analysis.summary import summarise, summarise_done
from lab.analysis.trial.trial import TrialSummary, summarise_trial
from lab.errors import ScenarioError
from lab.report.build import build_content, write_reports
from lab.report.charts.glance import ICONS, icon
from lab.report.content import Content
from lab.report.first_screen import INVALID, Lead, icon_word
from lab.report.overview import overview
from lab.report.parts.storage import ALONE
from lab.report.renderers.html_page import render_html
from lab.report.renderers.json_document import comparison_document
from lab.report.renderers.markdown import render_markdown
from lab.report.renderers.terminal import render_terminal
from lab.report.sections.answer_sentences import outlook_text, verdict_answers
from lab.report.sections.lead import lead_of
from lab.report.told import read_told
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
from tests.snapshots import RUNS

CONTROL = {"name": "workers-nginx", "model": "workers", "front": "nginx", "control": True}
MEMORY, CPU = "memory.pss.total", "cpu.per_1k"
NOBODY: Mapping[str, int] = {}
APP = WORKERS | {"name": "app"}
SLOW, FAST = "p50(app) < 1s", "p50(app) <= 1ms"


def lead(factors: dict[str, float], *, spread: float = 1.0, failed: Mapping[str, int] = NOBODY, **compare: Any) -> Lead:
    """The answer where replicas have so many times as much as workers, in each of these primaries, over 8 blocks."""
    scenario = judged_runs.scenario(compare={"baseline": "workers", "primary": list(factors), **compare})
    values = {}
    for key, factor in factors.items():
        values[key, "workers"] = judged_runs.series(100.0)
        values[key, "replicas"] = judged_runs.series(100.0, factor, spread=spread)
    summary = judged_runs.summary(scenario, values, failed=failed)
    return lead_of(make_run(scenario), summary, compare_run(summary))


@pytest.mark.parametrize("blocks", [1, 2, 8])
@pytest.mark.parametrize(
    ("factor", "told"), [(21.7, True), (1 / 21.7, True), (2.1, True), (1.9, False), (0.51, False), (1.0, False)]
)
def test_what_was_only_observed_and_is_large_is_said_beside_the_answer(
    blocks: int, factor: float, *, told: bool
) -> None:
    """As observed and never as a verdict: a quick look at memory met a p50 of 21.7 times as much, and hid it."""
    scenario = judged_runs.scenario(blocks=blocks)
    size = {"workers": 1.0, "replicas": factor}
    values = {("p50", arm): judged_runs.series(0.002, size[arm], blocks) for arm in size}
    values |= {(MEMORY, arm): judged_runs.series(100e6, blocks=blocks) for arm in size}
    summary = judged_runs.summary(scenario, values)
    run, comparison = make_run(scenario), compare_run(summary)
    found = lead_of(run, summary, comparison)
    content = replace(RUNS["by hand"](), lead=found)

    assert [sentence.startswith("Only observed, not judged: “replicas”") for sentence in found.striking] == told * [
        True
    ]
    assert not any("p50" in answer.sentence for answer in found.sentences)
    for page in (render_html(content), render_markdown(content), render_terminal(content)):
        assert ("Only observed, not judged: “replicas”" in page) is told


@pytest.mark.parametrize(
    ("factors", "spread", "begins", "word"),
    [
        ({MEMORY: 0.89}, 1, "“replicas” is better than “workers” in memory: −11.", "better"),
        ({MEMORY: 1.2}, 1, "“replicas” is worse than “workers” in memory: +20.", "worse"),
        ({MEMORY: 1.01}, 1, "“replicas” and “workers” are about the same in memory: +1.", "equivalent"),
        ({MEMORY: 0.952}, 1, "“replicas” differs from “workers” in memory, maybe too little to matter: −4.8%", "small"),
        ({MEMORY: 1.0001}, 20, "“replicas” against “workers” is not settled in memory: ", "open"),
        ({MEMORY: 0.8, CPU: 1.3}, 1, "“replicas” against “workers” is a trade-off: memory −20.", "trade"),
        ({MEMORY: 0.8, CPU: 1.01}, 1, "“replicas” is better than “workers” in memory: memory −20.", "better"),
        (
            {MEMORY: 1.01, CPU: 1.02},
            1,
            "“replicas” and “workers” are about the same in memory and CPU for 1,000 requests: memory +1.",
            "equivalent",
        ),
    ],
)
def test_the_answer_is_a_sentence(factors: dict[str, float], spread: float, begins: str, word: str) -> None:
    """With the arm, the word, the size and its interval."""
    (answer,) = lead(factors, spread=spread).sentences

    assert answer.sentence.startswith(begins)
    assert "…" in answer.sentence
    assert answer.word == word


def test_an_answer_never_claims_more_than_was_judged() -> None:
    """It names what it is about, also where only one metric was judged: the others may be far apart."""
    for factor in (0.8, 1.0001, 1.02, 1.05, 1.2):
        (answer,) = lead({MEMORY: factor}).sentences
        assert answer.sentence.partition(":")[0].count("in memory") == 1, answer.sentence


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
            "“replicas” is better than “workers” in memory, and requests failed (5.0% in workers): memory −11.",
            "better",
        ),
        (0.89, {"replicas": 900}, "“replicas” is better than “workers” in memory: −11.", "better"),
        (1.2, {"workers": 5_000}, "“replicas” against “workers” has no winner, as requests failed (5.0%", "failing"),
        (
            1.2,
            {"workers": 5_000, "replicas": 9_000},
            "“replicas” is worse than “workers” in memory, and requests failed (5.0% in workers, 9.0% in replicas): ",
            "worse",
        ),
        (
            1.01,
            {"workers": 5_000},
            "“replicas” and “workers” are about the same in memory, and requests failed (5.0% in workers): ",
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
    (observed,), (control, alike) = found.observed, found.controls

    assert observed.about == "replicas"
    assert observed.sentences[0] == "busiest process 25.0% instead of 53.0% of requests (medians)"
    assert any(told.startswith("CPU for 1,000 requests +") for told in observed.sentences)
    assert not any(told.startswith("memory") for told in observed.sentences)
    assert [control.about, alike.about] == ["workers-nginx", "replicas against workers-nginx"]


@pytest.mark.parametrize(("requests", "told"), [(2_900, False), (3_000, True)])
def test_a_percentile_is_observed_from_as_many_requests_as_judge_it(requests: int, *, told: bool) -> None:
    """Below that it would stand there with an interval that says nothing; the tables still have it."""
    scenario = judged_runs.scenario()
    values = {
        (key, arm): judged_runs.series(100.0, factor)
        for key in (MEMORY, "p50", "p99")
        for arm, factor in (("workers", 1.0), ("replicas", 1.3))
    }
    summary = judged_runs.summary(scenario, values, requests=requests)
    observed = conclude_arms(summary, compare_run(summary)).observed

    assert [one.contest.metric for one in observed] == ["p50", *(["p99"] if told else [])]


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

    beside = ALONE.replace("'", "&#39;")
    assert f"<title>replicas vs workers: memory −11.0%, better{beside} · {content.run_id}</title>" in html
    assert f'<link rel="icon" href="{icon("partly")}">' in html, "with the engine's own processes it is another answer"
    assert replace(content.lead, partly=False).icon == content.lead.outcome == "better"
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


@pytest.mark.parametrize(
    ("expects", "blocks", "title", "names", "word"),
    [
        ([SLOW], 6, "The expectation holds", [SLOW], "holds"),
        ([SLOW, "p50(app) < 2s"], 6, "Both expectations hold", [], "holds"),
        ([FAST], 6, "The expectation is violated", [FAST], "violated"),
        ([SLOW, FAST, SLOW], 6, "1 of 3 expectations is violated", [FAST], "violated"),
        ([SLOW, FAST], 2, "Both expectations are undecided", [SLOW, FAST], "undecided"),
        ([FAST] * 5, 6, "All 5 expectations are violated", [FAST] * 3, "violated"),
    ],
)
def test_a_single_arm_is_answered_by_its_expectations(
    expects: Sequence[str], blocks: int, title: str, names: Sequence[str], word: str, tmp_path: Path
) -> None:
    """In large type, in the tab, its icon and a preview, in every form, and in the list of runs; it names those that
    do not hold, with what was measured.
    """
    wanted = [{"that": that, "name": f"number {place}"} for place, that in enumerate(expects)]
    scenario = make_scenario([APP], trials={"blocks": blocks, "seed": 7}, expect=wanted)
    run = make_run(scenario)
    (one,) = judge_points(run, make_summaries(scenario))
    content = build_content(run, one.summary, one.comparison)
    (answer,) = content.lead.sentences
    written, told = write_reports(tmp_path, run, [one]), read_told(tmp_path)

    assert (content.lead.title, answer.word, content.lead.outcome) == (title, word, word)
    assert answer.sentence.startswith(title)
    assert {name: answer.sentence.count(name) for name in names} == {name: names.count(name) for name in names}
    assert (" ms)" in answer.sentence) is (word == "violated" or len(expects) == 1)
    assert content.tab.startswith(title)
    assert content.description.startswith(answer.sentence)
    assert word in ICONS
    for form in (written.terminal, written.summary, (tmp_path / "report.md").read_text()):
        assert title in form
    assert told is not None
    assert [(each.sentence, each.word) for each in told.answers] == [(answer.sentence, word)]
    assert "change against" not in content.headline.note


@pytest.mark.parametrize(("that", "several"), [("p50(workers) <= 1ms", 2), ("p50(workers) < 1s", 1)])
def test_beside_the_answer_on_arms_stands_an_expectation_that_is_violated(that: str, several: int) -> None:
    """Behind it, in the tab, and in the icon; one that holds is not worth so much room."""
    compare = {"baseline": "workers", "primary": [MEMORY]}
    scenario = make_scenario(trials={"blocks": 8, "seed": 7}, compare=compare, expect=[{"that": that}])
    run = make_run(scenario)
    (one,) = judge_points(run, make_summaries(scenario))
    found = lead_of(run, one.summary, one.comparison)
    arms = [answer for answer in found.sentences if answer.sentence.startswith("“")]

    assert len(found.sentences) == len(arms) + several - 1
    assert (found.answered, found.outcome) == (arms[0].word, "violated" if several > 1 else arms[0].word)
    assert found.sentences[-1].word == "violated" or several == 1
    assert found.title.startswith("workers-nginx vs workers: memory +3.6%, about the same")
    assert found.title.endswith("; the expectation is violated") is (several > 1)


def test_a_run_that_is_not_valid_has_no_answer_in_any_form() -> None:
    """Nor one on expectations, also where a block that counts would be enough to violate one."""
    for invalid, word in ((5, None), (0, "violated")):
        scenario = judged_runs.scenario(expect=[{"that": "p99(workers) < 1s"}])
        values = {(MEMORY, "workers"): [100.0] * 8, (MEMORY, "replicas"): [90.0] * 8, ("p99", "workers"): [inf] * 8}
        gates = {f"b{block:02d}-workers": (make_gate("invalid"),) for block in range(1, invalid + 1)}
        run, summary = make_run(scenario), judged_runs.summary(scenario, values, gates=gates)
        comparison = compare_run(summary)
        expected = comparison_document(run, summary, comparison)["expected"]

        assert comparison.conditions[0].result.outcome.value == "violated"
        assert (expected and expected["outcome"]) == word
        assert any(answer.word == "violated" for answer in lead_of(run, summary, comparison).sentences) is bool(word)


@pytest.mark.parametrize(
    ("answered", "word"),
    [
        ("better", "violated"),
        ("equivalent", "violated"),
        ("open", "violated"),
        ("worse", "worse"),
        ("invalid", "invalid"),
    ],
)
def test_only_a_bad_answer_stands_before_a_violated_expectation(answered: str, word: str) -> None:
    assert [icon_word(answered, violated=violated) for violated in (True, False)] == [word, answered]


def test_points_name_those_at_which_an_expectation_is_violated() -> None:
    """In the tab, beside what the arms came to; the icon has it, too."""
    scenario = make_scenario(
        trials={"blocks": 8, "seed": 7},
        compare={"baseline": "workers", "primary": [MEMORY]},
        sweep={"processes": [1, 4]},
        expect=[{"that": "share.max(replicas) > 0.9"}],
    )
    found = overview(make_run(scenario), judge_points(make_run(scenario), make_summaries(scenario))).lead

    assert found.title.startswith("workers-nginx vs workers: worse at N = 1, about the same at N = 4; ")
    assert found.title.endswith("N = 4; an expectation is violated at N = 4")
    assert found.outcome == "violated"


def test_what_the_machine_left_undecided_is_said_to_be_so_in_the_tab() -> None:
    """Of one point or several: a reader who sees only the tab must not take the app for the cause."""
    given = {"trials": {"blocks": 6, "seed": 7}, "sweep": {"processes": [1, 4]}}
    scenario = make_scenario([APP], expect=[{"that": "p50(app) < 2s"}], **given)
    late = (make_gate("invalid", key="load.lag", value=0.3, limit=0.01),)

    def spoilt(*points: str) -> Content:
        trials = (
            with_record(each, gates=late) if each.record.point.key in points else each for each in make_trials(scenario)
        )
        return overview(make_run(scenario), judge_points(make_run(scenario), map(summarise_trial, trials)))

    assert spoilt("n4").lead.title == "expectations hold at N = 1, undecided for want of valid blocks at N = 4"
    assert spoilt("n1", "n4").lead.title == "The expectation is undecided for want of valid blocks at both points"


def test_what_is_large_at_points_is_said_once_with_where_it_is() -> None:
    """On the page of all of them: each point has a page of its own, which not everybody opens."""
    scenario = make_scenario(
        (WORKERS, REPLICAS),
        trials={"blocks": 8, "seed": 7},
        compare={"primary": [MEMORY]},
        sweep={"processes": [1, 2, 4]},
    )
    sizes = {("p50", "n1"): 5.0, ("p50", "n4"): 3.0, **{(CPU, point): 0.2 for point in ("n1", "n2", "n4")}}
    sizes |= {("p99", "n2"): 1.5, (MEMORY, "n1"): 4.0}  # too little, and judged

    def sized(trial: TrialSummary) -> TrialSummary:
        there, other = trial.record.point.key, trial.record.arm == "replicas"
        own = {key: sizes.get((key, there), 1.0) if other else 1.0 for key in ("p50", "p99", CPU, MEMORY)}
        return replace(trial, values={**trial.values, **own})

    def told(**records: Any) -> tuple[str, ...]:
        found = (with_record(each, **records.get(each.record.point.key, {})) for each in make_trials(scenario))
        trials = [sized(summarise_trial(each)) for each in found]
        return overview(make_run(scenario), judge_points(make_run(scenario), trials)).lead.striking

    large = "Only observed, not judged: “replicas” against “workers”: p50 response time at least doubled at "
    assert told() == (f"{large}N = 1 and N = 4; CPU for 1,000 requests at least halved at all points.",)
    assert told(n1={"gates": (make_gate("invalid"),)}) == (
        "Only observed, not judged: “replicas” against “workers”: CPU for 1,000 requests at least halved at N = 2 and "
        "N = 4; p50 response time at least doubled at N = 4.",
    )
    scenario = replace(scenario, trials=replace(scenario.trials, blocks=1))
    assert told() == (
        f"{large[:-4]} (1 block) at N = 1 and N = 4; CPU for 1,000 requests at least halved (1 block) at all points.",
    )


def test_points_of_a_single_arm_have_the_outcome_of_its_expectations_in_the_tab() -> None:
    """What holds at all of them holds; of points that differ the icon has the worst."""
    given = {"trials": {"blocks": 6, "seed": 7}, "sweep": {"processes": [1, 4]}}
    found = {}
    for that in (SLOW, FAST, "share.max(app) > 0.9"):
        scenario = make_scenario([APP], expect=[{"that": that}], **given)
        content = overview(make_run(scenario), judge_points(make_run(scenario), make_summaries(scenario)))
        found[that] = content.lead.title, content.lead.outcome

    assert [*found.values()] == [
        ("The expectation holds at both points", "holds"),
        ("The expectation is violated at both points", "violated"),
        ("expectations hold at N = 1, violated at N = 4", "violated"),
    ]
