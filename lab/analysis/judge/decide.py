"""Where intervals lie between the bounds of practical equivalence: the core of verdicts, for one or for thousands."""

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lab.analysis.judge.intervals import Ends, Floats, t_limits, wilcoxon_limits_at
from lab.analysis.judge.levels import equivalence_level

DECIMALS = 12  # values nearer to a bound than this lie on it: the noise of arithmetic decides no verdict

Places = NDArray[np.int8]


class Side(IntEnum):
    """Where an interval lies relative to the two bounds of practical equivalence."""

    BELOW = -1
    INSIDE = 0
    ABOVE = 1
    ACROSS = 2


class Decision(NamedTuple):
    """What decides (exact Wilcoxon) and what cross-checks it (Student), for arrays of comparisons of shape ``(...)``.

    ``wide`` is the interval that must be beyond a bound, ``narrow`` that of the two one-sided tests, which must lie
    inside both.
    """

    wide: Ends
    narrow: Ends
    place: Places
    student: Ends
    student_place: Places


def decide(values: Floats, edge: float, level: float) -> Decision:
    """Decide comparisons of shape ``(..., n)``, n blocks each, between −``edge`` and ``edge`` on their own scale."""
    narrower = equivalence_level(level)
    wide, narrow = wilcoxon_limits_at(values, (level, narrower))
    student = t_limits(values, level)
    return Decision(
        wide=wide,
        narrow=narrow,
        place=place(wide, narrow, edge),
        student=student,
        student_place=place(student, t_limits(values, narrower), edge),
    )


def place(wide: Ends, narrow: Ends, edge: float) -> Places:
    """Beyond a bound by the wide interval, inside both by the narrow one, or across."""
    edge = round(edge, DECIMALS)
    low, high = np.round(wide.low, DECIMALS), np.round(wide.high, DECIMALS)
    inside = (np.round(narrow.low, DECIMALS) >= -edge) & (np.round(narrow.high, DECIMALS) <= edge)
    return np.select([high < -edge, low > edge, inside], [Side.BELOW, Side.ABOVE, Side.INSIDE], Side.ACROSS).astype(
        np.int8
    )


def excludes_zero(limits: Ends) -> bool:
    """Whether one interval (0-dimensional limits) lies wholly on one side of zero."""
    return round(float(limits.low), DECIMALS) > 0 or round(float(limits.high), DECIMALS) < 0
