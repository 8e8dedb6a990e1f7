"""The made-up trials of benchmarks/known: numbers and words whose right values are known, without load or engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from benchmarks.accuracy import CASES, cases
from benchmarks.known.check import Check, exactly, within

MADE_UP = ("overload", "growth", "hung", "drops", "failures", "equal", "looks", "deaths")


@pytest.mark.parametrize("case", MADE_UP)
def test_what_was_planted_is_printed(case: str) -> None:
    """Every line of the table, as `make bench` prints it."""
    check: Callable[[], Iterable[Check]] = CASES[case]

    found = list(check())

    assert found
    assert [str(line) for line in found if not line.holds] == []


def test_a_wrong_answer_is_told() -> None:
    """A table that cannot fail says nothing."""
    assert within("a", 101.9, 100.0, 0.02, "MB").holds
    assert not within("a", 102.1, 100.0, 0.02, "MB").holds
    assert not within("a", float("nan"), 100.0, 0.02, "MB").holds
    assert not exactly("a", "better", "worse").holds


def test_cases_run_in_their_own_order() -> None:
    assert cases("looks,growth") == ("growth", "looks")
