"""What a deploy drill takes away is still counted: steps and requests of the containers that gave way."""

from __future__ import annotations

from http import HTTPStatus
from types import SimpleNamespace
from typing import Any, cast

import docker.errors
import pytest
from docker.models.containers import Container, ContainerCollection
from requests import Response

from lab.agent.calls import here
from lab.engines import StepMark
from lab.engines.docker.changes import Changes, Stood
from lab.engines.docker.fate import first_end
from lab.engines.docker.request_lines import executions_of
from lab.engines.docker.step_lines import epoch_s, marks_of
from lab.host.labels import SERVICE
from lab.plan.kinds import ServiceKind
from lab.plan.topology import ConfigFile, Endpoint, Service, Topology
from lab.record.told import Executions

NAMES = ("app-1", "app-1-new")


class Printed:
    """A container that has printed so much; what was removed prints nothing more."""

    def __init__(self, name: str, told: str) -> None:
        self.id = self.name = name
        self.told, self.removed = told, False
        self.labels = {SERVICE: name}
        self.attrs = {"State": {"Pid": 7, "ExitCode": 0}}
        self.written: list[str] = []

    def logs(self, **_: Any) -> bytes:
        if self.removed:
            raise docker.errors.NotFound("No such container")
        return self.told.encode()

    def rename(self, name: str) -> None:
        self.name = name

    def stop(self, **_: Any) -> None:
        self.told += "2026-11-28T09:07:03Z lab-request cc\n"

    def start(self) -> None: ...

    def reload(self) -> None:
        if self.removed:
            raise docker.errors.NotFound("No such container")

    def put_archive(self, directory: str, _data: bytes) -> None:
        self.written.append(directory)


def test_what_is_removed_while_it_is_listed_is_no_end() -> None:
    """The SDK asks for each container once more; on a busy machine one that has ended may be gone by then."""

    def inspect(identity: str) -> Any:
        raise docker.errors.NotFound(f"No such container: {identity}")

    api = SimpleNamespace(containers=lambda **_: [{"Id": "gone"}], inspect_container=inspect)
    client: Any = SimpleNamespace(containers=ContainerCollection(SimpleNamespace(api=api)))

    assert first_end(client, "run", cast(Topology, SimpleNamespace(trial_id="b01-workers"))) is None


class Ended(Printed):
    """A container that has ended, and may have been taken away since the engine listed it."""

    def __init__(self, name: str, status: int = 200) -> None:
        super().__init__(name, f"the last line of {name}")
        self.status = status
        self.attrs = {"State": {"ExitCode": 3}, "HostConfig": {}}

    def logs(self, **_: Any) -> bytes:
        if self.status != HTTPStatus.OK:
            response = Response()
            response.status_code = self.status
            kind = docker.errors.NotFound if self.status == HTTPStatus.NOT_FOUND else docker.errors.APIError
            raise kind("refused", response=response, explanation="as the engine says")
        return super().logs()


def ends(*containers: Ended) -> str:
    """What is told where the engine lists these."""

    def listed(*, filters: dict[str, Any], **_: Any) -> list[Ended]:
        assert filters["status"] == "exited"
        return [*containers]

    client: Any = SimpleNamespace(containers=SimpleNamespace(list=listed))
    topology = Topology(
        trial_id="b01", services=(), entry=Endpoint(port=1), app=(), processes=1, ready_path="/", ready_timeout_s=1.0
    )
    end = first_end(client, "run", topology)
    return end.told if end else ""


@pytest.mark.parametrize("status", [HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT])
def test_what_is_removed_before_its_log_is_read_is_no_end(status: int) -> None:
    """A drill takes it away: it is gone, or marked for removal. Another one that has ended is told all the same."""
    assert ends(Ended("app-1", status)) == ""
    told = ends(Ended("app-1", status), Ended("app-2"))
    assert told.startswith("container of 'app-2' ended with exit code 3")
    assert told.endswith("the last line of app-2")


def test_an_engine_that_fails_is_no_end_either() -> None:
    """It is told as that."""
    with pytest.raises(docker.errors.APIError, match="as the engine says"):
        ends(Ended("app-1", HTTPStatus.INTERNAL_SERVER_ERROR))


def test_who_lives_is_told_while_something_is_replaced() -> None:
    """What has been removed since the list was made does not, no more than what has ended."""
    service = Service(name="app", kind=ServiceKind.APP, image="app", argv=(), ports=())
    lives, ended, gone = (Printed(name, "") for name in ("lives", "ended", "gone"))
    ended.attrs["State"]["Pid"] = 0
    gone.removed = True
    stood = Stood(pairs=[(service, cast(Container, each)) for each in (gone, ended, lives)])
    assert [container.id for _, container in stood.alive()] == ["lives"]


def test_what_gave_way_is_still_counted() -> None:
    """Once removed it prints nothing: its log is kept before, up to its last word."""
    old = Printed("app", "2026-11-28T09:07:00Z lab-step migrate begin\n2026-11-28T09:07:01Z lab-request aa\n")
    new = Printed("app", "2026-11-28T09:07:04Z lab-request aa\n2026-11-28T09:07:05Z lab-step migrate begin\n")
    service = Service(name="app", kind=ServiceKind.APP, image="app", argv=(), ports=())

    def remove(_identity: str, **_: Any) -> None:
        old.removed = True

    changes = Changes(
        client=cast(Any, SimpleNamespace(api=SimpleNamespace(remove_container=remove))),
        pairs=[(service, cast(Container, old))],
        there=here,
        create=lambda _service: cast(Container, new),
        answered=lambda _pairs: None,
        came=lambda _pairs: None,
    )
    changes.exchange("app", "shop:2")
    marks = marks_of(changes.pairs, 1.0, changes.gone)

    assert old.removed
    assert changes.pairs[0][1] is cast(Any, new)
    assert executions_of(changes.pairs, changes.gone) == Executions(executions=3, distinct=2)
    assert marks == [
        StepMark(service="app", name="migrate", begins=True, epoch_s=epoch_s(f"2026-11-28T09:0{at}Z") - 1.0)
        for at in ("7:00", "7:05")
    ]


def test_what_is_added_is_waited_for_and_what_is_removed_is_still_counted() -> None:
    """Those that were there are not: they answer already. Files go where the container was given them."""
    old = Printed("app-1", "2026-11-28T09:07:00Z lab-request aa\n")
    new = Printed("app-1-new", "2026-11-28T09:07:04Z lab-request bb\n")
    first, second = (Service(name=name, kind=ServiceKind.APP, image="app", argv=(), ports=()) for name in NAMES)
    removed, waited_for = list[str](), list[Any]()
    changes = Changes(
        client=cast(Any, SimpleNamespace(api=SimpleNamespace(remove_container=lambda name, **_: removed.append(name)))),
        pairs=[(first, cast(Container, old))],
        there=here,
        create=lambda _service: cast(Container, new),
        answered=lambda _pairs: None,
        came=waited_for.extend,
    )
    changes.add([second])
    changes.write("app-1-new", [ConfigFile(path="/etc/lab/tls/server.pem", content=b"x")])
    how = changes.remove("app-1")
    changes.end("app-1")  # a watchdog that looks after it

    assert [service.name for service, _ in waited_for] == ["app-1-new"]
    assert [service.name for service, _ in changes.pairs] == ["app-1-new"]
    assert new.written == ["/etc/lab/tls"]
    assert how.startswith("exit code 0 after")
    assert len(removed) == 1
    assert executions_of(changes.pairs, changes.gone) == Executions(executions=3, distinct=3)
