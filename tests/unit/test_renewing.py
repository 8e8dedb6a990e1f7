"""What a front is told while it serves, what is added beside an arm, and what a new certificate cost."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lab.analysis.trial.drill import Aftermath
from lab.analysis.trial.drill_metrics import drill_values
from lab.attest.serving import Member
from lab.engines import Deployment
from lab.errors import DeploymentError, ScenarioError
from lab.host.authority import make_certificate
from lab.plan.arm_topology import build_topology, nominal_ports, ports_needed
from lab.plan.blocks import build_plan
from lab.plan.fronts.front import front_of
from lab.plan.kinds import ServiceKind
from lab.plan.reloads import Reloads, reloads_of
from lab.plan.topology import Topology
from lab.plan.upstream import NAMED_UPSTREAM
from lab.plan.verbs import check_verbs
from lab.record.types import Event, ServiceRecord
from lab.run.renewing import fingerprint_of
from lab.run.scene import Act, Scene
from lab.run.slots import Slots
from lab.sampling.plan import SampleTarget
from lab.scenario.drills import Drill, Verb
from lab.scenario.kinds import FRONTS
from tests.builders import REPLICAS, WORKERS, make_scenario

LOAD = {"locustfile": "f.py", "rate": 100, "measure": "30s"}
FRONTED = sorted(kind for kind in FRONTS if kind != "direct")


def topology_of(arm: dict[str, Any], **drill: Any) -> Topology:
    given = make_scenario((arm,), drills=[{"verb": "roll", **drill}], load=LOAD, budget={"processes": 2})
    trial = build_plan(given).trials[0]
    return build_topology(trial.scenario, trial, nominal_ports(trial.scenario, trial.arm))


def reloads(arm: dict[str, Any], topology: Topology) -> Reloads | None:
    return reloads_of(make_scenario((arm,), load=LOAD).arms[0], topology)


@pytest.mark.parametrize("kind", FRONTED)
def test_every_front_takes_another_configuration_while_it_serves(kind: str) -> None:
    """With all services it is that of the start; without one, its address is not in it. A certificate is left alone."""
    arm = {**REPLICAS, "front": {"kind": kind, "tls": True}}
    topology = topology_of(arm)
    found = reloads(arm, topology)
    apps = sorted((each for each in topology.services if each.kind is ServiceKind.APP), key=lambda each: each.name)
    front = next(each for each in topology.services if each.kind is ServiceKind.PROXY)

    assert found is not None
    ((whole,), (less,)) = (found.files(apps)[front.name], found.files(apps[1:])[front.name])
    assert whole in front.files
    assert apps[0].endpoints[0].address in whole.text
    assert apps[0].endpoints[0].address not in less.text
    assert apps[1].endpoints[0].address in less.text


def test_where_there_is_no_front_nothing_is_reloaded() -> None:
    """Nor can it be told of another container."""
    topology = topology_of(WORKERS)

    assert reloads(WORKERS, topology) is None
    assert front_of(make_scenario((WORKERS,), load=LOAD).arms[0]).reload is None


@pytest.mark.parametrize("network", ["host", "own"])
def test_one_more_container_is_like_the_others(network: str) -> None:
    """Its name, its port and its command go on where those of the others end, and it is not started with them."""
    arm = {**REPLICAS, "network": network}
    topology = topology_of(arm, verb="scale")
    (more,) = topology.further
    first = next(service for service in topology.services if service.name == "app-1")

    assert more.name == "app-3"
    assert more not in topology.services
    assert [word for word in more.argv if word not in first.argv] == ([] if network == "own" else [str(more.ports[0])])
    assert len(topology.app) == topology.processes == 2
    assert (more.host, more.image) == (topology_host(network, "app-3"), "app")


def topology_host(network: str, name: str) -> str:
    return name if network == "own" else "127.0.0.1"


def test_a_whole_set_of_new_containers_has_ports_and_names_of_its_own() -> None:
    """And the image that is deployed."""
    topology = topology_of(REPLICAS, verb="deploy", style="blue-green", image="shop:2")
    ports = [port for service in (*topology.services, *topology.further) for port in service.ports]

    assert [service.name for service in topology.further] == ["app-1-new", "app-2-new"]
    assert {service.image for service in topology.further} == {"drill.deploy"}
    assert len(set(ports)) == len(ports) == 5


@pytest.mark.parametrize(
    ("arm", "drill", "further"),
    [
        (REPLICAS, {"verb": "roll", "drain": "2s"}, 0),
        (REPLICAS, {"verb": "deploy"}, 0),
        (REPLICAS, {"verb": "scale"}, 1),
        (REPLICAS, {"verb": "deploy", "style": "blue-green"}, 2),
        (WORKERS, {"verb": "deploy", "style": "blue-green"}, 0),
        (WORKERS, {"verb": "scale"}, 0),
    ],
)
def test_only_what_a_drill_adds_takes_a_port(arm: dict[str, Any], drill: dict[str, Any], further: int) -> None:
    """One container is replaced in place, and a supervisor listens where it did."""
    budget = {"processes": 2}
    with_it = make_scenario((arm,), drills=[drill], load=LOAD, budget=budget)
    without = make_scenario((arm,), load=LOAD, budget=budget)

    assert ports_needed(with_it, with_it.arms[0]) - ports_needed(without, without.arms[0]) == further


@dataclass
class Behind:
    """Two replicas behind a front that does as it is told, after ``late`` questions, or never.

    ``answer``: what an answer says of the service that gave it; ``straight`` where it was asked itself.
    """

    late: int = 0
    connections: int = 0
    answer: Callable[[str], str | None] = str
    straight: Callable[[str], str | None] = str
    upstream_of: str = NAMED_UPSTREAM
    passed: list[tuple[str, ...]] = field(default_factory=list)
    asked: int = 0
    since: int = 0

    def there(self, function: Any, *arguments: Any) -> Any:
        if function.__name__ == "first_processes":
            return (Member(service="nginx", pid=7, started=1, role=""),)
        if function.__name__ == "connected":
            return frozenset(range(self.connections))
        if function.__name__ == "send":
            return True
        topology, endpoint = arguments
        if endpoint != topology.entry:
            return self.straight(endpoint.host)
        self.asked += 1
        known = self.passed[-1] if self.passed and self.asked > self.since + self.late else ("app-1", "app-2")
        return self.answer(known[self.asked % len(known)])

    def files(self, services: Sequence[Any]) -> dict[str, tuple[Any, ...]]:
        self.passed.append(tuple(service.name for service in services))
        self.since = self.asked
        return {"nginx": ()}

    def slots(self, told: list[Act], wait: Callable[[float], bool] = lambda _s: False) -> Slots:
        """As a drill has them; an answer names its service."""
        topology = replace(topology_of(REPLICAS), upstream_of=self.upstream_of)
        records = [
            ServiceRecord(
                name=each.name,
                kind=each.kind,
                container_id="",
                image="",
                image_digest="",
                argv=(),
                ports=(0,),
                address=each.name,
            )
            for each in topology.services
        ]
        targets = [
            SampleTarget(service=each.name, kind=each.kind, container_id="", init_pid=9, ports=each.ports)
            for each in topology.services
        ]
        made = SimpleNamespace(
            topology=topology,
            services=records,
            there=self.there,
            part_of=lambda _service: SimpleNamespace(there=self.there),
            current=lambda: targets,
            write=lambda _service, _files: None,
        )
        scene = Scene(
            drill=Drill(verb=Verb.ROLL, drain=0.1),
            deployment=cast(Deployment, made),
            seed=1,
            tell=told.append,
            wait=wait,
            front=Reloads(signal=signal.SIGHUP, files=self.files),
        )
        return Slots(scene=scene)


def apps(slots: Slots) -> list[Any]:
    return sorted(slots.app, key=lambda each: each.name)


def test_a_container_is_out_when_nobody_answers_from_it_and_back_when_it_does() -> None:
    """However long the front takes to do as it is told; what is still connected is told."""
    told: list[Act] = []
    front = Behind(late=20, connections=3)
    slots = front.slots(told)
    first, second = apps(slots)

    assert slots.take_out([first], [second], 0.1)
    assert front.asked > 20
    front.late = 0
    slots.put_back([first], [first, second])

    assert front.passed == [("app-2",), ("app-1", "app-2")]
    assert [act.what for act in told] == ["SIGHUP", "drained", "SIGHUP", "returned"]
    assert [act.detail for act in told if act.what != "SIGHUP"] == ["app-1: 3 connections left", "app-1"]
    assert told[1].ended_s - told[1].began_s >= 0.1


def test_a_container_without_connections_is_not_waited_for() -> None:
    """It has nothing at hand."""
    told: list[Act] = []
    slots = Behind().slots(told)
    first, second = apps(slots)

    assert slots.take_out([first], [second], 30.0)
    assert told[-1].ended_s - told[-1].began_s < 10.0


def test_a_front_that_does_not_do_as_it_is_told_ends_the_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is then stopped would be a failure of another kind; but the end of the trial is no fault of it."""
    monkeypatch.setattr("lab.run.slots.WITHIN_S", 0.05)
    slots, cut = Behind(late=10**6).slots([]), Behind().slots([], wait=lambda _s: True)
    first, second = apps(slots)

    with pytest.raises(DeploymentError, match="the front still passes requests to app-1 0.05 s after"):
        slots.take_out([first], [second], 0.0)
    assert not cut.take_out([first], [second], 0.0)


