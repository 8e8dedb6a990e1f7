"""What was seen of the arms and not judged, in words with signs."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from lab.analysis.conclusion import ANONYMOUS, Alike, Conclusion, Observation, Shares
from lab.analysis.contests import Contest
from lab.metrics import METRICS
from lab.report.first_screen import Group
from lab.report.parts.answers import quoted
from lab.report.parts.effects import deciding
from lab.report.parts.gate_sentences import listed
from lab.report.parts.judged import is_large, left_open, seen
from lab.report.parts.storage import APART
from lab.units import count_of, format_ratio

SAME_FRONT = "behind the same front, "
Where = Callable[[Contest], str]  # where a metric of an arm holds: " on this storage driver", or "" for everywhere


def groups(
    arms: Sequence[str], observed: Sequence[Observation], where: Where, shares: Sequence[Shares] = ()
) -> Iterator[Group]:
    """What was seen of each arm and not judged: the shares of the work, then what is settled, then the rest."""
    for arm in arms:
        work = (_share(own) for own in shares if own.arm == arm)
        if told := (*work, *(_observation(one, where) for one in observed if one.arm == arm)):
            yield Group(about=arm, sentences=told)


def large_of(found: Conclusion) -> Iterator[Observation]:
    """What was observed of each judged arm and is large, arm by arm."""
    for side in found.sides:
        yield from (one for one in found.observed if one.arm == side.arm and is_large(one.contest.judgement))


def large_in(found: Conclusion, where: Where) -> Iterator[tuple[str, str]]:
    """The arm and the sentence of each."""
    yield from ((one.arm, _observation(one, where)) for one in large_of(found))


def large_over(found: Iterable[tuple[str, Conclusion, Where]], points: int) -> Iterator[tuple[str, str]]:
    """The same of so many points, by their names: each metric once, without its sizes, and with where it is so."""
    titles: dict[tuple[str, str], list[str]] = {}
    for title, own, where in found:
        for one in large_of(own):
            titles.setdefault((one.arm, f"{_how_large(one)}{where(one.contest)}"), []).append(title)
    for (arm, told), own_points in titles.items():
        yield arm, f"{told} at {listed(own_points) if len(own_points) < points else 'all points'}"


def striking(baseline: str, large: Iterable[tuple[str, str]]) -> Iterator[str]:
    """A sentence for each arm: no verdict, and nothing to be looked for in a list."""
    told: dict[str, list[str]] = {}
    for arm, text in large:
        told.setdefault(arm, []).append(text)
    for arm, own in told.items():
        yield f"Only observed, not judged: {quoted(arm)} against {quoted(baseline)}: {'; '.join(own)}."


def _how_large(one: Observation) -> str:
    found = one.contest.judgement
    size = "doubled" if (found.estimate or 0.0) > 1 else "halved"
    few = "" if found.interval else f" ({count_of(found.n, 'block')})"
    return f"{METRICS[one.contest.metric].called} at least {size}{few}"


def same_front(found: Alike, where: Where) -> Group:
    """The next question where an arm loses by its front: what is left of it against the other model behind the same."""
    first, *others = (_observation(one, where) for one in found.observed)
    return Group(about=f"{found.arm} against {found.control}", sentences=(f"{SAME_FRONT}{first}", *others))


def _share(own: Shares) -> str:
    shares = f"{format_ratio(own.share)} instead of {format_ratio(own.baseline)} of requests"
    told = f"busiest process {shares}{' (medians)' if own.judgement.n > 1 else ''}"
    word = left_open(own.judgement) if deciding(own.judgement) is not None else ""
    return f"{told}: {word}" if word else told


def _observation(one: Observation, where: Where) -> str:
    apart = APART if one.contest.metric == ANONYMOUS else ""
    return f"{apart}{seen(one.contest.judgement, METRICS[one.contest.metric], where(one.contest))}"
