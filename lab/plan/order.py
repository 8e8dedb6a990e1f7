"""In which order the arms of a block run: Williams squares, borders between blocks included (METHOD 6.1).

Source: Williams (1949), Aust. J. Sci. Res. A 2: every treatment follows every other equally often.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from random import Random

TRIES = 30  # orders of the rows of a period, of which the best balanced one is taken

Row = tuple[int, ...]
Followers = Counter[tuple[int, int]]  # (arm, the one right after it) → how often


def period(arms: int) -> int:
    """After how many blocks the order is balanced: every arm in every place and after every other one equally often."""
    return arms if arms % 2 == 0 or arms == 1 else 2 * arms


def rows(arms: int, rng: Random) -> Iterator[Row]:
    """The order of the arms of one block after the other, as numbers, without end; each period is balanced in itself.

    Which arm is which, and the order of the rows, are drawn. Across the border of two blocks the last arm is followed
    by the first: rows are ordered so that this too is shared out as evenly as it can be.
    """
    followers: Followers = Counter()
    last: int | None = None
    while True:
        names = list(range(arms))
        rng.shuffle(names)
        square = [tuple(names[place] for place in row) for row in _williams(arms)]
        found = [_ordered(square, last, followers, rng) for _ in range(TRIES if arms > 2 else 4)]
        best, followers = min(found, key=lambda tried: sum(count * count for count in tried[1].values()))
        last = best[-1][-1]
        yield from best


def _williams(arms: int) -> list[Row]:
    """The rows 0, 1, k−1, 2, k−2, … shifted by 0 … k−1; for an odd number also each of them backwards."""
    zigzag = [(place + 1) // 2 if place % 2 else (arms - place // 2) % arms for place in range(arms)]
    square = [tuple((arm + shift) % arms for arm in zigzag) for shift in range(arms)]
    return square if period(arms) == arms else [*square, *(row[::-1] for row in square)]


def _ordered(square: list[Row], last: int | None, before: Followers, rng: Random) -> tuple[list[Row], Followers]:
    """One order of the rows: next comes each time one whose first arm has followed the last arm least."""
    followers, remaining, order = before.copy(), list(square), list[Row]()
    rng.shuffle(remaining)
    while remaining:
        row = min(remaining, key=lambda row: 0 if last is None else followers[last, row[0]])
        remaining.remove(row)
        order.append(row)
        if last is not None:
            followers[last, row[0]] += 1
        followers.update(pairwise(row))
        last = row[-1]
    return order, followers
