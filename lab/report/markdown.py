"""report.md, which reads well on a code host, with its figures as SVG files beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import vl_convert

from lab.report.content import Content, Figure, Listing, Part, Section, Table
from lab.report.text import markdown, markdown_code

FIGURES = "figures"
PAGE = {"background": "white"}  # a dark page must not swallow the black text of a figure


def render_markdown(content: Content, *, figures: bool = True) -> str:
    """The whole report as Markdown; without ``figures`` for places that show none, such as a CI job summary."""
    parts = (*_opening(content, figures), *(line for s in content.sections for line in _section(s, figures)))
    return "\n\n".join(part for part in parts if part) + "\n"


def render_figures(content: Content) -> Mapping[str, str]:
    """Every figure as SVG text, by its path relative to report.md."""
    return {_path(figure): svg(figure) for figure in all_figures(content)}


def all_figures(content: Content) -> Iterator[Figure]:
    """The figures in the order of the page."""
    if content.figure:
        yield content.figure
    for section in content.sections:
        yield from (part for part in section.parts if isinstance(part, Figure))


def svg(figure: Figure) -> str:
    """The figure drawn in black on white."""
    spec: dict[str, Any] = {**figure.spec, "config": {**figure.spec["config"], **PAGE}}
    return str(vl_convert.vegalite_to_svg(spec)).replace("currentColor", "black")


def _path(figure: Figure) -> str:
    return f"{FIGURES}/{figure.key}.svg"


def _opening(content: Content, figures: bool) -> Iterator[str]:
    yield f"# {markdown(content.question)}"
    yield f"<sub>{markdown(' · '.join(content.facts))}</sub>"
    yield "\n".join(
        f"- {markdown(answer.sentence)}" + (f" → **{markdown(answer.word)}**" if answer.word else "")
        for answer in content.answers
    )
    yield markdown(content.status)
    if content.figure and figures:
        yield from _part(content.figure, figures)
    yield from _part(content.headline, figures)


def _section(section: Section, figures: bool) -> Iterator[str]:
    yield f"## {markdown(section.title)}"
    yield "\n".join(f"> **!** {markdown(doubt)}  " for doubt in section.doubts)
    separator = "\n" if len(section.sentences) > 1 else ""
    mark = "- " if separator else ""
    yield separator.join(mark + markdown(sentence) for sentence in section.sentences)
    for part in section.parts:
        yield from _part(part, figures)


def _part(part: Part, figures: bool) -> Iterator[str]:
    if isinstance(part, Figure):
        if figures:
            yield f"![{markdown(part.title)}]({_path(part)})"
            yield f"*{markdown(part.sentence)}*"
    elif isinstance(part, Listing):
        yield f"<details><summary>{markdown(part.title)}</summary>"
        yield markdown_code(part.text)
        yield "</details>"
    else:
        yield f"### {markdown(part.title)}"
        yield _table(part)
        yield markdown(part.note)


def _table(table: Table) -> str:
    header = _row(column.title for column in table.columns)
    rule = _rule("--:" if column.numeric else "---" for column in table.columns)
    return "\n".join((header, rule, *(_row(cell.text for cell in row) for row in table.rows)))


def _row(texts: Iterator[str] | Any) -> str:
    return "| " + " | ".join(markdown(text) for text in texts) + " |"


def _rule(marks: Iterator[str] | Any) -> str:
    return "|" + "|".join(marks) + "|"
