"""A network of its own for each trial: labelled, and gone when the trial is."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import docker
import docker.errors

from lab.engines.docker.container import container_name
from lab.engines.docker.removal import each, one_line, remove_labelled, remove_network
from lab.errors import MissingError
from lab.host.labels import OWNER, owner_lives


@contextmanager
def trial_network(client: docker.DockerClient, marks: Mapping[str, str]) -> Iterator[str]:
    """The name of a network that is removed afterwards, with whatever is still connected to it.

    Raises MissingError when the engine has no room for another one.
    """
    name = container_name(marks)
    # What a killed lab left of this very trial: a run that is continued takes the same names again.
    mine = {key: value for key, value in marks.items() if key != OWNER}
    remove_labelled(client, mine, only=lambda found: not owner_lives(found))
    try:
        made = client.networks.create(name, driver="bridge", labels=dict(marks), check_duplicate=True)
    except docker.errors.APIError as error:
        raise MissingError(
            f"the engine has no room for the trial's network: {one_line(error)}",
            '`docker network ls` shows what is there, `lab clean` removes what killed labs left; network = "host" '
            "needs none where the engine is this machine's",
        ) from None
    try:
        yield name
    finally:
        remove_network(client, made.id)


def join(client: docker.DockerClient, network: str, guests: Mapping[str, str]) -> None:
    """Connect containers, by id with their name there, that are not of this trial; they leave before it is removed."""

    def connect(identity: str) -> None:
        client.api.connect_container_to_network(identity, network, aliases=[guests[identity]])

    with ThreadPoolExecutor(max(1, len(guests))) as pool:
        each(pool, connect, list(guests))


def address_in(attributes: Mapping[str, object], network: str) -> str:
    """The address that a running container has in a network, from what the engine says of it; "" when none."""
    settings = attributes.get("NetworkSettings")
    networks = settings.get("Networks", {}) if isinstance(settings, Mapping) else {}
    return str(networks.get(network, {}).get("IPAddress", ""))
