"""A Swarm as an engine: what it is asked for, what it refuses, where services go, what is left alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import docker
import docker.errors
import pytest
import requests

from lab.agent.calls import There
from lab.cli.plan_words import node_lines
from lab.engines.docker.removal import engine_errors, noted
from lab.engines.images.images import ImageRecord
from lab.engines.kinds import ENGINE_KINDS
from lab.engines.swarm import cluster as clusters
from lab.engines.swarm import opening, removal
from lab.engines.swarm.cluster import Cluster, Member, find_cluster
from lab.engines.swarm.refusals import check_swarm
from lab.engines.swarm.removal import TrialNetworks, remove_used_network
from lab.engines.swarm.service import file_name, invocation, mode_of, service_name, task_template
from lab.engines.swarm.services import Services
from lab.errors import DeploymentError, InterruptedRunError, LoadError, MissingError, OutsideError, ScenarioError
from lab.host.kernel import has_ipvs
from lab.host.labels import labels
from lab.plan.arm_topology import build_topology, nominal_ports
from lab.plan.blocks import build_plan
from lab.plan.kinds import ServiceKind
from lab.plan.reloads import front_files
from lab.plan.topology import ConfigFile, Service, Topology
from lab.run.drive import load_plan
from lab.scenario.budget import Limits
from lab.scenario.container import Volume
from lab.scenario.file import read_scenario
from lab.scenario.model import Scenario
from lab.scenario.swarm import SwarmOptions

SCENARIO = """
question = "What do replicas on two nodes cost?"
engine = "{engine}"
{top}
[app]
image = "shop:1"
{app}
[budget]
processes = 4
{budget}
[[arms]]
name = "replicas"
model = "replicas"
front = "nginx"
{arm}
[load]
locustfile = "locustfile.py"
rate = 100
measure = "60s"
{load}
{nodes}
"""
NODES = '[[nodes]]\nname = "one"\n[[nodes]]\nname = "two"\nengine = "tcp://10.0.0.2:2375"\n'
KEY = ConfigFile(path="/etc/lab/key.pem", content=b"key", mode=0o400, recorded=False)
CONF = ConfigFile(path="/etc/lab/nginx.conf", content=b"conf")
SERVICE = Service(
    name="app-1",
    kind=ServiceKind.APP,
    image="app",
    argv=("uvicorn", "a:b"),
    ports=(8000,),
    host="app-1",
    env=(("A", "1"),),
    limits=Limits(cpus=0.5, memory_bytes=64),
    user="10:20",
    capabilities=("CHOWN",),
    volumes=(Volume(path="/data", size=4096, mode="0700"),),
)


def scenario(folder: Path, **parts: str) -> Scenario:
    (folder / "locustfile.py").touch()
    given = {"engine": "swarm", "top": "", "app": "", "budget": "", "arm": "", "load": "", "nodes": NODES, **parts}
    path = folder / "scenario.toml"
    path.write_text(SCENARIO.format(**given))
    return read_scenario(path)


def topology(folder: Path, **parts: str) -> Topology:
    given = scenario(folder, **parts)
    trial = build_plan(given).trials[0]
    return build_topology(given, trial, nominal_ports(given, trial.arm))


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"nodes": ""}, "add [[nodes]]"),
        ({"budget": 'cpus = "pooled:2"'}, 'budget.cpus: a pooled limit is a cgroup of one machine; write "split:…"'),
        ({"budget": 'cpuset = "0-1"'}, "budget.cpuset"),
        ({"app": 'restart = "always"'}, "restart: "),
        ({"arm": 'watch = "engine"'}, "watch: "),
        ({"app": 'volumes = [{ path = "/data", uid = 10 }]'}, "volumes: /data"),
        ({"nodes": NODES + '[[drills]]\nverb = "kill-front"\n'}, 'drill "kill-front"'),
        ({"nodes": NODES + "[trials]\nrestart_one = true\n"}, "trials.restart_one"),
        ({"nodes": NODES + '[swarm]\nfront = "*"\n', "load": "processes = 3"}, "load.processes: 2 nodes have a front"),
    ],
)
def test_what_services_cannot_have_is_refused_by_its_key(tmp_path: Path, parts: dict[str, str], told: str) -> None:
    """Before a node is asked anything."""
    given = scenario(tmp_path, **parts)
    with pytest.raises(ScenarioError) as refused:
        ENGINE_KINDS["swarm"].check(given)
    assert told in str(refused.value)
    check_swarm(scenario(tmp_path))


def test_every_node_runs_parts_of_arms_but_one_that_drives_load(tmp_path: Path) -> None:
    """A node of another engine would have nothing to do; no address is needed, for load is in the arm's network."""
    plan = build_plan(scenario(tmp_path, load='nodes = ["two"]'))
    assert [line.partition(";")[0].strip() for line in node_lines(plan)] == [
        "node      one: runs parts of the arms",
        "node      two: drives load with 1 process",
    ]


