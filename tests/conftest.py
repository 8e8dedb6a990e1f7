"""For all tiers: the same signals wherever the tests are started, and a machine that is afterwards as it was before."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import settings

from tests.machine import Facts, changes, look, tidy

settings.register_profile("lab", deadline=None)  # a busy machine is no finding
settings.load_profile("lab")
# Whoever forbids Python to keep what it has compiled makes every child compile 460 modules of the lab anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# The width of whoever looks on, which xdist hands to its workers, is none of what is tested.
os.environ.pop("COLUMNS", None)
MACHINE = pytest.StashKey[Facts]()
# What begins first where tests run beside each other: whoever takes minutes must not be the last. A group begins with
# the first of its files. What takes seconds fills the gaps at the end.
LONG = (
    "integration/swarm_engine",
    "e2e/interrupts",
    "e2e/kill_matrix",
    "integration/nodes",
    "e2e/your_own_app",
    "integration/toys",
    "integration/drill_answers",
    "integration/renewing",
    "integration/process_engine",
    "integration/drills",
    "integration/exported",
    "e2e/report_page",
)
SHORT = tuple(f"integration/{name}" for name in ("load_", "locustfiles", "images", "hostile_front", "second_engine"))


def pytest_configure(config: pytest.Config) -> None:
    """Groups begin in the order of the tests: those of most tests are not those that take longest."""
    config.option.loadscopereorder = False


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long ones first, where there are several processes."""
    if hasattr(config, "workerinput"):  # xdist's
        items.sort(key=lambda item: turn(item.path))


def turn(path: Path) -> int:
    """When the tests of a file begin: less is earlier."""
    name = f"{path.parent.name}/{path.stem.removeprefix('test_')}"
    return LONG.index(name) - len(LONG) if name in LONG else int(name.startswith(SHORT))


def pytest_sessionstart(session: pytest.Session) -> None:
    """Under nohup a hang-up is ignored, by every child as well: those of the tests are sent one and must end of it."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    worker = hasattr(session.config, "workerinput")  # once is enough, in the process that starts them
    if not worker and not session.config.option.collectonly:
        tidy()
        session.stash[MACHINE] = look()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """What the tests did to the machine is an error of theirs, told in its own sentences."""
    if MACHINE not in session.stash:
        return
    if found := changes(session.stash[MACHINE], look()):
        told = "\n".join(["The tests must leave the machine as it was, unless that was somebody else:", *found])
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        report = pytest.TestReport("the machine", ("", None, ""), {}, "failed", told, "teardown")
        assert reporter is not None
        reporter.stats.setdefault("error", []).append(report)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
