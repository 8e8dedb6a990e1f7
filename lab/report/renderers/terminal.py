"""The terminal's short form: question, answers, the headline table, caveats. Text only; the caller prints it."""

from __future__ import annotations

import io
from collections.abc import Mapping

from rich.console import Console
from rich.text import Text

from lab.report.content import Content, Table
from lab.report.first_screen import Band, count_in
from lab.report.parts.cells import UNKNOWN
from lab.report.parts.going_on import NOWHERE, placed
from lab.report.renderers.terminal_table import tables
from lab.report.renderers.text import one_line
from lab.units import count_of

MAX_CAVEATS = 6
OBSERVED, CONTROLS = "only observed", "control"


def render_terminal(
    content: Content, width: int = 100, places: Mapping[str, str] = NOWHERE, *, colour: bool = False
) -> str:
    """The short form in ``width`` columns; ``colour`` for terminals that have it. Outside text is made harmless.

    ``places``: the folders of runs, as commands typed here name them.
    """
    out = io.StringIO()
    console = Console(
        file=out, width=width, force_terminal=colour, color_system="standard" if colour else None, highlight=False
    )
    _print_band(console, content.band, places)
    console.print(Text(one_line(content.question), style="bold"))
    console.print(Text(one_line(" · ".join(content.facts)), style="dim"))
    console.print()
    _print_answer(console, content)
    console.print()
    for number, table in enumerate(tables(content.headline, content.arms, width)):
        if number:
            console.print()
        console.print(table)
    _print_commands(console, content.headline)
    _print_caveats(console, content, places)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def _print_answer(console: Console, content: Content) -> None:
    for answer in content.lead.sentences:
        console.print(Text(one_line(answer.sentence), style="bold"))
    for sentence in content.lead.striking:
        console.print(Text(one_line(sentence), style="bold"))
    if content.lead.sentences or content.lead.striking:
        console.print()
    for answer in content.answers:
        sentence, arrow, besides = map(one_line, answer.pieces)
        styled = ((sentence, ""), (arrow, "bold"), (besides, ""))
        console.print(Text(" ").join(Text(text, style=style) for text, style in styled if text))
    for title, groups in ((OBSERVED, content.lead.observed), (CONTROLS, content.lead.controls)):
        for group in groups:
            console.print(Text(one_line(f"{title}, {group.about}: {' · '.join(group.sentences)}"), style="dim"))
    if content.status:
        console.print(Text("Trust: ", style="bold").append(one_line(content.status), style="not bold"))


def _print_band(console: Console, band: Band | None, places: Mapping[str, str]) -> None:
    if band:
        console.print(Text(f"{band.title}. {one_line(' '.join(band.sentences))}", style="bold red"))
        console.print(Text(f"{band.then}:", style="bold red"))
        console.print(Text(f"  {one_line(placed(band.command, places))}\n", style="bold red"), soft_wrap=True)


def _print_commands(console: Console, table: Table) -> None:
    """Rows with a command, which stands on a line of its own: what is wrapped cannot be pasted."""
    asking = [(row, cell.text) for row in table.rows for cell in row if cell.command]
    if asking:
        console.print()
    for row, command in asking:
        told = [cell.text for cell in row if not cell.command and cell.text != UNKNOWN]
        console.print(Text(one_line(": ".join(told))))
        console.print(Text(f"  {one_line(command)}", style="bold"), soft_wrap=True)


def _print_caveats(console: Console, content: Content, places: Mapping[str, str]) -> None:
    groups = [group for section in content.sections for group in section.caveats]
    caveats = [placed(f"{group.about}: {sentence}", places) for group in groups for sentence in group.sentences]
    count = count_in(groups)
    asides = sum(count_in(section.asides) for section in content.sections)
    if not caveats and not asides:
        return
    console.print()
    for caveat in caveats[:MAX_CAVEATS]:
        console.print(Text("! " + one_line(caveat), style="yellow"))
    if len(caveats) > MAX_CAVEATS:
        console.print(Text(f"! … and {count - MAX_CAVEATS} more in the report", style="yellow"))
    if asides:
        what = f"{asides} more that" if caveats else f"{count_of(asides, 'caveat')} that"
        touch = "touches" if asides == 1 else "touch"
        console.print(Text(f"{what} {touch} nothing that was judged, see the report", style="dim"))
