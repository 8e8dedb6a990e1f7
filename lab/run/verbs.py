"""What the lab does to an arm on purpose (METHOD 9): only to processes of this trial, each act between two instants."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from lab.attest.serving import serving
from lab.errors import DeploymentError
from lab.plan.kinds import Role
from lab.run.breaking import crash_loop, kill_front, kill_supervisor, oom, recycle
from lab.run.renewing import blue_green, rotate_cert, scale
from lab.run.scene import Scene
from lab.run.slots import Slots
from lab.run.updating import by_update, node_loss
from lab.scenario.drills import Verb
from lab.units import count_of

ROLL_S = 60.0  # so long may a supervisor take to replace its workers
SLOW_S = 5.0  # so long uvicorn's supervisor waits for a worker
LOOK_S = 0.2
OK = 200
REQUEST_MARGIN_S = 10.0  # beyond ``hold``: how long a request that blocks may take


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
    """A request, past any front, that keeps the event loop of whichever process answers it busy for ``hold``.

    Raises DeploymentError when it is answered by anything but success: then nothing was blocked.
    """
    hold_s, topology, path = scene.drill.hold, scene.deployment.topology, scene.drill.path()
    scene.done("request", time.monotonic(), detail=path)
    status, why = scene.ask(path, hold_s + REQUEST_MARGIN_S)
    if status and status != OK:
        raise DeploymentError(
            f"{topology.trial_id}: {path} was answered with {status}, so that nothing was blocked",
            "give the drill a path of your app that blocks its event loop (drills[].request)",
        )
    scene.done("answer" if status else "unanswered", time.monotonic(), detail=why)
    return True


def roll(scene: Scene) -> bool:
    """Replace every serving process: by the engine's own update, by SIGHUP, or one container after the other."""
    if (replacing := scene.deployment.replacing) is not None:
        return by_update(scene, replacing, "")
    found = scene.members()
    supervisors = [member for member in found if member.role == Role.SUPERVISOR]
    if not supervisors or not scene.hangup:
        return _one_after_the_other(scene, "restarted", lambda service: scene.deployment.restart(service, 0))
    for supervisor in supervisors:
        scene.signal(supervisor, signal.SIGHUP)
    slow = scene.drill.verb is Verb.SLOW_START
    began_s, old = time.monotonic(), {(member.pid, member.started) for member in serving(found)}
    over_at = began_s + (scene.drill.hold if slow else ROLL_S)
    while left := old & {(member.pid, member.started) for member in scene.members()}:
        if time.monotonic() > over_at and slow:  # that a supervisor gives up is what was asked
            scene.done("kept", began_s, detail=f"{len(left)} of {count_of(len(old), 'process')}")
            return True
        if time.monotonic() > over_at or scene.wait(LOOK_S):
            return False
    scene.done("replaced", began_s, detail=count_of(len(old), "process"))
    return True


def slow_start(scene: Scene) -> bool:
    """Replace every serving process of an app that is slow to start, and tell which are still there after ``hold``.

    Raises DeploymentError when the app is not slow.
    """
    if (took_s := scene.deployment.boot_s) <= SLOW_S:
        raise DeploymentError(
            f"{scene.deployment.topology.trial_id}: the arm was up after {took_s:.1f} s, which is not a slow start",
            f'let the app take more than {SLOW_S:g} s (the demo app has STARTUP_MS), or take verb = "roll"',
        )
    return roll(scene)


def deploy(scene: Scene) -> bool:
    """Put a container of another image in the place of every one: slot by slot, or as a whole set beside them."""
    if scene.drill.blue_green and scene.deployment.topology.further:
        return blue_green(scene)
    if (replacing := scene.deployment.replacing) is not None:
        return by_update(scene, replacing, scene.drill.image_key)
    image = scene.drill.image_key
    return _one_after_the_other(scene, "deployed", lambda service: scene.deployment.exchange(service, image))


def _one_after_the_other(scene: Scene, what: str, change: Callable[[str], None]) -> bool:
    """Each until all answer; with ``drain``, and where its front can be told, it gets no requests meanwhile."""
    slots = Slots(scene=scene)
    drained = scene.drill.drain > 0 and slots.told
    for place, service in enumerate(scene.services):
        if place and scene.wait(0):
            return False
        own = [each for each in slots.app if each.name == service] if drained else []
        if own and not slots.take_out(own, [each for each in slots.app if each not in own], scene.drill.drain):
            return False
        began_s = time.monotonic()
        change(service)
        scene.done(what, began_s, detail=service)
        if own:
            slots.put_back(own, slots.app)
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
    Verb.OOM: oom,
    Verb.KILL_SUPERVISOR: kill_supervisor,
    Verb.KILL_FRONT: kill_front,
    Verb.CRASH_LOOP: crash_loop,
    Verb.RECYCLE: recycle,
    Verb.SLOW_START: slow_start,
    Verb.SCALE: scale,
    Verb.ROTATE_CERT: rotate_cert,
    Verb.STOP: stop,
    Verb.NODE_LOSS: node_loss,
}
