"""One reading of everything: what each process uses, what each cgroup accounts, the host."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import psutil

from lab.errors import RightsError, SamplingError
from lab.plan.kinds import Role
from lab.record.schema import CgroupRow, ProcessRow
from lab.sampling.arm_processes import Member, PlatformProcesses, ServiceProcesses
from lab.sampling.cgroups import MemoryUsage, locate, member_pids, read_cpu, read_memory
from lab.sampling.connections import Connections
from lab.sampling.grid import EVERYTHING, Due
from lab.sampling.host import HostReader, processes_of
from lab.sampling.plan import SamplerPlan
from lab.sampling.platform_processes import ContainerTraits, traits
from lab.sampling.process_tree import ProcessTrees
from lab.sampling.processes import COMMAND_LENGTH, Counters, Footprint, close_footprint, counters, describe, footprint
from lab.sampling.recorder import Rows
from lab.sampling.targets import SampleTarget

POOL_SERVICE = "pool"  # the service of the parent cgroup's rows: throttling under a pooled budget happens there


class Reader:
    """Everything that one trial's readings need; ``host`` takes the load processes when they appear.

    Raises SamplingError when a container has ended already, or when the lab may not read its processes.
    """

    def __init__(self, plan: SamplerPlan) -> None:
        self._t0_s = plan.t0_monotonic_s
        self._proc = plan.root / "proc"
        contained = [target for target in plan.targets if target.container_id]
        cgroups = [locate(target.init_pid, target.container_id, plan.root) for target in contained]
        self._cgroups = [(t.service, t.container_id, cgroup) for t, cgroup in zip(contained, cgroups, strict=True)]
        if plan.pooled:
            self._cgroups.append((POOL_SERVICE, "", cgroups[0].parent()))
        self._trees = _trees([target for target in plan.targets if not target.container_id], self._proc)
        self._services = [ServiceProcesses(target, self._pids_of(target)) for target in plan.targets]
        self.host = HostReader(plan.root, plan.lab_pid)
        look_up = _traits if plan.memory_readable else _bare_traits
        containers = [look_up(target, self._proc) for target in contained]
        self._platform = PlatformProcesses(containers, self.host.engine)
        self.host.load.follow(processes_of(plan.load_pids))
        watched = plan.watched_port and plan.memory_readable  # descriptors take the same right
        self._connections = Connections(plan.watched_port, self._proc) if watched else None

    def check_rights(self) -> None:
        """Raise RightsError when some process of the arm may not be read: at the start, not in the middle."""
        check_rights(self._members(EVERYTHING))

    def read(self, due: Due, now_s: float) -> Rows:
        """Read what is due; every row carries the instant at which the reading began."""
        t_s = round(now_s - self._t0_s, 6)
        members = self._members(due)
        watched = self._connections
        return Rows(
            connections=watched.rows(members, t_s, look_again=due.platform) if watched else [],
            cgroups=list(self._cgroup_rows(t_s, due)),
            host=self.host.read(t_s, engine=due.engine),
            processes=process_rows(members, due, t_s, self._proc),
        )

    def _pids_of(self, target: SampleTarget) -> Callable[[], list[int]]:
        """What tells the members of a service: its cgroup, or the trees as they were last looked at."""
        for service, container, cgroup in self._cgroups:
            if container and service == target.service:
                return partial(member_pids, cgroup)
        return partial(self._trees.pids, target.service)

    def _members(self, due: Due) -> list[Member]:
        if self._trees:
            self._trees.update(look_again=due.platform)
        members = [member for service in self._services for member in service.current(look_again=due.platform)]
        return members + self._platform.current() if due.platform else members

    def _cgroup_rows(self, t_s: float, due: Due) -> Iterator[CgroupRow]:
        for service, container, cgroup in self._cgroups:
            if cpu := read_cpu(cgroup):
                memory = read_memory(cgroup) if due.footprints else MemoryUsage()
                yield CgroupRow(t_s=t_s, service=service, container=container, **cpu._asdict(), **memory._asdict())


def _trees(targets: Sequence[SampleTarget], proc: Path) -> ProcessTrees:
    trees = ProcessTrees({target.service: target.init_pid for target in targets}, proc)
    trees.update()
    for target in targets:
        if not trees.pids(target.service):
            raise SamplingError(
                f"process {target.init_pid} of {target.service!r} ended before sampling began", "see its log"
            )
    return trees


def check_rights(members: Iterable[Member]) -> None:
    """Raise RightsError when the memory of one of these processes may not be read."""
    for member in members:
        try:
            footprint(member.process)
        except psutil.NoSuchProcess:
            continue
        except psutil.AccessDenied:
            raise _no_rights(describe(member.process)) from None


def process_rows(members: Iterable[Member], due: Due, t_s: float, proc: Path) -> list[ProcessRow]:
    """A row for each process that lives through the reading. All cheap counters are read before the dear ones."""
    seen = [(member, cheap) for member in members if (cheap := _counters(member.process, proc))]
    rows = []
    for member, cheap in seen:
        try:
            memory = _footprint(member, due, proc) if _wanted(member, due) else None
        except psutil.NoSuchProcess:
            continue
        row = _row(member, cheap, t_s)
        if memory:
            row = row._replace(**memory._asdict())
        rows.append(row)
    return rows


def _wanted(member: Member, due: Due) -> bool:
    """Is the member's memory due?"""
    return due.footprints if member.role is not Role.PLATFORM else due.burst


def _row(member: Member, cheap: Counters, t_s: float) -> ProcessRow:
    return ProcessRow(
        t_s=t_s,
        pid=member.info.pid,
        started_s=member.info.started_s,
        role=member.role,
        service=member.service,
        user_s=cheap.user_s,
        system_s=cheap.system_s,
        cpu_s=cheap.user_s + cheap.system_s,
        runqueue_s=cheap.runqueue_s,
        rss_bytes=cheap.rss_bytes,
        pss_bytes=None,
        uss_bytes=None,
        pss_anon_bytes=None,
        threads=cheap.threads,
        ctx_switches=cheap.ctx_switches,
        command=member.info.command[:COMMAND_LENGTH],
    )


def _counters(process: psutil.Process, proc: Path) -> Counters | None:
    try:
        return counters(process, proc)
    except psutil.NoSuchProcess:
        return None


def _footprint(member: Member, due: Due, proc: Path) -> Footprint | None:
    closely = due.burst and member.role is not Role.PLATFORM
    try:
        return close_footprint(member.process, proc) if closely else footprint(member.process)
    except psutil.AccessDenied:  # rights were checked at the start, so this one is missing and the sum of its instant
        return None


def _traits(target: SampleTarget, proc: Path) -> ContainerTraits:
    try:
        return traits(target, proc)
    except PermissionError:
        raise _no_rights(f"the mounts of container {target.container_id[:12]} ({target.service})") from None
    except (FileNotFoundError, ProcessLookupError):
        raise SamplingError(
            f"container {target.container_id[:12]} of {target.service!r} ended before sampling began", "see its log"
        ) from None


def _bare_traits(target: SampleTarget, _proc: Path) -> ContainerTraits:
    """Without the right to look at the container's namespaces only its shim can be told."""
    return ContainerTraits(service=target.service, container_id=target.container_id, root_mount="")


def _no_rights(what: str) -> RightsError:
    return RightsError(
        f"the sampler may not read {what}, so the memory of the arm cannot be measured",
        "run the lab as root, or give its Python CAP_SYS_PTRACE",
    )
