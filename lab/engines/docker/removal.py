"""Take down what carries the lab's labels, by label and never by name; and what to say when the engine goes away."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from functools import partial
from types import MappingProxyType
from typing import TypeVar

import docker
import docker.errors
from requests.exceptions import RequestException, Timeout

from lab.errors import LabError, MissingError

PARALLEL = 32
LOOK_S = 0.5
MAX_REASON = 300
SWARM = "swarm"  # the scope of a network that is not one engine's alone
MAX_LAYERS = 6  # the SDK's, requests' and urllib3's
LIBRARIES = frozenset({"docker", "requests", "urllib3", "http", "ssl", "socket", "json"})  # they handle their own

NOBODY: Mapping[str, Sequence[str]] = MappingProxyType({})
WHOSE = "the engine of node "  # a note of an error begins so

T = TypeVar("T")
R = TypeVar("R")


def left_hint(node: str = "") -> str:
    """What to do about what is left on an engine that has gone away; ``node``: whose, in a run that has several."""
    if node:
        return "once it answers again, `lab clean --scenario SCENARIO` removes what is left of this run"
    return "once it answers again (see `docker info`), `lab clean` removes what is left of this run"


@contextmanager
def engine_errors(node: str = "") -> Iterator[None]:
    """Turn an engine that goes away, or fails, in the middle of something into a MissingError (exit 4).

    ``node``: whose engine, in a run that has several.

    Where the block had failed before, or was interrupted, and only its clean-up fails so, that first error is raised.
    """
    handled = sys.exception()
    try:
        yield
    except (docker.errors.DockerException, RequestException) as error:
        notes = getattr(error, "__notes__", ())
        whose = node or next((note.removeprefix(WHOSE) for note in notes if note.startswith(WHOSE)), "")
        of = f" of node {whose}" if whose else ""
        told = f"the Docker engine{of} does not do what it is asked any more: {one_line(error)}"
        others = [note for note in notes if not note.startswith(WHOSE)]
        others.append(left_hint(whose))
        first = what_ended(error, handled)
        if isinstance(first, LabError):
            first.hint = "; ".join(filter(None, [first.hint, told, *others]))
        elif isinstance(first, Exception):
            first.add_note("; ".join([told, *others]))
        if first is not None:
            raise first from None
        raise MissingError(told, "; ".join(others)) from error


@contextmanager
def noted(node: str) -> Iterator[None]:
    """Have an error of a node's engine say whose it is, and stay what it is: ``engine_errors`` outside tells of both.

    For what is done to several nodes side by side in a clean-up, which may follow another error.
    """
    try:
        yield
    except (docker.errors.DockerException, RequestException) as error:
        error.add_note(f"{WHOSE}{node}")
        raise


def what_ended(error: BaseException, handled: BaseException | None) -> BaseException | None:
    """What ended a block whose clean-up then raised this error; nothing that was ``handled`` outside of it."""
    below = error.__context__
    while below is not None and below is not handled:
        if isinstance(below, LabError | KeyboardInterrupt) or _is_mistake(below):
            return below
        below = below.__context__
    return None


def _is_mistake(error: BaseException) -> bool:
    """Whether it is a mistake in the lab: neither the engine's or the system's, nor a library's that it handled itself.

    A traceback begins where the error was handled: in a library for what that got over, in the lab for what it did not.
    """
    if isinstance(error, docker.errors.DockerException | RequestException | OSError) or error.__traceback__ is None:
        return False
    handled_in = str(error.__traceback__.tb_frame.f_globals.get("__name__", ""))
    return handled_in.partition(".")[0] not in LIBRARIES


def one_line(error: Exception) -> str:
    """Why the engine failed, in its own words or the system's; those of the SDK and of its layers mean nothing."""
    if isinstance(error, docker.errors.APIError):
        return " ".join(str(error.explanation).split())[:MAX_REASON]
    if (system := system_error(error)) is not None:
        return system.strerror or type(system).__name__
    if isinstance(error, Timeout):
        return "it did not answer in time"
    if isinstance(error, RequestException):
        return "it closed the connection"
    return str(error).partition("\n")[0][:MAX_REASON] or type(error).__name__


