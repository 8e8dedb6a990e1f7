"""How many of several correlated metrics come out different by chance: an exact test by exchanging halves.

Where an arm is compared with itself, the names of its halves mean nothing: in each block they may be exchanged, for all
metrics at once, which keeps how these move together. Source: Fisher (1935), The Design of Experiments, section 21.
"""

from collections.abc import Sequence

import numpy as np

from lab.analysis.judge.intervals import Floats, critical_depth

MAX_EXACT_BLOCKS = 12  # up to here every exchange is tried, beyond it EXCHANGES drawn ones
EXCHANGES = 4096
SEED = 20261128


def chance_of_as_many(metrics: Sequence[tuple[Sequence[int], Sequence[float]]], level: float) -> float:
    """The share of all exchanges after which as many metrics differ as did, or more.

    A metric is given by the numbers of its blocks and their log ratios, and differs when its signed-rank test at
    1 − ``level`` rejects. Each needs as many blocks as ``level`` takes.
    """
    places = {block: place for place, block in enumerate(sorted({block for own, _ in metrics for block in own}))}
    signs = _exchanges(len(places))
    different = np.zeros(len(signs))
    for blocks, log_ratios in metrics:
        values = np.array(log_ratios, dtype=np.float64)
        ranks = _ranks(np.abs(values))
        own = signs[:, [places[block] for block in blocks]]
        smaller_side = (np.sum(ranks) - np.abs(own @ (np.sign(values) * ranks))) / 2  # a zero counts half either way
        different += smaller_side < critical_depth(len(values), level)
    return float(np.mean(different >= different[0]))


def _ranks(sizes: Floats) -> Floats:
    """1 for the smallest; ties share their mean rank."""
    below, alike = sizes[None, :] < sizes[:, None], sizes[None, :] == sizes[:, None]
    return np.asarray(np.sum(below, axis=1) + (np.sum(alike, axis=1) + 1) / 2, dtype=np.float64)


def _exchanges(n: int) -> Floats:
    """Signs of shape (exchanges, blocks), the first exchanges nothing; nor would it to exchange every block."""
    if n <= MAX_EXACT_BLOCKS:
        bits = np.arange(2 ** (n - 1))[:, None] >> np.arange(n) & 1
    else:
        bits = np.random.default_rng(SEED).integers(0, 2, (EXCHANGES, n))
        bits[0] = 0
    return np.asarray(1.0 - 2.0 * bits, dtype=np.float64)
