"""Real processes that listen, accept, or have only inherited a socket, as the sampler sees them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.plan.kinds import Role, ServiceKind
from lab.sampling.arm_processes import Member, ServiceProcesses
from lab.sampling.cgroups import read_file
from lab.sampling.plan import SamplerPlan, SampleTarget
from lab.sampling.process_tree import tree_pids
from lab.sampling.reading import Reader
from lab.sampling.roles import Duty
from lab.sampling.sockets import sockets_of

PROC = Path("/proc")
DEADLINE_S = 120.0
ROUNDS, MET = 300, 20
LISTEN = "import os, select, signal, socket, sys\ns = socket.create_server(('127.0.0.1', 0))\n"
ACCEPT = "e = select.epoll(); e.register(s); print(s.getsockname()[1], flush=True)\n"
SUPERVISED = f"{LISTEN}\nif os.fork() == 0:\n    {ACCEPT.strip()}\n    os.fork()\nsignal.pause()\n"
SHORT_LIVED = """
import os, time
while True:
    for _ in range(8):
        if os.fork() == 0:
            time.sleep(0.002)
            os._exit(0)
    try:
        while True:
            os.waitpid(-1, os.WNOHANG)
            time.sleep(0.0005)
    except ChildProcessError:
        pass
"""


@contextmanager
def tree(*command: str) -> Iterator[subprocess.Popen[str]]:
    """A process tree that leads a session of its own, gone afterwards."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, start_new_session=True, stdin=pipe, stdout=pipe, text=True) as first:
        try:
            yield first
        finally:
            os.killpg(first.pid, signal.SIGKILL)


def port_of(first: subprocess.Popen[str]) -> int:
    """Printed by the one that accepts, when it does."""
    assert first.stdout is not None
    return int(first.stdout.readline())


def service(first: int, *ports: int) -> ServiceProcesses:
    target = SampleTarget(service="app", kind=ServiceKind.APP, container_id="", init_pid=first, ports=ports)
    return ServiceProcesses(target, lambda: tree_pids(first), PROC)


def roles(members: list[Member]) -> list[tuple[Role, Duty | None]]:
    return [(member.role, member.info.duty) for member in sorted(members, key=lambda each: each.info.pid)]


def wait_for(count: int, first: int) -> None:
    give_up_at = time.monotonic() + DEADLINE_S
    while len(tree_pids(first)) < count:
        assert time.monotonic() < give_up_at
        time.sleep(0.01)


def test_a_supervisor_its_worker_and_what_that_has_forked() -> None:
    """All three hold the socket; the last one has inherited even the epoll instance."""
    with tree(sys.executable, "-c", SUPERVISED) as first:
        port = port_of(first)
        wait_for(3, first.pid)
        found = roles(service(first.pid, port).current(look_again=False))

    assert found == [
        (Role.SUPERVISOR, Duty.HOLDS),
        (Role.WORKER, Duty.ACCEPTS),
        (Role.HELPER, Duty.ACCEPTS),
    ]


def test_a_shell_that_waits_for_a_server() -> None:
    """It is an init; its child serves by itself."""
    with tree("sh", "-c", f'{sys.executable} -c "$0"; exit $?', f"{LISTEN}{ACCEPT}signal.pause()") as first:
        port = port_of(first)
        found = roles(service(first.pid, port).current(look_again=False))

    assert found == [(Role.INIT, Duty.NONE), (Role.WORKER, Duty.ACCEPTS)]


def test_a_listener_on_another_port_is_no_server() -> None:
    """A port for metrics or a debugger is not where the app is asked for."""
    with tree(sys.executable, "-c", f"{LISTEN}{ACCEPT}signal.pause()") as first:
        port = port_of(first)
        (other,) = service(first.pid, port + 1).current(look_again=False)
        (any_port,) = service(first.pid).current(look_again=False)

    assert other.role is Role.HELPER
    assert any_port.role is Role.WORKER


def test_a_process_that_does_not_listen_yet_is_looked_at_until_it_does() -> None:
    """A container that was restarted boots; the next round after that knows its worker."""
    with tree(sys.executable, "-c", f"input()\n{LISTEN}{ACCEPT}signal.pause()") as first:
        processes = service(first.pid)
        booting = roles(processes.current(look_again=False))
        assert first.stdin is not None
        print(file=first.stdin, flush=True)
        port_of(first)
        serving = roles(processes.current(look_again=False))

    assert booting == [(Role.HELPER, Duty.NONE)]
    assert serving == [(Role.WORKER, Duty.ACCEPTS)]


def test_a_process_that_accepts_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the steady state a round must cost no more than before roles were told by sockets."""
    with tree(sys.executable, "-c", f"{LISTEN}{ACCEPT}signal.pause()") as first:
        processes = service(first.pid, port_of(first))
        processes.current(look_again=False)
        monkeypatch.setattr("lab.sampling.duties.sockets_of", None)
        (member,) = processes.current(look_again=True)

    assert member.role is Role.WORKER


def test_a_zombie_is_one_that_has_ended() -> None:
    """Between its death and its burial the kernel refuses some of its files at opening, others at reading."""
    zombie = subprocess.Popen(["true"])
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)

    assert [read_file(f"/proc/{zombie.pid}/{name}") for name in ("smaps_rollup", "maps")] in ([None, ""], [None, None])
    assert sockets_of(PROC, zombie.pid) == sockets_of(PROC, 4_000_000)
    zombie.wait()


def test_processes_that_end_during_a_reading_never_end_the_sampler(tmp_path: Path) -> None:
    """Thousands of children live for two milliseconds each; every reading meets some of them at every system call."""
    with tree(sys.executable, "-c", SHORT_LIVED) as first:
        target = SampleTarget(service="app", kind=ServiceKind.APP, container_id="", init_pid=first.pid)
        reader = Reader(
            SamplerPlan(
                targets=(target,),
                t0_monotonic_s=time.monotonic(),
                measure_s=10.0,
                lab_pid=os.getpid(),
                load_pids=(first.pid,),
                directory=tmp_path,
                watched_port=1,
            )
        )
        seen: set[int] = set()
        rounds, give_up_at = 0, time.monotonic() + DEADLINE_S
        while time.monotonic() < give_up_at and (rounds < ROUNDS or len(seen) <= MET):
            rounds += 1
            rows = reader.round(time.monotonic(), memory=True, look_again=rounds % 2 == 0)
            for member in reader.arm:
                rows.processes.extend(reader.look(member, time.monotonic()))
            seen |= {row.pid for row in rows.processes}

    assert rounds >= ROUNDS / 3
    assert len(seen) > MET
