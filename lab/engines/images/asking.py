"""Ask the Python of an image something: a few lines of ours, in a container without network or rights."""

from __future__ import annotations

from collections.abc import Mapping

import docker
import docker.errors
from docker.models.containers import Container
from requests.exceptions import RequestException

from lab.errors import MissingError
from lab.host.interrupts import INTERRUPTS

TIMEOUT_S = 60
LAST_LINES = 3


def ask_python(
    client: docker.DockerClient, image: str, code: str, marks: Mapping[str, str], *arguments: str, program: str
) -> str:
    """What ``code`` printed, run by the ``program`` of the image ("python"). Its container is removed.

    Raises MissingError with the reason when there is no such program, when it fails, or takes longer than a minute.
    """
    with INTERRUPTS.deferred():
        container = client.containers.create(
            image,
            entrypoint=[program, "-c", code],
            command=list(arguments),
            network_mode="none",
            labels=dict(marks),
            cap_drop=["ALL"],
            security_opt=["no-new-privileges:true"],
            read_only=True,
            tmpfs={"/tmp": ""},  # noqa: S108  the container's own
        )
        try:
            with INTERRUPTS.admitted():
                return _answer(container)
        finally:
            container.remove(force=True)


def _answer(container: Container) -> str:
    try:
        container.start()
        code = container.wait(timeout=TIMEOUT_S)["StatusCode"]
        text: str = container.logs(stdout=code == 0, stderr=code != 0).decode(errors="replace")
    except docker.errors.APIError as error:
        raise MissingError(error.explanation) from None
    except RequestException:
        raise MissingError(f"it has not answered for {TIMEOUT_S} s") from None
    if code:
        raise MissingError("\n".join(text.strip().splitlines()[-LAST_LINES:]) or f"it ended with exit code {code}")
    return text
