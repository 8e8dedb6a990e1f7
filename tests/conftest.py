"""For all tiers: the same signals wherever the tests are started, and a machine that is afterwards as it was before."""

from __future__ import annotations

import os
import signal
import sys

import pytest
from hypothesis import settings

from tests.machine import Facts, changes, look

settings.register_profile("lab", deadline=None)  # a busy machine is no finding
settings.load_profile("lab")
# Whoever forbids Python to keep what it has compiled makes every child compile 460 modules of the lab anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# The width of whoever looks on, which xdist hands to its workers, is none of what is tested.
os.environ.pop("COLUMNS", None)
MACHINE = pytest.StashKey[Facts]()


def pytest_sessionstart(session: pytest.Session) -> None:
    """Under nohup a hang-up is ignored, by every child as well: those of the tests are sent one and must end of it."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    worker = hasattr(session.config, "workerinput")  # xdist's: once is enough, in the process that starts them
    if not worker and not session.config.option.collectonly:
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
