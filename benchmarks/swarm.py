"""How long the start of 16 replicas on a Swarm takes, as services of the lab and as the one service of a plain Swarm.

Run as root: .venv/bin/python -m benchmarks.swarm [SCENARIO]
Without a scenario: on two engines in networks of their own on this machine, in a Swarm that is made for it. With one:
nodes and app are those of the scenario. Its first arm is deployed with 16 processes and no front. Both are timed from
the first request to the Swarm until 16 processes have answered, in turn. Budget: 1.5 times the bare service.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
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
from tests.swarm_hosts import swarm_hosts

RUN_ID, REPLICAS, ROUNDS, ALLOWED = "benchmark-swarm", 16, 3, 1.5
REPOSITORY = Path(__file__).parents[1]
SCENARIO = """
question = "How long does the start of many replicas take?"
engine = "swarm"
[app]
build = "{repository}"
requirements = "{repository}/requirements/app.txt"
[budget]
processes = 2
[[nodes]]
name = "one"
engine = "{first.engine.host}"
[[nodes]]
name = "two"
engine = "{second.engine.host}"
[[arms]]
name = "replicas"
model = "replicas"
front = "nginx"
[load]
locustfile = "{repository}/locustfiles/json_api.py"
"""


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


@contextmanager
def scenario_file(given: Path | None) -> Iterator[Path]:
    """The scenario that was given, or one on two hosts of its own, which are gone afterwards."""
    if given:
        yield given
        return
    with swarm_hosts() as (first, second), tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "swarm.toml"
        path.write_text(SCENARIO.format(repository=REPOSITORY, first=first, second=second), encoding="utf-8")
        yield path


def compare(path: Path) -> float:
    """Time both in turn; how many times the bare service the lab takes, by their medians."""
    scenario = read_scenario(path)
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
    return ratio


def main() -> None:
    """Compare both; exit 1 where the lab takes more than allowed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("scenario", type=Path, nargs="?", help="on a Swarm of yours; else one is made")
    with scenario_file(parser.parse_args().scenario) as path:
        sys.exit(compare(path) > ALLOWED)


if __name__ == "__main__":
    main()
