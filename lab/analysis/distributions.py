"""The normal distribution and Student's t, as far as verdicts need them.

SciPy is imported by whoever judges: it takes a quarter of a second, and most commands judge nothing.
"""

from statistics import NormalDist

NORMAL = NormalDist()


def student(freedom: float, probability: float) -> float:
    """The value below which Student's t with so many degrees of freedom lies with this probability."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, probability))
