"""The agents of a run: both start at once, beside what comes before the first trial; who needs one waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import docker
import docker.errors
import pytest

from lab.agent.conversation import Conversation
from lab.engines.docker.agent import standing
from lab.engines.docker.agent.rights import ThroughAgent
from lab.engines.docker.agent.standing import Standing, standing_agents
from lab.engines.docker.network import join
from lab.engines.docker.removal import remove_labelled
from lab.errors import MissingError
from lab.host.labels import SERVICE
from lab.scenario.model import Load

DEADLINE_S = 20.0
Start = Callable[[str], Conversation]


@contextmanager
def agents(monkeypatch: pytest.MonkeyPatch, folder: Path, start: Start, ended: list[str]) -> Iterator[Standing]:
    """Both, where ``start`` is how long each of them takes, or what becomes of it."""

    @contextmanager
    def started(_client: object, _image: str, marks: dict[str, str], **_: Any) -> Iterator[Conversation]:
        agent = start(marks[SERVICE])
        yield agent
        ended.append(marks[SERVICE])

    containers = [{"Id": name, "Labels": {SERVICE: name}} for name in ("loads", "agent")]
    client = SimpleNamespace(api=SimpleNamespace(containers=lambda **_: containers))
    monkeypatch.setattr(standing, "trial_network", lambda *_: nullcontext("net"))
    monkeypatch.setattr(standing, "start_agent", started)
    load = Load(locustfile=folder / "locustfile.py")
    with standing_agents(cast(docker.DockerClient, client), ThroughAgent("id"), "run", load) as found:
        yield found


def test_nobody_waits_for_them_before_they_are_needed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One starts beside the other, and both beside what the run does meanwhile; in the end they are gone."""
    together, prepared, ended = threading.Barrier(2), threading.Event(), list[str]()

    def start(name: str) -> Conversation:
        together.wait(DEADLINE_S)
        assert prepared.wait(DEADLINE_S)
        return cast(Conversation, SimpleNamespace(pid=len(name)))

    with agents(monkeypatch, tmp_path, start, ended) as found:
        prepared.set()  # else neither would come up
        assert found.place.pids == (len("loads"),)
        assert found.looks().pid == len("agent")
        assert found.containers() == {"loads": "loads", "agent": "agent"}
        assert ended == []
    assert sorted(ended) == ["agent", "loads"]


def test_one_that_may_not_run_is_told_where_it_is_needed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In words of the engine; the other one is taken down all the same."""
    ended: list[str] = []

    def start(name: str) -> Conversation:
        if name == "agent":
            raise docker.errors.APIError("403", explanation="not allowed here")
        return cast(Conversation, SimpleNamespace(pid=1))

    with agents(monkeypatch, tmp_path, start, ended) as found:
        assert found.place.pids == (1,)
        with pytest.raises(MissingError, match="not allowed here"):
            found.looks()
    assert ended == ["loads"]


def test_they_join_a_trial_by_name_and_leave_it_beside_what_is_removed() -> None:
    """The network goes when nobody is in it any more; one that has left already is no error."""
    happened: list[str] = []
    gone = threading.Barrier(3)

    def disconnect(container: str, network: str, *, force: bool) -> None:
        gone.wait(DEADLINE_S)
        happened.append(f"{container} leaves {network}")
        if container == "id-loads":
            raise docker.errors.NotFound("not connected")

    def remove(identity: str, **_: Any) -> None:
        gone.wait(DEADLINE_S)
        happened.append(f"{identity} removed")

    api = SimpleNamespace(
        connect_container_to_network=lambda container, network, aliases: happened.append(f"{container} as {aliases}"),
        disconnect_container_from_network=disconnect,
        remove_container=remove,
        inspect_network=lambda _: {"Containers": {}},
        remove_network=lambda identity: happened.append(f"{identity} removed"),
    )
    client: Any = SimpleNamespace(
        api=api,
        containers=SimpleNamespace(list=lambda **_: [SimpleNamespace(id="app", labels={})]),
        volumes=SimpleNamespace(list=lambda **_: []),
        networks=SimpleNamespace(list=lambda **_: [SimpleNamespace(id="net", attrs={"Labels": {}})]),
    )
    join(client, "net", {"id-agent": "agent", "id-loads": "loads"})
    assert sorted(happened) == ["id-agent as ['agent']", "id-loads as ['loads']"]

    happened.clear()
    remove_labelled(client, {}, leaving={"net": ["id-agent", "id-loads"]})
    assert sorted(happened[:3]) == ["app removed", "id-agent leaves net", "id-loads leaves net"]
    assert happened[3:] == ["net removed"]
