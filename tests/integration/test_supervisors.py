"""What METHOD 9 expects of uvicorn's supervisor, tried: docs/traps.md quotes these tests. No container is needed."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import psutil
import pytest

from lab.host.ports import free_ports
from tests.integration.conftest import REPOSITORY

pytestmark = [pytest.mark.integration, pytest.mark.alone]

WORKERS = 3
PORTS = (27000, 27999)
PING_S, TICK_S = 5.0, 0.5  # so long it waits for each worker, and so often it looks
SLACK_S = 3.0  # a machine with other work: less than a further wait
WITHIN_S = 40.0
Tried = tuple[tuple[list[float], bool], list[float]]


@dataclass
class Supervised:
    """uvicorn with WORKERS workers on a free port; ``order``: its supervisor asks them in that one."""

    process: subprocess.Popen[bytes]
    port: int
    order: Sequence[psutil.Process]

    def ask(self, path: str) -> None:
        """Ask once, and do not mind what becomes of it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WITHIN_S)
        try:
            connection.request("GET", path)
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            return
        finally:
            connection.close()

    def ends(self, watched: Sequence[psutil.Process], within_s: float) -> list[float]:
        """When each of these was ended, in seconds from now; infinite where it was not within the time."""
        began_s, ended = time.monotonic(), {each.pid: float("inf") for each in watched}
        while time.monotonic() < began_s + within_s and float("inf") in ended.values():
            for each in watched:
                if ended[each.pid] == float("inf") and not _lives(each):
                    ended[each.pid] = time.monotonic() - began_s
            time.sleep(0.02)
        return [ended[each.pid] for each in watched]


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@contextmanager
def supervised(port: int) -> Iterator[Supervised]:
    """The demo app; all of it is gone afterwards, what hangs too."""
    command = [sys.executable, "-m", "uvicorn", "app.main:app", "--workers", str(WORKERS), "--port", str(port)]
    with subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE, start_new_session=True) as process:
        try:
            made = sorted(map(psutil.Process, started(process)), key=psutil.Process.create_time)
            yield Supervised(process, port, made)
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def started(process: subprocess.Popen[bytes]) -> list[int]:
    """The workers, once they serve; all of them are killed where they do not in time."""
    assert process.stderr is not None
    pids = list[int]()
    late = threading.Timer(WITHIN_S, os.killpg, (process.pid, signal.SIGKILL))
    late.start()
    try:
        while len(pids) < WORKERS:
            line = process.stderr.readline().decode()
            assert line, "uvicorn ended before its workers had started"
            pids += [int(found[1]) for found in [re.search(r"Started server process \[(\d+)\]", line)] if found]
    finally:
        late.cancel()
    threading.Thread(target=process.stderr.read, daemon=True).start()
    return pids


def hang_two(port: int) -> tuple[list[float], bool]:
    """Stop two of three workers: when they were ended, and whether the third lives on."""
    with supervised(port) as found:
        first, second, third = found.order
        for each in (first, second):
            os.kill(each.pid, signal.SIGSTOP)
        return sorted(found.ends((first, second), WITHIN_S)), _lives(third)


def block_two(port: int) -> list[float]:
    """Block the loops of two workers, of which one keeps the GIL: when those were ended that were."""
    with supervised(port) as found:
        held_s = 2 * PING_S
        asking = [threading.Thread(target=found.ask, args=(f"/block?ms={held_s * 1000:g}",), daemon=True)]
        asking[0].start()
        time.sleep(0.3)  # the next one is accepted by a loop that is not blocked
        asking += [threading.Thread(target=found.ask, args=(f"/block?ms={held_s * 1000:g}&gil=true",), daemon=True)]
        asking[1].start()
        ended = found.ends(found.order, held_s - 1)
        for thread in asking:
            thread.join(WITHIN_S)
        return [at_s for at_s in ended if at_s != float("inf")]


@pytest.fixture(scope="module")
def tried() -> Tried:
    """Both, each with a supervisor of its own, beside each other: nearly all of it is waiting."""
    one, other = free_ports(2, PORTS, f"supervisors {os.getpid()}")
    with ThreadPoolExecutor(2) as pool:
        hung, blocked = pool.submit(hang_two, one), pool.submit(block_two, other)
        return hung.result(), blocked.result()


def test_workers_that_hang_are_ended_one_after_the_other(tried: Tried) -> None:
    """Each is waited for by itself: two take 10 s, and meanwhile nobody looks at the third.

    Either may be the first of them: the supervisor goes round, and may be past one when both are stopped.
    """
    ((one_s, other_s), third_lives), _ = tried

    assert PING_S <= one_s <= PING_S + TICK_S + SLACK_S
    assert 2 * PING_S <= other_s <= 2 * PING_S + TICK_S + SLACK_S
    assert third_lives


def test_a_blocked_loop_is_noticed_only_where_it_keeps_the_gil(tried: Tried) -> None:
    """A thread of the worker answers the supervisor, and runs as long as it can have the interpreter."""
    _, (killed_s,) = tried

    assert PING_S <= killed_s <= PING_S + TICK_S + SLACK_S
