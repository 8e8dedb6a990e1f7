"""Drills on a Swarm: updates in batches, tasks in the place of others, a node that is drained and let back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import docker.errors
import pytest

from lab.engines import UpdateEnd
from lab.engines.kinds import ENGINE_KINDS
from lab.engines.swarm import services as placed
from lab.engines.swarm.changes import TaskChanges
from lab.engines.swarm.cluster import Cluster, Member
from lab.engines.swarm.draining import activate, check_alone, drain, drained, lost_node
from lab.engines.swarm.service import renewed, settings, task_template
from lab.engines.swarm.services import Services
from lab.engines.swarm.updates import OUT_OF_SEQUENCE
from lab.engines.there import connected
from lab.errors import DeploymentError, MissingError, ScenarioError
from lab.host.authority import make_certificate
from lab.host.labels import RUN, SERVICE, labels
from lab.plan.blocks import build_plan
from lab.plan.certificate import CERTIFICATE, KEY
from lab.plan.deeds import deed
from lab.plan.kinds import ServiceKind
from lab.plan.topology import ConfigFile, Endpoint, Service
from lab.run.renewing import fingerprint_of, rotate_cert
from lab.run.scene import Act, Scene
from lab.run.updating import by_update, node_loss
from lab.scenario.drills import Drill, Update, Verb
from tests.unit.test_swarm_engine import NODES, scenario

WORKERS: Any = "workers"  # parsed
MARKS = labels("r", "b01", "nginx")
APP = Service(name="app-1", kind=ServiceKind.APP, image="app", argv=(), ports=(8000,), host="app-1")


def drilled(folder: Path, drill: str) -> None:
    given = scenario(folder, nodes=NODES + "[[drills]]\n" + drill)
    ENGINE_KINDS["swarm"].check(given)
    build_plan(given)


@pytest.mark.parametrize(
    ("drill", "told"),
    [
        (
            'verb = "kill-front"',
            'drill "kill-front": kill-front is not made on a Swarm yet; the nearest that it has is stop',
        ),
        ('verb = "roll"\ndrain = "1s"', "drain: an update of the Swarm tells no front beforehand"),
        (
            'verb = "node-loss"\nnode = "one"',
            "node: one cannot be lost: it is the first, has the front, or drives load; take two",
        ),
    ],
)
def test_what_a_swarm_cannot_do_of_a_drill_is_refused(tmp_path: Path, drill: str, told: str) -> None:
    """Before a node is asked anything, with what to take instead."""
    with pytest.raises(ScenarioError) as refused:
        drilled(tmp_path, drill)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    "drill", ['verb = "node-loss"\nnode = "two"', 'verb = "scale"', 'verb = "deploy"', 'verb = "hang"']
)
def test_what_it_can_do_is_not(tmp_path: Path, drill: str) -> None:
    """Updates that fit into the measure phase, a node that is not the first, signals, one task more."""
    drilled(tmp_path, drill)


def test_more_at_once_fit_into_the_same_time(tmp_path: Path) -> None:
    """Four tasks that are each looked at for 20 s take four rounds of 23 s one by one, and one of 23 s together."""
    with pytest.raises(ScenarioError, match="takes a measure phase of 106 s at least"):
        drilled(tmp_path, 'verb = "roll"\nupdate = { monitor = "20s" }')
    drilled(tmp_path, 'verb = "roll"\nupdate = { monitor = "20s", parallelism = 4 }')


def test_a_node_that_drives_load_is_not_lost(tmp_path: Path) -> None:
    """Nor is one with the front; then no other is there."""
    lost = NODES + '[[drills]]\nverb = "node-loss"\n'
    for parts in ({"load": 'nodes = ["two"]', "nodes": lost}, {"nodes": lost + '[swarm]\nfront = "two"\n'}):
        with pytest.raises(ScenarioError, match="no node can be lost"):
            ENGINE_KINDS["swarm"].check(scenario(tmp_path, **parts))


def test_an_arm_that_has_nothing_on_a_node_cannot_lose_it(tmp_path: Path) -> None:
    """One container is on the first node; what is spread is not refused."""
    given = scenario(tmp_path, nodes=NODES + '[[drills]]\nverb = "node-loss"\n')
    build_plan(given)
    one = replace(given.arms[0], model=WORKERS)
    with pytest.raises(ScenarioError, match="it has 1 container, and none on node two"):
        build_plan(replace(given, arms=(one,)))


@pytest.mark.parametrize(
    ("engine", "drill", "told"),
    [
        ("docker", 'verb = "roll"\nupdate = { order = "start-first" }', '"update" of "roll" takes a Swarm'),
        ("docker", 'verb = "node-loss"', '"node-loss" of "node-loss" takes a Swarm'),
        ("swarm", 'verb = "kill"\nupdate = {}', '"update" says nothing to kill'),
        ("swarm", 'verb = "kill"\nnode = "two"', '"node" says nothing to kill'),
        ("swarm", 'verb = "roll"\nupdate = { parallelism = 0 }', "1 or more"),
    ],
)
def test_a_key_that_says_nothing_is_refused(tmp_path: Path, engine: str, drill: str, told: str) -> None:
    """By engine and by verb."""
    nodes = NODES if engine == "swarm" else ""
    with pytest.raises(ScenarioError) as refused:
        scenario(tmp_path, engine=engine, nodes=nodes + "[[drills]]\n" + drill)
    assert told in str(refused.value)


def test_lab_plan_says_how_tasks_are_replaced() -> None:
    """At once, and which first; and which node is drained."""
    rolled = Drill(verb=Verb.ROLL, update=Update(order="start-first", parallelism=2))
    assert deed(rolled) == "every serving process is replaced, at most 2 at once and start-first"
    assert deed(Drill(verb=Verb.NODE_LOSS, node="two")).startswith("node two is drained")


def test_an_update_is_asked_for_in_the_words_of_a_swarm() -> None:
    """Nanoseconds, one task, and a rollback by the same settings that does not roll back again; the spec stays."""
    update, rollback = settings(Update(order="start-first", monitor=1.5, failure="rollback"))
    assert (update["Order"], update["Monitor"], update["FailureAction"]) == ("start-first", 1_500_000_000, "rollback")
    assert (rollback["Order"], rollback["FailureAction"]) == ("start-first", "pause")
    spec = {"ContainerSpec": {"Image": "old", "Args": ["a"]}, "Placement": {"Constraints": ["node.id==n1"]}}
    again = renewed(renewed(spec, "new"), "new", ["node.id!=n1"])
    assert again["ContainerSpec"] == {"Image": "new", "Args": ["a"]}
    assert again["ForceUpdate"] == 2
    assert again["Placement"] == {"Constraints": ["node.id!=n1"]}


def test_other_files_are_other_secrets_at_the_same_paths() -> None:
    """What else the task was given stays, and so does what an update without files finds."""
    pem, conf = (ConfigFile(path=f"/etc/{name}", content=b"", recorded=name == "conf") for name in ("pem", "conf"))
    files = [(pem, "s1", "old"), (conf, "c1", "conf")]
    service = Service(name="nginx", kind=ServiceKind.PROXY, image="nginx", argv=(), ports=(8443,), user="65534")
    spec = task_template(service, "sha256:1", MARKS, network_id="n", node_id="n1", files=files)
    again = renewed(spec, "sha256:1", files=[(pem, "s2", "new")], user=service.user)["ContainerSpec"]
    ((secret,), (config,)) = again["Secrets"], again["Configs"]
    assert (secret["SecretID"], secret["SecretName"], config["ConfigID"]) == ("s2", "new", "c1")
    assert secret["File"] == {**spec["ContainerSpec"]["Secrets"][0]["File"]}
    assert renewed(spec, "sha256:1")["ContainerSpec"] == spec["ContainerSpec"]


def scene_of(drill: Drill, **means: Any) -> tuple[Scene, list[Act]]:
    told: list[Act] = []
    kinds = {"app-1": "app", "app-2": "app", "app-3": "app", "nginx": "proxy"}
    services = [SimpleNamespace(name=name, kind=kind) for name, kind in kinds.items()]
    deployment = SimpleNamespace(services=services, topology=SimpleNamespace(trial_id="b01"), **means)
    scene = Scene(drill=drill, deployment=cast(Any, deployment), seed=1, tell=told.append, wait=threading.Event().wait)
    return scene, told


def replacing(asked: list[Sequence[str]], end: UpdateEnd) -> Callable[..., Callable[[], Mapping[str, UpdateEnd]]]:
    def ask(names: Sequence[str], _image: str, _how: Update, _files: Any) -> Callable[[], Mapping[str, UpdateEnd]]:
        asked.append(names)
        return lambda: dict.fromkeys(names, end)

    return ask


def test_so_many_containers_are_updated_at_once_as_the_drill_says() -> None:
    """Each is told of with how its update ended; one that is paused is the last."""
    drill, asked = Drill(verb=Verb.ROLL, update=Update(parallelism=2)), list[Sequence[str]]()
    scene, told = scene_of(drill)
    assert by_update(scene, replacing(asked, UpdateEnd(told="completed")), "")
    assert asked == [("app-1", "app-2"), ("app-3",)]
    assert [act.detail for act in told] == [
        f"{name}: completed (stop-first, looked at for 5 s)" for name in ("app-1", "app-2", "app-3")
    ]
    stopped = list[Sequence[str]]()
    assert by_update(scene, replacing(stopped, UpdateEnd(told="paused", stopped=True)), "")
    assert stopped == [("app-1", "app-2")]
    assert [act.what for act in told] == ["updated"] * 3 + ["not updated"] * 2


def test_a_certificate_is_rotated_by_an_update_of_every_front() -> None:
    """With both files; new connections are made by name, for the new tasks have other addresses."""
    certificate, given, asked = make_certificate(), list[Any](), list[str]()
    entries = tuple(Endpoint(host=f"10.0.0.{number}", port=8443, scheme="https") for number in (1, 2))
    fronts = {entry.host: name for entry, name in zip(entries, ("nginx", "nginx-2"), strict=True)}
    services = [SimpleNamespace(name=name, host=name) for name in fronts.values()]
    target = {name: SimpleNamespace(service=name, init_pid=9, ports=(8443,)) for name in fronts.values()}
    held = {"before": frozenset({1, 2})}

    def replacing(names: Sequence[str], image: str, _how: Update, files: Any) -> Any:
        given.append((list(names), image, [file.path for file in files]))
        held["before"] = frozenset({3})
        return lambda: dict.fromkeys(names, UpdateEnd(told="completed"))

    def there(function: Any, *arguments: Any) -> Any:
        if function is connected:
            return held["before"]
        asked.append(arguments[0].host)
        return fingerprint_of(certificate.next.chain) if certificate.next and len(asked) > 3 else "old"

    topology = SimpleNamespace(
        trial_id="b01", fronted=True, processes=2, entry=entries[0], entries=entries, services=services
    )
    deployment = SimpleNamespace(
        topology=topology,
        replacing=replacing,
        there=there,
        service_at=lambda entry: fronts[entry.host],
        part_of=lambda _name: SimpleNamespace(there=there),
        current=lambda: tuple(target.values()),
    )
    told = list[Act]()
    drill = Drill(verb=Verb.ROTATE_CERT, hold=0.01, update=Update(order="start-first", monitor=1.0))
    wait = threading.Event().wait
    scene = Scene(
        drill=drill, deployment=cast(Any, deployment), seed=1, tell=told.append, wait=wait, certificate=certificate.next
    )
    assert rotate_cert(scene)
    assert given == [(["nginx", "nginx-2"], "", [CERTIFICATE, KEY])]
    assert set(asked) == {"nginx", "nginx-2"}
    assert [act.what for act in told] == ["certificate", "updated", "updated", "closed"]
    assert told[1].detail == "nginx: completed (start-first, looked at for 1 s)"
    assert told[-1].detail == "4 of 4 connections"


def test_a_node_that_is_lost_is_told_with_where_its_tasks_came_again() -> None:
    """Where there is no Swarm, a sentence."""
    scene, told = scene_of(Drill(verb=Verb.NODE_LOSS, node="two"), losing=lambda node: lambda: {"app-2": f"not {node}"})
    assert node_loss(scene)
    assert [(act.what, act.detail) for act in told] == [("node drained", "two"), ("moved", "app-2: to not two")]
    with pytest.raises(DeploymentError, match="no node can be drained"):
        node_loss(scene_of(Drill(verb=Verb.NODE_LOSS), losing=None)[0])


class Task:
    """A container of a task, on its node."""

    def __init__(self, identity: str, address: str, log: str = "") -> None:
        self.id, self.client, self.log = identity, SimpleNamespace(api=self), log
        self.labels = {SERVICE: "app-1"}
        state = {"Running": True, "Pid": 7, "StartedAt": "2026-01-01T00:00:00Z", "ExitCode": 0}
        self.attrs = {"State": state, "NetworkSettings": {"Networks": {"net": {"IPAddress": address}}}}
        self.removed = False

    def reload(self) -> None: ...

    def logs(self, **_asked: Any) -> bytes:
        return self.log.encode()

    def remove_container(self, _identity: str, **_asked: Any) -> None:
        self.removed = True


class Swarm:
    """A manager of two nodes: an update brings the next of ``tasks`` on ``node``, and ends as ``state`` says.

    ``stops``: whether the one before ends; ``shown``: the number of the task that runs, where it is not the next.
    """

    def __init__(self, tasks: Sequence[Task], state: str = "completed", node: str = "n1") -> None:
        self.api = self.containers = self
        self.told, self.next, self.state, self.node = list(tasks), 0, state, node
        self.stops = True
        self.shown: int | None = None
        self.specs: dict[str, Any] = {
            "n1": {"Availability": "active"},
            "n2": {"Availability": "active", "Labels": {"a": "b"}},
        }
        self.asked: list[Mapping[str, Any]] = []
        self.beside: list[Mapping[str, Any]] = []

    def inspect_service(self, _name: str) -> dict[str, Any]:
        template = {"ContainerSpec": {"Image": "old"}, "Placement": {"Constraints": ["node.id==n1"]}}
        spec = {"TaskTemplate": template, "Name": "s", "Labels": {}, "Mode": {}, "EndpointSpec": {"Mode": "dnsrr"}}
        status = {"State": self.state, "StartedAt": f"t{self.next}"} if self.next else None
        return {"ID": "s", "Version": {"Index": 7}, "Spec": spec, "UpdateStatus": status}

    def update_service(self, _identity: str, _version: int, **asked: Any) -> None:
        self.asked.append(asked)
        if self.stops:
            cast(Any, self.told[self.next].attrs["State"]).update(Running=False, Pid=0)
        self.next += 1

    def tasks(self, filters: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        if "node" in filters:
            return self.beside
        shown = self.next if self.shown is None else self.shown
        if shown >= len(self.told):
            return []
        status = {"State": "running", "ContainerStatus": {"ContainerID": str(shown)}}
        return [{"NodeID": self.node, "Status": status, "CreatedAt": "1"}]

    def get(self, identity: str) -> Task:
        return self.told[int(identity)]

    def nodes(self) -> list[Mapping[str, Any]]:
        return [self.inspect_node(identity) for identity in self.specs]

    def inspect_node(self, identity: str) -> Mapping[str, Any]:
        if identity not in self.specs:
            raise docker.errors.NotFound("no such node")
        return {
            "ID": identity,
            "Version": {"Index": 1},
            "Spec": self.specs[identity],
            "Description": {"Hostname": identity},
        }

    def update_node(self, identity: str, _version: int, spec: Mapping[str, Any]) -> None:
        self.specs[identity] = spec

    def services(self) -> list[Mapping[str, Any]]:
        return [{"ID": "w", "Spec": {"Name": "web"}}]


def cluster_of(swarm: Swarm) -> Cluster:
    members = tuple(
        Member(node=cast(Any, SimpleNamespace(name=name)), client=cast(Any, swarm), id=identity)
        for name, identity in (("one", "n1"), ("two", "n2"))
    )
    return Cluster(members=members, loads=members[:1])


def changes_of(swarm: Swarm, pool: ThreadPoolExecutor, names: Callable[[], Sequence[str]]) -> TaskChanges:
    cluster = cluster_of(swarm)
    services = Services(
        cluster=cluster,
        images=cast(Any, {key: SimpleNamespace(id=f"sha256:{key}") for key in ("app", "drill.deploy")}),
        run_id="r",
        topology=cast(Any, SimpleNamespace(trial_id="b01")),
        network_id="n",
        network="net",
        pool=pool,
        placed={"app-1": cluster.members[1]},
    )
    return TaskChanges(
        pairs=[(APP, cast(Any, swarm.told[0]))],
        services=services,
        looks=[(cluster.manager, cast(Any, lambda _known, hosts: {host: tuple(names()) for host in hosts}))],
        came=lambda _pairs: None,
    )


def test_a_task_that_takes_the_place_of_another_is_waited_for_by_its_name() -> None:
    """What gave way is removed with its log kept, and the arm has the new one, from the image that is deployed."""
    old, new = Task("0", "10.0.0.2", "2026-11-28T09:07:01Z lab-request aa\n"), Task("1", "10.0.0.3")
    swarm, leads = Swarm([old, new]), iter([("10.0.0.2",), ("10.0.0.2", "10.0.0.3"), ("10.0.0.3",), ("10.0.0.3",)])
    with ThreadPoolExecutor(2) as pool:
        changes = changes_of(swarm, pool, lambda: next(leads))
        over = changes.replacing(["app-1"], "drill.deploy", Update(order="start-first"))
        assert not old.removed
        ends = over()
    assert ends == {"app-1": UpdateEnd(told="completed")}
    assert swarm.asked[0]["task_template"]["ContainerSpec"]["Image"] == "sha256:drill.deploy"
    assert swarm.asked[0]["update_config"]["Order"] == "start-first"
    assert old.removed
    assert changes.pairs[0][1] is cast(Any, new)
    assert [service.name for service, _ in changes.gone] == ["app-1"]
    assert set(changes.logs()) == {"app-1", "app-1.before"}


@pytest.mark.parametrize(("state", "tasks", "back"), [("paused", 1, False), ("rollback_completed", 2, True)])
def test_an_update_that_fails_is_an_end_too(state: str, tasks: int, back: bool) -> None:
    """Nothing came, or what was there came again; no further one follows."""
    given = [Task(str(number), f"10.0.0.{number}") for number in range(tasks)]
    swarm = Swarm(given, state)
    with ThreadPoolExecutor(2) as pool:
        changes = changes_of(swarm, pool, lambda: ("10.0.0.1",))
        ends = changes.replacing(["app-1"], "drill.deploy", Update())()
    assert ends["app-1"] == UpdateEnd(told=state.replace("_", " "), stopped=True, back=back)
    assert changes.pairs[0] == (APP, cast(Any, given[-1])), "from the image that it had"
    assert not given[-1].removed


def test_what_a_task_served_that_was_taken_back_counts_too() -> None:
    """Its log is kept beside that of the one before it: both have executed requests."""
    line = "2026-11-28T09:07:01Z lab-request {}\n"
    tasks = [Task(str(number), f"10.0.0.{number}", line.format(name)) for number, name in enumerate("abc")]
    swarm = Swarm(tasks, "updating")
    with ThreadPoolExecutor(2) as pool:
        changes = changes_of(swarm, pool, lambda: (f"10.0.0.{swarm.next}",))
        over = changes.replacing(["app-1"], "drill.deploy", Update(failure="rollback"))
        swarm.next, swarm.state = 2, "rollback_completed"
        assert over()["app-1"].back
    assert [(service.image, log) for service, log in changes.gone] == [
        ("drill.deploy", line.format("b")),
        ("app", line.format("a")),
    ]
    assert len(changes.left) == 2, "each with the node by whose clock it is"
    assert changes.pairs[0] == (APP, cast(Any, tasks[2]))


@pytest.mark.parametrize("state", ["paused", "rollback_completed"])
@pytest.mark.parametrize("seen", [False, True])
def test_a_task_that_was_never_replaced_stays_and_nobody_waits_for_its_end(state: str, seen: bool) -> None:
    """The new one starts first, and may end before the one that is there is told to; it may have been seen or not."""
    old, new = Task("0", "10.0.0.2"), Task("1", "10.0.0.3", "2026-11-28T09:07:01Z lab-request aa\n")
    swarm = Swarm([old, new], "updating" if seen else state)
    swarm.stops, swarm.shown = False, int(seen)
    with ThreadPoolExecutor(2) as pool:
        changes = changes_of(swarm, pool, lambda: (f"10.0.0.{2 + (swarm.shown or 0)}",))
        over = changes.replacing(["app-1"], "drill.deploy", Update(order="start-first", failure="rollback"))
        swarm.state, swarm.shown = state, 0
        ends = over()
    assert ends["app-1"].stopped
    assert changes.pairs[0] == (APP, cast(Any, old))
    assert not old.removed
    assert [service.image for service, _ in changes.gone] == (["drill.deploy"] if seen else [])


def test_a_task_that_never_comes_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the time that tasks have, and what they are looked at."""
    monkeypatch.setattr("lab.engines.swarm.changes.PLACED_S", -10.0)
    with ThreadPoolExecutor(2) as pool:
        changes = changes_of(Swarm([Task("0", "10.0.0.2")], "updating"), pool, tuple)
        with pytest.raises(DeploymentError, match="the Swarm has not replaced the tasks of app-1"):
            changes.replacing(["app-1"], "", Update(monitor=1.0))
    assert placed.PLACED_S > 0