@pytest.mark.parametrize(
    "front",
    [
        Behind(late=10**6, answer=lambda _name: "", straight=lambda _name: "", upstream_of=""),
        Behind(late=10**6, straight=lambda _name: None, upstream_of=""),
        Behind(late=10**6, answer=lambda _name: "", straight=lambda _name: ""),
    ],
    ids=["nobody is named", "nobody is to be asked", "a header that was promised is not there"],
)
def test_where_answers_do_not_tell_nothing_is_taken_out(front: Behind) -> None:
    """The front here ignores what it is told: without a name in its answers it would seem to obey."""
    told: list[Act] = []
    slots = front.slots(told)
    first, second = apps(slots)

    with pytest.raises(DeploymentError, match="answers name neither the container nor the process"):
        slots.take_out([first], [second], 0.0)
    assert [act.what for act in told] == []


def test_what_a_front_never_showed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that keeps a client to one address shows the lab that alone: whether it obeys for the other is not seen."""
    monkeypatch.setattr("lab.run.slots.BEFORE_S", 0.05)
    told: list[Act] = []
    slots = Behind(answer=lambda _name: "app-2").slots(told)
    first, second = apps(slots)

    assert slots.take_out([first], [second], 0.0)
    assert told[-1].detail == "app-1: 0 connections left, not seen to answer before"


def test_one_more_is_seen_only_where_none_of_the_others_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A front that ignores what it is told shows the others, whether they were heard before or not."""
    monkeypatch.setattr("lab.run.slots.SEEN_WITHIN_S", 0.1)
    told: list[Act] = []
    slots = Behind(late=10**6).slots(told)
    first, second = apps(slots)
    third = replace(second, name="app-3")

    slots.heard = frozenset({"app-2"})
    slots.put_back([third], [first, second, third])
    assert told[-1].detail == "app-3: not seen to answer"
    obeyed = Behind().slots(told)
    assert obeyed.listen()
    obeyed.put_back([third], [first, second, third])
    assert told[-1].detail == "app-3"