def test_a_service_is_asked_for_with_all_that_its_container_has() -> None:
    """A key is a secret, other files are configs; it ends for good, and others find it by its name."""
    marks = labels("run-1", "b01-replicas", "app-1")
    files = [(CONF, "c1", file_name(marks, 0)), (KEY, "s1", file_name(marks, 1))]
    asked = task_template(SERVICE, "sha256:1", marks, network_id="net", node_id="n2", files=files)
    container = asked["ContainerSpec"]

    assert container["Image"] == "sha256:1"
    assert container["Args"] == ["uvicorn", "a:b"]
    assert "Command" not in container, "the image's own entrypoint stays"
    assert container["Env"] == ["A=1"]
    assert container["Labels"] == marks
    assert (container["CapabilityDrop"], container["CapabilityAdd"]) == (["ALL"], ["CAP_CHOWN"])
    assert container["Healthcheck"] == {"Test": ["NONE"]}
    assert [(each["Target"], each["TmpfsOptions"]["Mode"]) for each in container["Mounts"]] == [
        ("/tmp", 0o1777),
        ("/data", 0o700),
    ]
    (config,), (secret,) = container["Configs"], container["Secrets"]
    assert config["File"] == {"Name": "/etc/lab/nginx.conf", "UID": "10", "GID": "20", "Mode": 0o444}
    assert (secret["SecretID"], secret["File"]["Mode"]) == ("s1", 0o400)
    assert asked["Resources"]["Limits"] == {"Pids": 4096, "NanoCPUs": 500_000_000, "MemoryBytes": 64}
    assert asked["RestartPolicy"] == {"Condition": "none"}
    assert asked["Placement"] == {"Constraints": ["node.id==n2"]}
    assert asked["Networks"] == [{"Target": "net", "Aliases": ["app-1"]}]
    assert "Replicated" in mode_of(SERVICE)
    assert mode_of(replace(SERVICE, kind=ServiceKind.JOB))["ReplicatedJob"]["TotalCompletions"] == 1


@pytest.mark.parametrize(
    ("entrypoint", "asked"),
    [
        (None, {"Args": ["uvicorn", "a:b"]}),
        (("tini", "--"), {"Command": ["tini", "--"], "Args": ["uvicorn", "a:b"]}),
        ((), {"Command": ["uvicorn", "a:b"], "Args": []}),
    ],
)
def test_a_command_stands_where_there_is_no_entrypoint(
    entrypoint: tuple[str, ...] | None, asked: dict[str, list[str]]
) -> None:
    """A Swarm takes an empty one for none that was given, and would start the image's."""
    assert invocation(replace(SERVICE, entrypoint=entrypoint)) == asked


@pytest.mark.parametrize(("user", "owner"), [("app", ("0", "0")), ("10001", ("10001", "0")), ("", ("0", "0"))])
def test_a_secret_belongs_to_a_user_that_is_a_number(user: str, owner: tuple[str, str]) -> None:
    """A Swarm takes no names there, and ends the task."""
    marks, service = labels("r", "t", "a"), replace(SERVICE, user=user)
    asked = task_template(service, "i", marks, network_id="n", node_id="n1", files=[(KEY, "s1", "key")])
    (secret,) = asked["ContainerSpec"]["Secrets"]
    assert (secret["File"]["UID"], secret["File"]["GID"]) == owner


