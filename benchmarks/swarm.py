"""How long the start of 16 replicas on a Swarm takes, as services of the lab and as the one service of a plain Swarm.

``python -m benchmarks.swarm SCENARIO``: nodes and app are those of the scenario, whose first arm is deployed with 16
processes and no front. Both are timed from the first request to the Swarm until 16 processes have answered, in turn.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import median

from lab.engines.docker.network import address_in
from lab.engines.docker.removal import each, remove_labelled
from lab.engines.readiness import wait_until_ready
from lab.engines.swarm.agents import Agents
from lab.engines.swarm.engine import SwarmEngine
from lab.engines.swarm.opening import open_swarm
from lab.engines.swarm.removal import remove_services, remove_used_network
from lab.engines.swarm.service import task_template
from lab.host.labels import labels
from lab.plan.arm_topology import build_topology, nominal_ports
from lab.plan.blocks import build_plan
from lab.plan.kinds import ServiceKind
from lab.plan.topology import Topology
from lab.scenario.file import read_scenario

RUN_ID, REPLICAS, ROUNDS, ALLOWED = "benchmark-swarm", 16, 3, 1.5


def bare(engine: SwarmEngine, agents: Agents, topology: Topology, image_id: str) -> float:
    """One service of as many replicas, spread by the Swarm; seconds until all have answered."""
    manager, cluster = agents.cluster.manager.client, agents.cluster
    marks = labels(RUN_ID, "bare", "app")
    network = manager.networks.create("lab-bare", driver="overlay", attachable=True, labels=marks)
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(REPLICAS))
        stack.callback(remove_used_network, manager, network.id)
        stack.callback(agents.leave, network.id, pool, [cluster.manager])
        for member in cluster.members:
            stack.callback(remove_labelled, member.client, marks)
        stack.callback(remove_services, manager, marks)
        agents.join(network.id, pool, [cluster.manager])
        there = agents.access(cluster.manager).there
        asked = task_template(topology.services[0], image_id, marks, network_id=network.id, node_id="", files=[])
        del asked["Placement"]
        began = time.monotonic()
        manager.api.create_service(
            asked,
            name="lab-bare",
            labels=marks,
            mode={"Replicated": {"Replicas": REPLICAS}},
            endpoint_spec={"Mode": "dnsrr"},
        )
        tasks: list[dict[str, dict[str, dict[str, str]]]] = []
        while len(tasks) < REPLICAS:
            time.sleep(0.05)
            told = manager.api.tasks(filters={"service": "lab-bare"})
            tasks = [task for task in told if task["Status"]["State"] == "running"]
        found = [(str(task["NodeID"]), task["Status"]["ContainerStatus"]["ContainerID"]) for task in tasks]
        containers = each(pool, lambda at: cluster.by_id(at[0]).client.containers.get(at[1]), found)
        app = tuple(replace(topology.app[0], host=address_in(container.attrs, "lab-bare")) for container in containers)
        wait_until_ready(replace(topology, app=app, entry=app[0]), lambda: None, {}, there=there)
        return time.monotonic() - began


def main() -> None:
    """Time both in turn, and print the ratio of their medians; exit 1 where that is more than allowed."""
    scenario = read_scenario(Path(sys.argv[1]))
    scenario = replace(scenario, budget=replace(scenario.budget, processes=REPLICAS))
    opened, images = open_swarm(scenario, RUN_ID, print)
    if not isinstance(opened, SwarmEngine):
        sys.exit("engine swarm is needed")
    trial = build_plan(scenario).trials[0]
    whole = build_topology(scenario, trial, nominal_ports(scenario, trial.arm))
    apps = tuple(service for service in whole.services if service.kind is ServiceKind.APP)
    topology = replace(whole, services=apps, entry=whole.app[0], ready_timeout_s=120.0)
    times: dict[str, list[float]] = {"lab": [], "bare": []}
    with opened.load_place(scenario.load):
        agents = opened.standing()
        for _ in range(ROUNDS):
            times["bare"].append(bare(opened, agents, topology, images[apps[0].image].id))
            with opened.deploy(topology) as deployment:
                times["lab"].append(deployment.boot_s)
            print({name: [round(each, 2) for each in values] for name, values in times.items()}, flush=True)
    ratio = median(times["lab"]) / median(times["bare"])
    print(f"{REPLICAS} replicas on {len(agents.cluster.arms)} nodes: {ratio:.2f} of a bare service; allowed {ALLOWED}")
    sys.exit(ratio > ALLOWED)


if __name__ == "__main__":
    main()