def test_a_lost_node_is_drained_and_its_tasks_may_be_anywhere_else() -> None:
    """The Swarm is told which nodes are none of the arm's; the drain carries the labels of the run, and is undone."""
    swarm = Swarm([Task("0", "10.0.0.2"), Task("1", "10.0.0.3")])
    swarm.specs["n9"] = {"Availability": "active"}
    with ThreadPoolExecutor(2) as pool:
        changes = changes_of(swarm, pool, lambda: ("10.0.0.3",))
        assert changes.losing("")() == {"app-1": "one"}
        assert [member.node.name for member in changes.left] == ["two"], "by whose clock the log is"
    assert swarm.asked[0]["task_template"]["Placement"] == {"Constraints": ["node.id!=n2", "node.id!=n9"]}
    assert swarm.specs["n2"]["Availability"] == "drain"
    ((name, identity, marks),) = drained(cast(Any, swarm))
    assert (name, identity, marks[RUN]) == ("n2", "n2", "r")
    activate(cast(Any, swarm), "n2")
    assert swarm.specs["n2"] == {"Availability": "active", "Labels": {"a": "b"}}
    activate(cast(Any, swarm), "gone")


def test_tasks_that_do_not_come_again_are_not_told_to_have_moved() -> None:
    """Their update stops: they would be told to be on the node that was lost."""
    with ThreadPoolExecutor(2) as pool:
        changes = changes_of(Swarm([Task("0", "10.0.0.2")], "paused"), pool, tuple)
        with pytest.raises(DeploymentError, match=r"tasks did not come again on another node: app-1 \(paused\)"):
            changes.losing("")()