def test_braces_reach_the_container_as_they_are() -> None:
    """A Swarm reads templates of Go in variables and mounts: unknown words end the task, known ones are replaced."""
    service = replace(
        SERVICE, env=(("GREETING", "hi {{d}} {a} }}"), ("N", "{{{.Node.ID}}}")), volumes=(Volume(path="/{{d}}"),)
    )
    asked = task_template(service, "i", labels("r", "t", "a"), network_id="n", node_id="n1", files=[])["ContainerSpec"]
    assert asked["Env"] == ['GREETING=hi {{"{{"}}d}} {a} }}', 'N={{"{{"}}{.Node.ID}}}']
    assert asked["Mounts"][1]["Target"] == '/{{"{{"}}d}}'


def test_names_fit_and_differ() -> None:
    """By run, trial and service; those of files too."""
    long = labels("run-1", "b01-" + "x" * 80, "s" * 60)
    assert len(service_name(long)) <= 63
    assert len(file_name(long, 12)) <= 63
    assert service_name(labels("r", "t", "a")) != service_name(labels("r", "u", "a"))
    assert file_name(long, 1) != file_name(long, 2)


def member(name: str, number: int, client: Any = None, *, arms: bool = True) -> Member:
    node = SimpleNamespace(name=name)
    return Member(node=cast(Any, node), client=cast(docker.DockerClient, client), id=f"n{number}", arms=arms)


def test_services_are_in_the_same_places_in_every_block(tmp_path: Path) -> None:
    """Containers of the app on all nodes in turn, whatever starts first; the front on the first."""
    one, two, load = member("one", 1), member("two", 2), member("gen", 3, arms=False)
    cluster = Cluster(members=(one, two, load), loads=(load,))
    services = Services(
        cluster=cluster,
        images={},
        run_id="r",
        topology=topology(tmp_path),
        network_id="n",
        network="net",
        pool=cast(Any, None),
    )
    services.place()
    placed = {name: where.node.name for name, where in services.placed.items()}
    assert placed == {"app-1": "one", "app-2": "two", "app-3": "one", "app-4": "two", "nginx": "one"}
    assert [each.node.name for each in replace(cluster, loads=(one,)).arms] == ["two", "one"], "that of load last"
    elsewhere = replace(services, options=SwarmOptions(front="two"), placed={})
    elsewhere.place()
    assert elsewhere.placed["nginx"] is two


