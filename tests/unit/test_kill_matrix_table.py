"""The tables of docs/kill_matrix.md, as the benchmark that plays their cells keeps them."""

from pathlib import Path

from benchmarks.kill_matrix import COLUMNS, MARKS, SWARM_MARKS, VERB_COLUMNS, VERB_MARKS, write
from tests.kill_matrix import Event
from tests.node_matrix import NodeEvent
from tests.swarm_matrix import DRILL_EVENTS, DRILLS, SwarmEvent

DOCUMENT = Path(__file__).parents[2] / "docs/kill_matrix.md"
TABLES = ((MARKS, COLUMNS), (VERB_MARKS, VERB_COLUMNS), (SWARM_MARKS, DRILL_EVENTS))


def test_a_cell_that_is_played_takes_the_place_of_its_own_and_of_no_other(tmp_path: Path) -> None:
    """So a row may be played at some steps alone, and rows of other names stay as they are."""
    copy = tmp_path / "kill_matrix.md"
    copy.write_text(DOCUMENT.read_text(encoding="utf-8"), encoding="utf-8")
    for marks, columns in TABLES:
        write(copy, {}, columns, marks)
    assert copy.read_text(encoding="utf-8") == DOCUMENT.read_text(encoding="utf-8")
    before = copy.read_text(encoding="utf-8").splitlines()
    write(copy, {Event.SIGINT: {"measure": "✗ left"}, "new": {"deploy": "4"}}, COLUMNS, MARKS)
    after = copy.read_text(encoding="utf-8").splitlines()
    changed = next(new for old, new in zip(before, after, strict=False) if old != new)
    assert changed == f"| {Event.SIGINT} | 130 | 130 | 130 | 130 | ✗ left | 130 | 130 | 130 | finished |"
    assert set(after) - set(before) == {changed, "| new | – | 4 | – | – | – | – | – | – | – |"}


def test_the_document_has_every_way_in_which_a_node_may_be_lost() -> None:
    """Each with a cell for every step, and every drill that changes a Swarm with one for each event."""
    rows = {line.split(" | ")[0].removeprefix("| "): line for line in DOCUMENT.read_text(encoding="utf-8").splitlines()}
    for event in (*NodeEvent, *SwarmEvent):
        assert rows[event].count(" – ") == 1, "of a run that is resumed: each cell is one of its own"
    for drill in DRILLS:
        assert "–" not in rows[f"`{drill}`"]
    assert not [name for name, line in rows.items() if name.startswith(("SIGKILL", "a worker")) and "✗" in line]
