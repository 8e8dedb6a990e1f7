"""The stages before the arm, for targets that start what is in one file side by side. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from lab.export.deployment import Deployment
from lab.plan.topology import Job, Service


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """A stage with what stays up (``services``) and what must have ended well (``jobs``) before the next begins."""

    services: tuple[Service, ...]
    jobs: tuple[Job, ...]


def stages_before(deployment: Deployment) -> tuple[Before, ...]:
    """What starts before the arm, in order, without jobs that run beside the app's containers."""
    found = []
    for stage in deployment.topology.before:
        ends = [service for service in stage.services if service.ready.kind == "exit"]
        jobs = [Job(name=each.name, service=each, timeout_s=each.ready_timeout_s) for each in ends]
        jobs += [job for job in stage.jobs if not deployment.inside(job)]
        services = tuple(service for service in stage.services if service not in ends)
        if services or jobs:
            found.append(Before(services=services, jobs=tuple(jobs)))
    return tuple(found)


def numbered(count: int) -> tuple[str, ...]:
    """The names of so many stages: ``"before"``, or ``"before-1"`` and on."""
    return ("before",) if count == 1 else tuple(f"before-{number}" for number in range(1, count + 1))


def reordered(deployment: Deployment) -> Iterator[str]:
    """Jobs that run with the app's containers, so after those that run once, which the scenario has behind them."""
    jobs = deployment.named_jobs
    for number, job in enumerate(jobs):
        later = [other.name for other in jobs[number + 1 :] if not deployment.inside(other)]
        if deployment.inside(job) and later:
            yield f"order of jobs: {job.name} runs with each container of the app, so here after {', '.join(later)}"
