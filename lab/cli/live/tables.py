"""The two tables of the live view: the arm's processes with bars, and the estimates so far.

A table is one row of columns with a line for each process: rich takes as long for a cell as for such a column.
"""

from collections.abc import Iterable, Sequence

from rich.cells import cell_len
from rich.style import Style
from rich.table import Column, Table
from rich.text import Text

from lab.analysis.trial.counters import complete_sum
from lab.cli.live.estimates import Estimate
from lab.live.figures import ProcessFigures
from lab.report.renderers.text import one_line
from lab.units import format_bytes

PLAIN = Style()
STRONG = Style(bold=True)
FAINT = Style(dim=True)
WARN = Style(color="yellow")
BAD = Style(color="red", bold=True)
CPU = Style(color="cyan")
MEMORY = Style(color="magenta")
SHARE = Style(color="blue")
GOOD = Style(color="green")

EIGHTHS = " ▏▎▍▌▋▊▉"
FULL, HALF, EMPTY = "━", "╸", "─"
LABEL = 6  # cells of the labels on the left, with the space before them
ROLE, PID, SERVICE, NODE = 11, 7, 9, 9
SERVICE_FROM = 110  # columns of a terminal: on fewer there is no room to name the service
MIN_BAR, MAX_BAR = 3, 30
BESIDE_BARS = 54  # cells of the process table that are no bar
SCALES = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)  # in cores, of a full bar
HEAD_AND_SUM = 2
METRIC, BESIDE_NAME = 20, 44  # cells of an estimate's metric, and of what stands beside metric and arm


def line(label: str = "") -> Text:
    """The begin of one line of the view, which is cut at the terminal's edge."""
    text = Text(no_wrap=True, overflow="ellipsis")
    return text.append(f" {label:<{LABEL}}", FAINT) if label else text.append(" ")


def cut(text: str, width: int) -> str:
    """``text`` as one printable line of at most ``width`` cells; an ellipsis stands for what is missing."""
    short = Text(one_line(text))
    short.truncate(max(0, width), overflow="ellipsis")
    return short.plain


def bar(fraction: float, cells: int) -> str:
    """A bar of ``cells`` cells in steps of an eighth; anything above nothing shows at least one step."""
    steps = min(8 * cells, round(8 * cells * fraction))
    whole, rest = divmod(max(steps, 1) if fraction > 0 else 0, 8)
    return ("█" * whole + (EIGHTHS[rest] if rest else "")).ljust(cells)


