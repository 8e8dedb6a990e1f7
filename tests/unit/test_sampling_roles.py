"""Roles by what processes do; the families were recorded from real servers, each with a process that waited."""

from __future__ import annotations

import pytest

from lab.plan.kinds import Role, ServiceKind
from lab.sampling.roles import Duty, ProcessInfo, assign_roles

TRACKER = "/usr/bin/python3 -c from multiprocessing.resource_tracker import main;main(5)"
SPAWNED = "/usr/bin/python3 -c from multiprocessing.spawn import spawn_main; spawn_main(tracker_fd=6, pipe_handle=8)"
FORK_SERVER = "/usr/bin/python3 -c from multiprocessing.forkserver import main; main(3, 7, [], **{})"
UVICORN = "/usr/bin/python3 -m uvicorn app.main:app --workers 2"
GUNICORN = "/usr/bin/python3 /opt/venv/bin/gunicorn -k uvicorn.workers.UvicornWorker main:app"
HYPERCORN = "/usr/bin/python3 /opt/venv/bin/hypercorn main:app"
GRANIAN = "/usr/bin/python3 /opt/venv/bin/granian --interface asgi main:app"
OUTSIDE = 1
NONE, HOLDS, ACCEPTS = Duty.NONE, Duty.HOLDS, Duty.ACCEPTS
PROXY, SUPERVISOR, WORKER = Role.PROXY, Role.SUPERVISOR, Role.WORKER
INIT, HELPER = Role.INIT, Role.HELPER


def process(pid: int, parent: int, command: str, duty: Duty | None = None) -> ProcessInfo:
    return ProcessInfo(pid=pid, started_s=100.0 + pid, parent=parent, command=command, duty=duty)


FAMILIES = {
    "uvicorn alone": [(process(10, OUTSIDE, UVICORN, ACCEPTS), WORKER)],
    "uvicorn --workers 2 spawns": [
        (process(10, OUTSIDE, UVICORN, HOLDS), SUPERVISOR),
        (process(11, 10, TRACKER, NONE), HELPER),
        (process(12, 10, SPAWNED, ACCEPTS), WORKER),
        (process(13, 10, SPAWNED, ACCEPTS), WORKER),
    ],
    "gunicorn's master with one worker, a fork": [
        (process(10, OUTSIDE, GUNICORN, HOLDS), SUPERVISOR),
        (process(11, 10, GUNICORN, ACCEPTS), WORKER),
    ],
    "gunicorn's sync workers wait without epoll": [
        (process(10, OUTSIDE, GUNICORN, HOLDS), SUPERVISOR),
        (process(11, 10, GUNICORN, HOLDS), WORKER),
        (process(12, 10, GUNICORN, HOLDS), WORKER),
    ],
    "hypercorn supervises one worker as well": [
        (process(10, OUTSIDE, HYPERCORN, HOLDS), SUPERVISOR),
        (process(11, 10, TRACKER, NONE), HELPER),
        (process(12, 10, SPAWNED, ACCEPTS), WORKER),
    ],
    "granian's workers have a socket of their own each": [
        (process(10, OUTSIDE, GRANIAN, NONE), SUPERVISOR),
        (process(11, 10, GRANIAN, ACCEPTS), WORKER),
        (process(12, 10, GRANIAN, ACCEPTS), WORKER),
    ],
    "granian with one worker only waits for it": [
        (process(10, OUTSIDE, GRANIAN, NONE), INIT),
        (process(11, 10, GRANIAN, ACCEPTS), WORKER),
    ],
    "an init in front of a replica": [
        (process(10, OUTSIDE, "python3 /srv/app/init.py uvicorn main:app", NONE), INIT),
        (process(11, 10, "python3 uvicorn main:app", ACCEPTS), WORKER),
    ],
    "tini, sh -c and uv run in front of a supervisor": [
        (process(10, OUTSIDE, "tini -- sh -c uv run uvicorn", NONE), INIT),
        (process(11, 10, "sh -c uv run uvicorn", NONE), INIT),
        (process(12, 11, "uv run uvicorn --workers 2", NONE), INIT),
        (process(13, 12, UVICORN, HOLDS), SUPERVISOR),
        (process(14, 13, SPAWNED, ACCEPTS), WORKER),
        (process(15, 13, SPAWNED, ACCEPTS), WORKER),
    ],
    "a health probe comes from outside": [
        (process(10, OUTSIDE, UVICORN, ACCEPTS), WORKER),
        (process(20, 2, "python -c import urllib.request", NONE), HELPER),
        (process(21, 2, "sh -c curl -f localhost", NONE), HELPER),
        (process(22, 21, "curl -f localhost", NONE), HELPER),
    ],
    "a forked process pool inherits socket and epoll": [
        (process(10, OUTSIDE, UVICORN, ACCEPTS), WORKER),
        (process(11, 10, UVICORN, ACCEPTS), HELPER),
        (process(12, 10, UVICORN, ACCEPTS), HELPER),
    ],
    "a worker's pool is below its supervisor too": [
        (process(10, OUTSIDE, GUNICORN, HOLDS), SUPERVISOR),
        (process(11, 10, GUNICORN, ACCEPTS), WORKER),
        (process(12, 11, GUNICORN, ACCEPTS), HELPER),
        (process(13, 11, TRACKER, NONE), HELPER),
        (process(14, 11, SPAWNED, NONE), HELPER),
    ],
    "a fork server only forks the workers of its parent": [
        (process(10, OUTSIDE, "python serve.py", HOLDS), SUPERVISOR),
        (process(11, 10, FORK_SERVER, NONE), HELPER),
        (process(12, 11, FORK_SERVER, ACCEPTS), WORKER),
        (process(13, 11, FORK_SERVER, ACCEPTS), WORKER),
    ],
    "nginx's master belongs to the front": [
        (process(10, OUTSIDE, "nginx: master process"), PROXY),
        (process(11, 10, "nginx: worker process"), PROXY),
    ],
    "nobody serves yet": [
        (process(10, OUTSIDE, "tini -- uvicorn main:app", NONE), HELPER),
        (process(11, 10, "uvicorn main:app", NONE), HELPER),
    ],
}
UNSEEN = {
    "--workers 2 is four processes (FIELD 4)": [
        (process(10, OUTSIDE, UVICORN), SUPERVISOR),
        (process(11, 10, TRACKER), HELPER),
        (process(12, 10, SPAWNED), WORKER),
        (process(13, 10, SPAWNED), WORKER),
    ],
    "a replica serves itself": [(process(10, OUTSIDE, "/usr/bin/python3 -m uvicorn app.main:app"), WORKER)],
    "shared memory of multiprocessing brings a tracker": [
        (process(10, OUTSIDE, "uvicorn"), WORKER),
        (process(11, 10, TRACKER), HELPER),
    ],
    "inits are known by their names": [
        (process(10, OUTSIDE, "/sbin/docker-init -- sh -c uvicorn"), INIT),
        (process(11, 10, "/bin/sh -c uvicorn"), INIT),
        (process(12, 11, "uvicorn"), WORKER),
    ],
    "a fork server only forks workers of its parent": [
        (process(10, OUTSIDE, "python serve.py"), SUPERVISOR),
        (process(11, 10, FORK_SERVER), HELPER),
        (process(12, 11, FORK_SERVER), WORKER),
        (process(13, 11, FORK_SERVER), WORKER),
    ],
    "a health probe comes from outside, and later": [
        (process(10, OUTSIDE, "uvicorn"), WORKER),
        (process(20, 2, "sh -c curl -f localhost"), HELPER),
        (process(21, 20, "curl -f localhost"), HELPER),
    ],
}


