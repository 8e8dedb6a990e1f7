"""An arm under load as a drill finds it, and how a drill reaches its processes: only those of this trial."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random

from lab.attest.serving import Member, first_processes, members, serving
from lab.engines import Deployment
from lab.engines.there import ask, connected, send
from lab.errors import DeploymentError
from lab.plan.certificate import Certificate
from lab.plan.kinds import ServiceKind
from lab.plan.reloads import Reloads
from lab.sampling.plan import SampleTarget
from lab.scenario.drills import Drill


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Something that was done between ``began_s`` and ``ended_s`` (CLOCK_MONOTONIC of this machine), and to what."""

    what: str
    began_s: float
    ended_s: float
    service: str = ""
    pid: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """An arm under load, as an act finds it.

    ``seed``: of what is chosen, the same for every arm of a block. ``tell``: of each act, as soon as it is done.
    ``wait``: so many seconds; True means that the trial ends, and that nothing more shall be done. ``hangup``: its
    supervisors replace their workers when they get SIGHUP. ``front``: how it is told of other containers, None where
    there is none, or it cannot be. ``certificate``: what may take the place of the one that clients are shown.
    """

    drill: Drill
    deployment: Deployment
    seed: int
    tell: Callable[[Act], None]
    wait: Callable[[float], bool]
    hangup: bool = False
    front: Reloads | None = None
    certificate: Certificate | None = None

    @property
    def services(self) -> tuple[str, ...]:
        """The containers of the app."""
        return tuple(each.name for each in self.deployment.services if each.kind == ServiceKind.APP)

    def members(self) -> tuple[Member, ...]:
        """The processes of the app at this moment."""
        current = self.deployment.current()
        return tuple(
            member
            for part in self.deployment.parts
            for member in part.there(members, tuple(each for each in current if each.service in part.services))
        )

    def worker(self) -> Member:
        """One of the serving processes. Raises DeploymentError when none is to be seen."""
        if not (found := serving(self.members())):
            raise DeploymentError(f"{self.deployment.topology.trial_id}: no serving process is to be seen")
        return Random(self.seed).choice(found)

    def first_process(self, service: str) -> Member:
        """That of a service. Raises DeploymentError when it is not to be seen."""
        found = self.deployment.part_of(service).there(first_processes, self._targets(service))
        first = next((member for member in found if member.service == service), None)
        if first is None:
            raise DeploymentError(f"{self.deployment.topology.trial_id}: no process of {service} is to be seen")
        return first

    def connections(self, service: str, ports: Sequence[int] = ()) -> frozenset[int]:
        """The connections to a service, or to these of its ports alone, each by the inode of its server's end."""
        there = self.deployment.part_of(service).there
        own = self._targets(service)
        return frozenset(inode for each in own for inode in there(connected, each.init_pid, ports or each.ports))

    def _targets(self, service: str) -> tuple[SampleTarget, ...]:
        return tuple(each for each in self.deployment.current() if each.service == service)

    def ask(self, path: str, timeout_s: float) -> tuple[int, str]:
        """Ask one container of the app, drawn from the seed, once: its status, or 0 and why there was none.

        Straight, and not through a front: that may ask the next process where one does not answer.
        """
        topology = self.deployment.topology
        straight = replace(topology.probed, entry=Random(self.seed).choice(topology.app))
        return self.deployment.there(ask, straight, path, timeout_s)

    def signal(self, member: Member, number: signal.Signals) -> bool:
        """Send it to a process of the arm, and tell of it; False, and nothing told, where that had ended."""
        began_s = time.monotonic()
        if not self.deployment.part_of(member.service).there(send, member.pid, member.started, int(number)):
            return False
        self.done(number.name, began_s, member)
        return True

    def done(self, what: str, began_s: float, member: Member | None = None, detail: str = "") -> None:
        """Tell of an act that ends now."""
        service, pid = (member.service, member.pid) if member else ("", 0)
        ended_s = time.monotonic()
        self.tell(Act(what=what, began_s=began_s, ended_s=ended_s, service=service, pid=pid, detail=detail))
