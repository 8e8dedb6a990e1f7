"""The processes of an arm now: those of its services, with their threads, and of the platform beneath them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from lab.plan.kinds import Role, ServiceKind
from lab.sampling.duties import Duties
from lab.sampling.host import EngineGroup
from lab.sampling.plan import SampleTarget
from lab.sampling.platform_processes import ContainerTraits, engine_processes, serves
from lab.sampling.process_tree import without_folders
from lab.sampling.processes import process_info
from lab.sampling.roles import Duty, ProcessInfo, ProcessKey, assign_roles
from lab.sampling.threads import Threads


@dataclass(slots=True, kw_only=True)
class Member:
    """A process that is followed from one reading to the next.

    ``looked_s``: when it was last looked at closely; ``look_cost_s``: the CPU time that this took.
    """

    process: psutil.Process
    service: str
    info: ProcessInfo
    role: Role
    threads: Threads = field(default_factory=Threads)
    looked_s: float = -math.inf
    look_cost_s: float = 0.0

    @property
    def new(self) -> bool:
        """Nobody has looked at it yet."""
        return self.looked_s == -math.inf

    @property
    def decided(self) -> bool:
        """Its role is known; a helper may be a worker that does not listen yet."""
        return self.role is not Role.HELPER or self.info.duty is not Duty.NONE


class ServiceProcesses:
    """The processes of one service, kept between readings so that psutil's objects are made once a process.

    ``pids`` says who they are now: the members of its cgroup, or those of its process tree.
    """

    def __init__(self, target: SampleTarget, pids: Callable[[], list[int]], proc: Path) -> None:
        self._target = target
        self._pids = pids
        self._duties = Duties(target.ports, proc) if target.kind is ServiceKind.APP else None
        self._members: dict[int, Member] = {}

    def current(self, *, look_again: bool) -> list[Member]:
        """Tell who lives now. ``look_again``: look once more at what known processes are called, and do."""
        pids = self._pids()
        look_again = look_again or not self._serving
        if look_again or self._members.keys() != set(pids):
            before = {member.info.key: member.role for member in self._members.values() if member.decided}
            known = {} if look_again else self._members
            looked = {pid: known.get(pid) or self._look(pid, search=look_again) for pid in pids}
            self._members = {pid: member for pid, member in looked.items() if member is not None}
            self._assign_roles(before)
        return list(self._members.values())

    @property
    def _serving(self) -> bool:
        """Whether some process could serve; while none can, such as after a restart, one may begin to at any time."""
        return any(member.info.holds or member.info.duty is None for member in self._members.values())

    def _look(self, pid: int, *, search: bool) -> Member | None:
        known = self._members.get(pid)
        try:
            process = known.process if known else psutil.Process(pid)
            info = process_info(process)
        except psutil.NoSuchProcess:
            return None
        info = info._replace(command=self._named(info.command), duty=self._duty(pid, known, search=search))
        if known:
            known.info = info
            return known
        return Member(process=process, service=self._target.service, info=info, role=Role.WORKER)

    def _duty(self, pid: int, known: Member | None, *, search: bool) -> Duty | None:
        if known and known.info.duty is Duty.ACCEPTS:
            return Duty.ACCEPTS
        return self._duties.of(pid, search=search) if self._duties else None

    def _named(self, command: str) -> str:
        return command if self._target.container_id else without_folders(command)

    def _assign_roles(self, before: dict[ProcessKey, Role]) -> None:
        members = self._members.values()
        roles = assign_roles(self._target.kind, [member.info for member in members], before)
        for member in members:
            member.role = roles[member.info.key]


class PlatformProcesses:
    """The platform processes of the arm's containers; on the way ``engine`` learns of every engine process."""

    def __init__(self, containers: Sequence[ContainerTraits], engine: EngineGroup) -> None:
        self._containers = containers
        self._engine = engine
        self._members: list[Member] = []

    def current(self) -> list[Member]:
        """Those that live; all processes of the machine are looked through only when one ended or one is missing."""
        living = [member for member in self._members if member.process.is_running()]
        served = {member.service for member in living}
        if len(living) < len(self._members) or any(c.service not in served for c in self._containers):
            living = self._find()
        self._members = living
        return living

    def _find(self) -> list[Member]:
        found = engine_processes()
        self._engine.follow(engine.process for engine in found)
        return [
            Member(
                process=engine.process,
                service=container.service,
                info=ProcessInfo(engine.process.pid, engine.started_s, 0, " ".join(engine.argv)),
                role=Role.PLATFORM,
            )
            for container in self._containers
            for engine in found
            if serves(engine.name, engine.argv, container)
        ]
