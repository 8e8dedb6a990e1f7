"""What a decision card opens with: each verdict once, where it was found, and what has no answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from lab.analysis.card import Card, Gap, Line
from lab.analysis.conclusion import Standing
from lab.analysis.decision import card_of
from lab.analysis.gaps import INVALID, WORDLESS
from lab.analysis.judge.verdict import Verdict
from lab.analysis.points import judge_points
from lab.report.sections.in_short import lead_of_card
from tests.builders import REPLICAS, WORKERS, make_run, make_scenario, make_summaries

SIZE = "−11.0% (−11.1…−10.8%)"  # of every line here
MEMORY, HARM = "memory.pss.total", "drill.harm"


def judged(metric: str, standing: Standing, point: str = "", **changes: Any) -> Line:
    """A line of “replicas” against “workers”."""
    scenario = make_scenario((WORKERS, REPLICAS), trials={"blocks": 8, "seed": 7})
    card = card_of(judge_points(make_run(scenario), make_summaries(scenario)))
    found = next(line for line in card.lines if line.judgement.verdict is not None)
    winner = {Standing.BETTER: "replicas", Standing.WORSE: "workers"}.get(standing, "")
    given = {"metric": metric, "standing": standing, "point": point, "winner": winner, "alone": False, **changes}
    return replace(found, **given)


def said(lines: Sequence[Line], *gaps: Gap) -> list[tuple[str, str]]:
    """The sentences and their words."""
    card = Card(lines=tuple(lines), turns=(), facts=(), missing={}, gaps=gaps)
    return [(answer.sentence, answer.word) for answer in lead_of_card(card).sentences]


def test_each_outcome_is_a_sentence() -> None:
    """Of what was judged; a number without a verdict is in the table only."""
    lines = [
        judged(MEMORY, Standing.EQUIVALENT),
        judged("capacity.rate", Standing.WORSE),
        *(judged(HARM, Standing.EQUIVALENT, verb, verb=verb) for verb in ("kill", "roll")),
    ]
    unjudged = judged("p50", Standing.NUMBERS)
    unjudged = replace(unjudged, judgement=replace(unjudged.judgement, verdict=None))

    assert said([*lines, unjudged]) == [
        (f"“replicas” is worse than “workers” in capacity: {SIZE}.", "worse"),
        (
            "“replicas” and “workers” are about the same in memory, and in the drills kill and roll (harm).",
            "equivalent",
        ),
    ]
    assert said([unjudged]) == []


def test_the_place_is_named_where_another_was_found_elsewhere() -> None:
    """And not where all points agree."""
    small, *large = (judged(MEMORY, Standing.BETTER, f"N = {number}") for number in (1, 4, 8))

    assert said([small, *large]) == [("“replicas” is better than “workers” in memory.", "better")]
    assert said([judged(MEMORY, Standing.WORSE, "N = 1"), *large]) == [
        ("“replicas” is better than “workers” in memory at N = 4 and N = 8.", "better"),
        (f"“replicas” is worse than “workers” in memory at N = 1: {SIZE}.", "worse"),
    ]


@pytest.mark.parametrize("why", [{"failed": {"replicas": 0.5}}, {"unsustained": ("replicas",)}])
def test_a_better_arm_that_does_not_win_is_not_called_better(why: dict[str, Any]) -> None:
    """The table says why."""
    line = judged(MEMORY, Standing.BETTER, winner="", **why)

    assert said([replace(line, driven=True)])[0][0].startswith(
        "“replicas” against “workers” has no winner in memory on this storage driver: "
    )
    assert said([line]) == [(f"“replicas” against “workers” has no winner in memory: {SIZE}.", "failing")]


def test_what_holds_on_the_storage_driver_only_says_so() -> None:
    """Another one may give another answer."""
    assert said([judged(MEMORY, Standing.WORSE, driven=True)])[0][0] == (
        f"“replicas” is worse than “workers” in memory on this storage driver: {SIZE}."
    )
    assert said([judged(MEMORY, Standing.WORSE, driven=True, alone=True)])[0][0] == (
        "“replicas” is worse than “workers” in memory on this storage driver and without the engine's own processes: "
        f"{SIZE}."
    )


def test_what_was_to_be_judged_and_has_no_answer_is_named() -> None:
    """Once for each reason, with where; a line of a run that is not valid is no answer."""
    line = judged(MEMORY, Standing.REFUSED, valid=False)
    hang, memory, p50 = (
        Gap(topic=topic, metric=metric, arm="replicas", run="r", point=point, why=INVALID)
        for topic, metric, point in (("drill hang", HARM, "hang"), ("memory", MEMORY, ""), ("latency", "p50", ""))
    )

    assert said([line], hang, memory, p50) == [
        ("No answer on harm of “replicas” in the drill hang: the run is not valid for it.", "invalid"),
        ("No answer on memory and p50 response time of “replicas”: the run is not valid for it.", "invalid"),
    ]


def test_what_is_too_short_to_judge_is_not_called_invalid() -> None:
    """A run of one block has no verdict, and nothing is wrong with it."""
    few = Gap(topic="memory", metric=MEMORY, arm="replicas", run="r", point="", why=WORDLESS)

    assert said([], few) == [("No answer on memory of “replicas”: no verdict.", "")]


@pytest.mark.parametrize(
    ("standings", "over"),
    [
        ((), ""),
        ((Standing.EQUIVALENT, Standing.WORSE), "worse"),
        ((Standing.BETTER, Standing.WORSE), "trade"),
    ],
)
def test_the_icon_of_a_card_is_not_that_of_its_best_half(standings: Sequence[Standing], over: str) -> None:
    """Better in memory and worse in p99 is a trade-off."""
    lines = [judged(metric, standing) for metric, standing in zip((MEMORY, "p99"), standings, strict=False)]

    assert lead_of_card(Card(lines=tuple(lines), turns=(), facts=(), missing={})).outcome == over


def test_a_verdict_that_settles_nothing_is_not_settled() -> None:
    """Whatever its reason."""
    found = judged(MEMORY, Standing.OPEN)
    found = replace(found, judgement=replace(found.judgement, verdict=Verdict.INCONCLUSIVE))

    assert said([found]) == [(f"“replicas” against “workers” is not settled in memory: {SIZE}.", "open")]
