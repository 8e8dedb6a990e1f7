"""A node that disappears at one step of a run over two: what the lab says, and what is left on each. As kill_matrix."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from lab.host.labels import RUN
from lab.record.folder import read_info
from lab.run.steps import Step
from tests.kill_matrix import DEADLINE_S, Cell, Place, RunningLab, left_behind
from tests.two_hosts import Host, two_hosts

KINDS = ("containers", "networks", "volumes")


class NodeEvent(StrEnum):
    """What happens to a node. The lab stands on that of the arms, and reaches the other one by TCP alone."""

    GENERATOR = "SIGKILL of the engine of a node that drives load"
    ARMS = "SIGKILL of the engine of the node of the arms"
    CUT = "the cable to a node that drives load is cut"


@dataclass
class NodePlace(Place):
    """Where such a run lives; each cell is a run of its own, for a block whose trial was lost is never finished."""

    hosts: tuple[Host, Host] = field(kw_only=True)

    def _scenario(self) -> str:
        first, second = self.hosts
        nodes = f"""
[[nodes]]
name = "arms"
engine = "{first.engine.host}"
address = "{first.address}"
[[nodes]]
name = "gen"
engine = "{second.tcp}"
tls = "{second.tls}"
"""
        return super()._scenario().replace("[load]\n", '[load]\nnodes = ["gen"]\n') + nodes

    def unfinished(self) -> Path | None:
        """None: each run begins."""
        return None


@contextmanager
def node_place(folder: Path) -> Iterator[NodePlace]:
    """Two hosts, the first with all images: it makes those of the other, and has no way to a registry."""
    with two_hosts(tcp=True) as hosts:
        place = NodePlace(folder, hosts[0].engine, hosts=hosts)
        place.daemon.prepare(folder / "kill.toml")
        place.daemon.prepare_agent()
        yield place


def play_node(event: NodeEvent, step: Step, place: NodePlace) -> Cell:
    """Begin a run, let the event happen at the step, look at the node that is left, and clean once both are there."""
    lab, lost = RunningLab(place), place.hosts[event is not NodeEvent.ARMS]
    lab.wait_for(step)
    _happen(event, lost)
    code = lab.process.wait(DEADLINE_S)
    wrong = list(wrong_sentence(code, lab.said, ("gen", "arms")))
    remaining = left_behind(lab) if event is not NodeEvent.ARMS else left_on(place.hosts[1])
    if remaining:
        wrong.append(f"left behind: {', '.join(remaining)}")
    _mend(event, lost)
    left = left_on(lost)
    wrong += _wrong_cleaning(place, left)
    for info in place.out.glob("*/run.json"):
        read_info(info.parent)  # raises
    return lab.cell(event, step, len(left), wrong)


def wrong_sentence(code: int, said: str, names: Sequence[str]) -> Iterator[str]:
    """Exit code 3 or 4, no traceback, and a node by its name: that is what a lost node has to say."""
    if code not in (3, 4):
        yield f"exit code {code}"
    if "Traceback" in said:
        yield f"a traceback:\n{said[said.index('Traceback') :]}"
    if not any(f"node {name}" in said for name in names):
        yield "no sentence names the node"


def left_on(host: Host) -> list[str]:
    """What carries the lab's label there."""
    found = []
    with closing(host.engine.client()) as own:
        for kind in KINDS:
            every = {"all": True, "ignore_removed": True} if kind == "containers" else {}
            found += [f"{kind}: {each.name}" for each in getattr(own, kind).list(filters={"label": RUN}, **every)]
    return found


def _happen(event: NodeEvent, lost: Host) -> None:
    if event is NodeEvent.CUT:
        lost.cut()
    else:
        lost.engine.kill()


def _mend(event: NodeEvent, lost: Host) -> None:
    if event is NodeEvent.CUT:
        lost.mend()
    else:
        lost.engine.start()


def _wrong_cleaning(place: NodePlace, left: list[str]) -> Iterator[str]:
    """`lab clean --scenario` lists what is left on the node that is back, removes it, and leaves nothing on either."""
    scenario = place.root / "kill.toml"
    dry = place.lab("clean", "--dry-run", "--json", "--scenario", scenario, "--out", place.out)
    if dry.returncode or len(json.loads(dry.stdout)) != len(left):
        yield f"--dry-run lists {dry.stdout or dry.stderr}, left are {left}"
    cleaned = place.lab("clean", "--scenario", scenario, "--out", place.out)
    if cleaned.returncode:
        yield f"lab clean failed: {cleaned.stderr}"
    if still := [each for host in place.hosts for each in left_on(host)]:
        yield f"still there after lab clean: {', '.join(still)}"
