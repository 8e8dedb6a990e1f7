"""An arm whose services run in a Swarm: described as a deployment, each part of it on its node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from docker.models.containers import Container

from lab.engines import Deployment, Machine, Means, StepMark
from lab.engines.docker.beside import beside
from lab.engines.docker.fate import first_end, log_of, logs_of
from lab.engines.docker.happened import happened
from lab.engines.docker.network import address_in
from lab.engines.docker.request_lines import executions_of
from lab.engines.docker.rights import Access
from lab.engines.docker.stages import Before
from lab.engines.docker.step_lines import marks_of
from lab.engines.endings import End
from lab.engines.running import Others, Running, deployed
from lab.engines.swarm.agents import part_of
from lab.engines.swarm.services import Services
from lab.plan.topology import Service
from lab.record.types import Event

Pairs = Sequence[tuple[Service, Container]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """The services of a trial and the containers that they became. ``accesses``: to each node, by its name.

    ``network``: the name of the trial's; ``generator``: the machine that drives load, where no arm runs.
    """

    services: Services
    pairs: Pairs
    before: Before
    accesses: Mapping[str, Access]
    network: str
    generator: Machine | None

    def deployed(self, began_s: float) -> Deployment:
        """Wait until the arm answers, then describe it; ``began_s`` (CLOCK_MONOTONIC): before its first service.

        Raises DeploymentError.
        """
        cluster, placed = self.services.cluster, self.services.placed
        first, parts = self.accesses[cluster.manager.node.name], []
        for member in cluster.arms:
            own = frozenset(service.name for service, _ in self.pairs if placed[service.name] is member)
            parts.append(part_of(member, own, self.accesses[member.node.name]))
        return deployed(
            self.services.topology,
            tuple(self._running(service, container) for service, container in self.pairs),
            began_s,
            dead=self._first_end,
            beside=self._beside,
            ended=self.before.logs,
            logs=lambda: logs_of(container for _, container in self.pairs),
            means=Means(
                there=first.there,
                launch=first.launch,
                jobs=self.before.jobs,
                steps=self._steps,
                executed=lambda: executions_of(self.pairs),
                happened=self._happened,
                node=cluster.manager.node.name,
                generator=self.generator,
                clock=first.clock,
                spread=tuple(parts),
            ),
        )

    def _access(self, service: Service) -> Access:
        """To the node that runs it."""
        return self.accesses[self.services.placed[service.name].node.name]

    def _running(self, service: Service, container: Container) -> Running:
        config = container.attrs["Config"]
        return Running(
            service=service,
            image=self.services.images[service.image],
            pid=int(container.attrs["State"]["Pid"]),
            argv=(*(config["Entrypoint"] or []), *(config["Cmd"] or [])),
            log=lambda lines: log_of(container, lines),
            container_id=str(container.id),
            address=address_in(container.attrs, self.network),
            home=self._access(service).there,
        )

    def _first_end(self) -> End | None:
        run_id, topology = self.services.run_id, self.services.topology
        found = (first_end(member.client, run_id, topology) for member in self.services.cluster.arms)
        return next((end for end in found if end is not None), None)

    def _steps(self) -> list[StepMark]:
        """By the clock of each node."""
        return [mark for pair in self.pairs for mark in marks_of([pair], self._access(pair[0]).wall_offset_s)]

    def _happened(self, t0_s: float) -> tuple[Event, ...]:
        run_id, trial_id = self.services.run_id, self.services.topology.trial_id
        found = list[Event]()
        for member in self.services.cluster.arms:
            offset_s = self.accesses[member.node.name].wall_offset_s
            found += happened(member.client, run_id, trial_id, t0_s, wall_offset_s=offset_s)
        return tuple(found)

    def _beside(self) -> Others:
        """On any node: what shares file pages there."""
        topology, images = self.services.topology, self.services.images
        kinds = {images[service.image].id: service.kind for service in topology.services}
        containers = [container for _, container in self.pairs]
        found = [
            beside(member.client, kinds, containers, self.accesses[member.node.name].image_id)
            for member in self.services.cluster.arms
        ]
        return Others(
            tuple(dict.fromkeys(name for each in found for name in each.strangers)),
            tuple(dict.fromkeys(name for each in found for name in each.neighbours)),
        )
