"""The machines of a run, where it has several: the first runs the arms, others drive load."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from lab.scenario.compare import STRICT, unknown
from lab.scenario.quantities import Cores
from lab.units import cores_of

MAX_NODES = 16
TLS_FILES = ("ca.pem", "cert.pem", "key.pem")  # as Docker's own commands call them, in DOCKER_CERT_PATH
DEFAULT_PORT = 20080


@dataclass(config=STRICT, kw_only=True)
class Node:
    """A machine with a Docker engine. ``engine``: where that answers; "" is the one that the environment names.

    ``tls``: the folder with ca.pem, cert.pem and key.pem by which an engine at tcp:// is reached over TLS.
    ``address`` and ``port``: where load of other nodes reaches the arms, on the node that runs them. ``cores``: to
    which the lab's agents keep there, as a cpuset; "" for all.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    engine: Annotated[str, Field(pattern=r"^$|^(unix|tcp|ssh)://\S+$")] = ""
    tls: Path | None = None
    address: Annotated[str, Field(pattern=r"^[0-9A-Za-z._:-]{0,253}$")] = ""
    port: Annotated[int, Field(ge=1024, le=65535, strict=True)] = DEFAULT_PORT
    cores: Cores = ""

    @property
    def core_count(self) -> int | None:
        """How many cores ``cores`` names; None for all of the machine."""
        return len(cores_of(self.cores)) or None

    @property
    def url_host(self) -> str:
        """The address as a URL has it."""
        return f"[{self.address}]" if ":" in self.address else self.address


def check_nodes(nodes: Sequence[Node], load: Sequence[str], engine: str, machines: str) -> None:
    """Raise ValueError where nodes and ``load.nodes`` do not agree, or where ``engine`` cannot be on nodes.

    ``machines``: on which of them it runs arms, as lab.engines.kinds has it.
    """
    names = [node.name for node in nodes]
    if len(set(names)) < len(names):
        raise ValueError(f"nodes need different names, got {', '.join(names)}")
    _check_drivers(nodes, load)
    if plain := [node.name for node in nodes if node.tls and not node.engine.startswith("tcp://")]:
        raise ValueError(
            f"nodes: tls of {plain[0]!r} is for an engine by tcp://: leave it out, or write such an engine"
        )
    if not nodes:
        return
    if machines == "this":
        raise ValueError(f'nodes: engine = "{engine}" is of this machine; say "docker", or leave it out')
    idle = [name for name in names[1:] if name not in load and machines == "first"]
    if idle:
        raise ValueError(
            f"nodes: {idle[0]!r} has nothing to do: the first node, {names[0]!r}, runs the arms, and load.nodes says "
            "which others drive load"
        )
    if names[0] in load and len(load) > 1:
        raise ValueError(f"load.nodes: {names[0]!r} runs the arms; load comes from there, or from other nodes")
    if machines == "first" and load and names[0] not in load and not nodes[0].address:
        raise ValueError(
            f'nodes: {names[0]!r} needs an address by which {load[0]!r} reaches the arms, such as address = "10.0.0.1"'
        )


def _check_drivers(nodes: Sequence[Node], load: Sequence[str]) -> None:
    """What ``load.nodes`` names is there, once, and each has an engine of its own.

    Two addresses of one engine are found when it is asked: lab.engines.docker.connection.
    """
    names = [node.name for node in nodes]
    for name in load:
        if name not in names:
            hint = unknown("node", name, names) if names else f"there is no [[nodes]] that could be {name!r}"
            raise ValueError(f"load.nodes: {hint}")
    if len(set(load)) < len(load):
        raise ValueError(f"load.nodes: each node once, got {', '.join(load)}")
    engines = {node.engine for node in nodes if node.name in load}
    if len(engines) < len(load):
        called = " and ".join(load)
        raise ValueError(f"load.nodes: {called} have one engine: name one of them, with more load.processes")


def check_address(node: Node) -> None:
    """Raise ValueError for a name, or for all addresses: the arm would be published on every network of the node."""
    try:
        everywhere = bool(node.address) and ip_address(node.address).is_unspecified
    except ValueError:
        raise ValueError(
            f"nodes: the address of {node.name!r} is {node.address!r}, a name: give the IP address of the network that "
            "the arms are to be published on"
        ) from None
    if everywhere:
        raise ValueError(
            f"nodes: {node.address} is every address of {node.name!r}: give the one that the arms are published on"
        )
