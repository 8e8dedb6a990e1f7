"""What a reader's weights come to, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isclose

from lab.analysis.card import Tally
from lab.metrics import METRICS


def tally_sentences(found: Tally) -> Iterator[str]:
    """What the reader's weights come to, and what they change."""
    if found.unmeasured:
        yield f"No verdict here about {', '.join(found.unmeasured)}: that weight counts in no sum."
    if len(found.unmeasured) == len(found.weights):
        return
    given = ", ".join(f"{name} {weight:g}" for name, weight in found.weights.items())
    told = f"With your weights ({given}): {_sums(found.weighted)}; {found.open:.3g} is not settled."
    told += _placed(found) + _without(found)
    yield told
    first, equal = _first(found.weighted), _first(found.equal)
    change = "they do not change who is first" if first == equal else f"they put {first} first instead of {equal}"
    yield f"With equal weights: {_sums(found.equal)}. Compared with that, {change}."


def _placed(found: Tally) -> str:
    """What of it has a winner that counts for nobody."""
    if not found.placed:
        return ""
    where = "only on this storage driver or without the engine's own processes"
    return f" Of that, {found.placed:.3g} has a winner {where}, which counts for nobody."


def _without(found: Tally) -> str:
    """What of it no run could judge, and where: ``" Of that, 0.75 is without a verdict: memory of … at N = 8 (…)."``"""
    places: dict[tuple[str, ...], list[str]] = {}
    for gap in found.gaps:
        places.setdefault((gap.arm, gap.point, gap.why, gap.run), []).append(METRICS[gap.metric].called)
    told = (
        f"{', '.join(called)} of {arm}{f' at {point}' if point else ''} ({why}, {run})"
        for (arm, point, why, run), called in places.items()
    )
    return f" Of that, {found.unjudged:.3g} is without a verdict: {'; '.join(told)}." if places else ""


def _sums(sums: Mapping[str, float]) -> str:
    return ", ".join(f"{arm} {weight:.3g}" for arm, weight in sums.items())


def _first(sums: Mapping[str, float]) -> str:
    most = max(sums.values(), default=0.0)
    first = [arm for arm, weight in sums.items() if isclose(weight, most) and most > 0]
    return " and ".join(first) or "nobody"
