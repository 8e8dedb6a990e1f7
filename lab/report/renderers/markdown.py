"""report.md, which reads well on a code host, with its figures as SVG files beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from lab.report.charts.svg import standalone
from lab.report.content import COMMANDS, Cell, Content, Figure, Link, Listing, Part, Section, Table
from lab.report.first_screen import Answer, Box, Group, count_in
from lab.report.renderers.text import markdown, markdown_code, markdown_command
from lab.units import count_of

FIGURES = "figures"
ASIDES = "Caveats that touch nothing that was judged"
OBSERVED = "Only observed, not judged"
CONTROLS = "Controls, not judged"
MOST = 65_536  # characters of a comment on a code host, where a summary may be pasted
BESIDE = "in the folder that holds this run folder, or that holds runs/"
UNPACKED = "in the folder that holds the run folder (of a build: in its unpacked artifact)"
ELSEWHERE = "On another machine, give the command the scenario's own file instead of the run."
CUT = "*Cut to the length of a comment: report.html has all of it.*"


def render_markdown(content: Content) -> str:
    """The whole report as Markdown, with references to the files of ``render_figures``."""
    parts = (
        _link(content.over),
        *_answer(content, "#", BESIDE),
        *(line for figure in content.figures for line in _part(figure)),
        *(line for box in content.boxes for line in _box(box)),
        *_part(content.headline),
        *(line for section in content.sections for line in _section(section)),
    )
    return _joined(parts)


def render_summary(content: Content) -> str:
    """Question, answer, verdicts, table, caveats, and the commands to repeat it: for a job summary, or a comment.

    Nothing in it points to a file, and it says where to type its commands, for it is read elsewhere. It has at most
    ``MOST`` characters; what is violated comes first among the verdicts.
    """
    first = replace(content, answers=tuple(sorted(content.answers, key=lambda answer: answer.word != "violated")))
    answer = _answer(first, "##", UNPACKED)
    return _fitted((*answer, *_part(content.headline), *_doubts(content), *_again(content))) + "\n"


def _doubts(content: Content) -> Iterator[str]:
    """The caveats that touch what was judged, folded: the trust line has their number."""
    groups = [group for section in content.sections for group in section.caveats]
    if groups:
        count = count_in(groups)
        yield "\n\n".join(_folded(count_of(count, "caveat"), _caveats(groups)))


def _again(content: Content) -> Iterator[str]:
    """The commands that repeat the run; under the band of a run that is not valid they stand already."""
    if content.band is None:
        listings = (part for section in content.sections for part in section.parts if isinstance(part, Listing))
        codes = (markdown_code(part.text) for part in listings if part.key == COMMANDS)
        yield from (f"To repeat it, {UNPACKED}:\n\n{code}\n\n{ELSEWHERE}" for code in codes)
    elif "--resume" not in content.band.command:
        yield ELSEWHERE


def _fitted(parts: Iterable[str]) -> str:
    """As many of the parts, in their order, as a comment holds; a part is whole or left out."""
    kept, left = [], MOST - len(CUT) - 4
    whole = True
    for part in filter(None, parts):
        if fits := len(part) + 2 <= left:
            kept.append(part)
            left -= len(part) + 2
        whole = whole and fits
    return _joined(kept if whole else (*kept, CUT))


def _joined(parts: Iterable[str]) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"


def render_figures(content: Content) -> Mapping[str, str]:
    """Every figure as SVG text, by its path relative to report.md."""
    return {_path(figure): svg(figure) for figure in all_figures(content)}


def all_figures(content: Content) -> Iterator[Figure]:
    """The figures in the order of the page."""
    yield from content.figures
    for section in content.sections:
        yield from (part for part in section.parts if isinstance(part, Figure))


def svg(figure: Figure) -> str:
    """The figure drawn in black on white, as a file."""
    return standalone(figure.svg, f"{figure.title}. {figure.sentence}")


def _path(figure: Figure) -> str:
    return f"{FIGURES}/{figure.key}.svg"


def _answer(content: Content, level: str, where: str) -> Iterator[str]:
    yield f"{level} {markdown(content.heading)}"
    if band := content.band:
        yield "\n".join(f"> {line}  " for line in (f"**{markdown(band.title)}**", *map(markdown, band.sentences)))
        yield f"{band.then}, {where}:"
        yield markdown_code(band.command)
    yield f"<sub>{markdown(' · '.join(content.facts))}</sub>"
    leading = (*(answer.sentence for answer in content.lead.sentences), *content.lead.striking)
    yield "  \n".join(f"**{markdown(sentence)}**" for sentence in leading)
    yield "\n".join(map(_judged, content.answers))
    yield from _seen(OBSERVED, content.lead.observed)
    yield from _seen(CONTROLS, content.lead.controls)
    yield f"**Trust:** {markdown(content.status)}" if content.status else ""


def _judged(answer: Answer) -> str:
    ends = "." if answer.besides else ""
    word = f"→ **{markdown(answer.badge)}**{ends}" if answer.word else ""
    return " ".join(filter(None, (f"- {markdown(answer.sentence)}", word, markdown(answer.besides))))


def _seen(title: str, groups: Sequence[Group]) -> Iterator[str]:
    if groups:
        lines = (f"- {markdown(group.about)}: {markdown(' · '.join(group.sentences))}" for group in groups)
        yield "\n".join((f"{title}:", "", *lines))


def _box(box: Box) -> Iterator[str]:
    yield f"**{markdown(box.title)}**"
    yield "\n".join(f"- {markdown(name)}: {markdown(text)}" for name, text in box.rows)


def _caveats(groups: Iterable[Group]) -> str:
    """By what they touch, each group with its number."""
    return "\n".join(
        line
        for group in groups
        for line in (
            f"> **{markdown(group.about)}** ({group.count})  ",
            *(f"> **!** {markdown(caveat)}  " for caveat in group.sentences),
        )
    )


def _section(section: Section) -> Iterator[str]:
    yield f"## {markdown(section.title)}"
    yield _caveats(section.caveats)
    if section.asides:
        yield from _folded(ASIDES, _caveats(section.asides))
    separator = "\n" if len(section.sentences) > 1 else ""
    mark = "- " if separator else ""
    yield separator.join(mark + markdown(sentence) for sentence in section.sentences)
    for part in section.shown:
        yield from _part(part)
    yield _link(section.link)


def _link(link: Link | None) -> str:
    return f"[{markdown(link.text)}]({link.folder}/report.md)" if link else ""


def _part(part: Part) -> Iterator[str]:
    if isinstance(part, Figure):
        yield f"### {markdown(part.title)}"
        yield f"![{markdown(part.title)}]({_path(part)})"
        yield f"*{markdown(part.sentence)}*"
    elif isinstance(part, Listing):
        yield from _folded(part.title, markdown_code(part.text))
    elif part.folded:
        yield from _folded(part.title, _table(part), markdown(part.note))
    else:
        yield f"### {markdown(part.title)}"
        yield _table(part)
        yield markdown(part.note)


def _folded(title: str, *inside: str) -> Iterator[str]:
    yield f"<details><summary>{markdown(title)}</summary>"
    yield from inside
    yield "</details>"


def _table(whole: Table) -> str:
    table = whole.shown
    header = _row(markdown(column.title) for column in table.columns)
    rule = _rule("--:" if column.numeric else "---" for column in table.columns)
    return "\n".join((header, rule, *(_row(map(_cell, row)) for row in table.rows)))


def _cell(cell: Cell) -> str:
    return markdown_command(cell.text) if cell.command else markdown(cell.text)


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _rule(marks: Iterator[str] | Any) -> str:
    return "|" + "|".join(marks) + "|"
