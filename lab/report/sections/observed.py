"""What was seen of the arms and not judged, in words with signs."""

from collections.abc import Callable, Iterator, Sequence

from lab.analysis.conclusion import ANONYMOUS, Alike, Conclusion, Observation, Shares
from lab.analysis.contests import Contest
from lab.metrics import METRICS
from lab.report.first_screen import Group
from lab.report.parts.answers import quoted
from lab.report.parts.effects import deciding
from lab.report.parts.judged import is_large, left_open, seen
from lab.report.parts.storage import APART
from lab.units import format_ratio

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


def striking(found: Conclusion, baseline: str, where: Where) -> Iterator[str]:
    """What was observed of each judged arm and is large: no verdict, and nothing to be looked for in a list."""
    for side in found.sides:
        large = [one for one in found.observed if one.arm == side.arm and is_large(one.contest.judgement)]
        if told := "; ".join(_observation(one, where) for one in large):
            yield f"Only observed, not judged: {quoted(side.arm)} against {quoted(baseline)}: {told}."


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
