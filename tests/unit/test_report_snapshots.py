"""The words of every section of a report, as a person has read them: `python -m tests.snapshots` writes them again."""

from __future__ import annotations

import pytest

from tests.snapshots import FOLDER, texts

TEXTS = texts()


def test_every_section_has_its_snapshot() -> None:
    """No file is left of a section that is gone."""
    assert sorted(file.name for file in FOLDER.iterdir()) == sorted(TEXTS)


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_a_section_says_what_was_read(name: str) -> None:
    """Word for word, over good runs and bad ones."""
    assert TEXTS[name] == (FOLDER / name).read_text()
