"""Describe the topology of an arm: the services of its model and its front, on the ports of its network."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from random import Random

from lab.errors import ScenarioError
from lab.plan.certificate import Certificate
from lab.plan.fronts.front import FrontPlace, front_of
from lab.plan.further import further_services, how_many
from lab.plan.kinds import ServiceKind
from lab.plan.models.model import AppPlace, model_of
from lab.plan.topology import Endpoint, Job, Service, Stage, Topology
from lab.plan.trial import Trial
from lab.plan.upstream import reference
from lab.scenario.beside import Job as JobKeys
from lab.scenario.beside import Sidecar, parse_ready, split_command, start_order
from lab.scenario.budget import Limits
from lab.scenario.env import Env
from lab.scenario.model import Arm, Scenario
from lab.scenario.network import DEFAULT_PORT, Network
from lab.scenario.secret import plain

FRONT_PORT = 8080  # of a front's first service in a network of its own: no program needs a right to listen there
NOMINAL = Certificate()  # of a plan: nothing is made for it


def ports_needed(scenario: Scenario, arm: Arm, elsewhere: str = "") -> int:
    """Tell how many TCP ports of this machine an arm listens on: none in a network of its own."""
    if scenario.network_of(arm, elsewhere).network is Network.OWN:
        return 0
    return _listeners(scenario, arm)


def _listeners(scenario: Scenario, arm: Arm) -> int:
    containers = model_of(arm).containers(arm.model, scenario.budget.processes)
    return int(containers) + front_of(arm).hops + how_many(scenario, arm)


def build_topology(
    scenario: Scenario, trial: Trial, ports: Sequence[int], elsewhere: str = "", certificate: Certificate = NOMINAL
) -> Topology:
    """Describe what the engine must bring up for a trial; ``ports`` holds ``ports_needed`` free ports.

    ``elsewhere``: why the engine's processes are not this machine's, "" if they are. ``certificate``: the run's.
    """
    arm, budget, model = trial.arm, scenario.budget, model_of(trial.arm)
    network = scenario.network_of(arm, elsewhere).network
    ports = own_ports(scenario, arm) if network is Network.OWN else ports
    app = replace(_app_place(scenario, arm, ports, network), certificate=certificate)
    services = list(model.services(arm.model, app))
    before = _front_place(scenario, app, services, ports)
    hops, entries = _front(arm, before, _fronts(scenario))
    entry, *further_entries = (secured(each, certificate) if arm.tls else each for each in entries)
    further = further_services(scenario, arm, app, ports[len(app.ports) + front_of(arm).hops :])
    beside = tuple(stages_before(scenario, app))
    Random(trial.setup_seed).shuffle(services)  # start order is set-up noise to be randomised (METHOD 6.6)
    services += hops
    check_names([*services, *further], beside)
    return Topology(
        trial_id=trial.id,
        services=tuple(services),
        entry=entry,
        further_entries=tuple(further_entries),
        app=before.app,
        processes=budget.processes,
        serving=model.serving(arm.model, budget.processes),
        ready_path=scenario.app.ready_path,
        ready_timeout_s=scenario.app.ready_timeout,
        probe_headers=probe_headers(scenario),
        server_header=scenario.app.server_header,
        client_path=scenario.app.client_path,
        pool=budget.pool(),
        upstream_of=reference(front_of(arm).reader(arm.front)),
        network=network,
        before=beside,
        further=further,
        restart=scenario.restart_of(arm),
        watchdog=arm.watch == "engine",
    )


def probe_headers(scenario: Scenario) -> Mapping[str, str]:
    """What every request of the lab's own carries. Raises ScenarioError for a secret whose value is not known."""
    return {name: plain(value) for name, value in scenario.app.probe_headers.items()}


def secured(endpoint: Endpoint, certificate: Certificate) -> Endpoint:
    """The same over TLS, where who has signed the certificate is trusted and nobody else."""
    return replace(endpoint, scheme="https", trust=certificate.authority)


def _front_place(scenario: Scenario, app: AppPlace, services: Sequence[Service], ports: Sequence[int]) -> FrontPlace:
    """Before these services of an app; its ports are those that the app's containers have left over."""
    arm, budget, certificate = app.arm, scenario.budget, app.certificate
    listening = (endpoint for service in services for endpoint in service.endpoints)
    return FrontPlace(
        app=tuple(secured(endpoint, certificate) if arm.tls_in_app else endpoint for endpoint in listening),
        ports=tuple(ports[len(app.ports) :][: front_of(arm).hops]),
        limits=budget.share(1, _slots(scenario, arm)),
        network=app.network,
        certificate=certificate,
    )


