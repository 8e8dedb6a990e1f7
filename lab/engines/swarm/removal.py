"""Take down what a run has in a Swarm, by label: its services first, then what they leave on every node."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress

import docker
import docker.errors

from lab.engines.docker.removal import SWARM, remove_network
from lab.errors import OutsideError

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


def remove_used_network(client: docker.DockerClient, network_id: str) -> None:
    """Remove a network; one of a Swarm when the last task that used it is gone. Raises DeploymentError."""
    give_up_at = time.monotonic() + GONE_S
    while True:
        try:
            remove_network(client, network_id)
            return
        except docker.errors.APIError as error:
            if "in use" not in str(error) and "active endpoints" not in str(error):
                raise
            if time.monotonic() > give_up_at:
                raise OutsideError(
                    f"a network of the Swarm is still in use {GONE_S:g} s after its services were removed: {error}",
                    "`lab clean --scenario` removes it later",
                ) from None
        time.sleep(PAUSE_S)


def _filter(marks: Mapping[str, str]) -> dict[str, list[str]]:
    return {"label": [f"{key}={value}" for key, value in marks.items()]}
