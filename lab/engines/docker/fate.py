"""What became of containers: which has ended and why, what they printed, why one could not be started."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus

import docker
import docker.errors
from docker.models.containers import Container
from requests.exceptions import RequestException

from lab.engines.docker.removal import one_line
from lab.engines.endings import End, end_of, exit_sign, last_lines
from lab.engines.known_endings import Fault, Sign
from lab.engines.refusals import refused_error
from lab.engines.running import LOG_LIMIT_LINES
from lab.host.labels import RUN, SERVICE, TRIAL
from lab.plan.topology import Topology

MOST_STARTS = 5  # by the engine, within 3 s and the time that each takes; some apps need a second try


def start(container: Container, hint: str = "") -> None:
    """Start it. Raises DeploymentError with the engine's reason and a ``hint``; without one it is the app's."""
    try:
        container.start()
    except docker.errors.APIError as error:
        otherwise = "check app.command, app.entrypoint and [budget]"
        raise refused_error(f"{_named(container)} could not be started", one_line(error), otherwise, hint) from None


def first_end(client: docker.DockerClient, run_id: str, topology: Topology) -> End | None:
    """Tell of the first container of the arm that has ended, with its last lines.

    One that a drill removes meanwhile has not ended by itself. Of one that is dead, which Docker says of those that it
    is removing, nobody could tell anything: it has no log any more.
    """
    selection = {"label": [f"{TRIAL}={topology.trial_id}", f"{RUN}={run_id}"], "status": "exited"}
    for container in client.containers.list(all=True, filters=selection, ignore_removed=True):
        try:
            return _end(container, topology)
        except docker.errors.NotFound:
            continue
        except docker.errors.APIError as error:
            if error.status_code != HTTPStatus.CONFLICT:  # which says that it is marked for removal
                raise
    return None


def ends_again(containers: Iterable[Container], topology: Topology) -> End | None:
    """Tell of the first container that the engine has started again so often that it will not get ready."""
    for container in containers:
        container.reload()
        if (times := int(container.attrs.get("RestartCount", 0))) >= MOST_STARTS:
            return _end(container, topology, f" and was started again {times} times before the app was ready")
    return None


def _end(container: Container, topology: Topology, more: str = "") -> End:
    state = container.attrs["State"]
    limit = container.attrs["HostConfig"].get("Memory") or topology.pool.memory_bytes
    code, killed = int(state["ExitCode"]), bool(state.get("OOMKilled"))
    signs = {
        Sign.EXIT: exit_sign(code, killed=killed, limit=limit),
        Sign.LOG: last_lines(log_of(container, LOG_LIMIT_LINES)),
    }
    how = f"ended with exit code {code}{' (out of memory)' if killed else ''}{more}"
    end = end_of(_named(container), how, signs)
    own = {service.name for service in topology.services}
    return end if container.labels.get(SERVICE) in own else replace(end, fault=Fault.OUTSIDE)


def log_of(container: Container, lines: int) -> str:
    """The last lines that it has printed."""
    text: str = container.logs(tail=lines).decode(errors="replace")
    return text


def timed_log_of(container: Container) -> str:
    """All that it has printed, each line with the engine's instant before it."""
    text: str = container.logs(timestamps=True).decode(errors="replace")
    return text


def logs_of(containers: Iterable[Container]) -> Mapping[str, str]:
    """What the containers have printed, by service; nothing of those that an engine in trouble does not tell of."""
    found = {}
    for container in containers:
        with suppress(docker.errors.DockerException, RequestException):
            found[container.labels[SERVICE]] = log_of(container, LOG_LIMIT_LINES)
    return found


def _named(container: Container) -> str:
    return f"container of {container.labels.get(SERVICE, container.name)!r}"
