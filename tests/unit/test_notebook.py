"""The notebook in examples/ runs from its first cell to its last, as whoever opens it would run it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from lab.record.schema import NAMES
from lab.run.frames import METRICS_COLUMNS, WHICH

ROOT = Path(__file__).parents[2]
FRAMES = ("requests", "processes", "cgroups", "host")
NOTEBOOK = ROOT / "examples" / "notebook" / "read_a_run.ipynb"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the machinery that runs notebooks
def test_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every cell, in its folder, with this Python as its kernel; it shows both arms and a ratio."""
    spec = tmp_path / "kernels" / "python3" / "kernel.json"
    spec.parent.mkdir(parents=True)
    argv = f'["{sys.executable}", "-m", "ipykernel_launcher", "-f", "{{connection_file}}"]'
    spec.write_text(f'{{"argv": {argv}, "display_name": "Python 3", "language": "python"}}')
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(NOTEBOOK.parent)}}).execute()

    shown = [
        output.get("text") or output["data"]["text/plain"]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
    ]
    assert len(shown) == sum(cell.cell_type == "code" for cell in notebook.cells)
    assert all("workers" in text and "replicas" in text for text in (shown[0], shown[1], *shown[3:]))
    assert "ratio" in shown[2]


def test_it_is_kept_without_what_it_showed() -> None:
    """Outputs and counters are of whoever ran it; a diff of the notebook is a diff of its cells."""
    for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def test_every_column_that_it_names_is_documented() -> None:
    """In the reference, where its first cell sends the reader."""
    reference = (ROOT / "docs" / "reference.md").read_text()
    for column in {*WHICH, *METRICS_COLUMNS, *(name for table in FRAMES for name in NAMES[table])}:
        assert re.search(rf"^\| `{column}` \|", reference, re.MULTILINE), column
