"""A caveat is told once, above the fold where it touches the answer; a spoiled run looks spoiled."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

import polars as pl
import pytest

from lab.analysis.comparison import compare_run
from lab.analysis.gates import GATES
from lab.analysis.points import judge_points
from lab.analysis.summary import summarise
from lab.analysis.trial.trial import summarise_trial
from lab.metric_types import Family
from lab.record.types import Finding, GateResult, TrialResult
from lab.report.build import build_content
from lab.report.content import Content, Section
from lab.report.first_screen import Group, Mood
from lab.report.overview import overview
from lab.report.parts.caveats import Caveats, caveats_told
from lab.report.renderers.html_page import render_html
from lab.report.renderers.markdown import render_markdown, render_summary
from lab.report.renderers.terminal import render_terminal
from lab.report.sections.validity import MAX_CAVEATS, few
from lab.scenario.compare import Expect
from lab.scenario.model import Scenario
from tests.builders import make_gate, make_run, make_scenario, make_trials, told, with_record, with_tables

LOAD = {"locustfile": "x.py", "rate": 60, "warmup": "5s", "measure": "2s"}
FOREIGN = make_gate("invalid", key="machine.foreign", value=0.7, limit=0.2)
READINGS = make_gate("invalid")


def judging(*primary: str, blocks: int = 7) -> Scenario:
    """A scenario with these primaries."""
    compare = {"baseline": "workers", "primary": list(primary)}
    return make_scenario(load=LOAD, trials={"blocks": blocks, "seed": 7}, compare=compare)


def lag(trial: TrialResult, number: int) -> TrialResult:
    """A little late, each trial a little later than the one before."""
    late = make_gate("caveat", key="load.lag", value=0.0021 + 0.0001 * number, limit=0.002)
    return with_record(trial, gates=(*trial.record.gates, late))


def spoil(trials: Iterable[TrialResult], blocks: Sequence[int], gate: GateResult) -> list[TrialResult]:
    """The first arm of each of these blocks fails this gate."""
    return [
        with_record(t, gates=(*t.record.gates, gate)) if t.record.block in blocks and t.record.arm == "workers" else t
        for t in trials
    ]


def content_of(scenario: Scenario, trials: Iterable[TrialResult]) -> Content:
    run = make_run(scenario)
    summary = summarise(run, trials)
    return build_content(run, summary, compare_run(summary))


def belief_of(content: Content) -> Section:
    return next(section for section in content.sections if section.key == "belief")


def late(scenario: Scenario) -> Content:
    return content_of(scenario, [lag(trial, number) for number, trial in enumerate(make_trials(scenario))])


def test_a_caveat_of_every_trial_is_one_line_with_its_count_and_worst_value() -> None:
    """And without the name of a trial, which the tables have."""
    (group,) = belief_of(late(judging("p50"))).caveats
    (caveat,) = group.sentences

    assert group.about == "latency"
    assert "4.10 ms" in caveat
    assert "(21 of 21 trials" in caveat
    assert "b0" not in caveat


def delayed(scenario: Scenario, late_s: float, quantile: float = 0.0, direct_s: float = 0.0) -> Content:
    """Both arms of workers have the defect; those behind nginx show it in all requests but this part of them.

    ``direct_s``: how late all answers of the others are.
    """
    defect = make_gate("caveat", key="keepalive", value=0.0441, limit=0.035)

    def late(trial: TrialResult) -> TrialResult:
        if trial.record.arm == "replicas":
            return trial
        found = with_record(trial, gates=(*trial.record.gates, defect))
        fronted = trial.record.arm == "workers-nginx"
        behind = pl.int_range(pl.len()) % 10 >= (10 * quantile if fronted else 0)
        later = pl.col("t_done_s") + (late_s if fronted else direct_s)
        done = pl.when(behind).then(later).otherwise("t_done_s").alias("t_done_s")
        return with_tables(found, requests=trial.tables.requests.with_columns(done))

    return content_of(scenario, map(late, make_trials(scenario)))


def test_a_late_acknowledgement_stands_once_below_the_numbers_that_it_explains() -> None:
    """Of the arm that shows it: connections that rest do not wait. Among what touches nothing it would be lost."""
    content = delayed(judging("memory.pss.total", blocks=8), 0.044)
    told = "The median request to workers-nginx is as late as a probe of a kept-alive connection there (44.1 ms)"

    assert content.headline.note.startswith(told)
    assert "Install uvloop" in content.headline.note
    assert (belief_of(content).caveats, belief_of(content).asides) == ((), ())
    assert " ".join(render_terminal(content, 300).split()).count(told) == 1
    assert "every gate passed" not in content.boxes[0].title


def test_two_arms_that_are_late_in_two_ways_are_one_sentence() -> None:
    """One is as late as the probe, the other later."""
    note = delayed(judging("memory.pss.total", blocks=8), 0.044, direct_s=0.2).headline.note

    assert (
        "The median request to workers-nginx is as late as a probe of a kept-alive connection there (44.1 ms); " in note
    )
    assert "(44.1 ms); a request to workers may hold as much as a probe of a kept-alive connection there" in note


@pytest.mark.parametrize(
    ("late_s", "quantile", "told"),
    [
        (0.044, 0.0, ["The median request to workers-nginx is as late as"]),
        (0.044, 0.7, ["The slowest requests (p95) to workers-nginx are as late as"]),
        (0.2, 0.0, ["A request to workers-nginx may hold as much as"]),  # the app's own work, for all that is known
        (0.0, 0.0, []),
    ],
)
def test_a_late_acknowledgement_is_a_caveat_where_latency_is_judged(
    late_s: float, quantile: float, told: Sequence[str]
) -> None:
    """Then it is with those that touch the answer; where no number shows it, it explains none."""
    given = judging("p50", blocks=8)
    content = delayed(replace(given, load=replace(given.load, rate=150.0)), late_s, quantile)  # enough for a p95
    caveats = [sentence for group in belief_of(content).caveats for sentence in group.sentences]

    assert [f"{words} a probe" in " ".join(caveats) for words in told] == [True for _ in told]
    assert ("acknowledgement" in " ".join(caveats)) is bool(told)
    assert "acknowledgement" not in content.headline.note


def test_a_caveat_that_touches_nothing_judged_is_below_the_fold() -> None:
    """The box says that it is none of this answer, and is good news."""
    content = late(judging("memory.pss.total", blocks=8))
    section = belief_of(content)

    assert section.caveats == ()
    (aside,) = told(section.asides)
    assert content.boxes[0].mood is Mood.GOOD
    assert dict(content.boxes[0].rows)["caveats"] == "1, about latency"
    assert content.status.endswith("1 caveat, about latency; not about what was judged (memory).")
    assert "<summary>1 caveat touches nothing that was judged</summary>" in render_html(content)
    assert aside.split(".")[0] in render_markdown(content)
    assert aside not in render_summary(content)
    assert "\n1 caveat that touches nothing that was judged, see the report" in render_terminal(content)


@pytest.mark.parametrize(
    ("arms", "said"),
    [(1, "1 caveat, about what was judged (latency)."), (2, "1 caveat, about latency: it touches what was judged")],
)
def test_an_expectation_is_judged_too(arms: int, said: str) -> None:
    """Of one arm it alone, for nothing is compared there, whatever the primaries are."""
    given = replace(judging("memory.pss.total"), expect=(Expect(that="p95(workers) <= 9s"),))
    given = replace(given, arms=given.arms[:arms])
    late = [lag(trial, 0) if trial.record.block == 1 else trial for trial in make_trials(given)]
    content = content_of(given, late)

    assert said in content.status
    assert [group.about for group in belief_of(content).caveats] == ["latency"]

    spoiled = spoil(make_trials(given), (1, 2), FOREIGN)
    assert "No, not for latency: too many blocks are invalid" in content_of(given, spoiled).boxes[0].title


def test_the_objective_of_a_sweep_is_judged_too() -> None:
    """On the page of all points, which says what is enough for it; the points know nothing of it."""
    sweep = {"processes": [1, 2], "slo": "p95 <= 1s"}
    swept = make_scenario(load=LOAD, sweep=sweep, compare={"primary": ["memory.pss.total"]})
    run = make_run(swept)
    points = judge_points(run, [summarise_trial(lag(trial, 0)) for trial in make_trials(swept)])

    assert "1 caveat, about latency: it touches what was judged (memory and latency)." in overview(run, points).status
    assert points[0].summary.scenario.sweep.slo == ""


def test_the_numbers_of_caveats_add_up() -> None:
    """In the trust line and over the lists, also where sentences are left out for want of room; each names what it
    counts.
    """
    late, busy = (
        Group(about=about, sentences=tuple(f"{about} {place}." for place in range(several)))
        for about, several in (("latency", MAX_CAVEATS + 3), ("CPU", 2))
    )
    lines = {
        ((), (late, busy)): "17 caveats, 15 about latency, 2 about CPU; none about what was judged (memory).",
        ((late,), (busy,)): "17 caveats, 15 about latency, 2 about CPU: 15 of them touch what was judged (memory).",
        ((late, busy), ()): "17 caveats, 15 about latency, 2 about CPU: they touch what was judged (memory).",
        ((busy,), ()): "2 caveats, about CPU: they touch what was judged (memory).",
        ((), (busy,)): "2 caveats, about CPU; none about what was judged (memory).",
        ((), ()): "No caveats.",
    }
    shown = few(late)

    assert {parts: " ".join(caveats_told([Family.MEMORY], Caveats(*parts))) for parts in lines} == lines
    assert " ".join(caveats_told([Family.CPU], Caveats((busy,), ()))) == "2 caveats, about what was judged (CPU)."
    assert (len(shown.sentences), shown.count) == (MAX_CAVEATS + 1, late.count)
    assert shown.sentences[-1] == "… and 3 further caveats, see the tables."


def test_trust_leads_to_where_it_is_answered_and_on_to_the_caveats() -> None:
    """From the contents to the box; from the line to those that touch the answer, or to the others."""
    for primary, anchor in (("p50", "section-belief"), ("memory.pss.total", "belief-asides")):
        page = render_html(late(judging(primary, blocks=8)))

        assert '<a href="#box-validity">Trust</a>' in page
        assert f'<a href="#{anchor}">Caveats</a></p>' in page
        assert f' id="{anchor}"' in page
    assert ">Caveats</a></p>" not in render_html(content_of(judging("p50"), make_trials(judging("p50"))))


def test_the_same_caveat_counts_where_it_touches_the_answer() -> None:
    """A late generator, latency judged."""
    content = late(judging("memory.pss.total", "p50", blocks=8))

    assert belief_of(content).asides == ()
    assert content.boxes[0].mood is Mood.CAVEAT


def test_a_finding_of_several_arms_is_one_line() -> None:
    """With the arms, and the worst of them."""
    scenario = judging("memory.pss.total")
    trials = [
        with_record(t, findings=(Finding(key="memory.drift", value=0.05 + t.record.block / 100, limit=0.01),))
        for t in make_trials(scenario)
    ]
    all_told = told(belief_of(content_of(scenario, trials)).caveats)
    (drift,) = (caveat for caveat in all_told if "memory (PSS) changed" in caveat)

    assert "+12.0%" in drift
    assert "21 of 21 trials of workers, workers-nginx and replicas" in drift


@pytest.mark.parametrize("key", [key for key, gate in GATES.items() if gate.spoils != frozenset(Family)])
def test_every_gate_is_above_the_fold_for_what_it_spoils_only(key: str) -> None:
    """By the families that the gate declares."""
    metrics = {Family.MEMORY: "memory.pss.total", Family.CPU: "cpu.per_1k", Family.TIME: "p50"}
    for family, metric in metrics.items():
        scenario = judging(metric, blocks=1)
        caveat = make_gate("caveat", key=key, value=0.0, limit=0.0)
        trials = [with_record(t, gates=(*t.record.gates, caveat)) for t in make_trials(scenario)]
        section = belief_of(content_of(scenario, trials))

        assert bool(section.caveats) == (family in GATES[key].spoils)
        assert bool(section.asides) == (family not in GATES[key].spoils)


def test_a_spoiled_run_says_so_first() -> None:
    """What failed, that its numbers are none to quote, and the command; in every form; figures are greyed."""
    scenario = judging("memory.pss.total", "p50")
    content = content_of(scenario, spoil(make_trials(scenario), (1, 2, 3, 4, 5), READINGS))
    page = render_html(content)

    assert content.band is not None
    assert content.band.whole
    assert content.band.command == f"lab run {content.run_id}"
    assert "5 of 7 blocks are invalid" in " ".join(content.band.sentences)
    assert content.boxes[0].mood is Mood.BAD
    assert page.index('<section class="invalid"') < page.index("<h1")
    assert '<main class="spoiled">' in page
    for text in (render_terminal(content), render_markdown(content), render_summary(content)):
        assert text.index("not valid") < text.index("memory")
        assert "Do not quote these numbers" in text


def test_what_stands_of_a_spoiled_run_is_not_greyed() -> None:
    """Other programs spoil times, and leave memory."""
    scenario = judging("memory.pss.total", "p50")
    content = content_of(scenario, spoil(make_trials(scenario), (1, 2, 3, 4, 5), FOREIGN))

    assert content.band is not None
    assert not content.band.whole
    assert "What it says of memory stands" in content.band.sentences[0]
    assert '<main class="spoiled">' not in render_html(content)


def test_the_band_names_every_cause_the_decisive_one_first() -> None:
    """Who mends only that would run into the other one: here of what was not judged."""
    memory = judging("memory.pss.total")
    content = content_of(memory, spoil(spoil(make_trials(memory), (1, 2), FOREIGN), (3, 4), READINGS))

    assert content.band is not None
    _, decisive, other = content.band.sentences
    assert "The sampler took 50.0%" in decisive
    assert "invalid for CPU and latency. Other programs used 70.0%" in other


def test_a_run_that_is_valid_for_what_was_judged_has_no_band() -> None:
    """One invalid block may be replaced; what is not judged needs none; a session by hand claims nothing."""
    memory, both = judging("memory.pss.total"), judging("memory.pss.total", "p50")
    by_hand = replace(make_run(both), exploratory=True)
    spoiled = spoil(make_trials(both), (1, 2, 3, 4, 5), READINGS)

    assert content_of(memory, spoil(make_trials(memory), (1, 2, 3, 4, 5), FOREIGN)).band is None
    assert content_of(both, spoil(make_trials(both), (1,), READINGS)).band is None
    assert build_content(by_hand, summarise(by_hand, spoiled)).band is None


@pytest.mark.parametrize(
    ("blocks", "invalid", "then", "command"),
    [(6, (1,), "", ""), (6, (1, 2), "Start again", "lab run"), (7, (2,), "Continue it", "lab run --resume")],
)
def test_a_run_that_was_cut_is_only_continued_where_that_can_help(
    blocks: int, invalid: Sequence[int], then: str, command: str
) -> None:
    """Two of six blocks are more than may be replaced: what would still be measured could not make it valid."""
    given = judging("memory.pss.total", blocks=blocks)
    kept = [trial for trial in make_trials(given) if trial.record.block <= 2]
    if then == "Continue it":
        kept = [trial for trial in kept if trial.record.block in invalid]  # there is no valid block yet
    run = make_run(given, cut="Ctrl-C")
    content = build_content(run, summary := summarise(run, spoil(kept, invalid, READINGS)), compare_run(summary))
    caveats = [told for group in belief_of(content).caveats for told in group.sentences]

    assert (content.band.then if content.band else "") == then
    assert content.band is None or content.band.command == f"{command} {run.run_id}"
    lost = "This run cannot become valid any more: 2 blocks are invalid, and 1 of 6 blocks may be replaced."
    assert (lost in (content.band.sentences if content.band else ())) is (then == "Start again")
    assert any(f"`lab run --resume {run.run_id}` continues it" in told for told in caveats) is (then != "Start again")


def test_a_run_that_is_lost_for_one_of_two_families_is_continued() -> None:
    """Memory is judged from its own blocks once all that were planned are there."""
    given = judging("memory.pss.total", "p50", blocks=6)
    kept = [trial for trial in make_trials(given) if trial.record.block <= 2]
    run = make_run(given, cut="Ctrl-C")
    content = build_content(run, summarise(run, spoil(kept, (1, 2), FOREIGN)))
    caveats = [told for group in belief_of(content).caveats for told in group.sentences]

    assert content.band is not None
    assert (content.band.then, content.band.command) == ("Continue it", f"lab run --resume {run.run_id}")
    lost = "This run cannot become valid for latency any more, for memory it still can: 2 blocks are invalid"
    assert any(told.startswith(lost) for told in content.band.sentences)
    assert any("continues it" in told for told in caveats)


def test_the_trust_line_says_for_what_the_blocks_are_valid() -> None:
    """Where the machine spoiled blocks for what was not judged, "all valid" alone would contradict the caveat."""
    memory = judging("memory.pss.total")

    assert content_of(memory, make_trials(memory)).status.startswith("7 blocks, all valid.")
    some = content_of(memory, spoil(make_trials(memory), (1, 2), FOREIGN)).status
    assert some.startswith("7 blocks, all valid for memory; 5 for CPU and latency.")
    none = content_of(memory, spoil(make_trials(memory), range(1, 8), FOREIGN)).status
    assert none.startswith("7 blocks, all valid for memory; none for CPU and latency.")


def test_wherever_valid_blocks_are_counted_it_says_for_what() -> None:
    """The box beside a table of which most rows have no valid block, and the section that the box leads to."""
    memory = judging("memory.pss.total")
    told = []
    for content in (
        content_of(memory, make_trials(memory)),
        content_of(memory, spoil(make_trials(memory), range(1, 8), FOREIGN)),
    ):
        box = next(dict(box.rows) for box in content.boxes if box.key == "validity")
        belief = next(section for section in content.sections if section.key == "belief")
        told.append((box["blocks"], belief.sentences[0].split("; ", 1)[1].rpartition("; ")[0]))

    assert told == [
        ("7 of 7 valid, 7 planned", "7 blocks are valid"),
        (
            "7 of 7 valid for memory; none for CPU and latency; 7 planned",
            "7 blocks are valid for memory; none for CPU and latency",
        ),
    ]


def test_a_number_of_which_no_block_is_valid_says_so_in_its_row() -> None:
    """Also in a smoke test: what another program did to the machine must not look like the arms' doing."""
    memory = judging("memory.pss.total")
    content = content_of(memory, spoil(make_trials(memory), range(1, 8), FOREIGN))
    smoke = replace(memory, trials=replace(memory.trials, blocks=1))
    short = content_of(smoke, spoil(make_trials(smoke), (1,), FOREIGN))

    for found in (content, short):
        titles = [row[0].text for row in found.headline.rows]
        assert "memory (PSS), steady" in titles
        assert "p50 response time (no valid block)" in titles
        assert "which says nothing about the arms" in found.headline.note
    assert short.status.startswith("1 block for memory; none for CPU and latency: a smoke test.")
    assert not any("no valid" in row[0].text for row in content_of(memory, make_trials(memory)).headline.rows)


def test_requests_that_failed_stand_first_whoever_wins() -> None:
    """Half of them failing in every arm is no difference, and must not be found in a table only."""
    given = judging("memory.pss.total")

    def failing(trial: TrialResult) -> TrialResult:
        half = pl.int_range(pl.len()) % 2 == 0
        error = pl.when(half).then(pl.lit("HTTP 422")).otherwise(None).alias("error")
        return with_tables(trial, requests=trial.tables.requests.with_columns(error))

    content = content_of(given, map(failing, make_trials(given)))
    headline = ", and requests failed ("

    assert re.match(r"Requests failed: (49|50)\.\d% in workers, ", content.status)
    for form in (
        render_terminal(content, 300),
        render_html(content),
        render_markdown(content),
        render_summary(content),
    ):
        assert form.index(headline) < form.index("Trust:")
    assert "Requests failed" not in content_of(given, make_trials(given)).status
