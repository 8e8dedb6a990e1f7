"""Take down what a run has in a Swarm, by label: its services first, then what they leave on every node."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

import docker
import docker.errors

from lab.engines.docker.removal import SWARM, one_line, remove_network
from lab.errors import LabError, OutsideError

GONE_S = 30.0
PAUSE_S = 0.1
Only = Callable[[Mapping[str, str]], bool]


def any_labels(_labels: Mapping[str, str]) -> bool:
    """All that is found."""
    return True


def remove_services(client: docker.DockerClient, marks: Mapping[str, str], only: Only = any_labels) -> None:
    """Remove the services with these labels, by a manager: nothing starts their tasks again."""
    for service in client.services.list(filters=_filter(marks)):
        if only(service.attrs["Spec"].get("Labels") or {}):
            remove_service(client, service.id)


def remove_service(client: docker.DockerClient, identity: str) -> None:
    """Remove one; that it is gone already is fine."""
    with suppress(docker.errors.NotFound):
        client.api.remove_service(identity)


def remove_files(client: docker.DockerClient, marks: Mapping[str, str], only: Only = any_labels) -> None:
    """Remove configs and secrets, which nothing may use any more."""
    for kind, listed in (("config", client.api.configs), ("secret", client.api.secrets)):
        for found in listed(filters=_filter(marks)):
            if only(found["Spec"].get("Labels") or {}):
                remove_file(client, kind, found["ID"])


def remove_file(client: docker.DockerClient, kind: str, identity: str) -> None:
    """Remove a config or a secret; that it is gone already is fine."""
    with suppress(docker.errors.NotFound):
        (client.api.remove_config if kind == "config" else client.api.remove_secret)(identity)


def remove_networks(client: docker.DockerClient, marks: Mapping[str, str], only: Only = any_labels) -> None:
    """Remove the networks of the Swarm with these labels."""
    for network in client.networks.list(filters=_filter(marks)):
        if only(network.attrs["Labels"]) and network.attrs.get("Scope") == SWARM:
            remove_used_network(client, network.id)


def is_manager(client: docker.DockerClient) -> bool:
    """Tell whether an engine manages a Swarm: only then it tells of services."""
    return bool((client.info().get("Swarm") or {}).get("ControlAvailable"))


def remove_used_network(client: docker.DockerClient, network_id: str, *, once: bool = False) -> None:
    """Remove a network; one of a Swarm when the last task that used it is gone. Raises OutsideError.

    ``once``: try, and do not wait for that.
    """
    give_up_at = time.monotonic() + (0.0 if once else GONE_S)
    while True:
        try:
            remove_network(client, network_id)
            return
        except docker.errors.APIError as error:
            if "in use" not in str(error) and "active endpoints" not in str(error):
                raise
            if time.monotonic() > give_up_at:
                raise OutsideError(
                    f"a network of the Swarm is still in use {GONE_S:g} s after its services were removed: "
                    f"{one_line(error)}",
                    "`lab clean --scenario` removes it later",
                ) from None
        time.sleep(PAUSE_S)


class TrialNetworks:
    """The networks of trials. What has joined one on a node that is lost keeps it until the node is back.

    That one is kept never hides why a trial, or the run, has ended, whatever that was: it is told with it. Where
    nothing else was wrong it is the error, an OutsideError.
    """

    def __init__(self) -> None:
        self._kept: list[str] = []

    @contextmanager
    def during_trial(self, client: docker.DockerClient, identity: str) -> Iterator[None]:
        """Remove one when its trial ends, however it does. One that is kept is tried again: see below."""
        try:
            yield
        except BaseException as ended:
            self._remove(client, identity, ended)
            raise
        self._remove(client, identity, None)

    def remove_kept(self, client: docker.DockerClient) -> None:
        """Remove those that were kept: no trial begins before lost nodes are back. Raises OutsideError."""
        while self._kept:
            remove_used_network(client, self._kept[-1])
            self._kept.pop()

    @contextmanager
    def during_run(self, client: docker.DockerClient) -> Iterator[None]:
        """Try those that are still kept once more when the run ends: the node may be back since its last trial."""
        try:
            yield
        except BaseException as ended:
            self._try_kept(client, ended)
            raise
        self._try_kept(client, None)

    def _remove(self, client: docker.DockerClient, identity: str, ended: BaseException | None) -> None:
        try:
            remove_used_network(client, identity)
        except OutsideError as error:
            self._kept.append(identity)
            _tell_with(ended, error)

    def _try_kept(self, client: docker.DockerClient, ended: BaseException | None) -> None:
        kept, self._kept = self._kept, []
        failed: list[OutsideError] = []
        for identity in kept:
            try:
                remove_used_network(client, identity, once=True)
            except OutsideError as error:
                failed.append(error)
        if failed:
            _tell_with(ended, failed[0])


def _tell_with(ended: BaseException | None, error: OutsideError) -> None:
    """Have what ended a trial or a run tell of this as well; raise it where nothing had."""
    if ended is None:
        raise error
    if not isinstance(ended, LabError):
        ended.add_note(f"{error}; {error.hint}")
    elif str(error) not in ended.hint:
        ended.hint = "; ".join(filter(None, [ended.hint, str(error), error.hint]))


def _filter(marks: Mapping[str, str]) -> dict[str, list[str]]:
    return {"label": [f"{key}={value}" for key, value in marks.items()]}
