"""Acts that take something of an arm away: memory, and the process that others depend on."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from lab.attest.serving import Member, serving
from lab.errors import DeploymentError
from lab.plan.kinds import ServiceKind
from lab.run.scene import Scene, ask
from lab.sampling.cgroups import locate
from lab.sampling.plan import SampleTarget

LOOK_S = 0.2
KILLED_WITHIN_S = 5.0  # after the answer to the request that takes too much
OOM_S = 40.0  # so long may that request take
MB = 10**6
GROUP_FILE = "memory.oom.group"


def oom(scene: Scene) -> bool:
    """A request that makes whichever process answers it hold more memory than there is, until the kernel kills.

    Raises DeploymentError when nothing was killed: then nothing was out of memory.
    """
    topology = scene.deployment.topology
    if scene.drill.group:
        scene.deployment.there(die_together, scene.deployment.current())
    limits = [service.limits.memory_bytes for service in topology.services if service.kind is ServiceKind.APP]
    least_mb = math.ceil(max(*(limit or 0 for limit in limits), topology.pool.memory_bytes or 0) / MB)
    path, before = scene.drill.path(mb=least_mb), scene.members()
    scene.done("request", time.monotonic(), detail=path)
    began_s = time.monotonic()
    status, why = scene.deployment.there(ask, topology, path, OOM_S)
    gone = _gone(scene, serving(before))
    if not gone:
        said = f"answered with {status}" if status else why
        raise DeploymentError(
            f"{topology.trial_id}: {path} was {said}, and the kernel killed nobody",
            "give the drill a path of your app that holds as many MB as it is told (drills[].request)",
        )
    for member in gone:
        scene.done("killed", began_s, member)
    return True


def _gone(scene: Scene, before: Sequence[Member]) -> list[Member]:
    """Those of the serving processes that end within a while."""
    give_up_at = time.monotonic() + KILLED_WITHIN_S
    while True:
        now = {(member.pid, member.started) for member in scene.members()}
        gone = [member for member in before if (member.pid, member.started) not in now]
        if gone or time.monotonic() > give_up_at or scene.wait(LOOK_S):
            return gone


def die_together(targets: Sequence[SampleTarget]) -> None:
    """Have the kernel kill all of a container where one of its processes is out of memory.

    Raises DeploymentError where it does not take that.
    """
    for target in targets:
        if target.kind is not ServiceKind.APP:
            continue
        memory = locate(target.init_pid, target.container_id).memory
        try:
            if memory is None:
                raise FileNotFoundError(f"no memory cgroup of {target.service}")
            (memory / GROUP_FILE).write_text("1")
        except OSError as error:
            raise DeploymentError(
                f"the processes of {target.service} cannot be made to die together: {error}", "leave out drills[].group"
            ) from None
