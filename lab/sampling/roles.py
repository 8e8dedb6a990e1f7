"""Assign a role to each process of a service. Pure: from command lines and parents alone."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from lab.plan.kinds import Role, ServiceKind

RESOURCE_TRACKER = "multiprocessing.resource_tracker"
FORK_SERVER = "multiprocessing.forkserver"


class ProcessKey(NamedTuple):
    """Names a process for good: the kernel gives pids out again."""

    pid: int
    started_s: float


class ProcessInfo(NamedTuple):
    """The facts that tell a role: ``parent`` is the parent's pid, ``command`` the whole command line."""

    pid: int
    started_s: float
    parent: int
    command: str

    @property
    def key(self) -> ProcessKey:
        """The process's name."""
        return ProcessKey(self.pid, self.started_s)


def assign_roles(
    kind: ServiceKind, processes: Sequence[ProcessInfo], before: Mapping[ProcessKey, Role] = MappingProxyType({})
) -> dict[ProcessKey, Role]:
    """The role of every living process of one service.

    Everything in a proxy service is ``proxy``. In an app service, multiprocessing's resource tracker and fork server
    are ``helper``; a process with living children that are no helpers is ``supervisor``; the rest are ``worker``.
    A fork server's children count as its parent's. An init or shell that starts the app (``tini``, ``sh -c``) has
    children and serves nothing: it is ``supervisor`` as well.
    ``before`` holds earlier roles: a supervisor whose workers are all dead for a moment stays one.
    """
    if kind is ServiceKind.PROXY:
        return {process.key: Role.PROXY for process in processes}
    by_pid = {process.pid: process for process in processes}
    helpers = {process.pid for process in processes if _is_helper(process, by_pid)}
    parents = {_serving_parent(process, by_pid, helpers) for process in processes if process.pid not in helpers}
    roles = {}
    for process in processes:
        supervises = process.pid in parents or before.get(process.key) is Role.SUPERVISOR
        roles[process.key] = Role.HELPER if process.pid in helpers else Role.SUPERVISOR if supervises else Role.WORKER
    return roles


def _is_helper(process: ProcessInfo, by_pid: Mapping[int, ProcessInfo]) -> bool:
    if RESOURCE_TRACKER in process.command:
        return True
    parent = by_pid.get(process.parent)
    # What a fork server forks keeps its command line, but does the work.
    return FORK_SERVER in process.command and (parent is None or FORK_SERVER not in parent.command)


def _serving_parent(process: ProcessInfo, by_pid: Mapping[int, ProcessInfo], helpers: set[int]) -> int:
    parent = process.parent
    while parent in helpers:
        parent = by_pid[parent].parent
    return parent
