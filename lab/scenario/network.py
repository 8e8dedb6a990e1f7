"""The network of an arm's containers: the machine's own, or one made for each trial; which one, and why."""

from collections.abc import Sequence, Sized
from dataclasses import dataclass
from enum import StrEnum

ASKED = "asked for"
DEFAULT_PORT = 8000  # of an app that listens where it is told, in a network of its own
LOOPBACK = "127.0.0.1"
EVERYWHERE = "0.0.0.0"  # noqa: S104  inside a network that holds nothing but one trial


class Network(StrEnum):
    """``host``: everything listens on 127.0.0.1 of the machine. ``own``: every container has an address of its own."""

    HOST = "host"
    OWN = "own"

    @property
    def bind(self) -> str:
        """The address that a service listens on: what {host} means."""
        return EVERYWHERE if self is Network.OWN else LOOPBACK

    def host_of(self, service: str) -> str:
        """By what the others reach a service: its name, or loopback."""
        return service if self is Network.OWN else LOOPBACK


@dataclass(frozen=True, slots=True)
class NetworkChoice:
    """A network and the reason for it, for people."""

    network: Network
    why: str


def choose_network(
    arm: str, scenario: str, port: int | None, elsewhere: str = "", sidecars: Sequence[str] = ()
) -> NetworkChoice:
    """The network of an arm that says ``arm`` ("" for nothing) in a scenario that says ``scenario``.

    ``port``: the app's fixed one. ``sidecars``: names of what the app needs beside it. ``elsewhere``: why the engine's
    processes are not this machine's, "" if they are.
    """
    for said, by in ((arm, "its arm"), (scenario, "the scenario")):
        if said in (Network.HOST, Network.OWN):
            return NetworkChoice(Network(said), f"{ASKED} by {by}")
    if elsewhere:
        return NetworkChoice(Network.OWN, elsewhere)
    if sidecars:
        return NetworkChoice(Network.OWN, f"the app finds its sidecars by name ({', '.join(sidecars)})")
    if port is not None:
        return NetworkChoice(Network.OWN, f"the app listens on its own port, {port}")
    return NetworkChoice(Network.HOST, "the app listens where it is told, and loopback is fastest")


def check_network(arm: str, choice: NetworkChoice, own_python: bool, nodes: Sized, sidecars: Sized) -> None:
    """Raise ValueError where an arm cannot have the network that it would get.

    Sidecars are found by name, which nothing has on the machine's network; in a network of its own an agent drives
    load, which has a Python of its own.
    """
    if choice.network is Network.OWN and own_python:
        raise ValueError(
            f'load.python: arm "{arm}" is in a network of its own ({choice.why}), where an agent with a Python of its '
            "own drives load: name the packages of the locustfile in load.requirements instead"
        )
    if choice.network is Network.HOST and nodes:
        raise ValueError(
            f'network: arm "{arm}" has the machine\'s own ({choice.why}), which other machines do not share: on '
            '[[nodes]] write network = "own", or leave it out'
        )
    if choice.network is Network.HOST and sidecars:
        raise ValueError(
            f'network: arm "{arm}" has the machine\'s own ({choice.why}), where sidecars cannot be found by name: '
            'write network = "own", or leave it out'
        )
