"""A reader's weights: what the settled lines of a card come to with them, and without. No weight is ours. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from lab.analysis.card import Line, Tally


def tally_of(lines: Sequence[Line], weights: Mapping[str, float]) -> Tally:
    """Each name is a topic or a metric; its weight is shared by its lines that may say who is better.

    Exploratory metrics and invalid ones have no verdict and count for nobody: a name of which there is nothing else is
    in ``unmeasured``.
    """
    known = {
        name: [line for line in lines if name in (line.topic, line.metric) and _is_judged(line)] for name in weights
    }
    measured = {name: own for name, own in known.items() if own}
    arms = list(dict.fromkeys(arm for line in lines for arm in (line.baseline, line.arm)))
    weighted = _counted(arms, measured, weights.__getitem__)
    return Tally(
        weights=weights,
        weighted=weighted,
        equal=_counted(arms, measured, lambda _: 1.0),
        open=sum(weights[name] for name in measured) - sum(weighted.values()),
        unmeasured=tuple(name for name in weights if name not in measured),
    )


def _is_judged(line: Line) -> bool:
    return line.valid and line.judgement.verdict is not None


def _counted(
    arms: Iterable[str], measured: Mapping[str, Sequence[Line]], weight: Callable[[str], float]
) -> Mapping[str, float]:
    sums = dict.fromkeys(arms, 0.0)
    for name, own in measured.items():
        for line in own:
            if line.winner:
                sums[line.winner] += weight(name) / len(own)
    return sums
