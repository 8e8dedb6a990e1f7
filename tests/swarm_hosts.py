"""Hosts in one Swarm, and what is seen of the lab there: the lab itself makes none, and leaves it as it was."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager

import docker

from lab.engines.swarm.updates import in_sequence
from tests.two_hosts import Host, hosts, lead_on

KINDS = ("services", "containers", "networks", "volumes", "configs", "secrets")
GONE_S = 60.0  # a container has 10 s to end, and its node is told of it by and by
READY_S = 60.0
PORT = 2377  # of a Swarm
GOES_ON = "continue in the background"  # Docker waits 20 s for a node to join, and no longer


@contextmanager
def swarm_hosts(number: int = 2) -> Iterator[list[Host]]:
    """So many, of which the first is the manager, the second in its Swarm, and further ones in none so far.

    They are gone afterwards with everything in them.
    """
    with hosts(number) as found:
        first, second, *_ = found
        lead_on(*found)
        with closing(first.engine.client()) as manager:
            manager.swarm.init(advertise_addr=first.address, listen_addr=f"{first.address}:{PORT}")
        join_swarm(first, second)
        yield found


def join_swarm(first: Host, other: Host) -> None:
    """Have the other one in the Swarm of the first."""
    with closing(first.engine.client()) as manager, closing(other.engine.client()) as worker:
        manager.swarm.reload()
        token, asked = manager.swarm.attrs["JoinTokens"]["Worker"], [f"{first.address}:{PORT}"]
        try:
            worker.swarm.join(asked, token, advertise_addr=other.address, listen_addr=f"{other.address}:{PORT}")
        except docker.errors.APIError as error:
            if GOES_ON not in str(error):
                raise
    until_ready((first, other))


def leave_swarm(first: Host, other: Host) -> None:
    """Have it in none again, and let the Swarm forget it, which a node that is not yet down keeps it from."""
    with closing(first.engine.client()) as manager, closing(other.engine.client()) as worker:
        identity = worker.info()["Swarm"]["NodeID"]
        worker.swarm.leave(force=True)
        manager.api.remove_node(identity, force=True)


def until_ready(hosts: Sequence[Host]) -> None:
    """Until the Swarm has all of its nodes, as after one was away: by the word of its manager, and by their own."""
    give_up_at = time.monotonic() + READY_S
    while _states(hosts) != {"ready", "active"}:
        assert time.monotonic() < give_up_at, "the node does not come back to the Swarm"
        time.sleep(0.2)


def _states(hosts: Sequence[Host]) -> set[str]:
    """What the first says of all nodes, and each of itself."""
    with ExitStack() as stack:
        clients = [stack.enter_context(closing(host.engine.client())) for host in hosts]
        own = {each.info()["Swarm"]["LocalNodeState"] for each in clients}
        if own != {"active"}:  # whom Docker does not take for a manager yet is not asked for nodes
            return own
        return own | {node.attrs["Status"]["State"] for node in clients[0].nodes.list()}


def set_availability(manager: Host, availability: str) -> None:
    """Tell the Swarm whether its worker takes tasks; a node that reports meanwhile has another version."""
    with closing(manager.engine.client()) as client:

        def change() -> None:
            worker = next(node for node in client.nodes.list() if node.attrs["Spec"]["Role"] == "worker")
            worker.update({**worker.attrs["Spec"], "Availability": availability})

        in_sequence(change)


def left_on(hosts: Sequence[Host]) -> list[str]:
    """All that stays of the lab: a worker lets go of a network a moment after the Swarm has removed it."""
    give_up_at = time.monotonic() + GONE_S
    while (found := seen_on(hosts)) and time.monotonic() < give_up_at:
        time.sleep(0.2)
    return found


def seen_on(hosts: Sequence[Host]) -> list[str]:
    """All of the lab in the Swarm and on its nodes, which are in it still."""
    found = []
    for host in hosts:
        with closing(host.engine.client()) as own:
            info = own.info()["Swarm"]
            assert info["LocalNodeState"] == "active", "the Swarm stays as it was"
            kinds = KINDS if info["ControlAvailable"] else KINDS[1:4]
            for kind in kinds:
                # Containers of tasks go by themselves: one that has been listed may not be there any more.
                every = {"all": True, "ignore_removed": True} if kind == "containers" else {}
                found += [
                    f"{kind}: {each.id}" for each in getattr(own, kind).list(filters={"label": "lab.run"}, **every)
                ]
    return found
