"""Run what comes before an arm: sidecars until they are ready, jobs until they have ended well."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from threading import Event

from docker.models.containers import Container

from lab.agent.calls import There
from lab.engines import JobRun
from lab.engines.docker.checks import run_check
from lab.engines.docker.fate import log_of, logs_of, start
from lab.engines.docker.network import address_in
from lab.engines.docker.removal import each
from lab.engines.docker.rights import Access
from lab.engines.docker.step_lines import epoch_s
from lab.engines.endings import last_lines
from lab.engines.readiness import answers
from lab.engines.running import LOG_LIMIT_LINES, LOG_TAIL_LINES, with_logs
from lab.errors import DeploymentError
from lab.plan.kinds import ServiceKind
from lab.plan.topology import Job, Service, Stage, Topology
from lab.scenario.container import Volume
from lab.scenario.network import Network

PAUSE_S = 0.05
DATA_BYTES = 2 * 2**30  # of a volume that an image declares: a fresh database with its logs needs far less
JOB_HINT = "the app was not started; run the job's command by hand in its image to see more"
SIDECAR_HINT = "check its env, command and ready in [[sidecars]], or raise its ready_timeout"


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A container of a stage. ``ends``: whether it must end with exit code 0, and by when ``limit_s`` after start."""

    service: Service
    container: Container
    ends: bool
    limit_s: float
    job: str = ""

    @property
    def called(self) -> str:
        """``'job "migrate"'``, for people."""
        return f'{self.service.kind} "{self.service.name}"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What came of the stages: ``running`` sidecars, ``jobs`` in the order in which they ran, logs of what ended."""

    running: tuple[tuple[Service, Container], ...]
    jobs: tuple[JobRun, ...]
    logs: dict[str, str]


def run_stages(
    stages: Iterable[Stage],
    create: Callable[[Sequence[Service]], list[Container]],
    pool: ThreadPoolExecutor,
    network: str,
    access: Access,
    *,
    remove: Callable[[Container], None],
    begin: Callable[[Container, str], None] = start,
) -> Before:
    """Run one stage after the other, asked by ``access``. What has ended is removed, by ``remove``.

    ``begin(container, hint)`` starts one that was created.

    Raises DeploymentError with the last lines of a log. Nothing is waited for any more when this ends, in any way.
    """
    running: list[tuple[Service, Container]] = []
    jobs: list[JobRun] = []
    logs: dict[str, str] = {}
    for stage in stages:
        containers = [container for _, container in running]
        with with_logs(partial(_logs, logs, containers)):
            started = _started(stage, create(stage.containers))
            containers += [one.container for one in started]
            _run(started, pool, network, access.there, begin)
        for one in started:
            if not one.ends:
                running.append((one.service, one.container))
                continue
            logs[one.service.name] = log_of(one.container, LOG_LIMIT_LINES)
            if one.job:
                jobs.append(_job_run(one, access.wall_offset_s))
            remove(one.container)
    return Before(running=tuple(running), jobs=tuple(jobs), logs=logs)


def _logs(ended: Mapping[str, str], containers: Sequence[Container]) -> Mapping[str, str]:
    return {**ended, **logs_of(containers)}


def with_volumes(service: Service, declared: Collection[str]) -> Service:
    """The service with what its image declares as volumes in memory: nothing of it is left on a disk, or read."""
    given = {volume.path for volume in service.volumes}
    missing = (Volume(path=path, size=DATA_BYTES) for path in declared if path not in given)
    return replace(service, volumes=(*service.volumes, *missing))


def _started(stage: Stage, containers: Sequence[Container]) -> list[Started]:
    services = [
        Started(
            service=service, container=container, ends=service.ready.kind == "exit", limit_s=service.ready_timeout_s
        )
        for service, container in zip(stage.services, containers, strict=False)
    ]

    def started_job(job: Job, container: Container) -> Started:
        return Started(service=job.service, container=container, ends=True, limit_s=job.timeout_s, job=job.name)

    return [*services, *map(started_job, stage.jobs, containers[len(services) :])]


