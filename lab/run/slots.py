"""Tell a front to which containers of the app it passes requests, and see that it does."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from lab.engines.there import NOBODY, who
from lab.errors import DeploymentError
from lab.plan.kinds import ServiceKind
from lab.plan.topology import Service
from lab.plan.upstream import UPSTREAM_HEADER
from lab.run.scene import Scene

LOOKS_EACH = 4  # answers for each serving process, of which none comes from a slot that was taken out
PAUSE_S = 0.02
WITHIN_S = 10.0  # so long may a front take to do as it is told
SEEN_WITHIN_S = 5.0  # and so long is looked for an answer of a slot that was put back
BEFORE_S = 1.0  # or of one that is to be taken out: a front that keeps to one address may never show it


@dataclass(kw_only=True)
class Slots:
    """The containers of an app behind its front, which is told of every change; ``heard``: whoever answered last."""

    scene: Scene
    heard: frozenset[str] = frozenset()

    @property
    def app(self) -> tuple[Service, ...]:
        """The services with which the trial began."""
        return tuple(each for each in self.scene.deployment.topology.services if each.kind is ServiceKind.APP)

    @property
    def told(self) -> bool:
        """Whether the front knows several, and can be told."""
        return self.scene.front is not None and len(self.app) > 1

    def pass_to(self, services: Sequence[Service]) -> None:
        """Have the front pass requests to these alone. Raises DeploymentError where its process is not to be seen."""
        front, scene, trial = self.scene.front, self.scene, self.scene.deployment.topology.trial_id
        if front is None:
            raise DeploymentError(f"{trial}: its front cannot be told of another container")
        for name, files in front.files(services).items():
            scene.deployment.write(name, files)
            scene.signal(scene.first_process(name), front.signal)

    def take_out(self, services: Sequence[Service], others: Sequence[Service], drain_s: float) -> bool:
        """Keep requests from these, and let them finish; False where the trial ends meanwhile.

        Raises DeploymentError when the front goes on passing requests to them, or answers do not tell.
        """
        own = self._names(services)
        shown = self._until(lambda name: name in own, BEFORE_S, 0)
        self.pass_to(others)
        began_s = time.monotonic()
        if not self._until(lambda name: name not in own, WITHIN_S, LOOKS_EACH):
            if self.scene.wait(0):
                return False
            trial, names = self.scene.deployment.topology.trial_id, ", ".join(each.name for each in services)
            raise DeploymentError(
                f"{trial}: the front still passes requests to {names} {WITHIN_S:g} s after it was told not to",
                "see its log; leave out drills[].drain",
            )
        return self._drained(services, began_s, drain_s, "" if shown else ", not seen to answer before")

    def put_back(self, services: Sequence[Service], every: Sequence[Service]) -> None:
        """Have the front pass requests to these too, and tell when one of them answers there.

        That is whoever is none of the others. Raises DeploymentError when answers do not tell.
        """
        self.pass_to(every)
        began_s = time.monotonic()
        before = self.heard | self._names([each for each in every if each not in services])
        seen = self._until(lambda name: name not in before, SEEN_WITHIN_S, 0)
        names = ", ".join(each.name for each in services)
        self.scene.done("returned", began_s, detail=names if seen else f"{names}: not seen to answer")

    def listen(self) -> bool:
        """Hear who answers behind the front as it is; False where the trial ends meanwhile.

        Raises DeploymentError when too few answer well, or answers do not tell.
        """
        if self._until(lambda _name: True, WITHIN_S, LOOKS_EACH):
            return True
        if self.scene.wait(0):
            return False
        trial = self.scene.deployment.topology.trial_id
        raise DeploymentError(
            f"{trial}: who answers behind the front could not be heard within {WITHIN_S:g} s: too few good answers",
            "see its log; lower the rate",
        )

    def _names(self, services: Sequence[Service]) -> frozenset[str]:
        """By what these may be known in an answer: their addresses, or the names that their processes give.

        Raises DeploymentError where an answer would have neither.
        """
        topology = self.scene.deployment.topology
        records = [each for each in self.scene.deployment.services if each.name in {own.name for own in services}]
        addresses = {address for record in records for address in record.addresses}
        unnamed = replace(topology.probed, upstream_of="")
        own = [replace(topology.app[0], host=each.address, port=each.ports[0]) for each in records]
        looks = LOOKS_EACH * max(1, topology.processes // len(topology.app))
        names = {self.scene.deployment.there(who, unnamed, endpoint) for endpoint in own for _ in range(looks)}
        named = {name for name in names if name}
        if not named and not topology.upstream_of:
            raise self._blind()
        return frozenset(addresses | named)

    def _until(self, right: Callable[[str], bool], within_s: float, looks: int) -> bool:
        """Ask the front until so many answers in a row, for each serving process, are ``right``; 0: until one is."""
        deployment, over_at = self.scene.deployment, time.monotonic() + within_s
        topology = deployment.topology.probed
        enough = max(1, looks * topology.processes)
        row, heard = 0, set[str]()
        while row < enough:
            name = deployment.there(who, topology, topology.entry)
            if name == NOBODY:
                raise self._blind()
            if name is not None and right(name):
                row, heard = row + 1, heard | {name}
            else:
                row, heard = 0, set()
            if time.monotonic() > over_at or self.scene.wait(PAUSE_S):
                return False
        self.heard = frozenset(heard)
        return True

    def _blind(self) -> DeploymentError:
        return DeploymentError(
            f"{self.scene.deployment.topology.trial_id}: answers name neither the container nor the process that gave "
            "them, so that nobody can see whether the front does as it is told",
            f"let the app name its processes (app.server_header), or the front what it chose ({UPSTREAM_HEADER})",
        )

    def _drained(self, services: Sequence[Service], began_s: float, drain_s: float, remark: str) -> bool:
        """Wait until nobody is connected to them, ``drain_s`` at most: a front may keep idle connections."""
        over_at = time.monotonic() + drain_s
        while True:
            left = sum(len(self.scene.connections(each.name)) for each in services)
            if not left or time.monotonic() >= over_at:
                break
            if self.scene.wait(PAUSE_S):
                return False
        names = ", ".join(each.name for each in services)
        self.scene.done("drained", began_s, detail=f"{names}: {left} connections left{remark}")
        return True
