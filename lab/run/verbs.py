"""What the lab does to an arm on purpose (METHOD 9): only to processes of this trial, each act between two instants."""

from __future__ import annotations

import http.client
import os
import signal
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from random import Random

from lab.attest.serving import Member, members, serving
from lab.engines import Deployment
from lab.engines.readiness import connection_to
from lab.errors import DeploymentError
from lab.plan.kinds import Role, ServiceKind
from lab.plan.topology import Topology
from lab.sampling.process_tree import kinship
from lab.sampling.process_view import PROC
from lab.scenario.drills import Drill, Verb

ROLL_S = 60.0  # so long may a supervisor take to replace its workers
LOOK_S = 0.2
REQUEST_MARGIN_S = 10.0  # beyond ``hold``: how long a request that blocks may take


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
    supervisors replace their workers when they get SIGHUP.
    """

    drill: Drill
    deployment: Deployment
    seed: int
    tell: Callable[[Act], None]
    wait: Callable[[float], bool]
    hangup: bool = False

    @property
    def services(self) -> tuple[str, ...]:
        """The containers of the app."""
        return tuple(each.name for each in self.deployment.services if each.kind == ServiceKind.APP)

    def members(self) -> tuple[Member, ...]:
        """The processes of the app at this moment."""
        return self.deployment.there(members, self.deployment.targets)

    def worker(self) -> Member:
        """One of the serving processes. Raises DeploymentError when none is to be seen."""
        if not (found := serving(self.members())):
            raise DeploymentError(f"{self.deployment.topology.trial_id}: no serving process is to be seen")
        return Random(self.seed).choice(found)

    def signal(self, member: Member, number: signal.Signals) -> None:
        """Send it to a process of the arm, and tell of it."""
        began_s = time.monotonic()
        self.deployment.there(send, member.pid, member.started, int(number))
        self.done(number.name, began_s, member)

    def done(self, what: str, began_s: float, member: Member | None = None, detail: str = "") -> None:
        """Tell of an act that ends now."""
        service, pid = (member.service, member.pid) if member else ("", 0)
        ended_s = time.monotonic()
        self.tell(Act(what=what, began_s=began_s, ended_s=ended_s, service=service, pid=pid, detail=detail))


def kill(scene: Scene) -> None:
    """SIGKILL to one serving process."""
    scene.signal(scene.worker(), signal.SIGKILL)


def hang(scene: Scene) -> None:
    """SIGSTOP to one serving process; SIGCONT after ``hold``, unless somebody has ended it by then."""
    worker = scene.worker()
    scene.signal(worker, signal.SIGSTOP)
    scene.wait(scene.drill.hold)
    try:
        scene.signal(worker, signal.SIGCONT)
    except DeploymentError:
        scene.done("gone", time.monotonic(), worker)


def block(scene: Scene) -> None:
    """A request that keeps the event loop of whichever process answers it busy for ``hold``."""
    hold_s, topology = scene.drill.hold, scene.deployment.topology
    path = scene.drill.request.replace("{seconds}", f"{hold_s:g}").replace("{ms}", f"{hold_s * 1000:g}")
    scene.done("request", time.monotonic(), detail=path)
    answer = scene.deployment.there(ask, topology, path, hold_s + REQUEST_MARGIN_S)
    scene.done("answer", time.monotonic(), detail=answer)


def roll(scene: Scene) -> None:
    """Replace every serving process: by SIGHUP to the supervisors, else one container after the other."""
    found = scene.members()
    supervisors = [member for member in found if member.role == Role.SUPERVISOR]
    if not supervisors or not scene.hangup:
        for service in scene.services:
            began_s = time.monotonic()
            scene.deployment.restart(service, 0)
            scene.done("restarted", began_s, detail=service)
            if scene.wait(0):
                return
        return
    for supervisor in supervisors:
        scene.signal(supervisor, signal.SIGHUP)
    began_s, old = time.monotonic(), {(member.pid, member.started) for member in serving(found)}
    while old & {(member.pid, member.started) for member in scene.members()}:
        if time.monotonic() > began_s + ROLL_S or scene.wait(LOOK_S):
            return
    scene.done("replaced", began_s, detail=f"{len(old)} processes")


def stop(scene: Scene) -> None:
    """Stop every container of the app at once, and tell how each ended."""
    began_s = time.monotonic()
    scene.done("SIGTERM", began_s, detail=", ".join(scene.services))
    with ThreadPoolExecutor(len(scene.services)) as pool:
        for service, how in zip(scene.services, pool.map(scene.deployment.stop, scene.services), strict=True):
            scene.done("stopped", began_s, detail=f"{service}: {how}")


VERBS: Mapping[Verb, Callable[[Scene], None]] = {
    Verb.KILL: kill,
    Verb.HANG: hang,
    Verb.BLOCK: block,
    Verb.ROLL: roll,
    Verb.STOP: stop,
}


def send(pid: int, started: int, number: int) -> None:
    """Send a signal to the process that has this pid and started then (clock ticks since boot).

    Raises DeploymentError when it has ended, or may not be signalled.
    """
    gone = f"process {pid} had ended before {signal.Signals(number).name} could be sent"
    kin = kinship(PROC, pid)
    if kin is None or kin.started != started:
        raise DeploymentError(gone)
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        raise DeploymentError(gone) from None
    except PermissionError:
        raise DeploymentError(f"process {pid} may not be signalled by this user", "run the lab as root") from None


def ask(topology: Topology, path: str, timeout_s: float) -> str:
    """Ask once where clients connect: the status of the answer, or why there was none."""
    connection = connection_to(topology.entry, timeout_s)
    try:
        connection.request("GET", path, headers=dict(topology.probe_headers))
        return str(connection.getresponse().status)
    except (OSError, http.client.HTTPException) as error:
        return f"no answer: {error!r}"
    finally:
        connection.close()
