"""Drills: what a run breaks, or replaces, on purpose while an arm is under load (METHOD 9)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from lab.scenario.compare import STRICT
from lab.scenario.quantities import Seconds

MAX_DRILLS = 16
DRILL_IMAGE = "drill."  # and the key of the drill that deploys an image of its own
STEADY_S = 5.0  # without a bad request before the action: METHOD 9.3
CALM_S = 3.0  # without a bad request before an arm has recovered: METHOD 9.4
MAX_HOLD_S = 45.0  # a drill's trial is short (METHOD 9), and an agent answers within a minute
MAX_PARALLEL = 64  # containers that one update replaces at once
TICK_S = 2.0  # the instant is drawn over so long: supervisors look every 0.5 s, fronts every second


class Verb(StrEnum):
    """What is done to the arm."""

    KILL = "kill"  # SIGKILL to one serving process
    HANG = "hang"  # SIGSTOP to one serving process, SIGCONT after ``hold``
    BLOCK = "block"  # a request that keeps the event loop of one serving process busy for ``hold``
    ROLL = "roll"  # every serving process is replaced: by SIGHUP to its supervisor, else one container after the other
    DEPLOY = "deploy"  # a new version: every container of the app gives way to one of ``image``, one after the other
    OOM = "oom"  # a request that makes one serving process hold more memory than the budget has
    KILL_SUPERVISOR = "kill-supervisor"  # SIGKILL to one process that supervises others
    KILL_FRONT = "kill-front"  # SIGKILL to what clients connect to
    CRASH_LOOP = "crash-loop"  # SIGKILL to one serving process and, for ``hold``, to whatever comes in its place
    RECYCLE = "recycle"  # SIGTERM to every serving process, each at an instant drawn over ``hold``
    SLOW_START = "slow-start"  # ROLL of an app that takes more than 5 s to start, looked at for ``hold``
    SCALE = "scale"  # one serving process more: by SIGTTIN to a supervisor, else a container more behind the front
    ROTATE_CERT = "rotate-cert"  # a new certificate, which its server reads while it goes on serving
    STOP = "stop"  # every container of the app is stopped: SIGTERM, and SIGKILL where that is not obeyed
    NODE_LOSS = "node-loss"  # a node of a Swarm is drained: its tasks end, and come again on the other nodes


QUICK = (Verb.KILL, Verb.HANG, Verb.ROLL, Verb.STOP)  # of any app: block and oom need a path of it, deploy an image
REQUESTS: Mapping[Verb, str] = {Verb.BLOCK: "/block?ms={ms}", Verb.OOM: "/hold?mb={mb}"}  # of the demo app
PLACEHOLDERS: Mapping[Verb, tuple[str, ...]] = {Verb.BLOCK: ("{ms}", "{seconds}"), Verb.OOM: ("{mb}",)}

LASTS: Mapping[Verb, float] = {Verb.OOM: 10.0}  # seconds: a GiB is filled, and the kernel ends what it kills

HELD = (Verb.HANG, Verb.BLOCK, Verb.CRASH_LOOP, Verb.RECYCLE, Verb.SLOW_START, Verb.ROTATE_CERT)  # for ``hold``
REPLACING = (Verb.ROLL, Verb.DEPLOY, Verb.SLOW_START)  # verbs that replace one container after the other
UPDATING = (Verb.ROLL, Verb.DEPLOY, Verb.ROTATE_CERT)  # verbs that a Swarm does by an update of its services

# What to take where a verb cannot be had, the nearest first: KILL is what everything can do.
NEAREST: Mapping[Verb, tuple[Verb, ...]] = {
    Verb.DEPLOY: (Verb.ROLL,),
    Verb.ROLL: (Verb.DEPLOY,),
    Verb.KILL_FRONT: (Verb.STOP,),
    Verb.RECYCLE: (Verb.ROLL,),
    Verb.SLOW_START: (Verb.ROLL,),
    Verb.CRASH_LOOP: (Verb.KILL,),
    Verb.SCALE: (Verb.ROLL,),
    Verb.ROTATE_CERT: (Verb.ROLL,),
    Verb.NODE_LOSS: (Verb.STOP,),
}


@dataclass(config=STRICT, kw_only=True)
class Update:
    """How a Swarm replaces the tasks of services, in its own terms.

    ``order``: the old task ends first, or the new one starts first. ``parallelism``: so many containers are replaced at
    once. ``monitor``: so long a new task is looked at before the next follows; one that fails until then is a
    ``failure``, which stops the update, takes it back, or is passed over. Taking it back goes by the same settings.
    """

    order: Literal["stop-first", "start-first"] = "stop-first"
    parallelism: Annotated[int, Field(ge=1, le=MAX_PARALLEL, strict=True)] = 1
    monitor: Annotated[Seconds, Field(gt=0, le=MAX_HOLD_S)] = 5.0
    failure: Literal["pause", "rollback", "continue"] = "pause"


def nearest_verb(verb: Verb, possible: Collection[Verb] = frozenset(Verb)) -> Verb:
    """The verb to take instead, among those that are possible."""
    return next((near for near in NEAREST.get(verb, ()) if near in possible), Verb.KILL)


@dataclass(config=STRICT, kw_only=True)
class Drill:
    """One action on every arm, each time on a fresh deployment; its trials are compared with one another only.

    The action comes ``after`` the start of the measure phase and at most TICK_S later, at the same instant in all arms
    of a block. ``hold``: how long what is only held up stays so; a hang of 5 s is over before uvicorn's supervisor
    acts. ``slo``: a request that takes longer is bad, from its scheduled instant. ``request``: the path that blocks,
    with {ms} or {seconds}, or holds memory, with {mb}; "" is that of the demo app. ``image``: what is deployed, "" for
    the arm's own once more. ``group``: who is out of memory takes the whole container along. ``drain``: of several
    containers behind a front, the front is told of each that is to be replaced, and what that has at hand may take so
    long; 0: nobody tells it. ``style``: one in the place of the other, or a whole set of new containers beside the old
    ones, to which the front then goes over. ``update``: how a Swarm replaces them; without it as Docker's own defaults
    say. ``node``: which one is lost, "" for the last that runs parts of arms.
    """

    verb: Verb
    name: Annotated[str, Field(pattern=r"^([a-z0-9][a-z0-9-]{0,39})?$")] = ""
    after: Annotated[Seconds, Field(ge=STEADY_S)] = 6.0
    hold: Annotated[Seconds, Field(gt=0, le=MAX_HOLD_S)] = 8.0
    slo: Annotated[Seconds, Field(gt=0)] = 0.25
    request: Annotated[str, Field(pattern=r"^(/.*\{(ms|seconds|mb)\}.*)?$")] = ""
    image: Annotated[str, Field(max_length=500)] = ""
    group: Annotated[bool, Field(strict=True)] = False
    drain: Annotated[Seconds, Field(ge=0, le=MAX_HOLD_S)] = 0.0
    style: Literal["in-turn", "blue-green"] = "in-turn"
    update: Update | None = None
    node: Annotated[str, Field(pattern=r"^([a-z0-9][a-z0-9-]{0,39})?$")] = ""

    @model_validator(mode="after")
    def _says_something(self) -> Drill:
        if self.image and self.verb is not Verb.DEPLOY:
            raise ValueError(f'"image" says nothing to {self.verb}: leave it out, or take verb = "deploy"')
        if self.group and self.verb is not Verb.OOM:
            raise ValueError(f'"group" says nothing to {self.verb}: leave it out, or take verb = "oom"')
        if self.drain and self.verb not in REPLACING:
            raise ValueError(f'"drain" says nothing to {self.verb}: leave it out, or take verb = "roll" or "deploy"')
        if self.blue_green and self.verb is not Verb.DEPLOY:
            raise ValueError(f'"style" says nothing to {self.verb}: leave it out, or take verb = "deploy"')
        if self.update and (self.verb not in UPDATING or self.blue_green):
            raise ValueError(f'"update" says nothing to {self.verb}: leave it out, or take verb = "roll" or "deploy"')
        if self.node and self.verb is not Verb.NODE_LOSS:
            raise ValueError(f'"node" says nothing to {self.verb}: leave it out, or take verb = "node-loss"')
        filled = PLACEHOLDERS.get(self.verb, ())
        if self.request and filled and not any(placeholder in self.request for placeholder in filled):
            raise ValueError(f'request: {self.verb} fills in {" or ".join(filled)}, which is not in "{self.request}"')
        return self

    def path(self, mb: int | None = None) -> str:
        """What is asked of the app, with ``hold``, or so many MB of memory (None: not known yet), filled in."""
        amount = "…" if mb is None else str(mb)
        told = {"{seconds}": f"{self.hold:g}", "{ms}": f"{self.hold * 1000:g}", "{mb}": amount}
        path = self.request or REQUESTS[self.verb]
        for placeholder, value in told.items():
            path = path.replace(placeholder, value)
        return path

    @property
    def blue_green(self) -> bool:
        """Whether a whole set of new containers comes beside the old ones."""
        return self.style == "blue-green"

    @property
    def of_a_swarm(self) -> bool:
        """Whether nothing but a Swarm can do it as it is asked for."""
        return self.update is not None or self.verb is Verb.NODE_LOSS

    @property
    def key(self) -> str:
        """How the run calls it: its name, or its verb."""
        return self.name or self.verb.value

    @property
    def image_key(self) -> str:
        """Under which key the engine keeps the image that is deployed; "" where it is the arm's own."""
        return f"{DRILL_IMAGE}{self.key}" if self.image else ""

    @property
    def least_measure_s(self) -> float:
        """How long the measure phase must be, so that what is done has ended and an arm can be seen to recover."""
        held = self.hold if self.verb in HELD else LASTS.get(self.verb, 0.0)
        return self.after + TICK_S + held + self.drain + 2 * CALM_S


def check_drills(drills: tuple[Drill, ...]) -> None:
    """Raise ValueError where two drills have one name."""
    keys = [drill.key for drill in drills]
    for key in keys:
        if keys.count(key) > 1:
            raise ValueError(f'drills: two are called "{key}": give each its own name')
