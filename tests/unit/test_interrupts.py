"""Three stages of an interrupt, none of which breaks a clean-up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from lab.cli.signals import SESSION
from lab.host.interrupts import TOGETHER_S, Interrupts
from tests.launched import launched

DEADLINE_S = 60.0
BUSY = """
import time
from lab.cli.signals import staged
from lab.host.interrupts import INTERRUPTS
killed = []
with staged():
    try:
        with INTERRUPTS.killable(lambda: killed.append(1)):
            try:
                print("ready", flush=True)
                time.sleep(600)
            finally:
                print("cleaning", flush=True)
                while not killed:
                    time.sleep(0.01)
                print("hurried", flush=True)
                time.sleep(600)
    finally:
        print("never reached", flush=True)
"""


def test_an_interrupt_raises_at_once_where_nobody_defers() -> None:
    """As Python does."""
    with pytest.raises(KeyboardInterrupt):
        Interrupts().interrupt()


def test_a_deferred_interrupt_waits_for_an_admitting_part() -> None:
    """What registers and what removes is never cut in two."""
    interrupts, journal = Interrupts(), []

    @interrupts.deferred()
    def work() -> None:
        interrupts.interrupt()
        journal.append("registered")
        with interrupts.admitted():
            journal.append("waited")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert journal == ["registered"]


def test_a_deferred_interrupt_raises_at_last_when_all_is_done() -> None:
    """Inner clean-ups end first; the outermost part delivers."""
    interrupts, journal = Interrupts(), []

    @interrupts.deferred()
    def work() -> None:
        with interrupts.deferred():
            interrupts.interrupt()
        journal.append("inner done")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert journal == ["inner done"]


def test_an_interrupt_inside_an_admitting_part_reaches_a_deferring_clean_up() -> None:
    """It raises at once, and the clean-up around it is deferring again."""
    interrupts, journal = Interrupts(), []

    @interrupts.deferred()
    def work() -> None:
        try:
            with interrupts.admitted():
                interrupts.interrupt()
        finally:
            interrupts.interrupt()  # would raise here if it were admitted
            journal.append("cleaned")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert journal == ["cleaned"]


def test_another_error_is_not_replaced_by_the_interrupt_that_waited() -> None:
    """What went wrong is told; the interrupt raises at the next occasion."""
    interrupts = Interrupts()

    @interrupts.deferred()
    def work() -> None:
        interrupts.interrupt()
        raise ValueError("boom")

    with pytest.raises(ValueError, match="boom"):
        work()
    with pytest.raises(KeyboardInterrupt), interrupts.admitted():
        pytest.fail("an interrupt waited")


def test_hurrying_kills_what_is_registered_and_nothing_that_has_ended() -> None:
    """The second stage."""
    interrupts, killed = Interrupts(), []
    with interrupts.killable(lambda: killed.append("sampler")):
        with interrupts.killable(lambda: killed.append("locust")):
            pass
        interrupts.hurry()
    interrupts.hurry()
    assert killed == ["sampler"]


def test_signals_together_are_one_interrupt() -> None:
    """Whoever sends them again means it; the same that reaches a process twice is one."""
    interrupts = Interrupts()
    moments = (10.0, 10.001, 10.001 + TOGETHER_S, 10.002 + TOGETHER_S, 11.0)

    assert [interrupts.count(moment) for moment in moments] == [1, 0, 2, 0, 3]


def test_an_end_that_is_told_to_the_process_and_to_its_group_hurries_nothing() -> None:
    """So `timeout` does it: first its child, then all of its own group."""
    session = BUSY.replace("with staged():", "with staged(), first_told_as(SESSION):").replace(
        "import staged", "import SESSION, first_told_as, staged"
    )
    with launched([sys.executable, "-c", session], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        child.send_signal(signal.SIGINT)
        child.send_signal(signal.SIGTERM)
        assert child.stdout.readline() == "cleaning\n"
        time.sleep(TOGETHER_S)
        child.kill()
        told = child.communicate(timeout=DEADLINE_S)[1].splitlines()

    assert told == [f"lab: {SESSION}"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_terminal_says_each_stage(number: signal.Signals) -> None:
    """First cleans up, second hurries, third leaves at once, with 130 and the command that removes what is left."""
    with launched([sys.executable, "-c", BUSY], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        for line in ("ready\n", "cleaning\n", "hurried\n"):
            assert child.stdout.readline() == line
            time.sleep(TOGETHER_S)  # a person is no faster
            os.kill(child.pid, number)
        out, err = child.communicate(timeout=DEADLINE_S)

    assert child.returncode == 130
    assert out == ""
    assert [line[: len("lab: interrupted (1 of 3)")] for line in err.splitlines()] == [
        f"lab: interrupted ({stage} of 3)" for stage in (1, 2, 3)
    ]
    assert "`lab clean`" in err.splitlines()[-1]


def test_the_end_of_a_session_is_no_interruption() -> None:
    """The first signal is the way out of `lab ui`; only a second one hurries."""
    session = BUSY.replace("with staged():", "with staged(), first_told_as(SESSION):").replace(
        "import staged", "import SESSION, first_told_as, staged"
    )
    with launched([sys.executable, "-c", session], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        for line in ("ready\n", "cleaning\n", "hurried\n"):
            assert child.stdout.readline() == line
            time.sleep(TOGETHER_S)  # a person is no faster
            child.send_signal(signal.SIGINT)
        first, second, _ = child.communicate(timeout=DEADLINE_S)[1].splitlines()

    assert first == f"lab: {SESSION}"
    assert second.startswith("lab: interrupted (2 of 3)")


IN_A_FINALIZER = """
import os, signal
from lab.cli.signals import staged
from lab.host.interrupts import INTERRUPTS

class Finalized:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000):
            pass

with staged():
    found = Finalized()
    del found
    print("went on", flush=True)
    try:
        with INTERRUPTS.admitted():
            print("never", flush=True)
    except KeyboardInterrupt:
        print("told", flush=True)
"""


def test_an_interrupt_that_a_finalizer_swallows_waits_for_the_next_occasion() -> None:
    """Python drops what is raised there, and the first Ctrl-C would have done nothing."""
    done = subprocess.run(
        [sys.executable, "-c", IN_A_FINALIZER], capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )

    assert done.stdout.split("\n")[:-1] == ["went on", "told"], done.stderr
    assert "Exception ignored" not in done.stderr
    assert "interrupted (1 of 3)" in done.stderr


def test_a_hang_up_that_is_ignored_stays_ignored() -> None:
    """nohup lab run … goes on."""
    program = (
        "import os, signal; from lab.cli.signals import staged\nwith staged(): os.kill(os.getpid(), signal.SIGHUP)"
    )
    done = subprocess.run(
        ["nohup", sys.executable, "-c", program],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=DEADLINE_S,
    )
    assert (done.returncode, done.stderr) == (0, "")