def test_a_node_that_is_this_machine_is_found_by_trying(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them; there the lab's own process is told of, on no other one."""
    one, two, three = (member(name, number, name) for number, name in enumerate(("one", "two", "three")))
    told = {"one": "it is elsewhere", "two": "", "three": None}
    monkeypatch.setattr(opening, "find_elsewhere", lambda client, _images, _run: told[client])
    cluster = Cluster(members=(one, two, three), loads=(one,))
    assert [cluster.lab_pid(each) for each in cluster.members] == [0, 0, 0]
    cluster = replace(cluster, here=opening.nodes_here(cluster, "sha256:agent", "r"))
    assert [cluster.lab_pid(each) for each in cluster.members] == [0, os.getpid(), 0]


def test_a_front_on_every_node_is_one_service_each(tmp_path: Path) -> None:
    """Beside each other, all before the same containers; load processes are dealt out to them in turn."""
    given = scenario(tmp_path, nodes=NODES + EVERYWHERE, load="processes = 2", budget='cpus = "split:6"')
    check_swarm(given)
    trial = build_plan(given).trials[0]
    made = build_topology(given, trial, nominal_ports(given, trial.arm))
    fronts = [each for each in made.services if each.kind is ServiceKind.PROXY]
    assert [(each.name, each.host) for each in fronts] == [("nginx", "nginx"), ("nginx-2", "nginx-2")]
    assert fronts[0].files == fronts[1].files
    assert {each.limits.cpus for each in made.services} == {1.0}, "four of the app, and two fronts"
    assert [entry.address for entry in made.entries] == ["nginx:8080", "nginx-2:8080"]
    assert made.located({"nginx": "10.0.0.1", "nginx-2": "10.0.0.2"}).entries[1].host == "10.0.0.2"
    assert set(front_files(trial.arm, made, made.services[:2])) == {"nginx", "nginx-2"}
    assert given.expendable == (), "each node has a front"

    plan = load_plan(given.load, made, 1, tmp_path)
    assert [plan.of(process).base_url for process in range(3)] == [
        "http://nginx:8080",
        "http://nginx-2:8080",
        "http://nginx:8080",
    ]
    one, two = member("one", 1), member("two", 2)
    cluster, options = Cluster(members=(one, two), loads=(one,)), given.swarm
    services = Services(
        cluster=cluster,
        images={},
        run_id="r",
        topology=made,
        network_id="n",
        network="net",
        pool=cast(Any, None),
        options=options,
    )
    services.place()
    assert (services.placed["nginx"], services.placed["nginx-2"]) == (one, two)
    assert [each.node.name for each in services.homes(fronts)] == ["one", "two"]
    assert [each.node.name for each in cluster.fronts(options)] == ["one", "two"]
    assert [each.node.name for each in cluster.fronts(SwarmOptions())] == ["one"]


EVERYWHERE = '[swarm]\nfront = "*"\n'
VIP = '[swarm]\nendpoint_mode = "vip"\n'


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        (
            {"engine": "docker", "nodes": VIP},
            "swarm: it says how a Swarm has the services: leave it out, or say engine",
        ),
        ({"nodes": NODES + '[swarm]\nfront = "twos"\n'}, "swarm.front: unknown node that runs parts of arms"),
        ({"nodes": NODES + '[swarm]\nfront = "two"\n', "load": 'nodes = ["two"]'}, "swarm.front: unknown node that"),
        ({"nodes": NODES + '[swarm]\nendpoint_mode = "rr"\n'}, 'expected "dnsrr" or "vip"'),
    ],
)
def test_how_a_swarm_has_services_is_refused_by_its_key(tmp_path: Path, parts: dict[str, str], told: str) -> None:
    """Where there is no Swarm, or a front would be where no parts of arms are."""
    with pytest.raises(ScenarioError) as refused:
        scenario(tmp_path, **parts)
    assert told in str(refused.value)


