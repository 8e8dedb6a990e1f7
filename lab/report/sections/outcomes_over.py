"""How the arm that a question is about came out at several points, in few words: for a browser's tab and its icon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lab.analysis.conclusion import Outcome, arms_in_order
from lab.analysis.conditions import for_want_of_blocks
from lab.analysis.points import PointResult
from lab.analysis.summary import RunSummary
from lab.report.first_screen import INVALID, VIOLATED, Lead, icon_word
from lab.report.sections.expectation_sentences import WANTING
from lab.units import count_of

FELL, UNDECIDED = "cannot run", "undecided"
WORDS: Mapping[str, str] = {
    Outcome.BETTER: "better",
    Outcome.WORSE: "worse",
    Outcome.TRADE: "a trade-off",
    Outcome.EQUIVALENT: "about the same",
    Outcome.SMALL: "maybe too little to matter",
    Outcome.OPEN: "not settled",
    Outcome.NUMBERS: "no verdict",
    Outcome.FAILING: "no winner",
    INVALID: "not valid",
    FELL: FELL,
    "holds": "hold",
    UNDECIDED: UNDECIDED,
    WANTING: f"{UNDECIDED}{WANTING}",
    VIOLATED: VIOLATED,
    "": "no answer",
}
EXPECTED = ("", "holds", UNDECIDED, VIOLATED, INVALID)  # of one point after the other, the worst is that of all
NAMED = 3  # points; more of them are counted
LONGEST = 60  # characters of the names of points in a title


def title_over(whole: RunSummary, points: Sequence[PointResult], leads: Sequence[Lead]) -> str:
    """``"replicas vs workers: better at kill, worse at hang"``; where no arm is judged how many points there are."""
    found = _outcomes(whole, points, leads)
    if not found and len({lead.title for lead in leads}) == 1 and leads[0].title:  # one arm, and its expectations
        return f"{leads[0].title} at {'both' if len(points) == 2 else f'all {len(points)}'} points"
    if not found and any(lead.outcome in EXPECTED[1:-1] for lead in leads):
        of_each = {one.point.title: _expected(one, lead) for one, lead in zip(points, leads, strict=True)}
        return f"expectations {_told(of_each)}"
    if not found:
        return f"{count_of(len(points), 'point')}: {'; '.join(one.point.title for one in points)}"
    return f"{arms_in_order(whole)[0]} vs {whole.scenario.baseline}: {_told(found)}{_violated(points, leads)}"


def word_over(whole: RunSummary, points: Sequence[PointResult], leads: Sequence[Lead]) -> str:
    """The outcome at all points together, as the icon shows it; empty where nothing is judged."""
    violated, word = any(lead.is_violated for lead in leads), _word_over(whole, points, leads)
    return icon_word(word, violated=violated and bool(arms_in_order(whole)))


def _word_over(whole: RunSummary, points: Sequence[PointResult], leads: Sequence[Lead]) -> str:
    words = {*_outcomes(whole, points, leads).values()}
    if not words:  # no arm is judged: expectations are all there is
        return max((lead.outcome for lead in leads), key=EXPECTED.index, default="")
    if len(words) < 2:
        return next((word for word in words if word != FELL), "")
    either_way = {Outcome.BETTER.value, Outcome.WORSE.value} <= words or Outcome.TRADE.value in words
    return (Outcome.TRADE if either_way else Outcome.OPEN).value


def _outcomes(whole: RunSummary, points: Sequence[PointResult], leads: Sequence[Lead]) -> Mapping[str, str]:
    """By the titles of the points; of the arm that comes first in the answer."""
    if not (arms := arms_in_order(whole)):
        return {}
    pair = (arms[0], whole.scenario.baseline)
    return {one.point.title: _outcome(pair, one, lead) for one, lead in zip(points, leads, strict=True)}


def _outcome(pair: tuple[str, str], one: PointResult, lead: Lead) -> str:
    arm, _ = pair
    if {*pair} & {each for arms in one.run.fallen.values() for each in arms}:
        return FELL
    if lead.answered == INVALID:
        return INVALID
    return lead.answered if lead.arm == arm else Outcome.NUMBERS.value


def _expected(one: PointResult, lead: Lead) -> str:
    """The outcome of a point's expectations, told apart where the machine did not let them be settled."""
    wanting = lead.outcome == UNDECIDED and for_want_of_blocks(one.comparison.conditions)
    return WANTING if wanting else lead.outcome


def _violated(points: Sequence[PointResult], leads: Sequence[Lead]) -> str:
    """``"; an expectation is violated at N = 4"``, or at how many points; empty where none is."""
    where = [one.point.title for one, lead in zip(points, leads, strict=True) if lead.is_violated]
    if not where:
        return ""
    named = len(where) < NAMED and sum(map(len, where)) <= LONGEST
    at = " and ".join(where) if named else f"{len(where)} of {len(points)} points"
    return f"; an expectation is violated at {at}"


def _told(found: Mapping[str, str]) -> str:
    """``"better at all 4 points"``, or each outcome with its points, or with their number."""
    words = list(dict.fromkeys(found.values()))
    if len(words) == 1:
        return f"{WORDS[words[0]]} at {'both' if len(found) == 2 else f'all {len(found)}'} points"
    if len(found) > NAMED or sum(map(len, found)) > LONGEST:
        counts = [list(found.values()).count(word) for word in words]
        of_all = [f"of {len(found)} points", *("" for _ in counts[1:])]
        return ", ".join(
            f"{WORDS[word]} at {count} {rest}".rstrip() for word, count, rest in zip(words, counts, of_all, strict=True)
        )
    return ", ".join(
        f"{WORDS[word]} at {' and '.join(title for title, own in found.items() if own == word)}" for word in words
    )