@pytest.mark.parametrize("name", FAMILIES)
def test_roles_by_what_processes_do(name: str) -> None:
    """Who holds the listening socket, who accepts there, and who has started whom."""
    family = FAMILIES[name]
    kind = ServiceKind.PROXY if family[0][1] is PROXY else ServiceKind.APP

    found = assign_roles(kind, [each for each, _ in family])
    assert [found[each.key] for each, _ in family] == [role for _, role in family]


@pytest.mark.parametrize("name", UNSEEN)
def test_roles_where_nobody_may_look_at_sockets(name: str) -> None:
    """From command lines and parents alone."""
    found = assign_roles(ServiceKind.APP, [each for each, _ in UNSEEN[name]])
    assert [found[each.key] for each, _ in UNSEEN[name]] == [role for _, role in UNSEEN[name]]


@pytest.mark.parametrize("duty", [HOLDS, None])
def test_a_supervisor_without_workers_for_a_moment_stays_one(duty: Duty | None) -> None:
    """All workers were killed: the next reading must not show the supervisor as a serving process."""
    supervisor = process(10, OUTSIDE, UVICORN, duty)
    worker = process(12, 10, SPAWNED, duty and ACCEPTS)
    before = assign_roles(ServiceKind.APP, [supervisor, worker])

    assert assign_roles(ServiceKind.APP, [supervisor], before) == {supervisor.key: SUPERVISOR}


def test_an_init_whose_child_is_gone_for_a_moment_stays_one() -> None:
    """As does a supervisor that has no socket itself."""
    init = process(10, OUTSIDE, "python init.py", NONE)
    before = assign_roles(ServiceKind.APP, [init, process(11, 10, UVICORN, ACCEPTS)])

    assert assign_roles(ServiceKind.APP, [init], before) == {init.key: INIT}


def test_a_pool_whose_worker_has_died_serves_nothing() -> None:
    """It has the socket that it was forked with, and another parent now."""
    worker, pool = process(10, OUTSIDE, UVICORN, ACCEPTS), process(11, 10, UVICORN, ACCEPTS)
    before = assign_roles(ServiceKind.APP, [worker, pool])
    orphan = pool._replace(parent=OUTSIDE)

    assert assign_roles(ServiceKind.APP, [orphan], before) == {orphan.key: HELPER}


def test_workers_whose_supervisor_has_died_go_on_serving() -> None:
    """They are nobody's children then."""
    family = [process(10, OUTSIDE, UVICORN, HOLDS), *(process(pid, 10, SPAWNED, ACCEPTS) for pid in (12, 13))]
    before = assign_roles(ServiceKind.APP, family)
    orphans = [each._replace(parent=OUTSIDE) for each in family[1:]]

    assert set(assign_roles(ServiceKind.APP, orphans, before).values()) == {WORKER}


def test_a_pid_given_out_again_inherits_no_role() -> None:
    """A process is named by pid and start time."""
    old = process(10, OUTSIDE, UVICORN, HOLDS)
    before = assign_roles(ServiceKind.APP, [old, process(12, 10, SPAWNED, ACCEPTS)])
    new = old._replace(started_s=old.started_s + 50)

    assert assign_roles(ServiceKind.APP, [new], before) == {new.key: WORKER}


def test_parents_in_a_circle_end_the_search() -> None:
    """Facts of several instants may say so, for pids are given out again."""
    family = [process(10, 11, UVICORN, NONE), process(11, 10, UVICORN, ACCEPTS)]

    assert assign_roles(ServiceKind.APP, family)[family[1].key] is WORKER
