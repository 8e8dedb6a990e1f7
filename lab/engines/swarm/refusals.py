"""Refuse what services of a Swarm cannot have, before anything is asked. Pure."""

from collections.abc import Iterator

from lab.errors import ScenarioError
from lab.scenario.drills import UPDATING, Drill, Verb, nearest_verb
from lab.scenario.kinds import FRONTS
from lab.scenario.model import Scenario
from lab.units import count_of

# Those of signals and requests, and those that a Swarm has an answer to.
VERBS = frozenset({Verb.KILL, Verb.HANG, Verb.BLOCK, Verb.STOP, Verb.SCALE, Verb.NODE_LOSS, *UPDATING})


def check_swarm(scenario: Scenario) -> None:
    """Refuse what services of a Swarm cannot have. Raises ScenarioError (exit 2) with every key, nothing is asked."""
    if found := [*_refusals(scenario), *_drill_refusals(scenario)]:
        raise ScenarioError(
            "engine swarm runs services of a Swarm, so it cannot run this scenario:\n"
            + "\n".join(f"  {sentence}" for sentence in found),
            "change these keys, or run it on one machine (--engine docker)",
        )


def _refusals(scenario: Scenario) -> Iterator[str]:
    budget, app = scenario.budget, scenario.app
    pooled = [key for key, quota in (("cpus", budget.cpus), ("memory", budget.memory)) if quota.mode == "pooled"]
    yield from (f'budget.{key}: a pooled limit is a cgroup of one machine; write "split:…"' for key in pooled)
    if not scenario.nodes:
        yield "nodes: the engine of each node is needed, to carry images there and to sample; add [[nodes]]"
    if scenario.swarm.everywhere:
        yield from _not_everywhere(scenario)
    if budget.cpuset:
        yield "budget.cpuset: a service cannot be pinned to cores; leave it out"
    if scenario.trials.restart_one:
        yield "trials.restart_one: a task that was ended does not come back in its place; leave it out"
    restarts = [app.restart, *(arm.restart for arm in scenario.arms)]
    if any(policy not in ("", "no") for policy in restarts):
        yield 'restart: what comes in the place of a task that ended is another one; only "no" works yet'
    if any(arm.watch == "engine" for arm in scenario.arms):
        yield "watch: the watchdog restarts containers of one machine; leave it out"
    volumes = [*app.volumes, *(volume for sidecar in scenario.sidecars for volume in sidecar.volumes)]
    owned = [volume.path for volume in volumes if volume.uid or volume.gid]
    yield from (f"volumes: {path}: a folder in memory belongs to root there; leave out uid and gid" for path in owned)


def _not_everywhere(scenario: Scenario) -> Iterator[str]:
    """Why a front cannot be on every node, or some of these would get more load than others."""
    fronts = {arm.front.kind: FRONTS[arm.front.kind].hops for arm in scenario.arms if arm.fronted}
    yield from (
        f"swarm.front: the front {kind} is {hops} containers, one behind another, and cannot be on each node; name one"
        for kind, hops in fronts.items()
        if hops > 1
    )
    nodes, drivers = len(scenario.arm_nodes), scenario.load.all_processes
    if fronts and nodes and drivers % nodes:
        yield (
            f"load.processes: {nodes} nodes have a front each, and {count_of(drivers, 'load process')} in all cannot "
            f"be dealt out to them evenly; take {nodes}, or a multiple of it"
        )


def _drill_refusals(scenario: Scenario) -> Iterator[str]:
    for drill in scenario.drills:
        if drill.verb not in VERBS:
            near = nearest_verb(drill.verb, VERBS)
            yield f'drill "{drill.key}": {drill.verb} is not made on a Swarm yet; the nearest that it has is {near}'
        elif drill.verb is Verb.NODE_LOSS:
            yield from _not_lost(scenario, drill)
        elif drill.verb in UPDATING and drill.drain:
            yield f'drill "{drill.key}": drain: an update of the Swarm tells no front beforehand; leave it out'


def _not_lost(scenario: Scenario, drill: Drill) -> Iterator[str]:
    """Why no node can be lost, or not the one that is named."""
    others = [node.name for node in scenario.expendable]
    if not others:
        yield (
            f'drill "{drill.key}": no node can be lost: through the first the Swarm is asked, and another one has the '
            "front, or drives load"
        )
    elif drill.node and drill.node not in others:
        yield (
            f'drill "{drill.key}": node: {drill.node} cannot be lost: it is the first, has the front, or drives load; '
            f"take {' or '.join(others)}"
        )
