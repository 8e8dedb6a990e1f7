"""Replace the containers of an app as their engine does it by itself: a Swarm, by updates of its services."""

import time
from collections.abc import Mapping

from lab.engines import Replacing, UpdateEnd
from lab.errors import DeploymentError
from lab.plan.kinds import ServiceKind
from lab.run.scene import Scene
from lab.scenario.drills import Update


def by_update(scene: Scene, replacing: Replacing, image: str) -> bool:
    """Replace every container by an update, so many side by side as the drill says; False where the trial ends before.

    ``image``: the key of what is deployed, "" for what runs already. An update that stops is the end of it.
    """
    how = scene.drill.update or Update()
    for first in range(0, len(scene.services), how.parallelism):
        if first and scene.wait(0):
            return False
        began_s = time.monotonic()
        over = replacing(scene.services[first : first + how.parallelism], image, how, ())
        look_up_again(scene)
        ends = over()
        tell_ends(scene, began_s, ends, how)
        if any(end.back for end in ends.values()):
            look_up_again(scene)
        if any(end.stopped for end in ends.values()):
            break
    return True


def tell_ends(scene: Scene, began_s: float, ends: Mapping[str, UpdateEnd], how: Update) -> None:
    """Tell how each update ended, and how it was asked for."""
    for service, end in ends.items():
        what = "not updated" if end.stopped else "updated"
        scene.done(what, began_s, detail=f"{service}: {end.told} ({how.order}, looked at for {how.monitor:g} s)")


def look_up_again(scene: Scene) -> None:
    """Have a front look up the names of the app once more: they lead to other addresses, and most look only once."""
    if scene.front is None or scene.deployment.addresses_stay:
        return
    for service in scene.deployment.services:
        if service.kind == ServiceKind.PROXY:
            scene.signal(scene.first_process(service.name), scene.front.signal)


def node_loss(scene: Scene) -> bool:
    """Drain a node under load, and tell where its tasks came again. Raises DeploymentError where there is no Swarm."""
    if (losing := scene.deployment.losing) is None:
        raise DeploymentError(f"{scene.deployment.topology.trial_id}: no node can be drained", 'say engine = "swarm"')
    began_s = time.monotonic()
    came = losing(scene.drill.node)
    scene.done("node drained", began_s, detail=scene.drill.node)
    for service, where in came().items():
        scene.done("moved", began_s, detail=f"{service}: to {where}")
    look_up_again(scene)
    return True
