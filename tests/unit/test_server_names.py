"""Who answered: by the app's own header where it names processes, else by what the lab sees."""

from __future__ import annotations

import pytest

from lab.engines.names import Names


def names(*answers: tuple[str, str], threaded: bool = False) -> Names:
    """Of answers as header and owner."""
    found = Names(threaded=threaded)
    for header, owner in answers:
        found.add(header, owner)
    return found


@pytest.mark.parametrize(
    ("answers", "servers", "ignored"),
    [
        ([("a", ""), ("b", ""), ("a", "")], {"a": 2, "b": 1}, ""),
        ([("a", "pid-1"), ("b", "pid-2")], {"a": 1, "b": 1}, ""),
        ([("FastAPI", ""), ("FastAPI", "pid-1"), ("FastAPI", "pid-2")], {"pid-1": 1, "pid-2": 1}, "FastAPI"),
        ([("host", "at-1"), ("host", "at-2")], {"at-1": 1, "at-2": 1}, "host"),
        ([("cache-17", "pid-1"), ("cache-18", "pid-1"), ("cache-19", "pid-2")], {"pid-1": 2, "pid-2": 1}, "cache-17"),
        ([("", "pid-1"), ("", "pid-2"), ("", "")], {"pid-1": 1, "pid-2": 1}, ""),
        ([("a", "pid-1"), ("", "pid-2")], {"a": 1, "pid-2": 1}, ""),
        ([], {}, ""),
    ],
)
def test_a_name_belongs_to_one_process_that_has_no_other(
    answers: list[tuple[str, str]], servers: dict[str, int], ignored: str
) -> None:
    """What several say, or one says in several ways, names nobody."""
    found = names(*answers)
    assert found.servers() == servers
    assert found.ignored == ignored


@pytest.mark.parametrize(
    ("answers", "ignored"),
    [
        ([("1-ab:7", "pid-1"), ("1-ab:8", "pid-1"), ("1-ab:9", "pid-1")], False),
        ([("1-ab:7", "pid-1"), ("2-cd:7", "pid-1")], True),
        ([("cache", "pid-1"), ("other", "pid-1")], True),
    ],
)
def test_threads_of_a_process_have_names_with_one_beginning(answers: list[tuple[str, str]], ignored: bool) -> None:
    """Where threads are asked for; elsewhere one process that says several names says none."""
    found = names(*answers, threaded=True)
    assert bool(found.ignored) is ignored
    assert found.servers() == ({"pid-1": len(answers)} if ignored else {name: 1 for name, _ in answers})
    assert names(*answers).ignored


def test_owners_are_asked_for_while_some_are_unseen() -> None:
    """It takes time, so not where every process has an address of its own."""
    assert not names(("a", "at-1"), ("b", "at-2")).unseen
    assert names(("a", "")).unseen