def test_virtual_addresses_are_refused_where_a_kernel_has_no_ipvs(monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent of the node looks; the sentence names the node and what to say instead."""
    there = True
    agent = SimpleNamespace(call=lambda asked, _proc: asked is has_ipvs and there)
    monkeypatch.setattr(opening, "start_agent", lambda *_, **__: nullcontext(agent))
    opening.check_ipvs(member("two", 2), "sha256:agent", "r")
    there = False
    with pytest.raises(MissingError, match="node two has no IPVS") as refused:
        opening.check_ipvs(member("two", 2), "sha256:agent", "r")
    assert 'endpoint_mode = "dnsrr"' in refused.value.hint


class Asked:
    """A manager that keeps what it is asked for, and whose tasks run at once."""

    def __init__(self, command: Sequence[str] = ()) -> None:
        self.api = self.containers = self.images = self
        self.services: dict[str, dict[str, Any]] = {}
        self.templates: list[Any] = []
        self.attrs = {"State": {"StartedAt": "2026-01-01T00:00:00Z"}, "Config": {"Cmd": list(command)}}

    def create_service(self, template: Any, name: str, **spec: Any) -> dict[str, str]:
        self.services[name] = spec
        self.templates.append(template)
        return {"ID": name}

    def tasks(self, filters: dict[str, list[str]]) -> list[dict[str, Any]]:
        status = {"State": "running", "ContainerStatus": {"ContainerID": "c"}}
        return [{"ServiceID": each, "NodeID": "n1", "Status": status} for each in filters["service"]]

    def get(self, _identity: str) -> Asked:
        return self

    def inspect_service(self, _name: str) -> dict[str, Any]:
        other, own = {"NetworkID": "m", "Addr": "10.9.0.2/24"}, {"NetworkID": "n", "Addr": "10.0.0.7/24"}
        return {"Endpoint": {"VirtualIPs": [other, own]}}


def services_on(manager: Asked, folder: Path, pool: ThreadPoolExecutor, **options: Any) -> Services:
    one = member("one", 1, manager)
    image = cast(ImageRecord, SimpleNamespace(id="sha256:1"))
    return Services(
        cluster=Cluster(members=(one,), loads=(one,)),
        images={"app": image},
        run_id="r",
        topology=topology(folder),
        network_id="n",
        network="net",
        pool=pool,
        options=SwarmOptions(**options),
        placed={"app-1": one, "seed": one},
    )


def test_the_images_own_command_is_started_without_its_entrypoint(tmp_path: Path) -> None:
    """It is said in words, for a Swarm leaves out both or neither; an image that has none is a sentence."""
    bare = replace(SERVICE, volumes=(), argv=(), entrypoint=())
    with ThreadPoolExecutor(1) as pool:
        manager = Asked(["serve", "--all"])
        services_on(manager, tmp_path, pool).create([bare])
        (template,) = manager.templates
        with pytest.raises(DeploymentError, match="its image has no CMD"):
            services_on(Asked(), tmp_path, pool).create([bare])
    assert template["ContainerSpec"]["Command"] == ["serve", "--all"]
    assert template["ContainerSpec"]["Args"] == []


def test_a_name_leads_to_its_task_on_any_kernel(tmp_path: Path) -> None:
    """A service is asked for without a virtual address: with IPVS one would stand between the name and the task."""
    manager = Asked()
    with ThreadPoolExecutor(1) as pool:
        services = services_on(manager, tmp_path, pool)
        services.create([replace(SERVICE, volumes=()), replace(SERVICE, name="seed", kind=ServiceKind.JOB)])
    (spec, job) = manager.services.values()
    assert spec["endpoint_spec"] == {"Mode": "dnsrr"}
    assert job["endpoint_spec"] is None, "a job is asked for nothing"


def test_a_name_leads_to_a_virtual_address_where_that_is_asked_for(tmp_path: Path) -> None:
    """That of the trial's network; then names need not be looked up again when tasks are replaced."""
    manager = Asked()
    with ThreadPoolExecutor(1) as pool:
        services = services_on(manager, tmp_path, pool, endpoint_mode="vip")
        service = replace(SERVICE, volumes=())
        (container,) = services.create([service])
    assert [spec["endpoint_spec"] for spec in manager.services.values()] == [{"Mode": "vip"}]
    assert services.virtual
    assert services.address_of(service, container) == "10.0.0.7"


def test_a_front_waits_until_names_lead_to_the_tasks_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither to nothing, nor to another address; where they never do, a sentence names them."""
    told = iter([{"app-1": ()}, {"app-1": ("10.0.0.9",)}, {"app-1": ("10.0.0.3",)}])
    with ThreadPoolExecutor(1) as pool:
        services = services_on(Asked(), tmp_path, pool)
        one = services.cluster.manager
        services.wait_for_names(cast(There, lambda _ask, _names: next(told)), {"app-1": "10.0.0.3"}, one)
        assert next(told, None) is None
        monkeypatch.setattr("lab.engines.swarm.services.PLACED_S", -1.0)
        with pytest.raises(DeploymentError, match="the names app-1 do not lead to their tasks"):
            services.wait_for_names(
                cast(There, lambda _ask, _names: {"app-1": ("10.0.0.9",)}), {"app-1": "10.0.0.3"}, one
            )


class Swarmed:
    """An engine as a Swarm has it. ``nodes``: id → (state, availability, architecture), as a manager tells."""

    def __init__(self, node_id: str = "", *, manages: bool = False, nodes: dict[str, tuple[str, str, str]]) -> None:
        self._swarm = {"NodeID": node_id, "LocalNodeState": "active" if node_id else "inactive"}
        self._swarm |= {"ControlAvailable": manages}  # type: ignore[dict-item]  # as Docker has it
        self._nodes = nodes
        self.api = self

    def info(self) -> dict[str, Any]:
        return {"Swarm": self._swarm}

    def nodes(self) -> list[dict[str, Any]]:
        return [self.inspect_node(identity) for identity in self._nodes]

    def inspect_node(self, identity: str) -> dict[str, Any]:
        state, availability, architecture = self._nodes[identity]
        described = {"Platform": {"Architecture": architecture}, "Hostname": "h"}
        spec = {"Availability": availability}
        return {"ID": identity, "Status": {"State": state}, "Spec": spec, "Description": described}


GOOD = ("ready", "active", "x86_64")


@pytest.mark.parametrize(
    ("first", "second", "nodes", "told"),
    [
        (("", False), ("n2", False), {}, "the engine of node one is in no Swarm"),
        (("n1", False), ("n2", False), {}, "node one is no manager"),
        (("n1", True), ("", False), {"n1": GOOD}, "the engine of node two is in no Swarm"),
        (("n1", True), ("n9", False), {"n1": GOOD}, "node two is in another Swarm than node one"),
        (("n1", True), ("n2", False), {"n1": GOOD, "n2": ("down", "active", "x86_64")}, "node two is down"),
        (("n1", True), ("n2", False), {"n1": GOOD, "n2": ("ready", "drain", "x86_64")}, "node two takes no tasks"),
        (("n1", True), ("n2", False), {"n1": GOOD, "n2": ("ready", "active", "aarch64")}, "another architecture"),
    ],
)
def test_a_swarm_that_cannot_be_used_is_a_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    first: tuple[str, bool],
    second: tuple[str, bool],
    nodes: dict[str, tuple[str, str, str]],
    told: str,
) -> None:
    """That names the node, before any image is made."""
    engines = {
        name: Swarmed(identity, manages=manages, nodes=nodes)
        for name, (identity, manages) in {"one": first, "two": second}.items()
    }
    monkeypatch.setattr(clusters, "connect_node", lambda node: engines[node.name])
    with pytest.raises(MissingError) as refused:
        find_cluster(scenario(tmp_path))
    assert told in str(refused.value)
    assert refused.value.hint


def test_a_swarm_that_can_be_used_is_known_by_its_nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Load comes from the first, unless another one is named."""
    nodes = {"n1": GOOD, "n2": GOOD}
    engines = {"one": Swarmed("n1", manages=True, nodes=nodes), "two": Swarmed("n2", nodes=nodes)}
    monkeypatch.setattr(clusters, "connect_node", lambda node: engines[node.name])
    found = find_cluster(scenario(tmp_path))
    assert [each.id for each in found.arms] == ["n2", "n1"]
    apart = find_cluster(scenario(tmp_path, load='nodes = ["two"]'))
    assert [each.id for each in apart.arms] == ["n1"]
    assert [each.node.name for each in apart.loads] == ["two"]


class Busy:
    """A network that tasks still use, for so many tries."""

    def __init__(self, tries: int) -> None:
        self.tries, self.removed = tries, False
        self.api = self

    def inspect_network(self, _identity: str) -> dict[str, Any]:
        return {"Containers": None}

    def remove_network(self, _identity: str) -> None:
        if self.tries:
            self.tries -= 1
            raise docker.errors.APIError("network lab is in use by task t1")
        self.removed = True


def test_a_network_is_removed_when_its_last_task_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks end after their services; one that never does is a sentence."""
    monkeypatch.setattr(removal, "PAUSE_S", 0.0)
    busy = Busy(3)
    remove_used_network(cast(docker.DockerClient, busy), "n")
    assert busy.removed
    monkeypatch.setattr(removal, "GONE_S", -1.0)
    with pytest.raises(DeploymentError, match="still in use"):
        remove_used_network(cast(docker.DockerClient, Busy(3)), "n")


def kept_network(monkeypatch: pytest.MonkeyPatch, tries: int) -> tuple[TrialNetworks, Busy, docker.DockerClient]:
    monkeypatch.setattr(removal, "GONE_S", -1.0)
    busy = Busy(tries)
    return TrialNetworks(), busy, cast(docker.DockerClient, busy)


def test_a_network_that_a_lost_node_keeps_hides_nothing_and_goes_before_the_next_trial(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The trial ended because the node was lost; where nothing was wrong, that the network is kept is the error."""
    networks, busy, client = kept_network(monkeypatch, 1)
    with pytest.raises(LoadError, match="the load has ended") as caught, networks.during_trial(client, "n"):
        raise LoadError("the load has ended", "see its log")
    assert caught.value.hint.startswith("see its log; a network of the Swarm is still in use")
    assert not busy.removed
    networks.remove_kept(client)
    assert busy.removed
    other = cast(docker.DockerClient, Busy(1))
    with pytest.raises(OutsideError, match="still in use"), networks.during_trial(other, "n"):
        pass
    try:
        raise LoadError("handled", "long ago")
    except LoadError:
        with pytest.raises(OutsideError), networks.during_trial(cast(docker.DockerClient, Busy(1)), "n"):
            pass


@pytest.mark.parametrize("ended", [ValueError("a fault"), requests.ConnectionError("gone"), KeyboardInterrupt()])
def test_a_network_that_is_kept_hides_no_error_of_any_kind(
    monkeypatch: pytest.MonkeyPatch, ended: BaseException
) -> None:
    """Also not one that a clean-up before it had, and none of the lab's own."""
    networks, _, client = kept_network(monkeypatch, 1)

    def fails() -> None:
        raise ended

    trial = ExitStack()
    trial.enter_context(networks.during_trial(client, "n"))
    trial.callback(fails)
    with pytest.raises(type(ended)) as caught, trial:
        pass
    assert caught.value is ended
    (note,) = ended.__notes__
    assert note.startswith("a network of the Swarm is still in use")


def test_an_engine_that_is_gone_is_named_though_a_network_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 4 and the node, with the network beside it."""
    networks, _, client = kept_network(monkeypatch, 1)
    trial = networks.during_trial(client, "n")
    with pytest.raises(MissingError, match="engine of node two") as caught, engine_errors(), trial, noted("two"):
        raise requests.ConnectionError("gone")
    assert "a network of the Swarm is still in use" in caught.value.hint


def test_what_a_lost_node_keeps_is_tried_once_more_at_the_end_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lost trial was the last one, and the node is back."""
    networks, busy, client = kept_network(monkeypatch, 1)
    with networks.during_run(client):
        with pytest.raises(LoadError), networks.during_trial(client, "n"):
            raise LoadError("the load has ended", "see its log")
    assert busy.removed


def test_what_is_kept_at_the_end_of_a_run_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what ended the run, an interrupt of its last trial too; once."""
    networks, _, client = kept_network(monkeypatch, 9)
    cut, lost = KeyboardInterrupt(), LoadError("the load has ended", "see its log")

    def ends_with(error: BaseException) -> None:
        with pytest.raises(type(error)), networks.during_trial(client, "n"):
            raise error

    run = ExitStack()
    run.enter_context(networks.during_run(client))
    ends_with(cut)
    with pytest.raises(InterruptedRunError) as caught, run:
        raise InterruptedRunError("interrupted during b02")
    assert caught.value.hint.count("still in use") == 1
    assert "lab clean" in caught.value.hint
    with pytest.raises(OutsideError, match="still in use"), networks.during_run(client):
        ends_with(lost)


def test_ipvs_is_told_by_the_kernel(tmp_path: Path) -> None:
    """Its table is there, or it is not."""
    assert not has_ipvs(tmp_path)
    (tmp_path / "net").mkdir()
    (tmp_path / "net/ip_vs").touch()
    assert has_ipvs(tmp_path)
