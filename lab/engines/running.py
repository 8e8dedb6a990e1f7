"""The steps that all engines share once the services of a topology run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from functools import partial
from types import MappingProxyType

from lab.agent.calls import There
from lab.engines import Deployment, Means
from lab.engines.endings import TAIL_LINES, ended_error, last_lines, out_of_memory
from lab.engines.images.images import ImageRecord
from lab.engines.known_endings import Sign
from lab.engines.late import kills, listens, taken
from lab.engines.readiness import Dead, Ready, wait_until_ready
from lab.engines.replaced import Replaced, Watched
from lab.engines.thrashing import Limited, thrashing
from lab.errors import LabError
from lab.host.labels import OWNER, RUN, owner, owner_lives
from lab.plan.kinds import ServiceKind
from lab.plan.topology import Endpoint, Service, Topology
from lab.record.types import ServiceRecord
from lab.sampling.plan import SampleTarget
from lab.sampling.process_tree import tree_pids
from lab.scenario.budget import Limits
from lab.scenario.network import LOOPBACK

NOTHING: Mapping[str, str] = MappingProxyType({})
NO_MEANS = Means()
LOG_TAIL_LINES = TAIL_LINES
LOG_LIMIT_LINES = 2000


def no_end() -> None:
    """Nothing has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A service that runs: its first process, the words it was started with, its log's last lines on demand.

    ``address`` is that of its network, by which requests name it. ``home``: calls where its processes are seen, None
    where that is the place from which the arm is probed.
    """

    service: Service
    image: ImageRecord
    pid: int
    argv: tuple[str, ...]
    log: Callable[[int], str]
    container_id: str = ""
    address: str = LOOPBACK
    home: There | None = None

    def family(self) -> list[int]:
        """Its first process and all that belong to it, as far as they live."""
        return tree_pids(self.pid) if self.pid else []  # 0: a container that has ended again

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Where it listens."""
        return tuple(Endpoint(host=self.address, port=port) for port in self.service.ports)

    def record(self) -> ServiceRecord:
        """The service as a trial's record has it."""
        return ServiceRecord(
            name=self.service.name,
            kind=self.service.kind,
            container_id=self.container_id,
            image=self.image.name,
            image_digest=self.image.digest,
            argv=self.argv,
            ports=self.service.ports,
            host=self.service.host,
            address=self.address,
            files=self.service.recorded_files,
        )

    def target(self) -> SampleTarget:
        """The service as the sampler follows it."""
        return SampleTarget(
            service=self.service.name,
            kind=self.service.kind,
            container_id=self.container_id,
            init_pid=self.pid,
            ports=self.service.ports,
        )


@dataclass(frozen=True, slots=True)
class Others:
    """What else runs from an arm's image: ``neighbours`` are runs of labs that live, ``strangers`` everything else."""

    strangers: tuple[str, ...] = ()
    neighbours: tuple[str, ...] = ()


def others(found: Iterable[tuple[str, Mapping[str, str], Callable[[], bool]]]) -> Others:
    """Sort what else runs from the image, given as name, labels, and a call that tells whether it still runs.

    That is asked after its lab was seen to be gone: one that takes its arm down and ends meanwhile leaves no strangers.
    """
    strangers, neighbours = [], dict[str, None]()
    for name, marks, runs in found:
        if owner_lives(marks) and marks.get(OWNER) != owner():
            neighbours[marks.get(RUN) or name] = None
        elif runs():
            strangers.append(name)
    return Others(tuple(strangers), tuple(neighbours))


@contextmanager
def with_logs(logs: Callable[[], Mapping[str, str]]) -> Iterator[None]:
    """Give an error that ends the block what the services had printed by then: they are gone afterwards."""
    try:
        yield
    except LabError as error:
        error.logs = logs()
        raise


def signs_of(
    apps: Sequence[Running], pool: Limits, there: There, sleep: Callable[[float], None] = time.sleep
) -> Mapping[Sign, str]:
    """The signs of an app that does not get ready: kills by the kernel, who listens where, last lines, memory.

    ``pool``: the limits of the arm.
    """
    logs = (last_lines(app.log(LOG_LIMIT_LINES)).strip() for app in apps)
    contained = [app for app in apps if app.pid and app.container_id]
    killed = next((app for app in contained if (app.home or there)(kills, app.pid, app.container_id)), None)
    return {
        Sign.EXIT: out_of_memory(killed.service.limits.memory_bytes or pool.memory_bytes) if killed else "",
        Sign.TAKEN: ", ".join(map(str, _taken(apps, there))),
        Sign.LISTENS: ", ".join(map(str, _elsewhere(apps, there))),
        Sign.LOG: next(filter(None, logs), ""),
        Sign.MEMORY: "" if killed else thrashing(list(_limited(contained, pool, there)), sleep),
    }


