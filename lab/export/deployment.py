"""What is exported: the containers of an arm as they were measured, without secrets, and what a person must fill in."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lab.analysis.needs import ArmNeeds, Need
from lab.export.fronts import front_as, setting_of
from lab.export.naming import MAX_NAME, app_name, deployed_name
from lab.export.tokens import secret_in, value_name, without_secrets
from lab.plan.arm_topology import build_topology
from lab.plan.certificate import CERTIFICATE, KEY
from lab.plan.fronts.front import front_of
from lab.plan.kinds import ServiceKind
from lab.plan.models.model import model_of
from lab.plan.points import Point
from lab.plan.topology import Endpoint, Job, Service, Stage, Topology
from lab.plan.trial import Trial
from lab.record.types import RunInfo
from lab.scenario.beside import SIDECAR_IMAGE
from lab.scenario.model import APP_IMAGE, Arm, Scenario
from lab.scenario.network import Network

CERTIFICATE_VALUE, KEY_VALUE, PORT_VALUE, HOST_VALUE = "TLS_CERTIFICATE", "TLS_KEY", "PUBLISHED_PORT", "HOST_NAME"
PUBLISHED_PORT = 8080
TLS_FILES: Mapping[str, str] = {CERTIFICATE: CERTIFICATE_VALUE, KEY: KEY_VALUE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A value that a person must fill in, or may: ``default`` "" is none. ``secret``: it must be written nowhere."""

    name: str
    what: str
    default: str = ""
    secret: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """An arm at one point of a run, to be deployed.

    ``topology`` has every container in a network in which the others find it by name; values of secrets in it are
    tokens. ``head_room``: how much more memory than at the measured peak a container may have, as a fraction.
    ``called``: a name that was given, in place of that of app, scenario and arm.
    """

    run: RunInfo
    point: Point
    trial: Trial
    topology: Topology
    needs: ArmNeeds
    head_room: float
    called: str = ""

    @property
    def scenario(self) -> Scenario:
        """The scenario as it is deployed."""
        return self.trial.scenario

    @property
    def arm(self) -> Arm:
        """The arm as it is deployed."""
        return self.trial.arm

    @property
    def name(self) -> str:
        """What it is called where it is deployed: an arm of this name of another app is another deployment."""
        return self.short_name(MAX_NAME)

    def short_name(self, longest: int) -> str:
        """Its name, of so many characters at most."""
        if self.called:
            return deployed_name("", "", self.called, longest)
        return deployed_name(app_name(self.scenario.app), self.run.scenario_name, self.arm.name, longest)

    @property
    def app(self) -> tuple[Service, ...]:
        """The containers of the app, in the order of their names."""
        found = [service for service in self.topology.services if service.kind is ServiceKind.APP]
        return tuple(sorted(found, key=lambda service: (len(service.name), service.name)))

    @property
    def front(self) -> tuple[Service, ...]:
        """The containers of the front."""
        return tuple(service for service in self.topology.services if service.kind is ServiceKind.PROXY)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Everything in the order in which it starts: sidecars, jobs, app, front."""
        arm = (Stage(services=self.app), *((Stage(services=self.front),) if self.front else ()))
        return (*self.topology.before, *arm)

    @property
    def jobs(self) -> tuple[Job, ...]:
        """All runs of jobs."""
        return tuple(job for stage in self.topology.before for job in stage.jobs)

    @property
    def named_jobs(self) -> tuple[Job, ...]:
        """Each job once, however often it runs."""
        first: dict[str, Job] = {}
        for job in self.jobs:
            first.setdefault(job.name, job)
        return tuple(first.values())

    def inside(self, job: Job) -> bool:
        """Whether a job runs beside the app's containers: one for each of them, or for the only one."""
        return len(self.app) == 1 or job.service.name != job.name

    @property
    def entry(self) -> Service:
        """The container that clients connect to."""
        return self.front[0] if self.front else self.app[0]

    def need(self, service: Service) -> Need:
        """What a container needed; those of the app, and fronts of nodes, are alike: the neediest counts for each."""
        further = range(2, len(self.scenario.nodes) + 1) if service.kind is ServiceKind.PROXY else ()
        alike = [service.name, *(f"{service.name}-{number}" for number in further)]
        alike = [other.name for other in self.app] if service.kind is ServiceKind.APP else alike
        found = [self.needs.services[name] for name in alike if name in self.needs.services]
        return Need(
            memory_bytes=max((need.memory_bytes for need in found if need.memory_bytes), default=None),
            cores=max((need.cores for need in found if need.cores), default=None),
        )

    def memory_limit(self, service: Service) -> int | None:
        """Bytes: the limit that it was measured under, else its peak, the head-room and its folders in memory.

        None for a sidecar, whose data will grow beyond any trial, and for a job, of which nothing was read.
        """
        if service.limits.memory_bytes is not None or service.kind in (ServiceKind.SIDECAR, ServiceKind.JOB):
            return service.limits.memory_bytes
        peak = self.need(service).memory_bytes
        return None if peak is None else round(peak * (1 + self.head_room)) + service.in_memory_bytes

    def image_value(self, service: Service) -> str:
        """The name of the value that has the image of a service."""
        key = APP_IMAGE if service.image == self.arm.image_key else service.image.removeprefix(SIDECAR_IMAGE)
        return f"{value_name(key)}_IMAGE"

    @property
    def values(self) -> tuple[Value, ...]:
        """Everything that a person must fill in or may, each once: images, secrets, certificate, port, storage."""
        first: dict[str, Value] = {}
        for value in _values(self):
            first.setdefault(value.name, value)
        return tuple(first.values())