def test_who_cannot_be_heard_is_an_error_and_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else whatever answers next would be the new one; the end of the trial is no fault."""
    monkeypatch.setattr("lab.run.slots.WITHIN_S", 0.05)

    with pytest.raises(DeploymentError, match="could not be heard within 0.05 s"):
        Behind(answer=lambda _name: None).slots([]).listen()
    assert not Behind().slots([], wait=lambda _s: True).listen()


@pytest.mark.parametrize(
    "drill",
    [{"verb": "roll", "drain": "1s"}, {"verb": "deploy", "style": "blue-green"}, {"verb": "scale"}],
    ids=["drain", "blue-green", "scale"],
)
@pytest.mark.parametrize(
    ("front", "header", "refused"), [("traefik", "", True), ("traefik", "X-Who", False), ("nginx", "", False)]
)
def test_a_drill_that_nobody_could_see_is_refused(
    drill: dict[str, Any], front: str, header: str, refused: bool
) -> None:
    """Before anything starts, where neither the front nor the app names who answered."""
    app = {"image": "shop:1", "server_header": header}
    given = make_scenario(({**REPLICAS, "front": front},), app=app, drills=[drill], load=LOAD, budget={"processes": 2})
    if not refused:
        check_verbs(given)
        return
    with pytest.raises(ScenarioError, match="nobody could see whether the front traefik does as it is told"):
        check_verbs(given)


def test_the_next_certificate_is_of_the_same_authority() -> None:
    """Clients that trust the one trust the other, and can tell them apart."""
    certificate = make_certificate()

    assert certificate.next is not None
    assert certificate.next.authority == certificate.authority
    assert fingerprint_of(certificate.next.chain) != fingerprint_of(certificate.chain)
    assert "PRIVATE" not in repr(certificate)


def test_what_a_certificate_cost_is_told_from_the_action_on() -> None:
    """Nothing where none was changed."""
    acts = (
        Event(t_s=10.0, until_s=10.1, kind="action.SIGHUP"),
        Event(t_s=10.4, until_s=10.9, kind="action.certificate"),
        Event(t_s=15.0, until_s=15.0, kind="action.closed", detail="12 of 64 connections"),
    )

    def after(*given: Event) -> Aftermath:
        return Aftermath(
            action_s=10.0,
            rate=1.0,
            bad=0,
            failed=0,
            late=0,
            unsent=0,
            harm_s=0.0,
            recovery_s=0.0,
            share_s=None,
            process_s=None,
            in_flight=0,
            lost=0,
            bad_before=0,
            acts=given,
        )

    seen_s = [drill_values(found, None, None)["drill.certificate"] for found in (after(*acts), after(acts[0]), None)]
    assert seen_s == [pytest.approx(0.4), None, None]
