"""The checks of `lab doctor --scenario`: every node as a run needs it, tried with an agent there."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import docker

from lab.agent.conversation import Conversation
from lab.engines.docker.agent.container import start_agent
from lab.engines.docker.agent.image import prepare_agent
from lab.engines.docker.carry import Cargo, carry_all, of_agent
from lab.engines.docker.connection import Identity, check_another, connect_node, describe
from lab.engines.docker.opening import image_maker
from lab.engines.docker.removal import engine_errors
from lab.engines.leftovers import find_leftovers_of
from lab.engines.swarm.cluster import MAKE_ONE, NAME_MANAGER
from lab.errors import LabError, MissingError
from lab.host.kernel import governor, has_ipvs, may_read_memory
from lab.host.labels import labels
from lab.run.doctor import Finding
from lab.scenario.nodes import Node

CLOCK_WANTED_S = 0.005  # METHOD 11.2
STEADY = "performance"
RUN = "doctor"
PROC = Path("/proc")
INIT = 1  # another process than the agent, with more rights


def examine_nodes(nodes: tuple[Node, ...], on_step: Callable[[str], None], *, swarm: bool = False) -> Iterator[Finding]:
    """Every finding for every node; one that cannot be used is missing, with the reason.

    ``swarm``: what it is in its Swarm too; the first has to be a manager.
    """
    seen, architectures = dict[Identity, Node](), dict[str, str]()
    for node in nodes:
        try:
            with closing(connect_node(node)) as client, engine_errors(node.name):
                check_another(node, client, seen)
                yield from _engine(node, client)
                architectures[node.name] = str(client.version().get("Arch", ""))
                _check_alike(architectures, node)
                maker = image_maker(node, client, on_step)
                image_id = prepare_agent(maker, on_step)
                carry_all(maker, [Cargo(node=node.name, target=client, images=of_agent(maker, image_id))], on_step)
                with start_agent(client, image_id, labels(RUN, node.name, "agent"), looks=True, node=node) as agent:
                    yield from agent_findings(node, agent)
                    if swarm:
                        yield swarm_finding(node, client, agent, first=node is nodes[0])
        except LabError as error:
            yield Finding(f"node {node.name}", "missing", "; ".join(filter(None, [str(error), error.hint])))


def _engine(node: Node, client: docker.DockerClient) -> Iterator[Finding]:
    facts, info = describe(client), client.info()
    began = time.monotonic()
    client.ping()
    trip_s = time.monotonic() - began
    yield Finding(
        f"node {node.name}",
        "ok",
        f"Docker {facts.docker} (API {facts.docker_api}), storage {facts.storage_driver}, cgroup "
        f"v{facts.cgroup_version}, kernel {info['KernelVersion']}, {info['Architecture']}, {info['NCPU']} cores, "
        f"answers in {trip_s * 1000:.1f} ms",
    )
    yield _cores(node, int(info["NCPU"]))
    left = len(find_leftovers_of(client))
    told = f"{left} of earlier runs; `lab clean --scenario` removes them" if left else "none"
    yield Finding(f"{node.name}: leftovers", "note" if left else "ok", told)


def _check_alike(architectures: Mapping[str, str], node: Node) -> None:
    """Raise MissingError where a node differs from the first that answered: their images are the same."""
    first, theirs = next(iter(architectures.items()))
    if architectures[node.name] != theirs:
        raise MissingError(
            f"node {node.name} has another architecture: {architectures[node.name]}, and node {first} has {theirs}",
            "use nodes of one architecture",
        )


def _cores(node: Node, there: int) -> Finding:
    """Those of the machine, and those to which the lab's agents keep: the engine refuses one that is not there."""
    kept = f"; the lab's agents keep to {node.cores}" if node.cores else ""
    return Finding(f"{node.name}: cores", "ok", f"{there}{kept}")


def swarm_finding(node: Node, client: docker.DockerClient, agent: Conversation, *, first: bool) -> Finding:
    """Its part in the Swarm, and whether its kernel leads on from virtual addresses, which a run may ask for."""
    info = client.info()["Swarm"]
    state, manages = info.get("LocalNodeState") or "inactive", bool(info.get("ControlAvailable"))
    ways = "IPVS" if agent.call(has_ipvs, PROC) else "no IPVS: exported files need ENDPOINT_MODE=dnsrr"
    if state != "active":
        told = f"its engine is in no Swarm ({state}); {MAKE_ONE}"
    elif first and not manages:
        told = f"it is named first and is no manager of its Swarm: services are asked for there; {NAME_MANAGER}"
    else:
        part = f"manager, {info['Nodes']} nodes" if manages else "worker"  # which does not know how many there are
        told = f"{part}; {ways}"
        return Finding(f"{node.name}: Swarm", "ok", told)
    return Finding(f"{node.name}: Swarm", "missing", told)


def agent_findings(node: Node, agent: Conversation) -> Iterator[Finding]:
    """What only a process there can tell."""
    if agent.call(may_read_memory, INIT):
        yield Finding(f"{node.name}: rights", "ok", "an agent reads the memory (PSS) of every process there")
    else:
        told = (
            "an agent may not read the memory (PSS) of others there, so no trial can be measured: use an "
            "engine that runs as root there, and no security module that forbids it to containers with SYS_PTRACE"
        )
        yield Finding(f"{node.name}: rights", "missing", told)
    clock = agent.clock
    state = "note" if clock.bound_s > CLOCK_WANTED_S else "ok"
    told = f"{clock.offset_s:+.6f} s from this machine's, known to {clock.bound_s * 1000:.2f} ms"
    if state == "note":
        told += f": more than {CLOCK_WANTED_S * 1000:g} ms are a caveat of a trial; start the lab nearer to this node"
    yield Finding(f"{node.name}: clock", state, told if clock.bound_s else "this machine's own")
    governed = agent.call(governor)
    steady = governed in ("", STEADY)
    told = f"{governed or 'not told'}" + ("" if steady else f": clocks that change add noise; {STEADY} does not")
    yield Finding(f"{node.name}: governor", "ok" if steady else "note", told)
