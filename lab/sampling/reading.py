"""The readings of one instant: a round of every process, cgroup and the host, or a close look at one process."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import psutil

from lab.errors import RightsError, SamplingError
from lab.plan.kinds import Role
from lab.record.schema import CgroupRow, ProcessRow, ThreadRow
from lab.sampling.arm_processes import Member, PlatformProcesses, ServiceProcesses
from lab.sampling.cgroups import MemoryUsage, locate, member_pids, read_cpu, read_memory
from lab.sampling.connections import Connections
from lab.sampling.grid import PLATFORM_S
from lab.sampling.host import HostReader, processes_of
from lab.sampling.plan import SamplerPlan, SampleTarget
from lab.sampling.platform_processes import ContainerTraits, traits
from lab.sampling.process_tree import ProcessTrees
from lab.sampling.processes import COMMAND_LENGTH, Counters, Footprint, counters, describe, footprint
from lab.sampling.recorder import Rows

POOL_SERVICE = "pool"  # the service of the parent cgroup's rows: throttling under a pooled budget happens there


class Reader:
    """Everything that one trial's readings need; ``host`` takes the load processes when they appear.

    ``arm`` and ``platform`` are the processes that lived at the last round.

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
        self._services = [ServiceProcesses(target, self._pids_of(target), self._proc) for target in plan.targets]
        self.arm: list[Member] = []
        self.platform: list[Member] = []
        self.host = HostReader(plan.root, (plan.lab_pid, plan.agent_pid))
        look_up = _traits if plan.memory_readable else _bare_traits
        containers = [look_up(target, self._proc) for target in contained]
        self._platform = PlatformProcesses(containers, self.host.engine)
        self.host.load.follow(processes_of(plan.load_pids))
        watched = plan.watched_port and plan.memory_readable  # descriptors take the same right
        self._threads = plan.threads
        self._connections = Connections(plan.watched_port, plan.watched_service, self._proc) if watched else None

    def check_rights(self) -> None:
        """Raise RightsError when some process of the arm may not be read: at the start, not in the middle."""
        check_rights(self._find_members(look_again=True), self._proc)

    def round(self, now_s: float, *, memory: bool, look_again: bool) -> Rows:
        """Read everything that is cheap, and look closely at processes that are new; all rows carry one instant.

        ``memory``: also that of the cgroups, and the engine's CPU. ``look_again``: also what processes are called.
        """
        t_s = self._t_s(now_s)
        self.arm = self._find_members(look_again=look_again)
        if look_again:
            self.platform = self._platform.current()
        watched = self._connections
        unseen = [member for member in self.platform if member.new]
        return Rows(
            connections=watched.rows(self.arm, t_s, look_again=look_again) if watched else [],
            cgroups=list(self._cgroup_rows(t_s, memory=memory)),
            host=self.host.read(t_s, engine=memory),
            threads=list(self._thread_rows(t_s)) if self._threads else [],
            processes=process_rows([*self.arm, *unseen], t_s, self._proc),
        )

    def turn(self, now_s: float, look_s: float) -> Member | None:
        """Whom to look at next: who has waited longest. ``look_s`` is how long a process of the arm should wait."""
        t_s = self._t_s(now_s)
        members = [*self.arm, *self.platform]
        return max(members, key=lambda each: (t_s - each.looked_s) / wait_s(each.role, look_s), default=None)

    def look(self, member: Member, now_s: float) -> list[ProcessRow]:
        """Look closely at one process; no row when it has ended."""
        member.looked_s = self._t_s(now_s)
        return process_rows([member], member.looked_s, self._proc, closely=True)

    def _t_s(self, now_s: float) -> float:
        return round(now_s - self._t0_s, 6)

    def _pids_of(self, target: SampleTarget) -> Callable[[], list[int]]:
        """Give what the members of a service depend on: its cgroup, or the trees as they were last looked at."""
        for service, container, cgroup in self._cgroups:
            if container and service == target.service:
                return partial(member_pids, cgroup)
        return partial(self._trees.pids, target.service)

    def _find_members(self, *, look_again: bool) -> list[Member]:
        if self._trees:
            self._trees.update(look_again=look_again)
        return [member for service in self._services for member in service.current(look_again=look_again)]

    def _thread_rows(self, t_s: float) -> Iterator[ThreadRow]:
        for member in self.arm:
            yield from member.threads.rows(self._proc, member.info.pid, member.info.started_s, t_s)

    def _cgroup_rows(self, t_s: float, *, memory: bool) -> Iterator[CgroupRow]:
        for service, container, cgroup in self._cgroups:
            if cpu := read_cpu(cgroup):
                used = read_memory(cgroup) if memory else MemoryUsage()
                yield CgroupRow(t_s=t_s, service=service, container=container, **cpu._asdict(), **used._asdict())


