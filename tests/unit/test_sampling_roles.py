"""Roles from command lines and parents."""

from __future__ import annotations

import pytest

from lab.plan.kinds import Role, ServiceKind
from lab.sampling.roles import ProcessInfo, assign_roles

TRACKER = "/usr/bin/python3 -c from multiprocessing.resource_tracker import main;main(5)"
SPAWNED = "/usr/bin/python3 -c from multiprocessing.spawn import spawn_main; spawn_main(tracker_fd=6, pipe_handle=8)"
FORK_SERVER = "/usr/bin/python3 -c from multiprocessing.forkserver import main; main(3, 7, [], **{})"
UVICORN = "/usr/bin/python3 -m uvicorn app.main:app --workers 2"
OUTSIDE = 1


def process(pid: int, parent: int, command: str) -> ProcessInfo:
    return ProcessInfo(pid=pid, started_s=100.0 + pid, parent=parent, command=command)


FAMILIES = {
    "--workers 2 is four processes (FIELD 4)": (
        [process(10, OUTSIDE, UVICORN), process(11, 10, TRACKER), process(12, 10, SPAWNED), process(13, 10, SPAWNED)],
        [Role.SUPERVISOR, Role.HELPER, Role.WORKER, Role.WORKER],
    ),
    "a replica serves itself": ([process(10, OUTSIDE, "/usr/bin/python3 -m uvicorn app.main:app")], [Role.WORKER]),
    "shared memory of multiprocessing brings a tracker": (
        [process(10, OUTSIDE, "uvicorn"), process(11, 10, TRACKER)],
        [Role.WORKER, Role.HELPER],
    ),
    "tini or sh -c serves nothing": (
        [process(10, OUTSIDE, "/sbin/docker-init -- uvicorn"), process(11, 10, "uvicorn")],
        [Role.SUPERVISOR, Role.WORKER],
    ),
    "a fork server only forks workers of its parent": (
        [
            process(10, OUTSIDE, "python serve.py"),
            process(11, 10, FORK_SERVER),
            process(12, 11, FORK_SERVER),
            process(13, 11, FORK_SERVER),
        ],
        [Role.SUPERVISOR, Role.HELPER, Role.WORKER, Role.WORKER],
    ),
    "nginx's master belongs to the front": (
        [process(10, OUTSIDE, "nginx: master process"), process(11, 10, "nginx: worker process")],
        [Role.PROXY, Role.PROXY],
    ),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_roles_of_a_family_of_processes(name: str) -> None:
    """From command lines and parents alone."""
    family, expected = FAMILIES[name]
    kind = ServiceKind.PROXY if Role.PROXY in expected else ServiceKind.APP

    found = assign_roles(kind, family)
    assert [found[each.key] for each in family] == expected


def test_a_supervisor_without_workers_for_a_moment_stays_one() -> None:
    """All workers were killed: the next reading must not show the supervisor as a serving process."""
    supervisor = process(10, OUTSIDE, UVICORN)
    before = assign_roles(ServiceKind.APP, [supervisor, process(12, 10, SPAWNED)])

    assert assign_roles(ServiceKind.APP, [supervisor], before) == {supervisor.key: Role.SUPERVISOR}


def test_a_pid_given_out_again_inherits_no_role() -> None:
    """A process is named by pid and start time."""
    old = process(10, OUTSIDE, UVICORN)
    before = assign_roles(ServiceKind.APP, [old, process(12, 10, SPAWNED)])
    new = old._replace(started_s=old.started_s + 50)

    assert assign_roles(ServiceKind.APP, [new], before) == {new.key: Role.WORKER}