def system_error(error: object, depth: int = MAX_LAYERS) -> OSError | None:
    """The error of the operating system that is below an error of the SDK, which wraps it in several of its layers."""
    if isinstance(error, OSError) and error.errno:
        return error
    if not isinstance(error, BaseException) or not depth:
        return None
    below = (error.__cause__, getattr(error, "reason", None), *error.args, error.__context__)
    return next(filter(None, (system_error(each, depth - 1) for each in below)), None)


def remove_labelled(
    client: docker.DockerClient,
    marks: Mapping[str, str],
    only: Callable[[Mapping[str, str]], bool] = lambda _labels: True,
    leaving: Mapping[str, Sequence[str]] = NOBODY,
) -> None:
    """Kill and remove the containers with all of these labels, then volumes and networks. Nothing else is touched.

    Not the networks of a Swarm, which all of its nodes know: see lab.engines.swarm.removal.

    ``leaving``: network → other containers that are disconnected from it in the meantime.
    """
    selection = {"label": [f"{key}={value}" for key, value in marks.items()]}
    listed = client.containers.list(all=True, filters=selection, ignore_removed=True)
    found = [container.id for container in listed if only(container.labels)]
    tasks = [partial(remove_container, client, identity) for identity in found]
    tasks += [partial(disconnect, client, network, guest) for network, guests in leaving.items() for guest in guests]
    with ThreadPoolExecutor(PARALLEL) as pool:
        each(pool, lambda task: task(), tasks)
    for volume in client.volumes.list(filters=selection):
        if only(volume.attrs["Labels"]):
            remove_volume(client, volume.id)
    for network in client.networks.list(filters=selection):
        if only(network.attrs["Labels"]) and network.attrs.get("Scope") != SWARM:
            remove_network(client, network.id)


def remove_container(client: docker.DockerClient, identity: str) -> None:
    """Kill and remove one container in any state, with its anonymous volumes; that it is gone already is fine.

    Nothing else of the lab removes containers: the volumes of an image's VOLUME carry no label and would stay for ever.
    """
    try:
        client.api.remove_container(identity, force=True, v=True)
    except docker.errors.NotFound:
        return  # somebody else removed it in the meantime: that is what was wanted
    except docker.errors.APIError as error:
        if "already in progress" not in str(error):
            raise


def remove_volume(client: docker.DockerClient, identity: str) -> None:
    """Remove one volume; that it is gone already is fine."""
    with suppress(docker.errors.NotFound):
        client.api.remove_volume(identity)


def remove_network(client: docker.DockerClient, identity: str) -> None:
    """Remove one network, from which everything is disconnected first; that it is gone already is fine."""
    with suppress(docker.errors.NotFound):
        for container in client.api.inspect_network(identity)["Containers"] or ():  # None: of a Swarm, and not here
            disconnect(client, identity, container)
        client.api.remove_network(identity)


def disconnect(client: docker.DockerClient, network: str, container: str) -> None:
    """Disconnect a container from a network; that one of them is gone already, or was never there, is fine."""
    try:
        client.api.disconnect_container_from_network(container, network, force=True)
    except docker.errors.NotFound:
        return
    except docker.errors.APIError as error:
        if "is not connected" not in str(error):
            raise


def each(pool: ThreadPoolExecutor, call: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """Call in parallel; every call has ended when this returns or raises the first error."""
    futures = [pool.submit(call, item) for item in items]
    while wait(futures, LOOK_S).not_done:  # not without an end: a signal that comes just before would wait for it
        pass
    errors = [error for future in futures if (error := future.exception()) is not None]
    if errors:
        raise errors[0]
    return [future.result() for future in futures]
