"""An engine that is not there, or goes away, is told in words of the system, never in those of the SDK."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from http.client import RemoteDisconnected
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from unittest.mock import Mock

import docker
import docker.errors
import pytest
from requests import Response
from requests.exceptions import ConnectionError as RequestsConnectionError
from requests.exceptions import ReadTimeout
from urllib3.exceptions import ProtocolError

from lab.engines.docker.agent import standing
from lab.engines.docker.agent.rights import ThroughAgent
from lab.engines.docker.agent.standing import standing_agents
from lab.engines.docker.engine import connect
from lab.engines.docker.removal import disconnect, engine_errors, noted, one_line
from lab.errors import DeploymentError, MissingError
from lab.run.doctor import examine
from lab.scenario.model import Load


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


def gone(*_: object) -> None:
    raise RequestsConnectionError(ProtocolError("Connection aborted.", RemoteDisconnected("x")))


@pytest.mark.parametrize(
    "first", [DeploymentError("app ended", "see its log"), KeyboardInterrupt(), ValueError("a mistake")]
)
def test_a_clean_up_that_fails_too_does_not_hide_what_failed_first(first: BaseException) -> None:
    """It is told beside it, where there is a hint, and below the traceback of a mistake in the lab."""

    @contextmanager
    def made() -> Iterator[None]:
        try:
            yield
        finally:
            gone()

    with pytest.raises(type(first)) as caught, engine_errors(), made():
        raise first

    assert caught.value is first
    if isinstance(first, DeploymentError):
        assert first.hint.startswith("see its log; the Docker engine does not do what it is asked any more")
        assert "lab clean" in first.hint
    if isinstance(first, ValueError):
        (note,) = first.__notes__
        assert note.startswith("the Docker engine does not do what it is asked any more")


def test_what_a_library_got_over_is_no_mistake_of_the_lab() -> None:
    """An engine that answers with an error in no JSON: the SDK takes its text instead, and the lab tells it."""

    def answer() -> None:
        response = Response()
        response.status_code, response.reason, response._content = 500, "Oh", b"not JSON"
        docker.APIClient(version="1.41")._raise_for_status(response)

    with pytest.raises(MissingError, match="not JSON"), engine_errors():
        answer()


def test_a_clean_up_of_several_nodes_says_whose_engine_failed() -> None:
    """Beside what failed first."""

    @contextmanager
    def made() -> Iterator[None]:
        try:
            yield
        finally:
            with noted("two"):
                gone()

    with pytest.raises(DeploymentError) as caught, engine_errors(), made():
        raise DeploymentError("app ended")
    assert "the Docker engine of node two does not do" in caught.value.hint


@pytest.mark.parametrize(("said", "fine"), [("x is not connected to the network n", True), ("server error", False)])
def test_what_never_joined_a_network_has_left_it(said: str, fine: bool) -> None:
    """An interrupt may come before it joins."""

    def refuse(*_: object, **__: object) -> None:
        raise docker.errors.APIError(said)

    client = cast(docker.DockerClient, SimpleNamespace(api=SimpleNamespace(disconnect_container_from_network=refuse)))
    with nullcontext() if fine else pytest.raises(docker.errors.APIError):
        disconnect(client, "n", "x")


def test_what_was_handled_before_is_no_first_error() -> None:
    """Only what the block itself raised."""
    try:
        raise DeploymentError("told already")
    except DeploymentError:
        with pytest.raises(MissingError, match="closed the connection"), engine_errors():
            gone()


@pytest.mark.parametrize("part", ["start", "exit"])
def test_a_load_agent_without_an_engine_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, part: str
) -> None:
    """When it starts, and when it is taken down."""

    @contextmanager
    def network(*_: object) -> Iterator[str]:
        if part == "start":
            gone()
        yield "net"
        gone()

    monkeypatch.setattr(standing, "trial_network", network)
    monkeypatch.setattr(standing, "start_agent", lambda *_, **__: nullcontext(Mock()))
    load, images = Load(locustfile=tmp_path / "locustfile.py"), ThroughAgent("id")
    with (
        pytest.raises(MissingError, match="it closed the connection"),
        standing_agents(Mock(), images, "run", load) as agents,
    ):
        assert agents.place.pids


@pytest.mark.parametrize(
    ("engine", "state"), [("auto", "note"), ("docker", "missing"), ("swarm", "missing"), ("process", None)]
)
def test_the_doctor_misses_it_only_for_runs_that_take_it(
    engine: str, state: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only ``auto`` takes plain processes in its place, and engines without containers do not ask for it."""
    monkeypatch.setattr("lab.run.doctor.connect", Mock(side_effect=MissingError("no engine answers", "start it")))
    monkeypatch.setattr("lab.run.doctor.find_leftovers", lambda client: [])
    found = {finding.subject: finding for finding in examine(engine)}

    assert (found["docker"].state if "docker" in found else None) == state
    assert ("leftovers" in found) is (state != "missing")
    assert ("runs take engine process instead" in str(found)) is (engine == "auto")
