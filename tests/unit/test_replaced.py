"""Workers that end again and again before the app is ready are seen early; what only looks like it is not."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest

from lab.agent.calls import There, here
from lab.engines.endings import End
from lab.engines.known_endings import Sign
from lab.engines.late import listens
from lab.engines.replaced import EVERY_S, FIRST_LOOK_S, ROUNDS, Member, Replaced, Watched, is_worker, members

# A supervisor that listens and has workers, or nothing but a script that starts programs.
SUPERVISOR = """
import os, socket, sys, time
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
while True:
    pid = os.fork()
    if pid == 0:
        time.sleep(0.01)
        os._exit(3)
    os.waitpid(pid, 0)
"""
LIVES = """
import socket, time
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
time.sleep(60)
"""
WAITS = "echo 1; while :; do sleep 0.01; done"


@contextmanager
def running(*command: str) -> Iterator[tuple[int, int]]:
    """Its pid, and the port that it prints; it leads a session of its own, as the first process of a container."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    try:
        yield process.pid, int(process.stdout.readline())
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def watched(pid: int, port: int, workers: int = 2) -> Watched:
    return Watched(name="app", first=pid, workers=workers, ports=frozenset({port}))


def end_seen(service: Watched, looks: int) -> End | None:
    """What so many looks find, a little time apart, on a clock of their own."""
    clock = iter(range(10**6))
    watch = Replaced([service], here, listens, lambda: {Sign.LOG: "boom"}, clock=lambda: 10.0 * next(clock))
    for _ in range(looks):
        if end := watch.look():
            return end
        time.sleep(0.004)
    return None


def test_a_supervisor_whose_workers_end_is_told_with_its_last_lines() -> None:
    """As soon as each of its workers has ended three times."""
    with running(sys.executable, "-c", SUPERVISOR) as (pid, port):
        end = end_seen(watched(pid, port), looks=2000)

    assert end is not None
    assert f"replaces workers that end: {2 * ROUNDS} of them before the app was ready" in end.told
    assert "boom" in end.told


@pytest.mark.parametrize("command", [(sys.executable, "-c", LIVES), ("sh", "-c", WAITS)])
def test_an_app_that_takes_its_time_is_none(command: tuple[str, ...]) -> None:
    """Neither a server without workers, nor a script that asks for a database again and again."""
    with running(*command) as (pid, port):
        assert end_seen(watched(pid, port, workers=1), looks=60) is None


def test_one_that_does_not_listen_where_it_was_told_is_none() -> None:
    """Its processes may end for reasons of their own; the deadline tells of it."""
    with socket.create_server(("127.0.0.1", 0)) as other, running(sys.executable, "-c", SUPERVISOR) as (pid, _):
        assert end_seen(watched(pid, other.getsockname()[1], workers=1), looks=100) is None


def test_only_workers_of_a_parent_that_lives_are_counted() -> None:
    """By pid and start: a number that was given out again is another process; programs of others are none."""

    def member(pid: int, parent: int = 1, started: int = 7, *, worker: bool = True) -> Member:
        return Member(pid=pid, started=started, parent=parent, worker=worker)

    one, service = member(1, parent=0, worker=False), watched(1, 80)

    looks: tuple[list[Member], ...] = (
        [member(2), member(3), member(4, worker=False), member(9, parent=3)],
        [member(2, started=8), member(3)],
        [member(3)],
        [],
    )
    assert [service.note([one, *look]) for look in looks] == [0, 0, 0, 3]
    assert service.note([]) == 0


def test_a_pool_of_the_app_is_no_sign() -> None:
    """Its processes end together, when their work is done."""
    service = watched(1, 80)
    one = Member(pid=1, started=7, parent=0, worker=False)
    pool = [Member(pid=pid, started=7, parent=1, worker=True) for pid in range(2, 40)]

    assert [service.note(look) for look in ([one, *pool], [one, *pool[20:]], [one], [one])] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("words", "parent", "worker"),
    [
        ("/usr/bin/python3.13 -c from_multiprocessing.spawn", "python -m uvicorn shop:api", True),
        ("python /bin/gunicorn shop:api", "python /bin/gunicorn shop:api", True),
        ("gunicorn:_worker_[shop]", "gunicorn:_master_[shop]", True),
        ("python check_database.py", "python start.py", False),
        ("sh start.sh", "sh start.sh", False),
        ("pg_isready", "python start.py", False),
    ],
)
def test_workers_are_told_by_their_command_lines(words: str, parent: str, *, worker: bool) -> None:
    """Forked by their parent, or spawned by Python; what a script starts to wait for something is none."""
    split = [[word.replace("_", " ") for word in text.split()] for text in (words, parent)]
    assert is_worker(*split) is worker


def test_nothing_is_looked_at_while_most_apps_start() -> None:
    """And then not more often than is needed."""
    now, asked = [0.0], []

    def there(function: Any, *arguments: Any, **_: Any) -> Any:
        asked.append((function, *arguments))
        return ()

    watch = Replaced([watched(5, 80)], cast(There, there), listens, dict, clock=lambda: now[0])
    for now[0] in (0.0, FIRST_LOOK_S - 0.1, FIRST_LOOK_S, FIRST_LOOK_S + EVERY_S / 2):
        assert watch.look() is None
    assert asked == [(members, 5)]
