"""A reader's weights: what the settled lines of a card come to with them, and without. No weight is ours. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from lab.analysis.card import Gap, Line, Tally

Shares = Mapping[str, int]  # by name: among how many its weight is shared


def tally_of(lines: Sequence[Line], weights: Mapping[str, float], gaps: Sequence[Gap] = ()) -> Tally:
    """Each name is a topic or a metric; its weight is shared by all that was to be judged of it, gaps included.

    Exploratory metrics were not to be judged and count for nobody. A name of which no line has a verdict is in
    ``unmeasured``: nothing is shared where nothing can be won. A winner that another storage driver, or the engine's
    own processes, may turn round counts for nobody.
    """
    known = {
        name: [line for line in lines if name in (line.topic, line.metric) and _is_judged(line)] for name in weights
    }
    measured = {name: own for name, own in known.items() if own}
    lost = {name: [gap for gap in gaps if name in (gap.topic, gap.metric)] for name in measured}
    shares = {name: len(own) + len(lost[name]) for name, own in measured.items()}
    arms = list(dict.fromkeys(arm for line in lines for arm in (line.baseline, line.arm)))
    weighted = _counted(arms, measured, shares, weights.__getitem__)
    return Tally(
        weights=weights,
        weighted=weighted,
        equal=_counted(arms, measured, shares, lambda _: 1.0),
        open=sum(weights[name] for name in measured) - sum(weighted.values()),
        unmeasured=tuple(name for name in weights if name not in measured),
        placed=sum(
            weights[name] / shares[name]
            for name, own in measured.items()
            for line in own
            if line.winner and line.placed
        ),
        unjudged=sum(weights[name] * len(lost[name]) / shares[name] for name in measured),
        gaps=tuple(dict.fromkeys(gap for own in lost.values() for gap in own)),
    )


def _is_judged(line: Line) -> bool:
    return line.valid and line.judgement.verdict is not None


def _counted(
    arms: Iterable[str], measured: Mapping[str, Sequence[Line]], shares: Shares, weight: Callable[[str], float]
) -> Mapping[str, float]:
    sums = dict.fromkeys(arms, 0.0)
    for name, own in measured.items():
        for line in own:
            if line.winner and not line.placed:
                sums[line.winner] += weight(name) / shares[name]
    return sums