@pytest.mark.parametrize(
    ("said", "times", "fine"), [(OUT_OF_SEQUENCE, 2, True), (OUT_OF_SEQUENCE, 9, False), ("no", 1, False)]
)
def test_what_changed_since_it_was_read_is_read_again(said: str, times: int, fine: bool) -> None:
    """A node is changed whenever it reports; nothing else is tried again, nor that for ever."""
    swarm, left = Swarm([]), [times]

    def update_node(*asked: Any) -> None:
        if left[0]:
            left[0] -= 1
            raise docker.errors.APIError(f"rpc error: {said}")
        swarm.update_node(*asked)

    api = SimpleNamespace(inspect_node=swarm.inspect_node, update_node=update_node)
    with nullcontext() if fine else pytest.raises(docker.errors.APIError):
        activate(cast(Any, SimpleNamespace(api=api)), "n2")


def test_a_node_that_runs_tasks_of_others_is_not_drained() -> None:
    """Their names are told; those of the lab do not count."""
    swarm = Swarm([])
    cluster = cluster_of(swarm)
    two = lost_node(cluster, "", "one")
    assert two.node.name == "two"
    swarm.beside = [{"ServiceID": "l", "Spec": {"ContainerSpec": {"Labels": labels("r", "b01", "app-1")}}}]
    check_alone(cluster, two)
    swarm.beside = [{"ServiceID": "w", "Spec": {"ContainerSpec": {}}}]
    with pytest.raises(MissingError, match=r"node two runs tasks of other services \(web\)"):
        check_alone(cluster, two)
    drain(cast(Any, swarm), two, labels("r", "b01", "node"))
    assert swarm.specs["n2"]["Labels"]["a"] == "b", "the labels of others stay"
