"""Refuse what services of a Swarm cannot have, before anything is asked. Pure."""

from collections.abc import Sequence

from lab.errors import ScenarioError
from lab.scenario.model import Scenario


def check_swarm(scenario: Scenario) -> None:
    """Refuse what services of a Swarm cannot have. Raises ScenarioError (exit 2) with every key, nothing is asked."""
    if found := _refusals(scenario):
        raise ScenarioError(
            "engine swarm runs services of a Swarm, so it cannot run this scenario:\n"
            + "\n".join(f"  {sentence}" for sentence in found),
            "change these keys, or run it on one machine (--engine docker)",
        )


def _refusals(scenario: Scenario) -> Sequence[str]:
    budget, app = scenario.budget, scenario.app
    pooled = [key for key, quota in (("cpus", budget.cpus), ("memory", budget.memory)) if quota.mode == "pooled"]
    found = [f'budget.{key}: a pooled limit is a cgroup of one machine; write "split:…"' for key in pooled]
    if not scenario.nodes:
        found.append("nodes: the engine of each node is needed, to carry images there and to sample; add [[nodes]]")
    if budget.cpuset:
        found.append("budget.cpuset: a service cannot be pinned to cores; leave it out")
    if scenario.trials.restart_one:
        found.append("trials.restart_one: a task that was ended does not come back in its place; leave it out")
    restarts = [app.restart, *(arm.restart for arm in scenario.arms)]
    if any(policy not in ("", "no") for policy in restarts):
        found.append('restart: what comes in the place of a task that ended is another one; only "no" works yet')
    if any(arm.watch == "engine" for arm in scenario.arms):
        found.append("watch: the watchdog restarts containers of one machine; leave it out")
    volumes = [*app.volumes, *(volume for sidecar in scenario.sidecars for volume in sidecar.volumes)]
    owned = [volume.path for volume in volumes if volume.uid or volume.gid]
    found += [f"volumes: {path}: a folder in memory belongs to root there; leave out uid and gid" for path in owned]
    found += [f'drill "{drill.key}": drills are not made on a Swarm yet; leave it out' for drill in scenario.drills]
    return found
