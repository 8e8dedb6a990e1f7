"""Where the storage driver decides memory, the large answer says so, and what the driver leaves alone is beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import pytest

from lab.analysis.comparable import driver_decides, driver_moves
from lab.analysis.comparison import compare_run
from lab.analysis.decision import card_of
from lab.analysis.platform import stands_alone, with_platform
from lab.analysis.points import judge_points
from lab.analysis.summary import summarise_done
from lab.analysis.trial.trial import TrialSummary
from lab.record.types import RunInfo
from lab.report.build import build_content
from lab.report.content import Content
from lab.report.first_screen import Lead
from lab.report.parts.storage import ALONE, APART, HERE, NO_CONTAINER
from lab.report.renderers.card_document import card_document
from lab.report.renderers.html_page import render_html
from lab.report.renderers.json_document import comparison_document
from lab.report.renderers.markdown import render_markdown
from lab.report.renderers.terminal import render_terminal
from lab.report.sections.answer import judged_answers
from lab.report.sections.decision import verdict_words
from lab.report.sections.in_short import lead_of_card
from lab.report.sections.lead import lead_of
from lab.scenario.model import Scenario
from tests import judged_runs
from tests.builders import REPLICAS, WORKERS, WORKERS_NGINX, make_run, make_scenario, make_summaries

MEMORY, ANONYMOUS, CPU = "memory.pss.total", "memory.cgroup.anon", "cpu.per_1k"
PLATFORM = "memory.platform.pss"
CONTROL = WORKERS_NGINX | {"control": True}
SHARES_NONE, SHARES = "fuse-overlayfs", "overlay2"


def run_on(driver: str, scenario: Scenario, engine: str = "docker") -> RunInfo:
    run = make_run(scenario)
    facts = {**run.environment.facts, "storage_driver": driver, "engine": engine}
    return replace(run, environment=replace(run.environment, facts=facts))


def lead_on(
    driver: str,
    factors: Mapping[str, float],
    primary: Sequence[str] = (MEMORY,),
    engine: str = "docker",
    blocks: int = 8,
) -> Lead:
    """The first screen where replicas have so many times as much as workers."""
    scenario = judged_runs.scenario(blocks, compare={"baseline": "workers", "primary": list(primary)})
    values = {
        (key, arm): judged_runs.series(100.0, size, blocks)
        for key, factor in factors.items()
        for arm, size in (("workers", 1.0), ("replicas", factor))
    }
    summary = judged_runs.summary(scenario, values)
    return lead_of(run_on(driver, scenario, engine), summary, compare_run(summary))


@pytest.mark.parametrize(
    ("factors", "primary", "begins", "word"),
    [
        ({MEMORY: 1.243}, [MEMORY], f"“replicas” is worse than “workers” in memory{HERE}: +24.", "worse"),
        ({MEMORY: 1.01}, [MEMORY], f"“replicas” and “workers” are about the same in memory{HERE}: +1.", "equivalent"),
        ({MEMORY: 1.05}, [MEMORY], f"“replicas” differs from “workers” in memory{HERE}, maybe too little to ", "small"),
        ({MEMORY: 0.99}, [MEMORY], f"“replicas” and “workers” are about the same in memory{HERE}: −1", "equivalent"),
        ({MEMORY: 1.2, CPU: 1.01}, [CPU, MEMORY], f"“replicas” is worse than “workers” in memory{HERE}: CPU", "worse"),
    ],
)
def test_the_large_answer_says_where_it_holds(
    factors: Mapping[str, float], primary: Sequence[str], begins: str, word: str
) -> None:
    """The verdict is the same; under a driver that shares file pages it holds as it is."""
    (answer,) = lead_on(SHARES_NONE, factors, primary).sentences
    (other,) = lead_on(SHARES, factors, primary).sentences

    assert answer.sentence.startswith(begins)
    assert answer.sentence.count(HERE) == 1
    assert other.sentence == answer.sentence.replace(HERE, "")
    assert answer.word == other.word == word


def test_an_answer_that_rests_on_something_else_is_qualified_where_memory_is_named() -> None:
    """CPU is worse on every driver; memory is about the same on this one."""
    (answer,) = lead_on(SHARES_NONE, {MEMORY: 1.01, CPU: 1.3}, [MEMORY, CPU]).sentences

    assert answer.sentence.startswith("“replicas” is worse than “workers” in CPU for 1,000 requests: memory +1.")
    assert f"){HERE}, about the same; CPU" in answer.sentence


@pytest.mark.parametrize(("cpu", "begins"), [(0.8, "against “workers” is a trade-off: "), (1.3, "is worse than ")])
def test_nothing_but_memory_is_qualified(cpu: float, begins: str) -> None:
    """An answer that memory and CPU make together has the words behind memory alone."""
    (answer,) = lead_on(SHARES_NONE, {MEMORY: 1.2, CPU: cpu}, [MEMORY, CPU]).sentences

    assert answer.sentence.startswith(f"“replicas” {begins}")
    assert answer.sentence.count(HERE) == 1
    assert f"){HERE}, worse; CPU" in answer.sentence


def test_the_dear_arm_that_still_uses_less_does_so_on_every_driver() -> None:
    """Sharing pages can only make it cheaper; what it does not change is told nevertheless."""
    lead = lead_on(SHARES_NONE, {MEMORY: 0.89, ANONYMOUS: 0.89})
    content = content_on(SHARES_NONE)
    (remark,) = [told.besides for told in content.answers if "overlay2" in told.besides]

    assert lead.sentences == lead_on(SHARES, {MEMORY: 0.89}).sentences
    assert HERE not in lead.title
    assert lead.observed[0].sentences[0].startswith(APART)
    assert "so that the size of the difference depends on the storage driver." in remark


@pytest.mark.parametrize(
    ("factors", "begins"),
    [
        ({MEMORY: 1.01}, f"“replicas” and “workers” are about the same in memory{NO_CONTAINER}: +1."),
        ({CPU: 1.3}, f"“replicas” is worse than “workers” in CPU for 1,000 requests{NO_CONTAINER}: +3"),
        ({MEMORY: 0.8, CPU: 1.3}, f"“replicas” against “workers” is a trade-off{NO_CONTAINER}: memory −2"),
    ],
)
def test_the_answer_of_plain_processes_says_so(factors: Mapping[str, float], begins: str) -> None:
    """Whatever was judged; once, and in the tab."""
    lead = lead_on("", factors, list(factors), engine="process")
    (answer,) = lead.sentences

    assert answer.sentence.startswith(begins)
    assert answer.sentence.count(NO_CONTAINER) == 1
    assert lead.title.endswith(NO_CONTAINER)
    assert answer.sentence.replace(NO_CONTAINER, "") == lead_on(SHARES, factors, list(factors)).sentences[0].sentence


def test_a_size_without_a_verdict_holds_where_it_was_measured() -> None:
    """There is no answer that holds anywhere."""
    (answer,) = lead_on(SHARES_NONE, {MEMORY: 1.243}, blocks=2).sentences

    assert answer.sentence.startswith("No verdict on “replicas” against “workers”: memory +24.")
    assert answer.sentence.endswith(f"{HERE}.")


@pytest.mark.parametrize("judged", [MEMORY, CPU])
def test_what_the_driver_leaves_alone_is_observed_first_with_its_interval(judged: str) -> None:
    """Also where memory itself was only observed, which then says where it holds."""
    factors = {MEMORY: 1.243, ANONYMOUS: 0.91, CPU: 1.3}
    (seen,) = lead_on(SHARES_NONE, factors, [judged]).observed
    (other,) = lead_on(SHARES, factors, [judged]).observed

    assert seen.sentences[0].startswith(f"{APART}anonymous memory −9.")
    assert "…" in seen.sentences[0]
    assert any(told.startswith("memory +24.") and told.endswith(HERE) for told in seen.sentences) == (judged == CPU)
    assert not any(APART in told or HERE in told for told in other.sentences)


def sized(scenario: Scenario, size: float) -> Iterator[TrialSummary]:
    """The trials of a run where replicas have so many times the memory that the builders give them, 0.89 of workers."""
    for trial in make_summaries(scenario):
        factor = size if trial.record.arm == "replicas" else 1.0
        yield replace(trial, values={**trial.values, MEMORY: (trial.values[MEMORY] or 0.0) * factor})


def content_on(driver: str, size: float = 1.0) -> Content:
    """The whole report."""
    compare = {"baseline": "workers", "primary": [MEMORY]}
    scenario = make_scenario((WORKERS, CONTROL, REPLICAS), trials={"blocks": 8, "seed": 7}, compare=compare)
    run = run_on(driver, scenario)
    summary = summarise_done(run, sized(scenario, size))
    return build_content(run, summary, compare_run(summary))


def test_every_form_says_it_and_has_the_verdict_before_the_reason() -> None:
    """HTML, Markdown, terminal, the tab and the document for programs."""
    content = content_on(SHARES_NONE, size=1.5)
    forms = [" ".join(form.split()) for form in (render_terminal(content), render_markdown(content))]

    assert f"“replicas” is worse than “workers” in memory{HERE}" in render_html(content)
    assert content.lead.title.endswith(f"worse{HERE}")
    for form in forms:
        assert f"“replicas” is worse than “workers” in memory{HERE}: +" in form
        assert APART in form
        assert "+5%) → worse. Under the storage driver fuse-overlayfs" in form.replace("**", "")


@pytest.mark.parametrize(
    ("size", "platform", "blocks", "told", "alone"),
    [
        (0.96, 6.0, 8, "memory +2.", False),  # another sign, though about the same either way
        (1.03, 9.0, 8, "memory +11.", True),  # beyond the bound
        (0.96, 6.0, 2, "memory +2.", True),  # and of too few blocks for a verdict
        (0.9, 0.1, 8, "", False),
        (1.2, 9.0, 8, "", False),
        (0.96, None, 8, "", False),  # plain processes have no containers
    ],
)
def test_what_the_engine_runs_for_containers_is_told_where_it_turns_memory(
    size: float, platform: float | None, blocks: int, told: str, *, alone: bool
) -> None:
    """The ratio of each block with it, judged as the verdict is: beside this, in one sentence."""
    scenario = judged_runs.scenario()
    values = {(MEMORY, "workers"): 100.0, (MEMORY, "replicas"): 100.0 * size}
    beside = {} if platform is None else {(PLATFORM, "workers"): 1.0, (PLATFORM, "replicas"): 1.0 + platform}
    series = {reading: judged_runs.series(1.0, value, blocks) for reading, value in {**values, **beside}.items()}
    summary = judged_runs.summary(scenario, series, blocks=blocks)
    run, comparison = run_on(SHARES, scenario), compare_run(summary)
    (said,) = judged_answers(run, summary, comparison)
    lead, document = lead_of(run, summary, comparison), comparison_document(run, summary, comparison)
    (verdict,) = document["verdicts"]

    assert ("containerd-shim" in said.besides) is bool(told)
    assert told in said.besides
    assert (verdict["with_platform"] is not None) is bool(told)
    for short in (lead.title, lead.sentences[0].sentence, document["answer"][0]["sentence"]):
        assert (ALONE in short) is alone


@pytest.mark.parametrize("failed", [{"replicas": 50_000}, {"workers": 50_000}, {"workers": 50_000, "replicas": 50_000}])
@pytest.mark.parametrize("size", [0.9, 1.03])
def test_where_requests_failed_the_engines_own_processes_make_no_arm_better(
    failed: Mapping[str, int], size: float
) -> None:
    """Failed requests decide then; a word about memory beside them would let a failing arm win."""
    scenario = judged_runs.scenario()
    values = {(MEMORY, "workers"): 100.0, (MEMORY, "replicas"): 100.0 * size}
    beside = {(PLATFORM, "workers"): 15.0, (PLATFORM, "replicas"): 1.0}
    series = {reading: judged_runs.series(1.0, value) for reading, value in {**values, **beside}.items()}
    quiet = judged_runs.summary(scenario, series)
    summary = judged_runs.summary(scenario, series, failed=failed)
    contests = [contest for contest in compare_run(summary).primaries if contest.metric == MEMORY]

    assert any(with_platform(quiet, contest) for contest in compare_run(quiet).primaries) is (size > 1)
    assert [with_platform(summary, contest) for contest in contests] == [None]
    assert not stands_alone(summary, contests[0])


def test_programs_are_told_too() -> None:
    """comparison.json has the sentence; the decision card the word beside the verdict."""
    scenario = make_scenario((WORKERS, REPLICAS), trials={"blocks": 8, "seed": 7})
    told = {}
    for driver, size in ((SHARES_NONE, 1.5), (SHARES, 1.5), (SHARES_NONE, 1.0)):
        (one,) = judge_points(run_on(driver, scenario), sized(scenario, size))
        document = comparison_document(one.run, one.summary, one.comparison)
        card = card_of([one])
        line = next(line for line in card.lines if line.metric == MEMORY)
        entry = next(line for line in card_document(card)["lines"] if line["metric"] == MEMORY)
        assert entry["driven"] is line.driven
        told[driver, size] = HERE in document["answer"][0]["sentence"], line.driven, verdict_words(line)

    assert told == {
        (SHARES_NONE, 1.5): (True, True, f"replicas worse{HERE}"),
        (SHARES, 1.5): (False, False, "replicas worse"),
        (SHARES_NONE, 1.0): (False, False, f"replicas better{ALONE}"),  # the made-up shims turn it
    }


def test_a_decision_card_says_what_the_engines_own_processes_turn() -> None:
    """In its sentences, beside the verdict, and for programs; with the driver's words where both decide."""
    scenario = make_scenario((WORKERS, REPLICAS), trials={"blocks": 8, "seed": 7})
    trials = [
        replace(
            trial,
            values={**trial.values, MEMORY: 0.94 if (other := trial.record.arm == "replicas") else 1.0}
            | {PLATFORM: 0.2 if other else 0.01},
        )
        for trial in sized(scenario, 1.0)
    ]
    (one,) = judge_points(run_on(SHARES, scenario), trials)
    card = card_of([one])
    line = next(line for line in card.lines if line.metric == MEMORY)
    entry = next(line for line in card_document(card)["lines"] if line["metric"] == MEMORY)

    assert (line.alone, entry["alone"]) == (True, True)
    assert verdict_words(line) == f"replicas better{ALONE}"
    assert f" in memory{ALONE}: " in lead_of_card(card).sentences[0].sentence


