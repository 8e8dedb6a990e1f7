"""Another machine than that of the arms, on which load is driven."""

import os
from dataclasses import dataclass

import docker

from lab.agent.conversation import Conversation
from lab.agent.sampling import sampled_by
from lab.engines import Machine
from lab.engines.docker.connection import describe
from lab.engines.docker.elsewhere import with_machine
from lab.record.run_types import GeneratorFacts
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

    def facts(self, agent: Conversation, bundle: str) -> GeneratorFacts:
        """What is known of it; ``bundle``: the digest of the locustfile and its files there."""
        engine = describe(self.client)
        own = GeneratorFacts(
            name=self.node.name,
            docker=engine.docker,
            storage_driver=engine.storage_driver,
            cgroup_version=engine.cgroup_version,
            load_cores=self.node.core_count,
            bundle_sha256=bundle,
        )
        return with_machine(own, self.client, agent)
