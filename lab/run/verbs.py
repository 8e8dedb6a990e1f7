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
OK = 200
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

    def signal(self, member: Member, number: signal.Signals) -> bool:
        """Send it to a process of the arm, and tell of it; False, and nothing told, where that had ended."""
        began_s = time.monotonic()
        if not self.deployment.there(send, member.pid, member.started, int(number)):
            return False
        self.done(number.name, began_s, member)
        return True

    def done(self, what: str, began_s: float, member: Member | None = None, detail: str = "") -> None:
        """Tell of an act that ends now."""
        service, pid = (member.service, member.pid) if member else ("", 0)
        ended_s = time.monotonic()
        self.tell(Act(what=what, began_s=began_s, ended_s=ended_s, service=service, pid=pid, detail=detail))


def kill(scene: Scene) -> bool:
    """SIGKILL to one serving process."""
    return scene.signal(scene.worker(), signal.SIGKILL)


def hang(scene: Scene) -> bool:
    """SIGSTOP to one serving process; SIGCONT after ``hold``, unless somebody has ended it by then."""
    worker = scene.worker()
    if not scene.signal(worker, signal.SIGSTOP):
        return False
    cut = scene.wait(scene.drill.hold)
    if not scene.signal(worker, signal.SIGCONT):
        scene.done("gone", time.monotonic(), worker)
    return not cut


def block(scene: Scene) -> bool:
    """A request that keeps the event loop of whichever process answers it busy for ``hold``.

    Raises DeploymentError when it is answered by anything but success: then nothing was blocked.
    """
    hold_s, topology = scene.drill.hold, scene.deployment.topology
    path = scene.drill.request.replace("{seconds}", f"{hold_s:g}").replace("{ms}", f"{hold_s * 1000:g}")
    scene.done("request", time.monotonic(), detail=path)
    status, why = scene.deployment.there(ask, topology, path, hold_s + REQUEST_MARGIN_S)
    if status and status != OK:
        raise DeploymentError(
            f"{topology.trial_id}: {path} was answered with {status}, so that nothing was blocked",
            "give the drill a path of your app that blocks its event loop (drills[].request)",
        )
    scene.done("answer" if status else "unanswered", time.monotonic(), detail=why)
    return True


def roll(scene: Scene) -> bool:
    """Replace every serving process: by SIGHUP to the supervisors, else one container after the other."""
    found = scene.members()
    supervisors = [member for member in found if member.role == Role.SUPERVISOR]
    if not supervisors or not scene.hangup:
        return _one_after_the_other(scene, "restarted", lambda service: scene.deployment.restart(service, 0))
    for supervisor in supervisors:
        scene.signal(supervisor, signal.SIGHUP)
    began_s, old = time.monotonic(), {(member.pid, member.started) for member in serving(found)}
    while old & {(member.pid, member.started) for member in scene.members()}:
        if time.monotonic() > began_s + ROLL_S or scene.wait(LOOK_S):
            return False
    scene.done("replaced", began_s, detail=f"{len(old)} processes")
    return True


def deploy(scene: Scene) -> bool:
    """Put a container of another image in the place of every one: in place where there is one, else slot by slot."""
    image = scene.drill.image_key
    return _one_after_the_other(scene, "deployed", lambda service: scene.deployment.exchange(service, image))


def _one_after_the_other(scene: Scene, what: str, change: Callable[[str], None]) -> bool:
    for place, service in enumerate(scene.services):
        if place and scene.wait(0):
            return False
        began_s = time.monotonic()
        change(service)
        scene.done(what, began_s, detail=service)
    return True


def stop(scene: Scene) -> bool:
    """Stop every container of the app at once, and tell how each ended."""
    began_s = time.monotonic()
    scene.done("SIGTERM", began_s, detail=", ".join(scene.services))
    with ThreadPoolExecutor(len(scene.services)) as pool:
        for service, how in zip(scene.services, pool.map(scene.deployment.stop, scene.services), strict=True):
            scene.done("stopped", began_s, detail=f"{service}: {how}")
    return True


# Each tells whether it was carried out as a whole, or was cut by the end of the trial.
VERBS: Mapping[Verb, Callable[[Scene], bool]] = {
    Verb.KILL: kill,
    Verb.HANG: hang,
    Verb.BLOCK: block,
    Verb.ROLL: roll,
    Verb.DEPLOY: deploy,
    Verb.STOP: stop,
}


def send(pid: int, started: int, number: int) -> bool:
    """Send a signal to the process that has this pid and started then (clock ticks since boot); False: it has ended.

    Raises DeploymentError when it may not be signalled.
    """
    kin = kinship(PROC, pid)
    if kin is None or kin.started != started:
        return False
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    except PermissionError:
        raise DeploymentError(f"process {pid} may not be signalled by this user", "run the lab as root") from None
    return True


def ask(topology: Topology, path: str, timeout_s: float) -> tuple[int, str]:
    """Ask once where clients connect: the status of the answer, or 0 and why there was none."""
    connection = connection_to(topology.entry, timeout_s)
    try:
        connection.request("GET", path, headers=dict(topology.probe_headers))
        return connection.getresponse().status, ""
    except (OSError, http.client.HTTPException) as error:
        return 0, repr(error)
    finally:
        connection.close()
