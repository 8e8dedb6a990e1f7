"""What a terminal shows whose encoding lacks characters: nothing is lost that a number means."""

from __future__ import annotations

import ast
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import lab
from lab.cli.console import put, put_json, survive_any_terminal

TEXT = "memory −15.5% ± 2 – 3× “less”, p99 ≤ 5 ms → 40 µs…"
UNKNOWN = "\ufffd"  # is a question mark in every encoding
SOURCES = Path(lab.__file__).parent


ENCODINGS = ("ascii", "latin-1", "cp1252", "utf-8")


def printed(encoding: str, monkeypatch: pytest.MonkeyPatch, show: Callable[[], None]) -> str:
    """What ``show`` writes to a stdout of this encoding."""
    kept = io.BytesIO()
    with monkeypatch.context() as patch, io.TextIOWrapper(kept, encoding=encoding) as stream:
        patch.setattr(sys, "stdout", stream)
        survive_any_terminal()
        show()
        return kept.getvalue().decode(encoding)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_what_an_encoding_lacks_is_told_in_ascii(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lost minus sign makes another number; what the encoding has stays as it is."""
    said = {
        "ascii": 'memory -15.5% +/- 2 - 3x "less", p99 <= 5 ms -> 40 us... ?',
        "latin-1": 'memory -15.5% ± 2 - 3× "less", p99 <= 5 ms -> 40 µs... ?',
        "cp1252": "memory -15.5% ± 2 – 3× “less”, p99 <= 5 ms -> 40 µs… ?",
        "utf-8": f"{TEXT} 東",
    }

    assert printed(encoding, monkeypatch, lambda: put(f"{TEXT} 東")) == f"{said[encoding]}\n"


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_json_says_the_same_in_every_encoding(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With escapes: a quotation mark in ASCII would end the text."""
    document = {"note": f"{TEXT} 東"}

    assert json.loads(printed(encoding, monkeypatch, lambda: put_json(document))) == document


def test_all_that_the_lab_writes_can_be_told_in_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every character of a text in its sources."""
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES.rglob("*.py"))
    nodes = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant))
    characters = sorted({each for node in nodes if isinstance(node.value, str) for each in node.value if each > "~"})
    shown = "".join(each for each in characters if each.isprintable())

    assert "−" in shown
    assert printed("ascii", monkeypatch, lambda: put(shown)).count("?") == shown.count(UNKNOWN) == 1
