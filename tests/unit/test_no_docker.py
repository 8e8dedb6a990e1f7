"""An engine that is not there, or goes away, is told in words of the system, never in those of the SDK."""

from __future__ import annotations

import errno
import os
from http.client import RemoteDisconnected

import docker
import docker.errors
import pytest
from requests.exceptions import ConnectionError as RequestsConnectionError
from requests.exceptions import ReadTimeout
from urllib3.exceptions import ProtocolError

from lab.engines.docker.engine import connect
from lab.engines.docker.removal import one_line
from lab.errors import MissingError


def of_the_sdk(below: Exception) -> docker.errors.DockerException:
    """An error of the SDK as it comes: in three layers, with the text of all of them."""
    middle = RequestsConnectionError(ProtocolError("Connection aborted.", below))
    top = docker.errors.DockerException(f"Error while fetching server API version: {middle}")
    top.__cause__ = middle
    return top


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (of_the_sdk(FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))), "No such file or directory"),
        (of_the_sdk(ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")), "Connection refused"),
        (
            RequestsConnectionError(ProtocolError("Connection aborted.", RemoteDisconnected("x"))),
            "it closed the connection",
        ),
        (ReadTimeout("HTTPConnectionPool(host='localhost', port=None): Read timed out."), "it did not answer in time"),
        (
            docker.errors.APIError("409 Client Error for http+docker://x", explanation="name\nis in use"),
            "name is in use",
        ),
        (docker.errors.DockerException("Invalid bind address protocol: foo"), "Invalid bind address protocol: foo"),
    ],
)
def test_the_reason_is_the_systems_or_the_engines(error: Exception, told: str) -> None:
    """Not the SDK's, which wraps it in several layers."""
    assert one_line(error) == told


@pytest.mark.parametrize(
    ("below", "hint"),
    [(PermissionError(errno.EACCES, "Permission denied"), "group docker"), (OSError(errno.ENOENT, "No"), "start it")],
)
def test_no_engine_is_a_sentence_with_its_address(monkeypatch: pytest.MonkeyPatch, below: OSError, hint: str) -> None:
    """And what to do depends on what keeps it away."""

    def refuse(**_: object) -> docker.DockerClient:
        raise of_the_sdk(below)

    monkeypatch.setattr(docker, "from_env", refuse)
    monkeypatch.setenv("DOCKER_HOST", "unix:///run/mine.sock")
    with pytest.raises(MissingError, match="no Docker engine answers at unix:///run/mine.sock: ") as caught:
        connect()

    assert str(caught.value).endswith(f": {below.strerror}")
    assert hint in caught.value.hint
