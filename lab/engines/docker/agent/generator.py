"""Another machine than that of the arms, on which load is driven."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import docker

from lab.agent.conversation import Conversation
from lab.agent.sampling import sampled_by
from lab.engines import Machine
from lab.engines.docker.connection import describe
from lab.engines.docker.elsewhere import machine_facts
from lab.scenario.nodes import Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Generator:
    """A node that drives load, with a client of its engine. ``arms``: the node that it reaches.

    ``elsewhere``: why its processes are not this machine's, "" if they are.
    """

    client: docker.DockerClient
    node: Node
    arms: Node
    elsewhere: str

    @property
    def entrance(self) -> str:
        """Where load reaches every arm."""
        return f"{self.arms.url_host}:{self.arms.port}"

    def machine(self, agent: Conversation) -> Machine:
        """The machine as a trial needs it; the agent that drives load starts its sampler too."""
        return Machine(name=self.node.name, launch=sampled_by(agent), lab_pid=0 if self.elsewhere else os.getpid())

    def facts(self, agent: Conversation) -> Mapping[str, Any]:
        """What is known of it, for the environment."""
        told = describe(self.client)
        return {
            "name": self.node.name,
            **{key: told[key] for key in ("docker", "storage_driver", "cgroup_version")},
            **machine_facts(self.client, agent.clock),
            "load_cores": self.node.core_count,  # None: all of cpu_count
        }
