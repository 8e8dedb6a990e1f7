"""A run on a Swarm of two that is cut at a step, or in a drill, by its lab or by the loss of a node. As kill_matrix."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import docker

from lab.engines.docker.removal import SWARM
from lab.engines.swarm.draining import drained
from lab.host.labels import RUN
from lab.record.folder import read_info
from lab.run.steps import Step
from tests.kill_matrix import (
    DEADLINE_S,
    REPOSITORY,
    SETTLE_S,
    Cell,
    Event,
    Place,
    RunningLab,
    do,
    files_left,
    processes_of,
    wait_until,
)
from tests.launched import ending
from tests.node_matrix import wrong_sentence
from tests.swarm_hosts import GONE_S, KINDS, swarm_hosts, until_ready
from tests.two_hosts import Host, power_off, power_on

NAMES = ("one", "two")  # a manager, which has the front and drives load, and a worker


class SwarmEvent(StrEnum):
    """What happens to a node of a Swarm. The lab stands beside the manager."""

    WORKER = "SIGKILL of the engine of a worker of a Swarm"
    OFF = "a worker of a Swarm is switched off"
    MANAGER = "SIGKILL of the engine of the manager of a Swarm"


LOST: Mapping[SwarmEvent, int] = {SwarmEvent.WORKER: 1, SwarmEvent.OFF: 1, SwarmEvent.MANAGER: 0}
DRILLS = {
    "roll": 'verb = "roll"\nupdate = { order = "start-first", monitor = "8s" }',
    "node-loss": 'verb = "node-loss"',
}
DRILL_EVENTS = (Event.SIGINT, Event.SIGTERM, Event.SIGKILL, SwarmEvent.WORKER, SwarmEvent.MANAGER)
SCENARIO = """
question = "What is left of a run on a Swarm?"
engine = "swarm"
[app]
build = "{repository}"
requirements = "{repository}/requirements/app.txt"
ready_path = "/io?ms=40"
{slow}[budget]
processes = 2
[[nodes]]
name = "one"
engine = "{first}"
[[nodes]]
name = "two"
engine = "{second}"
[[arms]]
name = "replicas"
model = "replicas"
front = {{ kind = "nginx", tls = true }}
[load]
locustfile = "slow.py"
rate = 60
lanes = 64
warmup = "1s"
measure = "{measure}"
[trials]
blocks = 1
{drill}
"""


@dataclass
class SwarmPlace(Place):
    """Where such a run lives; each cell is a run of its own. ``drill``: the verb of its drill, "" for none."""

    hosts: tuple[Host, Host] = field(kw_only=True)
    drill: str = field(default="", kw_only=True)

    def _scenario(self) -> str:
        first, second = self.hosts
        return SCENARIO.format(
            repository=REPOSITORY,
            first=first.engine.host,
            second=second.engine.host,
            slow='env = { STARTUP_MS = "4000" }\n' if self.drill else "",  # a task that moves is on its way for a while
            measure="45s" if self.drill else "2s",
            drill=f"[[drills]]\nslo = '5s'\n{DRILLS[self.drill]}" if self.drill else "",
        )

    def unfinished(self) -> Path | None:
        """None: each run begins."""
        return None


@contextmanager
def swarm_place(folder: Path) -> Iterator[Callable[[str], SwarmPlace]]:
    """What gives a place for runs with a drill, or with none: on two hosts in a Swarm, the first with all images."""
    with swarm_hosts() as (first, second):

        def place(drill: str = "") -> SwarmPlace:
            root = folder / (drill or "plain")
            root.mkdir(exist_ok=True)
            return SwarmPlace(root, first.engine, hosts=(first, second), drill=drill)

        ready = place()
        ready.daemon.prepare(ready.root / "kill.toml")
        ready.daemon.prepare_agent()
        yield lambda drill: place(drill) if drill else ready


def play_swarm(event: SwarmEvent | Event, step: Step, place: SwarmPlace) -> Cell:
    """Begin a run, let the event happen at the step or in the drill, look at what is left, and clean."""
    lab = RunningLab(place)
    lost = place.hosts[LOST[event]] if isinstance(event, SwarmEvent) else None
    with ending(lab.process):
        lab.wait_for(step)
        if place.drill:
            wait_until(f"the drill {place.drill}", lambda: _acts(place), lab)
        _happen(event, lost, lab)
        code = lab.process.wait(DEADLINE_S)
    wrong = [*_wrong_ending(event, code, lab.said), *_wrong_on_machine(place, event)]
    others = [host for host in place.hosts if host is not lost]
    if event is not Event.SIGKILL and (there := _settled(others)):
        wrong.append(f"left behind: {', '.join(there)}")
    if lost:
        _mend(event, lost, place)
    left = seen(place.hosts)
    wrong += _wrong_cleaning(place, left)
    for info in place.out.glob("*/run.json"):
        read_info(info.parent)  # raises
    return lab.cell(event, step, len(left), wrong)


def _acts(place: SwarmPlace) -> bool:
    """Whether the Swarm updates a service of the lab, or has drained a node for it."""
    with closing(place.client()) as manager:
        if place.drill == "node-loss":
            return bool(drained(manager))
        told = manager.api.services(filters={"label": RUN})
        return any((each.get("UpdateStatus") or {}).get("State") == "updating" for each in told)


def _happen(event: SwarmEvent | Event, lost: Host | None, lab: RunningLab) -> None:
    if isinstance(event, Event):
        do(event, lab)
    elif lost and event is SwarmEvent.OFF:
        power_off(lost)
    elif lost:
        lost.engine.kill()


def _mend(event: SwarmEvent | Event, lost: Host, place: SwarmPlace) -> None:
    """Have the node back, in its Swarm."""
    if event is SwarmEvent.OFF:
        power_on(lost, place.hosts[0])
    else:
        lost.engine.start()
    until_ready(place.hosts)


def _wrong_ending(event: SwarmEvent | Event, code: int, said: str) -> Iterator[str]:
    if isinstance(event, SwarmEvent):
        yield from wrong_sentence(code, said, NAMES)
    elif code != (-9 if event is Event.SIGKILL else 130):
        yield f"exit code {code}"


def _wrong_on_machine(place: SwarmPlace, event: SwarmEvent | Event) -> Iterator[str]:
    """What the lab leaves on its own machine: nothing, but for files where it was killed."""
    give_up_at = time.monotonic() + SETTLE_S
    while (running := [*processes_of(place)]) and time.monotonic() < give_up_at:
        time.sleep(0.1)
    files = files_left(place) if event is not Event.SIGKILL else []
    if running or files:
        yield f"left on the machine of the lab: {', '.join([*running, *files])}"


def seen(hosts: tuple[Host, ...] | list[Host]) -> list[str]:
    """All of the lab on these hosts, by kind and id, and nodes that it has drained.

    A worker knows networks of the Swarm for as long as something there uses them: a manager removes them.
    """
    found = set[str]()
    for host in hosts:
        with closing(host.engine.client()) as own:
            manages = bool(own.info()["Swarm"]["ControlAvailable"])
            found |= {f"drain: {identity}" for _, identity, _ in (drained(own) if manages else ())}
            for kind in KINDS if manages else KINDS[1:4]:
                found |= {f"{kind}: {each.id}" for each in _listed(own, kind) if manages or not _of_swarm(each)}
    return sorted(found)


def _listed(own: docker.DockerClient, kind: str) -> list[docker.models.resource.Model]:
    every = {"all": True, "ignore_removed": True} if kind == "containers" else {}
    return list(getattr(own, kind).list(filters={"label": RUN}, **every))


def _of_swarm(found: docker.models.resource.Model) -> bool:
    return bool(found.attrs.get("Scope") == SWARM)


def _settled(hosts: list[Host]) -> list[str]:
    """What stays on these: a Swarm lets go of a task a moment after its service."""
    give_up_at = time.monotonic() + GONE_S
    while (found := seen(hosts)) and time.monotonic() < give_up_at:
        time.sleep(0.2)
    return found


def _wrong_cleaning(place: SwarmPlace, left: list[str]) -> Iterator[str]:
    """`lab clean --scenario` lists all that stays, removes it, and lets nodes run tasks again."""
    scenario = place.root / "kill.toml"
    dry = place.lab("clean", "--dry-run", "--json", "--scenario", scenario, "--out", place.out)
    if dry.returncode:
        yield f"--dry-run failed: {dry.stderr}"
    stays = {each.partition(": ")[2] for each in set(left) & set(seen(place.hosts))}
    listed = {item["identity"] for item in json.loads(dry.stdout or "[]")}
    if missing := stays - listed:
        yield f"--dry-run does not list {missing}"
    cleaned = place.lab("clean", "--scenario", scenario, "--out", place.out)
    if cleaned.returncode:
        yield f"lab clean failed: {cleaned.stderr}"
    if still := _settled(list(place.hosts)):
        yield f"still there after lab clean: {', '.join(still)}"
    if files := files_left(place):
        yield f"files still there after lab clean: {', '.join(files)}"
    with closing(place.client()) as manager:
        if idle := [each["ID"] for each in manager.api.nodes() if each["Spec"]["Availability"] != "active"]:
            yield f"nodes that run no tasks: {idle}"
