"""The made-up trials of benchmarks/known: numbers and words whose right values are known, without load or engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from benchmarks.accuracy import CASES, cases
from benchmarks.known.check import Check, exactly, within
from benchmarks.known.drills import asked_again

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


def given_up(connection: int, what: str, path: str) -> str:
    """A line of nginx's log."""
    at = f'while reading response header from upstream, client: 127.0.0.1, request: "GET {path} HTTP/1.1"'
    return f"2026/11/29 12:06:57 [error] 8#8: *{connection} {what} {at}\n"


def test_what_nginx_passed_to_nobody_was_not_asked_again(tmp_path: Path) -> None:
    """On a busy machine both processes are late, and taken for down; one of two tries that are late is one more."""
    late, nobody = "upstream timed out (110: Connection timed out)", "no live upstreams"
    folder = tmp_path / "runs" / "run" / "trials" / "b01-retries"
    folder.mkdir(parents=True)
    lines = [(1, late, "/items/1"), (2, late, "/items/1"), (1, nobody, "/items/1"), (1, nobody, "/items/2")]
    lines += [(3, late, "/items/3"), (3, late, "/items/3"), (1, late, "/items/4"), (4, late, "/ready")]
    (folder / "nginx.log").write_text("".join(given_up(*line) for line in lines))

    assert asked_again(tmp_path) == len({2, 3, 1})  # the connections whose request was passed on