def deployment_of(run: RunInfo, point: Point, arm: str, needs: ArmNeeds, head_room: float) -> Deployment:
    """The arm of this name as it is deployed. Raises ScenarioError."""
    scenario = without_secrets(_in_own_network(point.scenario))
    trial = Trial(
        id=f"export-{arm}",
        point=replace(point, scenario=scenario),
        block=1,
        position=0,
        arm=next(each for each in scenario.arms if each.name == arm),
        schedule_seed=0,
        setup_seed=0,
    )
    topology = build_topology(scenario, trial, ()).with_one_front
    fronts = [service for service in topology.services if service.kind is ServiceKind.PROXY]
    others = tuple(service for service in topology.services if service not in fronts)
    exported = front_as(trial.arm, fronts, topology.app, setting_of(run, len(others)), topology.network)
    topology = replace(topology, services=(*others, *exported))
    return Deployment(run=run, point=point, trial=trial, topology=topology, needs=needs, head_room=head_room)


def front_before(deployment: Deployment, *app: Endpoint, **changes: Any) -> tuple[Service, ...]:
    """The front as it is before other addresses of the app, such as that of a service which has all its containers.

    ``changes``: fields of its setting.
    """
    setting = replace(setting_of(deployment.run, len(deployment.app)), **changes)
    return front_as(deployment.arm, deployment.front, app, setting, deployment.topology.network)


def refused_front(deployment: Deployment) -> str:
    """Why the front cannot be carried anywhere: a sentence; "" where it can."""
    return front_of(deployment.arm).refused_export(deployment.arm.front)


def _in_own_network(scenario: Scenario) -> Scenario:
    arms = tuple(replace(arm, network="") for arm in scenario.arms)
    return replace(scenario, arms=arms, network=Network.OWN.value, load=replace(scenario.load, python=None))


def _values(deployment: Deployment) -> Iterator[Value]:
    services = [service for stage in deployment.stages for service in stage.containers]
    yield from (_image(deployment, service) for service in services)
    for service in services:
        for name, text in service.env:
            if secret := secret_in(text):
                owner = "the app" if service.image == deployment.arm.image_key else service.name
                yield Value(name=secret, what=f"secret: {name} of {owner}", secret=True)
    if deployment.arm.tls:
        yield Value(name=CERTIFICATE_VALUE, what="file with the certificate and its chain, PEM", secret=True)
        yield Value(name=KEY_VALUE, what="file with its key, PEM", secret=True)
    yield Value(name=PORT_VALUE, what="port on which clients connect", default=str(PUBLISHED_PORT))


def _image(deployment: Deployment, service: Service) -> Value:
    measured = deployment.run.images.get(service.image, {})
    known = ", ".join(filter(None, (measured.get("name", ""), measured.get("digest", ""))))
    front = deployment.arm.front_image if service.kind is ServiceKind.PROXY else None
    owned = {each.image_key: each.image for each in deployment.scenario.beside}
    usual = (front.reference if front else "") or owned.get(service.image, "")
    name = deployment.image_value(service)
    whose = "the app" if name == f"{value_name(APP_IMAGE)}_IMAGE" else service.name
    what = f"image of {whose} in a registry; measured: {known or 'not recorded'}"
    return Value(name=name, what=what, default=usual)


def processes_of(deployment: Deployment) -> int:
    """Serving processes of one container of the app."""
    arm, processes = deployment.arm, deployment.topology.processes
    return int(processes // model_of(arm).containers(arm.model, processes))
