"""Assign a role to each process of a service by what it does: does it hold the listening socket, does it accept? Pure.

A child makes no supervisor, and its absence no worker: tini, ``sh -c``, ``uv run`` and health probes have and are
children as well (FIELD 18). Names and parents decide only where nobody may look at the sockets of processes.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from lab.plan.kinds import Role, ServiceKind

RESOURCE_TRACKER = "multiprocessing.resource_tracker"
FORK_SERVER = "multiprocessing.forkserver"
INITS = frozenset(("tini", "dumb-init", "docker-init", "catatonit", "sh", "dash", "bash", "ash", "uv"))
SEVERAL = 2  # children that serve: who has started so many looks after them, with or without their socket
OF_KIND = {ServiceKind.PROXY: Role.PROXY, ServiceKind.SIDECAR: Role.SIDECAR}  # all processes of such a service


class ProcessKey(NamedTuple):
    """Names a process for good: the kernel gives pids out again."""

    pid: int
    started_s: float


class Duty(StrEnum):
    """The relation of a process to the listening sockets of its service."""

    NONE = "none"  # it holds none of them
    HOLDS = "holds"
    ACCEPTS = "accepts"  # it holds one, and an epoll instance of it waits for connections there


class ProcessInfo(NamedTuple):
    """The facts that tell a role: ``parent`` is the parent's pid, ``command`` the whole command line.

    ``duty`` is None where nobody may look.
    """

    pid: int
    started_s: float
    parent: int
    command: str
    duty: Duty | None = None

    @property
    def key(self) -> ProcessKey:
        """The process's name."""
        return ProcessKey(self.pid, self.started_s)

    @property
    def holds(self) -> bool:
        """Whether it could accept connections."""
        return self.duty in (Duty.HOLDS, Duty.ACCEPTS)


Before = Mapping[ProcessKey, Role]
NOBODY: Before = MappingProxyType({})


def assign_roles(
    kind: ServiceKind, processes: Sequence[ProcessInfo], before: Before = NOBODY
) -> dict[ProcessKey, Role]:
    """The role of every living process of one service; ``before`` holds those that were decided earlier.

    Everything in a proxy service is ``proxy``, and in a sidecar ``sidecar``. In an app service:

    - ``worker``: it serves. It holds the listening socket and accepts, or its children do not hold it.
    - ``supervisor``: it holds the socket for children that serve; or it has started several that serve.
    - ``init``: it only waits for its child (tini, ``sh -c``, ``uv run``).
    - ``helper``: everything else, such as resource trackers, health probes, and process pools, which a worker forks
      with its socket.

    A supervisor whose workers are all dead for a moment stays one.
    """
    if kind in OF_KIND:
        return {process.key: OF_KIND[kind] for process in processes}
    if all(process.duty is None for process in processes):
        return _by_names(processes, before)
    return _Family(processes, before).roles()


class _Family:
    """The processes of one app service, of which it is known who holds its sockets."""

    def __init__(self, processes: Sequence[ProcessInfo], before: Before) -> None:
        self._processes = processes
        self._by_pid = {process.pid: process for process in processes}
        self._before = before
        holders = [process for process in processes if process.holds]
        self._above_holders = {above.pid for holder in holders for above in _ancestors(holder, self._by_pid)}
        self._serving_children = Counter(holder.parent for holder in holders if self._holder_above(holder) is None)

    def roles(self) -> dict[ProcessKey, Role]:
        """As ``assign_roles``."""
        return {process.key: self._role(process) for process in self._processes}

    def _role(self, process: ProcessInfo) -> Role:
        return self._of_holder(process) if process.holds else self._of_other(process)

    def _of_holder(self, process: ProcessInfo) -> Role:
        before = self._before.get(process.key)
        if before is Role.HELPER:  # whoever forked it has ended
            return before
        if (above := self._holder_above(process)) is not None:
            return Role.WORKER if self._role(above) is Role.SUPERVISOR else Role.HELPER
        if process.duty is Duty.ACCEPTS:
            return Role.WORKER
        return Role.SUPERVISOR if process.pid in self._above_holders or before is Role.SUPERVISOR else Role.WORKER

    def _of_other(self, process: ProcessInfo) -> Role:
        if self._holder_above(process) is not None:
            return Role.HELPER
        if self._serving_children[process.pid] >= SEVERAL:
            return Role.SUPERVISOR
        before = self._before.get(process.key)
        if process.pid in self._above_holders:
            return before if before is Role.SUPERVISOR else Role.INIT
        return before or Role.HELPER

    def _holder_above(self, process: ProcessInfo) -> ProcessInfo | None:
        return next((above for above in _ancestors(process, self._by_pid) if above.holds), None)


def _ancestors(process: ProcessInfo, by_pid: Mapping[int, ProcessInfo]) -> Iterator[ProcessInfo]:
    """Its parent first; those of its service only."""
    passed = {process.pid}  # facts of several instants could make a circle: the kernel gives pids out again
    while (above := by_pid.get(process.parent)) and above.pid not in passed:
        passed.add(above.pid)
        yield above
        process = above


def _by_names(processes: Sequence[ProcessInfo], before: Before) -> dict[ProcessKey, Role]:
    """The last resort: who has children that are no helpers is ``supervisor``, or ``init`` if it has the name of one.

    A fork server's children count as its parent's.
    """
    by_pid = {process.pid: process for process in processes}
    helpers = {process.pid for process in processes if _is_helper(process, by_pid)}
    helpers |= {process.pid for process in _from_outside(processes, by_pid, before)}
    parents = {_serving_parent(process, by_pid, helpers) for process in processes if process.pid not in helpers}
    roles = {}
    for process in processes:
        role = Role.WORKER
        if process.pid in helpers:
            role = Role.HELPER
        elif process.pid in parents or before.get(process.key) in (Role.SUPERVISOR, Role.INIT):
            role = Role.INIT if _program(process.command) in INITS else Role.SUPERVISOR
        roles[process.key] = role
    return roles


def _from_outside(
    processes: Sequence[ProcessInfo], by_pid: Mapping[int, ProcessInfo], before: Before
) -> Iterator[ProcessInfo]:
    """Health probes, and what else somebody starts in a running container: not below its first process, and new."""
    first = min(processes, key=lambda process: process.started_s, default=None)
    for process in processes:
        *_, top = (process, *_ancestors(process, by_pid))
        if top is not first and process.key not in before:
            yield process


def _program(command: str) -> str:
    return command.partition(" ")[0].rpartition("/")[2]


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