def test_arms_of_as_many_containers_pay_alike() -> None:
    """Nor does a driver that the engine does not name decide anything, nor one anything but PSS."""
    scenario = make_scenario((WORKERS, CONTROL, REPLICAS))
    run = run_on(SHARES_NONE, scenario)
    summary = summarise_done(run, sized(scenario, 1.5))

    def decides(metric: str, arm: str, driver: str | None = SHARES_NONE) -> bool:
        environment = replace(run.environment, facts={**run.environment.facts, "storage_driver": driver})
        return driver_decides(environment, summary, metric, arm)

    assert decides(MEMORY, "replicas")
    assert not any((decides(MEMORY, "workers-nginx"), decides(ANONYMOUS, "replicas"), decides(CPU, "replicas")))
    assert not any(decides(MEMORY, "replicas", driver) for driver in (SHARES, None))


@pytest.mark.parametrize("baseline", ["workers", "replicas"])
def test_only_more_memory_of_the_arm_with_more_containers_is_the_drivers_doing(baseline: str) -> None:
    """Whichever of the two is the baseline; the size depends on it either way."""
    compare = {"baseline": baseline, "primary": [MEMORY]}
    scenario = make_scenario((WORKERS, REPLICAS), trials={"blocks": 8, "seed": 7}, compare=compare)
    run = run_on(SHARES_NONE, scenario)
    more, less = (summarise_done(run, sized(scenario, size)) for size in (1.5, 1.0))
    (arm,) = {"workers", "replicas"} - {baseline}

    assert driver_moves(run.environment, less, MEMORY, arm)
    assert driver_decides(run.environment, more, MEMORY, arm)
    assert driver_decides(run.environment, more, MEMORY, arm, compare_run(more).primaries[0].judgement)
    assert not driver_decides(run.environment, less, MEMORY, arm)
    assert not driver_decides(run.environment, less, MEMORY, arm, compare_run(less).primaries[0].judgement)
