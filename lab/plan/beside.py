"""What runs before the arm and beside it: the stages of sidecars and jobs. Pure; no name of an image stands here."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from lab.errors import ScenarioError
from lab.plan.kinds import ServiceKind
from lab.plan.models.model import AppPlace
from lab.plan.topology import Job, Service, Stage
from lab.scenario.beside import Job as JobKeys
from lab.scenario.beside import Sidecar, parse_ready, split_command, start_order
from lab.scenario.budget import Limits
from lab.scenario.env import Env
from lab.scenario.model import Scenario
from lab.scenario.secret import plain


def stages_before(scenario: Scenario, place: AppPlace) -> Iterator[Stage]:
    """Sidecars in the order in which they depend on each other, then the jobs in the order of the file.

    The budget is that of an arm: nothing here has a limit, or a share of the arm's.
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