def wait_s(role: Role, look_s: float) -> float:
    """Tell how long a process of this role should wait from one look to the next."""
    return max(look_s, PLATFORM_S) if role is Role.PLATFORM else look_s


def _trees(targets: Sequence[SampleTarget], proc: Path) -> ProcessTrees:
    trees = ProcessTrees({target.service: target.init_pid for target in targets}, proc)
    trees.update()
    for target in targets:
        if not trees.pids(target.service):
            raise SamplingError(
                f"process {target.init_pid} of {target.service!r} ended before sampling began", "see its log"
            )
    return trees


def check_rights(members: Iterable[Member], proc: Path) -> None:
    """Raise RightsError when the memory of one of these processes may not be read."""
    for member in members:
        try:
            footprint(member.process, proc)
        except psutil.NoSuchProcess:
            continue
        except psutil.AccessDenied:
            raise _no_rights(describe(member.process)) from None


def process_rows(members: Iterable[Member], t_s: float, proc: Path, *, closely: bool = False) -> list[ProcessRow]:
    """A row for each process that lives through the reading. All cheap counters are read before the dear ones.

    ``closely``: with PSS, USS and what its threads did, which those that are new have in any case.
    """
    seen = [(member, cheap) for member in members if (cheap := _counters(member.process, proc))]
    rows = []
    for member, cheap in seen:
        row = _row(member, cheap, t_s)
        try:
            rows.append(_look(member, row, proc) if closely or member.new else row)
        except psutil.NoSuchProcess:
            continue
    return rows


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
        runqueue_s=None,
        rss_bytes=cheap.rss_bytes,
        pss_bytes=None,
        uss_bytes=None,
        pss_anon_bytes=None,
        threads=cheap.threads,
        ctx_switches=None,
        command=member.info.command[:COMMAND_LENGTH],
    )


def _counters(process: psutil.Process, proc: Path) -> Counters | None:
    try:
        return counters(process, proc)
    except psutil.NoSuchProcess:
        return None


def _look(member: Member, row: ProcessRow, proc: Path) -> ProcessRow:
    """The row with all that a close look tells. Raises psutil.NoSuchProcess."""
    spent_s = time.process_time()
    memory, threads = _footprint(member, proc), member.threads.read(proc, member.info.pid)
    member.looked_s, member.look_cost_s = row.t_s, time.process_time() - spent_s
    if memory:
        row = row._replace(**memory._asdict())
    return row._replace(ctx_switches=threads.switches, runqueue_s=threads.runqueue_s) if threads else row


def _footprint(member: Member, proc: Path) -> Footprint | None:
    try:
        return footprint(member.process, proc)
    except psutil.AccessDenied:  # rights were checked at the start, so this one is missing, and so is the arm's sum
        return None


def _traits(target: SampleTarget, proc: Path) -> ContainerTraits:
    try:
        return traits(target, proc)
    except PermissionError:
        raise _no_rights(f"the mounts of container {target.container_id[:12]} ({target.service})") from None
    except OSError:  # it is gone; of a zombie, mountinfo is an invalid argument
        raise SamplingError(
            f"container {target.container_id[:12]} of {target.service!r} ended before sampling began", "see its log"
        ) from None


def _bare_traits(target: SampleTarget, _proc: Path) -> ContainerTraits:
    """Without the right to look at the container's namespaces only its shim can be told."""
    return ContainerTraits(service=target.service, container_id=target.container_id, root_mount="")


def _no_rights(what: str) -> RightsError:
    return RightsError(
        f"the sampler may not read {what}, so the memory of the arm cannot be measured",
        "run the lab as root, or give its Python CAP_SYS_PTRACE; an agent has that, and where it may not all the same, "
        "its engine does not run as root, or a security module forbids it",
    )