def _front(arm: Arm, place: FrontPlace, fronts: int) -> tuple[list[Service], list[Endpoint]]:
    """The services of an arm's front, and where clients connect: to the first of them if there is any.

    ``fronts``: so many of it, of one service each, beside each other.
    """
    front, network = front_of(arm), place.network
    made = front.services(arm.front, place)
    made += tuple(replace(hop, name=f"{hop.name}-{number}") for hop in made for number in range(2, fronts + 1))
    hops = [replace(hop, host=network.host_of(hop.name)) for hop in made]
    entry = front.entry(arm.front, place)
    ways = [hops[0], *hops[len(hops) - fronts + 1 :]] if hops else []
    return hops, [replace(entry, host=hop.host) for hop in ways] or [entry]


def _fronts(scenario: Scenario) -> int:
    """How many fronts an arm has beside each other: one on each node that runs parts of it, if a Swarm shall."""
    return scenario.swarm.fronts(len(scenario.arm_nodes))


def _slots(scenario: Scenario, arm: Arm) -> int:
    """What a budget is split over: serving processes and the services of fronts."""
    return scenario.budget.processes + front_of(arm).hops * _fronts(scenario)


def _app_place(scenario: Scenario, arm: Arm, ports: Sequence[int], network: Network) -> AppPlace:
    """The first of the ports are those of the app's containers; a container has a share for each of its processes."""
    budget = scenario.budget
    containers = model_of(arm).containers(arm.model, budget.processes)
    return AppPlace(
        app=scenario.app,
        arm=arm,
        processes=budget.processes,
        ports=tuple(ports[:containers]),
        limits=budget.share(budget.processes // containers, _slots(scenario, arm)),
        network=network,
    )


def own_ports(scenario: Scenario, arm: Arm) -> tuple[int, ...]:
    """The ports of an arm in a network of its own: every container has all of them for itself."""
    app = scenario.app.port or DEFAULT_PORT
    containers = model_of(arm).containers(arm.model, scenario.budget.processes)
    further = how_many(scenario, arm)
    return (*[app] * containers, *range(FRONT_PORT, FRONT_PORT + front_of(arm).hops), *[app] * further)


def nominal_ports(scenario: Scenario, arm: Arm) -> tuple[int, ...]:
    """The ports shown by `lab plan`: the first of the range; a run takes whichever are free."""
    low, _ = scenario.port_range
    return tuple(range(low, low + ports_needed(scenario, arm)))


def stages_before(scenario: Scenario, place: AppPlace) -> Iterator[Stage]:
    """What runs before an arm and beside it.

    Sidecars in the order in which they depend on each other, then the jobs in the order of the file. The budget is that
    of an arm: nothing here has a limit, or a share of the arm's.
    """
    for together in start_order(scenario.sidecars):
        yield Stage(services=tuple(_sidecar(sidecar, place) for sidecar in together))
    for job in scenario.jobs:
        runs = len(place.ports) if job.times == "each" else 1
        names = [f"{job.name}-{number}" for number in range(1, runs + 1)] if job.times == "each" else [job.name]
        yield Stage(
            jobs=tuple(Job(name=job.name, service=_job(job, name, place), timeout_s=job.timeout) for name in names)
        )


def check_names(services: Sequence[Service], before: tuple[Stage, ...]) -> None:
    """Raise ScenarioError when something beside the arm has the name of one of the arm's own services."""
    own = {service.name for service in services}
    for service in (service for stage in before for service in stage.containers):
        if service.name in own:
            raise ScenarioError(
                f'{service.kind} "{service.name}": a service of the arms is called so',
                f"choose another name than {', '.join(sorted(own))}",
            )


def _sidecar(sidecar: Sidecar, place: AppPlace) -> Service:
    return Service(
        name=sidecar.name,
        kind=ServiceKind.SIDECAR,
        image=sidecar.image_key,
        argv=split_command(sidecar.command),
        ports=(),
        host=place.network.host_of(sidecar.name),
        env=_plain(sidecar.env),
        read_only=sidecar.read_only,
        user=sidecar.user,
        volumes=sidecar.volumes,
        capabilities=sidecar.capabilities,
        ready=parse_ready(sidecar.ready),
        ready_timeout_s=sidecar.ready_timeout,
    )


def _job(job: JobKeys, name: str, place: AppPlace) -> Service:
    """In the app's image as the app itself would run there, or in an image of its own with its own environment."""
    argv, env = split_command(job.command), _plain(job.env)
    if job.image:
        host = place.network.host_of(name)
        return Service(name=name, kind=ServiceKind.JOB, image=job.image_key, argv=argv, ports=(), host=host, env=env)
    app = place.container(name, place.ports[0], place.processes // len(place.ports))
    merged = tuple({**dict(app.env), **dict(env)}.items())
    return replace(app, kind=ServiceKind.JOB, argv=argv, ports=(), env=merged, limits=Limits(), files=())


def _plain(env: Env) -> tuple[tuple[str, str], ...]:
    return tuple((name, plain(value)) for name, value in env.items())
