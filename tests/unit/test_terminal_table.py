"""Tables in a terminal: numbers and intervals are never torn, however narrow it is."""

import io

import pytest
from rich.console import Console

from lab.report.content import Cell, Column, Table
from lab.report.renderers.terminal_table import tables

ARMS = ("nginx", "haproxy", "traefik", "caddy")
INTERVAL = "(+49.6…+51.4%)"
ROWS = ("memory (PSS), steady", "CPU for 1,000 requests")


def headline() -> Table:
    columns = [Column(title="metric"), Column(title=ARMS[0], numeric=True)]
    for arm in ARMS[1:]:
        columns += [Column(title=arm, numeric=True), Column(title="against nginx", numeric=True)]
    compared = ["251.7 MiB", f"+50.3% {INTERVAL}"] * (len(ARMS) - 1)
    rows = tuple(tuple(Cell(text) for text in (name, "167.4 MiB", *compared)) for name in ROWS)
    return Table(key="headline", title="", columns=tuple(columns), rows=rows, note="Medians.")


def drawn(table: Table, width: int, arms: tuple[str, ...] = ARMS) -> list[str]:
    out = io.StringIO()
    console = Console(file=out, width=width, highlight=False)
    for part in tables(table, arms, width):
        console.print(part)
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_where_there_is_room_all_stand_in_one_line() -> None:
    lines = drawn(headline(), 200)
    assert [line.count(INTERVAL) for line in lines if ROWS[0] in line] == [len(ARMS) - 1]
    assert lines[-1].strip() == "Medians."


@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_intervals_stay_whole_in_a_narrow_terminal(width: int) -> None:
    """They stand below their numbers; where that is not enough, further arms stand in a further table."""
    lines = drawn(headline(), width)
    assert sum(line.count(INTERVAL) for line in lines) == len(ROWS) * (len(ARMS) - 1)
    assert max(map(len, lines)) <= width
    assert sum(line.count("251.7 MiB") for line in lines) == len(ROWS) * (len(ARMS) - 1)
    assert sum("memory" in line for line in lines) == len(list(tables(headline(), ARMS, width)))
    assert [line.strip() for line in lines].count("Medians.") == 1


def test_an_arm_and_its_change_stay_together() -> None:
    for part in tables(headline(), ARMS, 60):
        titles = [str(column.header).replace("\n", " ") for column in part.columns]
        assert titles[0] == "metric"
        assert all(titles[titles.index(arm) + 1] == "against nginx" for arm in ARMS[1:] if arm in titles)


def test_a_table_without_arms_is_one_table() -> None:
    assert len(list(tables(headline(), (), 60))) == 1