def _run(
    started: Sequence[Started],
    pool: ThreadPoolExecutor,
    network: str,
    there: There,
    begin: Callable[[Container, str], None],
) -> None:
    """Start them and wait for all; one that fails, or an interrupt, ends the waiting for the others."""
    stop = Event()

    def wait(one: Started) -> None:
        try:
            _wait(one, network, there, stop)
        except BaseException:
            stop.set()
            raise

    try:
        each(pool, lambda one: begin(one.container, JOB_HINT if one.job else SIDECAR_HINT), started)
        each(pool, wait, started)
    finally:
        stop.set()


def _wait(one: Started, network: str, there: There, stop: Event) -> None:
    """Return when it is ready, or has ended well if it must; or at ``stop``, when somebody else tells why."""
    give_up_at, said = time.monotonic() + one.limit_s, ""
    while not stop.is_set():
        one.container.reload()
        state = one.container.attrs["State"]
        if state["Status"] in ("exited", "dead"):
            if one.ends and state["ExitCode"] == 0:
                return
            raise _ended(one, state["ExitCode"])
        missing = "" if one.ends else _missing(one, network, there, give_up_at, stop)
        if missing is None:
            return
        said = missing or said
        if time.monotonic() >= give_up_at:
            raise _late(one, said)
        stop.wait(PAUSE_S)


def _missing(one: Started, network: str, there: There, give_up_at: float, stop: Event) -> str | None:
    """What its check says while it is not ready, "" for nothing; None once it is ready."""
    ready = one.service.ready
    if ready.kind == "started":
        return None if one.container.attrs["State"]["Running"] else ""
    if ready.kind == "exec":
        checked = run_check(one.container, ready.command, give_up_at, stop)
        return None if checked.code == 0 else checked.output.strip()
    return None if there(answers, address_in(one.container.attrs, network), ready) else ""


def _job_run(one: Started, wall_offset_s: float) -> JobRun:
    state = one.container.attrs["State"]
    return JobRun(
        name=one.job,
        service=one.service.name,
        argv=_command(one),
        began_epoch_s=epoch_s(state["StartedAt"]) - wall_offset_s,
        ended_epoch_s=epoch_s(state["FinishedAt"]) - wall_offset_s,
    )


def _command(one: Started) -> tuple[str, ...]:
    """What followed the entrypoint; where there was to be none, a Swarm has it in that place."""
    config = one.container.attrs["Config"]
    instead = config["Entrypoint"] if one.service.entrypoint == () else None
    return tuple(config["Cmd"] or instead or ())


def _ended(one: Started, code: int) -> DeploymentError:
    before = "" if one.ends else " before it was ready"
    return DeploymentError(
        f"{one.called} ended with exit code {code}{before}; its last lines:\n{_tail(one)}",
        JOB_HINT if one.job else SIDECAR_HINT,
    )


def _late(one: Started, check_said: str) -> DeploymentError:
    what = "has not ended" if one.ends else "is not ready"
    said = "\n".join(check_said.splitlines()[-LOG_TAIL_LINES:])
    check = f"its ready command says last:\n{said}\n" if said else ""
    return DeploymentError(
        f"{one.called} {what} after {one.limit_s:g} s; {check}its last lines:\n{_tail(one)}",
        "raise its timeout in [[jobs]]" if one.job else SIDECAR_HINT,
    )


def _tail(one: Started) -> str:
    return last_lines(log_of(one.container, LOG_LIMIT_LINES)).strip() or "(it logged nothing)"


def starts(topology: Topology, containers: Sequence[Container]) -> Iterator[list[Container]]:
    """Those that start together: a front looks up names when it starts, and only containers that run have one."""
    if topology.network is Network.HOST:
        yield list(containers)
        return
    for kind in (ServiceKind.APP, ServiceKind.PROXY):
        yield [each for each, service in zip(containers, topology.services, strict=True) if service.kind is kind]
