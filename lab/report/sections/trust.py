"""Can a run of several points be trusted? Every caveat of its points once, with where it holds."""

from collections.abc import Iterator, Sequence

from lab.analysis.conditions import judged_families
from lab.analysis.points import PointResult
from lab.record.types import RunInfo
from lab.report.content import Section, section
from lab.report.first_screen import Group
from lab.report.parts.caveats import WHOLE, Caveats, caveats, caveats_counted, caveats_told, fallen_told
from lab.report.parts.unusual import left_out_note, rights_note
from lab.report.sections.answer import failing_over, status
from lab.report.sections.together import at_points
from lab.report.sections.validity import few
from lab.units import count_of

OF_POINTS = "see the reports of the points"  # which have the tables that a page of several points has not
Found = Sequence[tuple[PointResult, Sequence[Group]]]


def caveats_over(points: Sequence[PointResult]) -> Caveats:
    """What stands against the points, without the arms that cannot run there: these are an answer."""
    found = [(one, caveats(one.run, one.summary, one.whole.parsed_scenario.sweep.slo)) for one in points]
    return Caveats(
        judged=tuple(_merged([(one, own.judged) for one, own in found])),
        others=tuple(_merged([(one, own.others) for one, own in found])),
    )


def _merged(found: Found) -> Iterator[Group]:
    """Each sentence once, with the points that it is said of; what touches the whole run first."""
    where: dict[str, dict[str, list[str]]] = {}
    for one, groups in found:
        answered = {*fallen_told(one.run, one.point.scenario.budget.processes)}
        for group in groups:
            for sentence in (each for each in group.sentences if each not in answered):
                where.setdefault(group.about, {}).setdefault(sentence, []).append(one.point.title)
    for about, told in sorted(where.items(), key=lambda group: group[0] != WHOLE):
        sentences = (at_points(titles, len(found)) + sentence for sentence, titles in told.items())
        yield Group(about=about, sentences=tuple(sentences))


def trust_over(run: RunInfo, points: Sequence[PointResult], found: Caveats) -> str:
    """The trust line: blocks once where they are the same at all points, caveats, what is unusual about the run."""
    said = {one.point.title: status(one.summary) for one in points}
    together = " ".join(f"{title}: {text}" for title, text in said.items())
    if len(set(said.values())) == 1:
        together = f"{count_of(len(points), 'point')}, each with {next(iter(said.values()))}"
    slo = run.parsed_scenario.sweep.slo
    judged = frozenset(family for one in points for family in judged_families(one.summary, slo))
    told = " ".join((*failing_over(points), together, *caveats_told(judged, found)))
    return told + left_out_note(run) + rights_note(run)


def trust_section(found: Caveats) -> Iterator[Section]:
    """The caveats; there is no section where there are none."""
    if found.judged or found.others:
        yield section(
            "belief",
            "Caveats",
            sentences=(
                *caveats_counted(found),
                "The report of each point has its gates, and the trials in which they did not pass.",
            ),
            caveats=tuple(few(group, OF_POINTS) for group in found.judged),
            asides=tuple(few(group, OF_POINTS) for group in found.others),
            short="Trust",
        )
