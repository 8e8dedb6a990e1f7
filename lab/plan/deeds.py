"""What each verb of a drill does to an arm, in words: `lab plan` says it, and `lab ui` asks for it."""

from lab.scenario.drills import REQUESTS, Drill, Verb
from lab.units import format_duration


def deed(drill: Drill) -> str:
    """``"one serving process is stopped for 5 s"``: what is done to an arm, as a clause."""
    held, asked = format_duration(drill.hold), drill.path() if drill.verb in REQUESTS else ""
    return {
        Verb.KILL: "one serving process is killed",
        Verb.HANG: f"one serving process is stopped for {held}",
        Verb.BLOCK: f"a request ({asked}) keeps the event loop of one serving process busy for {held}",
        Verb.ROLL: f"every serving process is replaced{_told(drill)}",
        Verb.DEPLOY: f"every container of the app gives way to one of {drill.image or 'its own image'}{_told(drill)}",
        Verb.OOM: f"one serving process is asked ({asked}) to hold more memory than there is",
        Verb.KILL_SUPERVISOR: "one supervisor is killed",
        Verb.KILL_FRONT: "what clients connect to is killed",
        Verb.CRASH_LOOP: f"one serving process is killed, and for {held} whatever comes in its place",
        Verb.RECYCLE: f"every serving process is asked to end, each at an instant drawn over {held}",
        Verb.SLOW_START: f"every serving process of a slow app is replaced, which is looked at for {held}",
        Verb.SCALE: "one serving process more is started",
        Verb.ROTATE_CERT: f"a new certificate takes the place of the one that clients are shown{_told(drill)}",
        Verb.STOP: "every container of the app is stopped",
        Verb.NODE_LOSS: f"{f'node {drill.node}' if drill.node else 'a node'} is drained, and its tasks come elsewhere",
    }[drill.verb]


def _told(drill: Drill) -> str:
    """What a front with several of them behind it is told, or in which manner a Swarm does it."""
    if drill.update:
        return f", at most {drill.update.parallelism} at once and {drill.update.order}"
    if drill.blue_green:
        return ", where there are several as a whole set beside the old one"
    return f", where there are several out of the front {format_duration(drill.drain)} before" if drill.drain else ""
