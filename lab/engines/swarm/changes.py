"""The tasks of an arm that stands in a Swarm, and what a drill may do with them: updates, and further services."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

import docker
import docker.errors
from docker.models.containers import Container

from lab.agent.calls import There
from lab.engines import UpdateEnd
from lab.engines.docker.changes import Pairs, Stood
from lab.engines.docker.removal import each, engine_errors, one_line, remove_container
from lab.engines.readiness import known
from lab.engines.refusals import refused_error
from lab.engines.swarm.cluster import Member
from lab.engines.swarm.draining import check_alone, drain, lost_node
from lab.engines.swarm.removal import remove_service
from lab.engines.swarm.service import renewed
from lab.engines.swarm.services import HINT, PLACED_S, Services
from lab.engines.swarm.updates import Updated, ask_update, end_of, running
from lab.errors import OutsideError
from lab.host.labels import labels
from lab.plan.kinds import ServiceKind
from lab.plan.topology import ConfigFile, Service
from lab.scenario.drills import Update

DONE, BACK = "completed", "rollback_completed"
AT_ONCE = Update(monitor=0.1)  # for what is moved: nothing follows that would have to wait


class _Slot(NamedTuple):
    """A service that is updated: its place among the pairs, and the container that gives way, with its node."""

    place: int
    before: Service
    service: Service
    old: Container
    member: Member
    updated: Updated


@dataclass(kw_only=True, slots=True)
class TaskChanges(Stood):
    """What becomes of the tasks of an arm. ``looks``: on which nodes their names are looked up.

    ``came``: waits until those that are new answer. ``left``: the node of each of ``gone``, whose clock is in its log.
    ``renewals``: how often files were given anew, each time by other names.
    """

    services: Services
    looks: Sequence[tuple[Member, There]]
    came: Callable[[Pairs], None]
    left: list[Member] = field(default_factory=list)
    renewals: int = 0

    def replacing(
        self, names: Sequence[str], image: str, how: Update, files: Sequence[ConfigFile] = ()
    ) -> Callable[[], Mapping[str, UpdateEnd]]:
        """Have the Swarm replace the tasks of these services side by side, by an update of each.

        ``image``: the key of the new one, "" for that which they have; ``files``: other ones at their paths, as new
        configs and secrets. Returns when their names lead to the new tasks, or an update has ended without one; what is
        given waits for the ends. Raises DeploymentError.
        """
        slots = self._asked(names, image, how, files=files)
        self._wait(slots, self._moved, how)
        return partial(self._ends, slots, how)

    def losing(self, node: str) -> Callable[[], Mapping[str, str]]:
        """Drain a node, "" for the last one; what is given waits until its tasks run on others, and tells on which.

        Services are pinned to their nodes, and so the Swarm is told that those of the app may be on any other one.
        Raises MissingError where the node runs tasks of others, DeploymentError where tasks do not come again.
        """
        cluster, trial_id = self.services.cluster, self.services.topology.trial_id
        with engine_errors():
            lost = lost_node(cluster, node, self.services.options.front)
            check_alone(cluster, lost)
            drain(cluster.manager.client, lost, labels(self.services.run_id, trial_id, "node"))
            left = {member.id for member in cluster.arms if member is not lost}
            away = [f"node.id!={each['ID']}" for each in cluster.manager.client.api.nodes() if each["ID"] not in left]
        placed = self.services.placed
        apps = [service.name for service, _ in self.pairs if service.kind is ServiceKind.APP]
        slots = self._asked([name for name in apps if placed[name] is lost], "", AT_ONCE, away)
        return partial(self._places, slots)

    def add(self, services: Sequence[Service]) -> None:
        """Start further services beside those that run; returns when their tasks answer by their names."""
        with engine_errors():
            further = list(zip(services, self.services.create(services), strict=True))
            self.pairs = [*self.pairs, *further]
            addresses = {service.host: self.services.address_of(service, container) for service, container in further}
            for member, there in self.looks:
                self.services.wait_for_names(there, addresses, member)
        self.came(further)

    def remove(self, name: str) -> str:
        """Stop the task of a service, take both away, and tell how it ended."""
        how = self.stop(name)
        service, old = next(pair for pair in self.pairs if pair[0].name == name)
        with engine_errors():
            self._keep(service, old, self.services.placed[name])
            self.pairs = [pair for pair in self.pairs if pair[1] is not old]
            remove_service(self.services.cluster.manager.client, self.services.name_of(service))
            remove_container(old.client, str(old.id))
        return how

    @property
    def _manager(self) -> docker.DockerClient:
        return self.services.cluster.manager.client

    def _asked(
        self,
        names: Sequence[str],
        image: str,
        how: Update,
        constraints: Sequence[str] = (),
        files: Sequence[ConfigFile] = (),
    ) -> list[_Slot]:
        renewals, self.renewals = self.renewals, self.renewals + bool(files)

        def ask(name: str) -> _Slot:
            place = next(index for index, (service, _) in enumerate(self.pairs) if service.name == name)
            before, old = self.pairs[place]
            service, member = replace(before, image=image or before.image), self.services.placed[name]
            image_id = self.services.images[service.image].id
            held = self.services.held(service, files, renewals)
            renew = partial(renewed, image_id=image_id, constraints=constraints, files=held, user=service.user)
            asked = ask_update(self._manager, self.services.name_of(service), how, renew)
            return _Slot(place, before, service, old, member, asked)

        with engine_errors():
            try:
                return each(self.services.pool, ask, names)
            except docker.errors.APIError as error:
                raise refused_error("the Swarm refused an update", one_line(error), HINT) from None

    def _wait(self, slots: Sequence[_Slot], over: Callable[[_Slot], bool], how: Update) -> None:
        """Until it is over for all of them. Raises DeploymentError."""
        limit_s = PLACED_S + how.monitor
        give_up_at = time.monotonic() + limit_s
        with engine_errors():
            while late := [slot.service.name for slot in slots if not over(slot)]:
                if time.monotonic() > give_up_at:
                    trial_id, names = self.services.topology.trial_id, ", ".join(late)
                    told = f"{trial_id}: the Swarm has not replaced the tasks of {names} after {limit_s:g} s"
                    raise OutsideError(told, HINT)
                self.services.pause()

    def _moved(self, slot: _Slot) -> bool:
        """Whether the name leads to another task than before, and to nothing else; or there is to be none.

        An update may end with the task before still in its place: then to that one.
        """
        found = running(self.services.cluster, slot.updated.identity)
        if found is None or (found[1].id == slot.old.id and not self._end(slot)):
            return bool(self._end(slot))
        member, new = found
        between = self.pairs[slot.place][1]
        if between.id not in (slot.old.id, new.id):  # what was taken back: it may have served, and says why it failed
            self._keep(slot.service, between, self.services.placed[slot.service.name])
        self.services.placed[slot.service.name] = member  # first: whoever asks meanwhile looks for the new one there
        self.pairs[slot.place] = slot.service, slot.old if new.id == slot.old.id else new
        host, address = slot.service.host, self.services.address_of(slot.service, new)
        return all(list(there(known, (host,))[host]) == [address] for _, there in self.looks)

    def _end(self, slot: _Slot) -> str:
        return end_of(self._manager, slot.updated)

    def _ends(self, slots: Sequence[_Slot], how: Update) -> Mapping[str, UpdateEnd]:
        """Wait until each update has ended; what gave way is removed then, and its log kept."""
        self._wait(slots, lambda slot: bool(self._end(slot)), how)
        states = {slot.service.name: self._end(slot) for slot in slots}
        self._wait([slot for slot in slots if states[slot.service.name] in (DONE, BACK)], self._moved, how)
        for slot in slots:
            if states[slot.service.name] not in (DONE, BACK):  # nothing has to come: what there is
                self._moved(slot)
            new = self.pairs[slot.place][1]
            if states[slot.service.name] == BACK or new is slot.old:
                self.pairs[slot.place] = slot.before, new
        self._take_away([slot for slot in slots if self.pairs[slot.place][1] is not slot.old], how)
        return {
            name: UpdateEnd(told=state.replace("_", " "), stopped=state != DONE, back=state == BACK)
            for name, state in states.items()
        }

    def _places(self, slots: Sequence[_Slot]) -> Mapping[str, str]:
        stayed = {name: end.told for name, end in self._ends(slots, AT_ONCE).items() if end.stopped}
        if stayed:
            told = ", ".join(f"{name} ({state})" for name, state in stayed.items())
            raise OutsideError(
                f"{self.services.topology.trial_id}: tasks did not come again on another node: {told}", HINT
            )
        return {slot.service.name: self.services.placed[slot.service.name].node.name for slot in slots}

    def _keep(self, service: Service, old: Container, member: Member) -> bool:
        """Keep its log; False where it is gone, for the Swarm keeps only so many tasks that have ended."""
        try:
            self.keep(service, old)
        except docker.errors.NotFound:
            return False
        self.left.append(member)
        return True

    def _take_away(self, slots: Sequence[_Slot], how: Update) -> None:
        """Remove what gave way once it has ended, and keep its log; where nothing came, it stays for people to see."""
        self._wait(slots, _gone, how)
        with engine_errors():
            for slot in slots:
                if self._keep(slot.before, slot.old, slot.member):
                    remove_container(slot.old.client, str(slot.old.id))


def _gone(slot: _Slot) -> bool:
    """Whether what gave way has ended: where the new one starts first, it ends later."""
    try:
        slot.old.reload()
    except docker.errors.NotFound:
        return True
    return not slot.old.attrs["State"]["Running"]
