"""How the services of an arm are reached and placed in a Swarm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from lab.scenario.compare import STRICT, unknown

DNSRR: Literal["dnsrr"] = "dnsrr"
EVERY = "*"


@dataclass(config=STRICT, kw_only=True)
class SwarmOptions:
    """How a Swarm has the services of arms.

    ``endpoint_mode``: names lead to the tasks themselves, or to a virtual address that the kernel shares out (IPVS).
    ``front``: the node that runs the front, "" for the first, EVERY for one on each that runs parts of arms; sidecars
    and jobs are on the first in any case.
    """

    endpoint_mode: Literal["dnsrr", "vip"] = DNSRR
    front: Annotated[str, Field(pattern=r"^(\*|[a-z0-9][a-z0-9-]{0,39})?$")] = ""

    @property
    def everywhere(self) -> bool:
        """Whether a front is on each node."""
        return self.front == EVERY

    def has_front(self, node: str) -> bool:
        """Whether a node that is not the first runs one."""
        return self.front in (node, EVERY)

    def fronts(self, nodes: int) -> int:
        """How many there are, where so many nodes run parts of arms."""
        return nodes if self.everywhere else 1


def check_swarm_options(options: SwarmOptions, nodes: Sequence[str], *, swarm: bool) -> None:
    """Raise ValueError where they say nothing, or name a node that runs no parts of arms (``nodes`` do)."""
    if options != SwarmOptions() and not swarm:
        raise ValueError('swarm: it says how a Swarm has the services: leave it out, or say engine = "swarm"')
    if options.front not in ("", EVERY, *nodes):
        raise ValueError("swarm.front: " + unknown("node that runs parts of arms", options.front, nodes))