def progress_bar(fraction: float, cells: int) -> tuple[str, str]:
    """Draw the done and the open part of a bar, together ``cells`` cells."""
    halves = round(2 * cells * min(1.0, max(0.0, fraction)))
    done = FULL * (halves // 2) + HALF * (halves % 2)
    return done, EMPTY * (cells - len(done))


def first_that_fits(candidates: Iterable[str], width: int) -> str:
    """The first candidate of at most ``width`` cells, else the last one cut."""
    last = ""
    for last in candidates:
        if cell_len(last) <= width:
            return last
    return cut(last, width)


def process_table(rows: Sequence[ProcessFigures], width: int, room: int) -> Table | None:
    """At most ``room`` lines: heading, a line for each process or else for each role, sum; None without that room."""
    roles = list(dict.fromkeys(row.role for row in rows))
    if not rows or room < len(roles) + HEAD_AND_SUM:
        return None
    groups = [[row] for row in rows]
    if room < len(rows) + HEAD_AND_SUM:
        groups = [[row for row in rows if row.role is role] for role in roles]
    alone, wide = len(groups) == len(rows), width >= SERVICE_FROM
    pids = [str(group[0].pid) if alone else f"× {len(group)}" for group in groups]
    columns = [
        (Column(width=LABEL), _lines(" proc", ())),
        (Column(width=ROLE), _lines("role", [group[0].role.value for group in groups]).append("\nsum", FAINT)),
        (Column(width=PID, justify="right"), _lines("pid", pids)),
    ]
    taken = BESIDE_BARS
    if wide:
        services = [cut(group[0].service, SERVICE) if alone else "" for group in groups]
        columns.append((Column(width=SERVICE), _lines("service", services)))
        taken += SERVICE + 1
    if alone and len({row.node for row in rows}) > 1 and width >= taken + NODE + 1 + 3 * MIN_BAR:
        columns.append((Column(width=NODE), _lines("node", [cut(row.node, NODE) for row in rows])))
        taken += NODE + 1
    cells = max(MIN_BAR, min(MAX_BAR, (width - taken) // 3))
    meters = _meters([together(group) for group in groups], together(rows), cells)
    return _table([*columns, *((Column(), meter) for meter in meters)], padding=1)


def _meters(rows: Sequence[ProcessFigures], total: ProcessFigures, cells: int) -> tuple[Text, Text, Text]:
    """CPU by a round scale, which its title names; the others by their largest value."""
    busiest = max(row.cpu or 0.0 for row in rows)
    scale = next((scale for scale in SCALES if busiest <= scale), SCALES[-1])
    largest = max(row.pss_bytes or 0 for row in rows) or 1
    most = max(row.share or 0.0 for row in rows) or 1.0

    def percent(value: float | None) -> str:
        return f" {_percent(value):>6}"

    def size(value: float | None) -> str:
        return f" {'–' if value is None else format_bytes(value):>9} "

    cpu = [_bar(row.cpu, scale, CPU, cells).append(percent(row.cpu)) for row in rows]
    pss = [_bar(row.pss_bytes, largest, MEMORY, cells).append(size(row.pss_bytes)) for row in rows]
    shares = [_bar(row.share, most, SHARE, cells).append(f" {_percent(row.share):>4}") for row in rows]
    blank = " " * cells  # a sum has no bar: its scale is another
    return (
        _lines(f"CPU of {_percent(scale)}", cpu).append(f"\n{blank}{percent(total.cpu)}", FAINT),
        _lines("PSS", pss).append(f"\n{blank}{size(total.pss_bytes)}", FAINT),
        _lines("share", ["" if row.share is None else share for row, share in zip(rows, shares, strict=True)]),
    )


def _percent(fraction: float | None) -> str:
    return "–" if fraction is None else f"{fraction * 100:.0f}%"


def _bar(value: float | None, scale: float, style: Style, cells: int) -> Text:
    return Text.assemble((bar((value or 0.0) / scale, cells), style))


def together(rows: Sequence[ProcessFigures]) -> ProcessFigures:
    """Several processes as one; a sum with an unknown part is unknown."""
    pss_bytes = complete_sum(row.pss_bytes for row in rows)
    return ProcessFigures(
        pid=rows[0].pid,
        role=rows[0].role,
        service=rows[0].service,
        cpu=complete_sum(row.cpu for row in rows),
        pss_bytes=None if pss_bytes is None else int(pss_bytes),
        share=complete_sum(row.share for row in rows),
    )


def estimate_table(rows: Sequence[Estimate], baseline: str, width: int, room: int) -> Table | None:
    """At most ``room`` lines: heading, one for each estimate, and how many there was no room for."""
    if not rows or room < 2:
        return None
    shown = rows if len(rows) < room else rows[: room - 2]
    metric = max(METRIC, *(len(row.metric) for row in rows)) if width >= SERVICE_FROM else METRIC
    title = f" so far, against {one_line(baseline)}"
    needed = max(len(title), *(2 + metric + len(row.arm) for row in rows))
    names = _lines(title, [f" {cut(row.metric, metric):<{metric}} {one_line(row.arm)}" for row in shown])
    if len(shown) < len(rows):
        names.append(f"\n … {len(rows) - len(shown)} more", FAINT)
    columns = [
        (Column(width=max(1, min(needed, width - BESIDE_NAME))), names),
        (Column(justify="right"), _lines("blocks", [str(row.blocks) for row in shown])),
        (Column(justify="right", min_width=7), _lines(_sizes(shown), [Text(row.ratio, STRONG) for row in shown])),
        (Column(), _lines("interval", [row.interval for row in shown])),
    ]
    return _table(columns, padding=2)


def _sizes(rows: Sequence[Estimate]) -> str:
    """What the sizes of these metrics are."""
    kinds = {row.differs for row in rows}
    return "size" if len(kinds) > 1 else "difference" if True in kinds else "ratio"


def _lines(title: str, cells: Iterable[str | Text]) -> Text:
    """A column; its texts are printable."""
    return Text("\n").join([Text(title, FAINT), *(Text(cell) if isinstance(cell, str) else cell for cell in cells)])


def _table(columns: Sequence[tuple[Column, Text]], padding: int) -> Table:
    """Make a table that cuts with an ellipsis what is too long for its column."""
    for column, _ in columns:
        column.no_wrap = True
    heads = (column for column, _ in columns)
    table = Table(*heads, box=None, show_header=False, pad_edge=False, padding=(0, padding, 0, 0))
    table.add_row(*(text for _, text in columns))
    return table


def height_of(table: Table | None) -> int:
    """Tell how many lines it has."""
    return max(str(cell).count("\n") + 1 for column in table.columns for cell in column.cells) if table else 0
