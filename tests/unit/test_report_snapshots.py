"""The words of every section of a report, as a person has read them: `python -m tests.snapshots` writes them again."""

from __future__ import annotations

from tests.snapshots import FOLDER, texts


def test_every_section_says_what_was_read() -> None:
    """Word for word, over good runs and bad ones; no file is left of a section that is gone."""
    found = texts()

    assert sorted(file.name for file in FOLDER.iterdir()) == sorted(found)
    for name, text in found.items():
        assert text == (FOLDER / name).read_text(), name
