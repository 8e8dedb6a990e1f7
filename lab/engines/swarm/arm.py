"""An arm whose services run in a Swarm: described as a deployment, each part of it on its node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from docker.models.containers import Container

from lab.engines import Deployment, Machine, Means, Part, StepMark
from lab.engines.docker.beside import beside
from lab.engines.docker.changes import Pairs
from lab.engines.docker.fate import first_end, log_of
from lab.engines.docker.happened import happened
from lab.engines.docker.request_lines import executions_of
from lab.engines.docker.rights import Access
from lab.engines.docker.stages import Before
from lab.engines.docker.step_lines import marks_of
from lab.engines.endings import End
from lab.engines.running import Others, Running, deployed, further_answered
from lab.engines.swarm.agents import part_of
from lab.engines.swarm.changes import TaskChanges
from lab.engines.swarm.services import Services
from lab.plan.kinds import ServiceKind
from lab.plan.topology import Service
from lab.record.types import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """The services of a trial and the containers that they became. ``accesses``: to each node, by its name.

    ``generators``: the machines that drive load, where no arm runs.
    """

    services: Services
    before: Before
    accesses: Mapping[str, Access]
    generators: tuple[Machine, ...]

    def deployed(self, pairs: list[tuple[Service, Container]], began_s: float) -> Deployment:
        """Wait until the arm answers, then describe it; ``began_s`` (CLOCK_MONOTONIC): before the first of ``pairs``.

        Raises DeploymentError.
        """
        manager = self.services.cluster.manager.node.name
        first = self.accesses[manager]
        fronts = [service for service, _ in pairs if service.kind is ServiceKind.PROXY]
        homes = self.services.homes(fronts) or [self.services.cluster.manager]
        looks = [(member, self.accesses[member.node.name].there) for member in homes]
        changes = TaskChanges(pairs=pairs, services=self.services, looks=looks, came=self._came)
        return deployed(
            self.services.topology,
            self._all_running(changes.pairs),
            began_s,
            dead=self._first_end,
            beside=lambda: self._beside(changes.pairs),
            ended=self.before.logs,
            logs=changes.logs,
            means=Means(
                there=first.there,
                launch=first.launch,
                jobs=self.before.jobs,
                steps=lambda: self._steps(changes),
                stop=changes.stop,
                add=changes.add,
                remove=changes.remove,
                write=changes.write,
                replacing=changes.replacing,
                losing=changes.losing,
                addresses_stay=self.services.virtual,
                living=lambda: tuple(each.target() for each in self._all_running(changes.alive())),
                executed=lambda: executions_of(changes.pairs, changes.gone),
                happened=self._happened,
                node=manager,
                generators=self.generators,
                clock=first.clock,
                spread=self._parts,
            ),
        )

    def _came(self, pairs: Pairs) -> None:
        """Wait until those beside the arm's own answer."""
        there = self.accesses[self.services.cluster.manager.node.name].there
        further_answered(self.services.topology, self._all_running(pairs), self._first_end, there)

    def _parts(self) -> tuple[Part, ...]:
        """What each node runs at this moment."""
        cluster, placed = self.services.cluster, self.services.placed
        return tuple(
            part_of(
                member,
                frozenset(name for name, where in placed.items() if where is member),
                self.accesses[member.node.name],
                cluster.lab_pid(member),
            )
            for member in cluster.arms
        )

    def _all_running(self, pairs: Pairs) -> tuple[Running, ...]:
        return tuple(self._running(service, container) for service, container in pairs)

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
            address=self.services.address_of(service, container),
            home=self._access(service).there,
        )

    def _first_end(self) -> End | None:
        run_id, topology = self.services.run_id, self.services.topology
        found = (first_end(member.client, run_id, topology) for member in self.services.cluster.arms)
        return next((end for end in found if end is not None), None)

    def _steps(self, changes: TaskChanges) -> list[StepMark]:
        """By the clock of each node."""
        found = list[StepMark]()
        for (service, log), member in zip(changes.gone, changes.left, strict=True):
            found += marks_of([], self.accesses[member.node.name].wall_offset_s, [(service, log)])
        for service, container in changes.pairs:
            found += marks_of([(service, container)], self._access(service).wall_offset_s)
        return found

    def _happened(self, t0_s: float) -> tuple[Event, ...]:
        run_id, trial_id = self.services.run_id, self.services.topology.trial_id
        found = list[Event]()
        for member in self.services.cluster.arms:
            offset_s = self.accesses[member.node.name].wall_offset_s
            found += happened(member.client, run_id, trial_id, t0_s, wall_offset_s=offset_s)
        return tuple(found)

    def _beside(self, pairs: Pairs) -> Others:
        """On any node: what shares file pages there."""
        topology, images = self.services.topology, self.services.images
        kinds = {images[service.image].id: service.kind for service in topology.services}
        containers = [container for _, container in pairs]
        found = [
            beside(member.client, kinds, containers, self.accesses[member.node.name].image_id)
            for member in self.services.cluster.arms
        ]
        return Others(
            tuple(dict.fromkeys(name for each in found for name in each.strangers)),
            tuple(dict.fromkeys(name for each in found for name in each.neighbours)),
        )
