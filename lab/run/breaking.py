"""Acts that take something of an arm away: memory, what others depend on, a process again and again."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Sequence
from random import Random

from lab.attest.serving import Member, serving
from lab.engines.there import die_together, oom_kills
from lab.errors import DeploymentError
from lab.plan.kinds import Role, ServiceKind
from lab.run.scene import Scene

LOOK_S = 0.2
KILLED_WITHIN_S = 5.0  # after the answer to the request that takes too much
OOM_S = 40.0  # so long may that request take
MB = 10**6


def oom(scene: Scene) -> bool:
    """A request, past any front, that makes whichever process answers it hold too much memory, until the kernel kills.

    Cut where the trial ends first. Raises DeploymentError when the kernel killed nobody: nothing was out of memory.
    """
    topology = scene.deployment.topology
    if scene.drill.group:
        scene.deployment.there(die_together, scene.deployment.current())
    limits = [service.limits.memory_bytes for service in topology.services if service.kind is ServiceKind.APP]
    least_mb = math.ceil(max(*(limit or 0 for limit in limits), topology.pool.memory_bytes or 0) / MB)
    path, before = scene.drill.path(mb=least_mb), scene.members()
    kills = scene.deployment.there(oom_kills)
    scene.done("request", time.monotonic(), detail=path)
    began_s = time.monotonic()
    status, why = scene.ask(path, OOM_S)
    gone = _gone(scene, serving(before))
    if not gone or scene.deployment.there(oom_kills) == kills:  # what ended may have ended by itself
        if scene.wait(0):
            return False
        said = f"answered with {status}" if status else why
        raise DeploymentError(
            f"{topology.trial_id}: {path} was {said}, and the kernel killed nobody",
            "give the drill a path of your app that holds as many MB as it is told (drills[].request)",
        )
    for member in gone:
        scene.done("killed", began_s, member)
    return True


def _gone(scene: Scene, before: Sequence[Member]) -> list[Member]:
    """Those of the serving processes that end within a while: the same at two looks, for a group takes its time."""
    give_up_at, seen = time.monotonic() + KILLED_WITHIN_S, 0
    while True:
        now = {(member.pid, member.started) for member in scene.members()}
        gone = [member for member in before if (member.pid, member.started) not in now]
        over = len(gone) in (len(before), seen) if gone else time.monotonic() > give_up_at
        if over or scene.wait(LOOK_S):
            return gone
        seen = len(gone)


def kill_supervisor(scene: Scene) -> bool:
    """SIGKILL to one supervisor."""
    found = [member for member in scene.members() if member.role == Role.SUPERVISOR]
    if not found:
        raise DeploymentError(f"{scene.deployment.topology.trial_id}: no supervisor is to be seen")
    return scene.signal(Random(scene.seed).choice(found), signal.SIGKILL)


def kill_front(scene: Scene) -> bool:
    """SIGKILL to the first process of what clients connect to, and with it to all of its container."""
    entry = scene.deployment.service_at(scene.deployment.topology.entry)
    return scene.signal(scene.first_process(entry), signal.SIGKILL)


def crash_loop(scene: Scene) -> bool:
    """SIGKILL to one serving process, and for ``hold`` to whatever comes in its place.

    Raises DeploymentError when the first one had ended by itself: then nothing was hit.
    """
    victim, known = scene.worker(), {(member.pid, member.started) for member in scene.members()}
    over_at = time.monotonic() + scene.drill.hold
    if not scene.signal(victim, signal.SIGKILL):
        raise DeploymentError(f"{scene.deployment.topology.trial_id}: {victim.service} ended before it could be killed")
    while time.monotonic() < over_at:
        if scene.wait(LOOK_S):
            return False
        for member in scene.members():
            if member.service == victim.service and (member.pid, member.started) not in known:
                scene.signal(member, signal.SIGKILL)
    return True


def recycle(scene: Scene) -> bool:
    """SIGTERM to every serving process, each at an instant drawn over ``hold``: so it ends at its limit of requests.

    Raises DeploymentError when every one had ended by itself: then nothing was hit.
    """
    if not (found := serving(scene.members())):
        raise DeploymentError(f"{scene.deployment.topology.trial_id}: no serving process is to be seen")
    draw, began_s, hit = Random(scene.seed), time.monotonic(), 0
    for after_s, place in sorted((draw.uniform(0, scene.drill.hold), place) for place in range(len(found))):
        if scene.wait(max(0.0, began_s + after_s - time.monotonic())):
            return False
        hit += scene.signal(found[place], signal.SIGTERM)
    if not hit:
        raise DeploymentError(f"{scene.deployment.topology.trial_id}: every serving process ended by itself")
    return True
