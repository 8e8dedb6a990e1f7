"""A decision card in a few sentences: in what which arm is better, in what they are the same, and what has no answer.

Nothing is weighed: a sentence names what was judged, each thing where it was judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from lab.analysis.card import Card, Gap, Line
from lab.analysis.conclusion import Outcome, Standing
from lab.analysis.gaps import INVALID as NOT_VALID_FOR_IT
from lab.metrics import METRICS
from lab.report.first_screen import INVALID, Answer, Lead
from lab.report.parts.answers import quoted
from lab.report.parts.gate_sentences import listed
from lab.report.parts.judged import change
from lab.report.parts.storage import place_of
from lab.report.sections.lead import OPENINGS
from lab.units import plural

OUTCOMES = {
    Standing.BETTER: Outcome.BETTER,
    Standing.WORSE: Outcome.WORSE,
    Standing.EQUIVALENT: Outcome.EQUIVALENT,
    Standing.SMALL: Outcome.SMALL,
    Standing.OPEN: Outcome.OPEN,
    Standing.REFUSED: Outcome.OPEN,
}
DRILL = "drill "  # begins the topic of what is broken on purpose
Pair = tuple[Outcome, str, str, str]  # what was found, of which arm against which, and where it holds


def lead_of_card(card: Card) -> Lead:
    """The sentences that the card opens with; none where no run judged anything."""
    found = tuple(_found(card))
    words = [answer.word for answer in found]  # in the order of the outcomes
    trade = {Outcome.BETTER.value, Outcome.WORSE.value} <= {*words}
    over = Outcome.TRADE.value if trade else next(iter(words), "")
    return Lead(sentences=(*found, *_without(card.gaps)), over=over)


def where_of(line: Line) -> str:
    """The point, but not a verb that the topic names, and what else tells its run from the others; may be empty."""
    point = "" if line.point == line.verb else line.point
    return ", ".join(filter(None, (point, *line.conditions.values())))


def _found(card: Card) -> Iterator[Answer]:
    """One sentence for each outcome of each pair of arms, in the order of the outcomes; a single line has its size."""
    judged = [line for line in card.lines if line.valid and line.judgement.verdict is not None]
    pairs: dict[Pair, list[Line]] = {}
    for line in judged:
        pairs.setdefault(_pair(line), []).append(line)
    order = list(Outcome)
    for (outcome, arm, baseline, here), own in sorted(pairs.items(), key=lambda pair: order.index(pair[0][0])):
        where = _where(own, [line for line in judged if line.arm == arm])
        where, here = ("", where + here) if outcome is Outcome.FAILING else (where, here)  # its opening names no metric
        opening = OPENINGS[outcome].format(arm=quoted(arm), baseline=quoted(baseline), where=where, here=here)
        size = f": {change(own[0].judgement, METRICS[own[0].metric])}" if len(own) == 1 else ""
        yield Answer(sentence=f"{opening}{size}.", word=outcome.value)


def _pair(line: Line) -> Pair:
    outcome = OUTCOMES[line.standing]
    if outcome in (Outcome.BETTER, Outcome.WORSE) and not line.winner:
        outcome = Outcome.FAILING  # the table says why: requests failed, or a longer run did not confirm it
    return outcome, line.arm, line.baseline, place_of(driven=line.driven, alone=line.alone)


def _where(own: Sequence[Line], judged: Sequence[Line]) -> str:
    """``" in memory and p99 response time at N = 8, and in the drills kill and roll (harm)"``.

    Without the place where the same was found wherever it was judged.
    """
    drilled, plain = _by_metric(line for line in own if line.verb), _by_metric(line for line in own if not line.verb)
    parts = [listed([_metric(metric, lines, judged) for metric, lines in plain.items()])] if plain else []
    parts += [
        f"{_drills(line.point or line.verb for line in lines)} ({METRICS[metric].called})"
        for metric, lines in drilled.items()
    ]
    return f" in {', and in '.join(parts)}"


def _by_metric(lines: Iterable[Line]) -> dict[str, list[Line]]:
    """The lines of each metric, in their order."""
    found: dict[str, list[Line]] = {}
    for line in lines:
        found.setdefault(line.metric, []).append(line)
    return found


def _metric(metric: str, lines: Sequence[Line], judged: Sequence[Line]) -> str:
    places = list(dict.fromkeys(filter(None, map(where_of, lines))))
    everywhere = len(lines) == sum(line.metric == metric for line in judged)
    return METRICS[metric].called + (f" at {listed(places)}" if places and not everywhere else "")


def _drills(names: Iterable[str]) -> str:
    told = list(dict.fromkeys(names))
    return f"the {plural('drill', len(told))} {listed(told)}"


def _without(gaps: Sequence[Gap]) -> Iterator[Answer]:
    """One sentence for each arm and reason why something that was to be judged has no answer, with where that is."""
    metrics: dict[tuple[str, str, str], dict[str, None]] = {}
    for gap in gaps:
        metrics.setdefault((gap.arm, gap.why, _place(gap)), {})[METRICS[gap.metric].called] = None
    places: dict[tuple[str, str, str], list[str]] = {}
    for (arm, why, place), own in metrics.items():
        places.setdefault((arm, why, listed(list(own))), []).append(place)
    for (arm, why, called), where in places.items():
        told = listed(list(filter(None, where)))
        word = INVALID if why == NOT_VALID_FOR_IT else ""
        yield Answer(sentence=f"No answer on {called} of {quoted(arm)}{told and f' {told}'}: {why}.", word=word)


def _place(gap: Gap) -> str:
    """Where it was to be judged; the point of a drill is its name."""
    drilled = gap.topic.startswith(DRILL)
    drill = f"in {_drills([gap.point or gap.topic.removeprefix(DRILL)])}" if drilled else ""
    at = ", ".join(filter(None, ("" if drilled else gap.point, *gap.conditions)))
    return " ".join(filter(None, (drill, at and f"at {at}")))
