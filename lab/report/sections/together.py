"""What is said of several points of a run: each sentence once, with the points that it is said of."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from lab.analysis.points import PointResult
from lab.report.first_screen import Answer
from lab.report.parts.caveats import fallen_told

AtPoint = tuple[PointResult, Answer]


def together(found: Sequence[AtPoint], points: int) -> Iterator[Answer]:
    """Each answer once, with the points that it is said of; without them where it is said of all.

    An expectation is told at each point, whatever came out at the others: a build server knows it by its name.
    """
    titles: dict[tuple[Answer, str], dict[str, None]] = {}
    for one, answer in found:
        titles.setdefault((answer, one.point.title if answer.case else ""), {})[one.point.title] = None
    for (answer, alone), where in titles.items():
        at = f"{alone}: " if alone else at_points(tuple(where), points)
        yield replace(answer, sentence=f"{at}{answer.sentence}", case=answer.case and f"{at}{answer.case}")


def at_points(where: Sequence[str], points: int) -> str:
    """``"N = 1, N = 2: "``, the beginning of a sentence; empty where it is said of all, or the run has no points."""
    return "" if len(where) == points > 1 or not any(where) else f"{', '.join(where)}: "


def fallen_answers(points: Sequence[PointResult]) -> Iterator[AtPoint]:
    """The arms that cannot run at a point: an answer too."""
    for one in points:
        for told in fallen_told(one.run, one.point.scenario.budget.processes):
            yield one, Answer(sentence=told)
