"""Roles from command lines and parents."""

from __future__ import annotations

from lab.plan.kinds import Role, ServiceKind
from lab.sampling.roles import ProcessInfo, assign_roles

TRACKER = "/usr/bin/python3 -c from multiprocessing.resource_tracker import main;main(5)"
SPAWNED = "/usr/bin/python3 -c from multiprocessing.spawn import spawn_main; spawn_main(tracker_fd=6, pipe_handle=8)"
FORK_SERVER = "/usr/bin/python3 -c from multiprocessing.forkserver import main; main(3, 7, [], **{})"
UVICORN = "/usr/bin/python3 -m uvicorn app.main:app --workers 2"
OUTSIDE = 1


def process(pid: int, parent: int, command: str) -> ProcessInfo:
    return ProcessInfo(pid=pid, started_s=100.0 + pid, parent=parent, command=command)


def roles(*processes: ProcessInfo, kind: ServiceKind = ServiceKind.APP) -> dict[int, Role]:
    return {key.pid: role for key, role in assign_roles(kind, processes).items()}


def test_uvicorn_with_workers_is_a_supervisor_a_helper_and_workers() -> None:
    """``--workers 2`` is four processes: FIELD 4."""
    assert roles(
        process(10, OUTSIDE, UVICORN),
        process(11, 10, TRACKER),
        process(12, 10, SPAWNED),
        process(13, 10, SPAWNED),
    ) == {10: Role.SUPERVISOR, 11: Role.HELPER, 12: Role.WORKER, 13: Role.WORKER}


def test_a_single_process_is_a_worker() -> None:
    """A replica serves itself: there is no supervisor in it."""
    assert roles(process(10, OUTSIDE, "/usr/bin/python3 -m uvicorn app.main:app")) == {10: Role.WORKER}


def test_a_process_with_only_a_helper_still_serves() -> None:
    """An app that uses multiprocessing's shared memory starts a resource tracker and remains a worker."""
    assert roles(process(10, OUTSIDE, "uvicorn"), process(11, 10, TRACKER)) == {10: Role.WORKER, 11: Role.HELPER}


def test_an_init_above_the_app_is_a_supervisor() -> None:
    """``tini`` or ``sh -c`` has a child and serves nothing."""
    assert roles(process(10, OUTSIDE, "/sbin/docker-init -- uvicorn"), process(11, 10, "uvicorn")) == {
        10: Role.SUPERVISOR,
        11: Role.WORKER,
    }


def test_children_of_a_fork_server_are_workers_of_its_parent() -> None:
    """They share its command line; the fork server itself only forks."""
    assert roles(
        process(10, OUTSIDE, "python serve.py"),
        process(11, 10, FORK_SERVER),
        process(12, 11, FORK_SERVER),
        process(13, 11, FORK_SERVER),
    ) == {10: Role.SUPERVISOR, 11: Role.HELPER, 12: Role.WORKER, 13: Role.WORKER}


def test_everything_in_a_proxy_service_is_proxy() -> None:
    """nginx's master has children as well, but belongs to the front."""
    assert roles(
        process(10, OUTSIDE, "nginx: master process"), process(11, 10, "nginx: worker process"), kind=ServiceKind.PROXY
    ) == {10: Role.PROXY, 11: Role.PROXY}


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
