"""For unit tests: what they write need not outlive the machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def no_disk_is_waited_for() -> Iterator[None]:
    """A run keeps its state after every trial, and there are hundreds of runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda _fd: None)
        yield
