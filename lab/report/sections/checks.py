"""What a build may fail of beside validity and expectations: an arm that answered nothing, or that cannot run."""

from collections.abc import Iterator, Sequence

from lab.analysis.points import PointResult
from lab.report.first_screen import Answer, Check
from lab.report.parts.answers import named_blocks
from lab.report.sections.answer_sentences import unanswered_answer
from lab.report.sections.together import at_points, fallen_answers, together

ANSWERED, SERVES = "every arm answered", "every arm serves"


def checks_of(points: Sequence[PointResult]) -> tuple[Check, ...]:
    """Both, whether they hold or not: a build server follows them over the runs of a scenario."""
    return _answered(points), _serves(points)


def _answered(points: Sequence[PointResult]) -> Check:
    found = [(one, arm, blocks) for one in points for arm, blocks in one.comparison.unanswered.items()]
    silent = [(one, unanswered_answer(arm, blocks)) for one, arm, blocks in found]
    return Check(
        name=ANSWERED,
        broken="an arm answered nothing",
        sentences=_sentences(silent, len(points)),
        brief="; ".join(_at(one, f"{arm} in {named_blocks(blocks.blocks)}") for one, arm, blocks in found),
    )


def _serves(points: Sequence[PointResult]) -> Check:
    fallen = list(fallen_answers(points))
    return Check(
        name=SERVES,
        broken="an arm cannot run",
        sentences=_sentences(fallen, len(points)),
        brief="; ".join(_at(one, ", ".join(arms)) for one, arms in _fallen_arms(points)),
        fails=any(one.expects for one in points),
    )


def _sentences(found: Sequence[tuple[PointResult, Answer]], points: int) -> tuple[str, ...]:
    return tuple(answer.sentence for answer in together(found, points))


def _fallen_arms(points: Sequence[PointResult]) -> Iterator[tuple[PointResult, Sequence[str]]]:
    for one in points:
        if arms := [arm for each in one.run.fallen.values() for arm in each]:
            yield one, arms


def _at(one: PointResult, text: str) -> str:
    return f"{at_points((one.point.title,), 0)}{text}"
