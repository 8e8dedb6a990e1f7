"""Numbers with their units, as people read them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lab.units import count_of, format_duration, format_rounded, format_seconds, named_cores, plural

LAB = Path(__file__).parents[2] / "lab"


@pytest.mark.parametrize(
    ("duration_s", "expected"),
    [
        (0.5, "0.5 s"),
        (2.0, "2 s"),
        (24.0, "24 s"),
        (59.96, "60 s"),
        (120.0, "2 min"),
        (324.0, "5 min 24 s"),
        (3599.7, "60 min"),
        (7500.0, "2 h 5 min"),
    ],
)
def test_a_duration_is_told_as_people_tell_it(duration_s: float, expected: str) -> None:
    """Without digits that say nothing, and in minutes from one on."""
    assert format_duration(duration_s) == expected


@pytest.mark.parametrize(
    ("duration_s", "expected"),
    [
        (0.00083, "830 µs"),
        (0.0009998, "1.00 ms"),
        (0.00999, "9.99 ms"),
        (0.0099976, "10.0 ms"),
        (0.01, "10.0 ms"),
        (0.9998, "1.00 s"),
        (119.6, "119.60 s"),
        (161.0, "2 min 41 s"),
    ],
)
def test_what_is_rounded_up_is_told_as_the_number_it_becomes(duration_s: float, expected: str) -> None:
    """Else a column has 10.00 ms beside 10.0 ms."""
    assert format_seconds(duration_s) == expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [(4012.7, "4,010"), (212.34, "212"), (95.43, "95.4"), (2.5, "2.5"), (0.0, "0"), (99.96, "100"), (1e6, "1,000,000")],
)
def test_a_rounded_number_is_written_as_people_write_it(number: float, expected: str) -> None:
    """Never as a power of ten."""
    assert format_rounded(number) == expected


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (count_of(1, "process"), "1 process"),
        (count_of(0, "block"), "0 blocks"),
        (count_of(2, "more process"), "2 more processes"),
        (plural("CPU", 1.0), "CPU"),
        (plural("CPU", 0.5), "CPUs"),
        (named_cores("3"), "core 3"),
        (named_cores("0-2"), "cores 0-2"),
        (named_cores("0,5"), "cores 0,5"),
    ],
)
def test_one_of_a_thing_has_another_word_than_many(told: str, expected: str) -> None:
    """None and parts are many."""
    assert told == expected


def test_a_plural_is_made_in_one_place() -> None:
    """Else one of them says "processs"."""
    ending = re.compile(r"""(["'])e?s\1 if |if [^{}\n]* else (["'])e?s\2""")
    both = re.compile(r"""(["'])(\w+)\1 if [^{}\n]* 1 else (["'])\2e?s\3""")
    texts = {path.name: path.read_text(encoding="utf-8") for path in LAB.rglob("*.py")}
    making = [name for name, text in texts.items() if ending.search(text) or both.search(text)]

    assert making == []
