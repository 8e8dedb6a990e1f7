"""Texts and values that nobody expects, and what every refusal must be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from lab.errors import LabError

MAX_MESSAGE = 30_000
SECRET = "hunter22"
NASTY = (
    '"; } server { listen 0.0.0.0:1; ',
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\x1b]0;owned\x07\x1b[31m\x9b2J",
    "line\nbreak\r\n\u2028\u202e",
    "$(touch /tmp/owned)`id`;|&",
    "../../../../etc/passwd",
    "{{7919*7907}}{% raw %}",
    "\ud800\U000e0041",
    "",
)

texts = st.one_of(st.sampled_from(NASTY), st.text(max_size=40), st.just("x" * 1_000_000))
short_texts = st.one_of(st.sampled_from(NASTY), st.text(max_size=40))
numbers = st.one_of(
    st.integers(-5, 600),
    st.sampled_from([2**63, -(2**63), 10**400, 2**31, 0]),
    st.floats(),
    st.sampled_from([1e308, -1.0, 0.0, 5e-324]),
)
scalars = st.one_of(st.none(), st.booleans(), numbers, short_texts)
plain = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(short_texts, inner, max_size=3)),
    max_leaves=8,
)


def refused(error: LabError, code: int) -> None:
    """A sentence of bounded length, and the exit code of what went wrong."""
    assert error.exit_code == code, repr(error)
    assert str(error).strip()
    assert len(str(error)) < MAX_MESSAGE
    assert "Traceback" not in str(error)
    assert SECRET not in f"{error} {error.hint}"


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """(table or list, key) of every value in a nested document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in list(items):
        yield value, key
        yield from places(part)