def _limited(contained: Sequence[Running], pool: Limits, there: There) -> Iterator[Limited]:
    """The cgroups that limit the memory of these containers: each its own, or one above them all."""
    pooled = pool.memory_bytes is not None
    for app in contained[:1] if pooled else contained:
        limit = pool.memory_bytes if pooled else app.service.limits.memory_bytes
        if limit is not None:
            who = "the arm" if pooled else app.service.name
            place = app.home or there
            yield Limited(
                who=who, first=app.pid, container_id=app.container_id, pooled=pooled, limit_bytes=limit, there=place
            )


def _elsewhere(apps: Sequence[Running], there: There) -> list[int]:
    """Ports on which apps listen that listen on none of those that they were told."""
    found = [(set(app.service.ports), (app.home or there)(listens, app.pid)) for app in apps if app.pid]
    return sorted({port for told, ports in found if not told & ports for port in ports})


def _taken(apps: Sequence[Running], there: There) -> list[int]:
    """Ports that apps were told, on which something else listens in their place."""
    found = (set(app.service.ports) & (app.home or there)(taken, app.pid) for app in apps if app.pid)
    return sorted({port for ports in found for port in ports})


def answered(topology: Topology, running: Sequence[Running], dead: Dead, there: There) -> Ready:
    """Wait until every serving process of a located topology has answered.

    Raises DeploymentError when one has ended, when workers end again and again, or when it takes too long.
    """
    apps = [each for each in running if each.service.kind is ServiceKind.APP]
    signs = partial(signs_of, apps, topology.pool, there)
    replaced = Replaced(_watched(apps, topology.processes), there, listens, signs)

    listening = {endpoint for app in apps for endpoint in app.endpoints}
    near = [app for app in apps if app.pid and app.home in (None, there)]  # another machine's pids say nothing here
    roots = {at.address: tuple(app.pid for app in near if at in app.endpoints) for at in listening}
    return wait_until_ready(topology, lambda: dead() or replaced.look(), roots, there=there, signs=signs)


def further_answered(topology: Topology, running: Sequence[Running], dead: Dead, there: There) -> None:
    """Wait until those beside the arm's own answer, each with as many processes as one of these."""
    first = topology.app[0]
    app = tuple(replace(first, host=at.host, port=at.port) for each in running for at in each.endpoints)
    processes = topology.processes * len(app) // len(topology.app)
    answered(replace(topology, app=app, entry=app[0], processes=processes), running, dead, there)


def _watched(apps: Sequence[Running], processes: int) -> tuple[Watched, ...]:
    workers = max(1, processes // max(1, len(apps)))
    return tuple(
        Watched(
            name=app.service.name,
            first=app.pid,
            workers=workers,
            ports=frozenset(app.service.ports),
            there=app.home,
        )
        for app in apps
        if app.pid
    )


def deployed(
    topology: Topology,
    running: Sequence[Running],
    started_s: float,
    *,
    dead: Dead,
    beside: Callable[[], Others] = Others,
    ended: Mapping[str, str] = NOTHING,
    logs: Callable[[], Mapping[str, str]] | None = None,
    again: Dead = no_end,
    means: Means = NO_MEANS,
) -> Deployment:
    """Wait until the topology answers, then describe it. Raises DeploymentError when it does not.

    ``started_s``: CLOCK_MONOTONIC when its first service was started; ``dead``: tells of a service that has ended;
    ``beside``: what else runs from the same image; ``ended``: logs of what has ended as it should; ``logs``: what has
    been printed, where ``running`` has less; ``again``: tells of a service that is started again and again.
    """
    printed = logs or (lambda: {each.service.name: each.log(LOG_LIMIT_LINES) for each in running})
    topology = topology.located({each.service.host: each.address for each in running})
    ready = answered(topology, running, lambda: dead() or again(), means.there)
    boot_s, seen = time.monotonic() - started_s, beside()

    def check() -> None:
        if (end := dead()) is not None:
            raise ended_error(topology.trial_id, end)

    return Deployment(
        topology=replace(topology, server_header="") if ready.ignored else topology,
        services=tuple(each.record() for each in running),
        targets=tuple(each.target() for each in running),
        boot_s=boot_s,
        servers=ready.servers,
        ignored_header=f"{topology.server_header}: {ready.ignored}" if ready.ignored else "",
        strangers=seen.strangers,
        neighbours=seen.neighbours,
        check=check,
        logs=lambda: {**ended, **printed()},
        **{each.name: getattr(means, each.name) for each in fields(means)},
    )
