"""Several machines: what a scenario may say of them, what is published, how both are judged, how images are carried."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import docker
import docker.errors
import polars as pl
import pytest

from lab.agent.conversation import Conversation
from lab.agent.loading import AgentPlace
from lab.analysis.findings import run_findings
from lab.analysis.gates import CAVEAT, INVALID, PASS, run_gates
from lab.analysis.summary import summarise
from lab.analysis.trial.disturbance import quiet
from lab.analysis.trial.latency import successes
from lab.analysis.trial.resources import resources
from lab.cli.asked import with_engine
from lab.cli.plan_words import node_lines
from lab.engines import Part
from lab.engines.docker.agent.container import start_agent
from lab.engines.docker.carry import Cargo, carry, carry_all
from lab.engines.docker.connection import Identity, check_another, connect, connect_node
from lab.engines.docker.container import entrance
from lab.engines.swarm.refusals import check_swarm
from lab.errors import MissingError, ScenarioError
from lab.host.authority import _addresses
from lab.host.kernel import governor, may_read_memory
from lab.host.labels import labels
from lab.plan.arm_topology import build_topology
from lab.plan.blocks import build_plan
from lab.record.types import THREADS, ClockOffset, NodeRecord
from lab.report.sections.why_memory import ledger_table
from lab.run import node_checks
from lab.run.node_checks import agent_findings, swarm_finding
from lab.run.samplers import Samplers, samplers
from lab.sampling.channel import Launch
from lab.sampling.plan import SamplerPlan
from lab.sampling.sampler import Sampler, SamplerOutcome
from lab.scenario.file import read_scenario
from lab.scenario.network import Network
from lab.scenario.nodes import Node
from tests.builders import make_run, make_scenario, make_trials, sampler_facts, with_tables
from tests.gate_records import CORES, arrivals, cgroup_table, drop, host_table, process_table, trial

SCENARIO = """
question = "Where is load best?"
{top}
[app]
image = "shop:1"
[budget]
processes = 2
[[arms]]
name = "replicas"
model = "replicas"
front = "nginx"
{arm}
[load]
locustfile = "locustfile.py"
{load}
{nodes}
"""
SERVER = '[[nodes]]\nname = "server"\naddress = "10.0.0.1"\n'
GENERATOR = '[[nodes]]\nname = "gen"\nengine = "tcp://10.0.0.2:2375"\n'
SAME = GENERATOR.replace("gen", "gen2")
SECOND = SAME.replace("10.0.0.2", "10.0.0.3")
TWO = 'nodes = ["gen", "gen2"]'


def scenario_file(folder: Path, **parts: str) -> Path:
    (folder / "locustfile.py").touch()
    path = folder / "scenario.toml"
    path.write_text(SCENARIO.format(**{"top": "", "arm": "", "load": "", "nodes": "", **parts}))
    return path


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"load": 'nodes = ["gen"]'}, "there is no [[nodes]]"),
        ({"load": 'nodes = ["gne"]', "nodes": SERVER + GENERATOR}, "gen"),
        ({"load": 'nodes = ["gen", "gen"]', "nodes": SERVER + GENERATOR}, "load.nodes: each node once, got gen, gen"),
        ({"load": 'nodes = ["server", "gen"]', "nodes": SERVER + GENERATOR}, "'server' runs the arms"),
        ({"load": TWO, "nodes": SERVER + GENERATOR + SAME}, "gen and gen2 have one engine"),
        ({"load": TWO, "nodes": SERVER + GENERATOR + SAME, "top": 'engine = "swarm"'}, "gen and gen2 have one engine"),
        ({"load": TWO + "\nlanes = 1", "nodes": SERVER + GENERATOR}, "need at least as many connections"),
        ({"nodes": SERVER + GENERATOR}, "'gen' has nothing to do"),
        ({"nodes": SERVER + SERVER}, "different names"),
        ({"load": 'nodes = ["gen"]', "nodes": SERVER.replace("address", "#") + GENERATOR}, "needs an address"),
        ({"nodes": SERVER.replace("10.0.0.1", "server.example")}, "is 'server.example', a name: give the IP address"),
        ({"nodes": SERVER.replace("10.0.0.1", "0.0.0.0")}, "is every address of 'server'"),
        ({"nodes": SERVER, "top": 'engine = "process"'}, "is of this machine"),
        ({"nodes": SERVER, "arm": 'network = "host"'}, "which other machines do not share"),
        ({"nodes": GENERATOR.replace("tcp", "http")}, "expected a text such as"),
        ({"nodes": SERVER + "cores = 'all'\n"}, 'expected a text such as "0-3,8"'),
        ({"nodes": SERVER + "cores = '0,3-1'\n"}, "cores: 3-1 has no core: the lower one comes first, 1-3"),
        ({"nodes": SERVER + "cores = '0-99999999999'\n"}, "cores: no machine has a core 99999999999"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_asked(tmp_path: Path, parts: dict[str, str], told: str) -> None:
    """By a sentence that names the key, or the node."""
    with pytest.raises(ScenarioError) as refused:
        read_scenario(scenario_file(tmp_path, **parts))
    assert told in str(refused.value)


def test_arms_on_a_node_have_networks_of_their_own_and_load_comes_from_another(tmp_path: Path) -> None:
    """The front is published where the node says, the app is not; a certificate would have the address."""
    scenario = read_scenario(scenario_file(tmp_path, load='nodes = ["gen"]', nodes=SERVER + GENERATOR))
    choice = scenario.network_of(scenario.arms[0])
    assert choice.network is Network.OWN
    assert "node server" in choice.why
    assert scenario.load_nodes == scenario.nodes[1:]
    assert list(_addresses(scenario)) == ["10.0.0.1"]
    first = build_plan(scenario).trials[0]
    topology = build_topology(scenario, first, ())
    published = {service.name: entrance(topology, service, scenario.nodes[0]) for service in topology.services}
    front = {f"{topology.entry.port}/tcp": ("10.0.0.1", 20080)}
    assert published == {"app-1": {}, "app-2": {}, "nginx": front}
    assert list(node_lines(build_plan(scenario))) == [
        "  node      server: runs the arms, reached at 10.0.0.1:20080; engine of DOCKER_HOST",
        "  node      gen: drives load with 1 process; engine tcp://10.0.0.2:2375",
    ]


def test_load_on_the_node_of_the_arms_is_as_ever(tmp_path: Path) -> None:
    """One node, or none that drives load: nothing is published."""
    assert read_scenario(scenario_file(tmp_path, nodes=SERVER)).load_nodes == ()
    assert read_scenario(scenario_file(tmp_path, nodes=SERVER, load='nodes = ["server"]')).load_nodes == ()


def test_several_nodes_drive_load_in_the_order_in_which_they_are_named(tmp_path: Path) -> None:
    """And each is a line of the plan; a Swarm takes several too."""
    nodes, load = SERVER + GENERATOR + SECOND, TWO.replace('"gen", "gen2"', '"gen2", "gen"')
    scenario = read_scenario(scenario_file(tmp_path, load=load, nodes=nodes))
    assert [node.name for node in scenario.load_nodes] == ["gen2", "gen"]
    lines = list(node_lines(build_plan(scenario)))
    assert ["drives load with 1 process" in line for line in lines] == [False, True, True]
    check_swarm(read_scenario(scenario_file(tmp_path, load=load, nodes=nodes, top='engine = "swarm"')))


@pytest.mark.parametrize(("cores", "count"), [("", None), ("0-3,8", 5), ("2", 1), ("0-1,1-2", 3)])
def test_a_node_counts_the_cores_that_it_keeps_to(cores: str, count: int | None) -> None:
    """Each once; without any it is the machine that says."""
    assert Node(name="gen", cores=cores).core_count == count


def test_load_elsewhere_asks_at_the_entrance() -> None:
    """Scheme and path stay; inside the network of the arms another place is found."""
    inside = AgentPlace(lambda: pytest.fail("not needed"), host="agent")
    place = AgentPlace(
        lambda: pytest.fail("not needed"),
        node="gen",
        entrance=f"{Node(name='a', address='fd00::1').url_host}:1",
        inside=inside,
    )
    assert place.url("https://nginx:8080/x") == "https://[fd00::1]:1/x"
    assert place.inside is inside
    assert inside.inside is inside
    assert inside.url("http://nginx:8080") == "http://nginx:8080"


def on(node: str, table: pl.DataFrame) -> pl.DataFrame:
    return table.with_columns(node=pl.lit(node))


def both(arm: pl.DataFrame, generator: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([on("server", arm), on("gen", generator)])


def outcomes(**changes: Any) -> dict[str, str]:
    arm = {"processes": on("server", process_table()), "cgroups": on("server", cgroup_table())}
    return {gate.key: gate.outcome for gate in run_gates(trial(**{**arm, **changes}), CORES)}


def idle_load(table: pl.DataFrame) -> pl.DataFrame:
    """The machine of the arm, on which no load runs: what it used is not busy either."""
    busy = pl.col("busy_s") - pl.col("load_cpu_s")
    return table.with_columns(busy_s=busy, load_cpu_s=pl.lit(0.0), load_cpu_max_s=pl.lit(0.0))


def test_gates_look_at_every_machine_and_the_worst_decides() -> None:
    """A quiet arm does not hide a generator that was disturbed, stolen from, badly sampled or of an unknown clock."""
    arm, quiet = idle_load(host_table()), generator_table()
    good = outcomes(host=both(arm, quiet))
    assert {good[key] for key in ("machine.foreign", "machine.steal", "sampler.cpu", "load.cpu")} == {PASS}

    stolen = quiet.with_columns(steal_s=pl.col("t_s") * CORES * 0.5)
    assert outcomes(host=both(arm, stolen))["machine.steal"] == INVALID
    disturbed = quiet.with_columns(busy_s=pl.col("busy_s") + pl.col("t_s") * CORES * 0.5)
    assert outcomes(host=both(arm, disturbed))["machine.foreign"] == INVALID
    saturated = quiet.with_columns(load_cpu_max_s=pl.col("t_s") * 0.95)
    assert outcomes(host=both(arm, saturated))["load.cpu"] == INVALID
    unread = quiet.filter(pl.col("t_s") < 1.0)
    assert outcomes(host=both(arm, unread))["machine.steal"] == CAVEAT

    lost = replace(sampler_facts(), planned_readings=100, achieved_readings=50)
    nodes = (NodeRecord(name="server", sampler=sampler_facts()), NodeRecord(name="gen", sampler=lost))
    assert outcomes(nodes=nodes)["sampler.readings"] == INVALID
    assert outcomes(nodes=nodes[:1])["sampler.readings"] == PASS
    assert outcomes(nodes=(nodes[0], NodeRecord(name="gen")))["sampler.readings"] == CAVEAT
    far = (NodeRecord(name="server", clock=ClockOffset(offset_s=1.0, bound_s=0.1)),)
    assert outcomes(nodes=far)["load.clock"] == CAVEAT


def test_how_late_the_generator_was_is_told_of_its_machine() -> None:
    """Also where it is the only one; on a machine that does everything there is none to name."""
    late: dict[str, Any] = {"load": {"dispatch_lag_p99_s": 0.005}}
    two: dict[str, Any] = {
        "host": both(idle_load(host_table()), generator_table()),
        "nodes": (NodeRecord(name="server"), NodeRecord(name="gen")),
    }
    found = [
        gate.node for each in (two, {}) for gate in run_gates(trial(**late | each), CORES) if gate.key == "load.lag"
    ]

    assert found == ["gen", ""]


def test_cpu_of_an_arm_on_two_machines_is_foreign_on_neither() -> None:
    """Each machine is held against what it runs itself; a process is known by its node, pids are given out on each."""
    parts = [cgroup_table().with_columns(node=pl.lit(name), service=pl.lit(f"app-{name}")) for name in ("a", "b")]
    processes = pl.concat([on("a", process_table()), on("b", process_table())])
    spread: dict[str, Any] = {"processes": processes, "cgroups": pl.concat(parts)}
    hosts = pl.concat([on("a", idle_load(host_table())), on("b", host_table())])
    assert outcomes(host=hosts, **spread)["machine.foreign"] == PASS
    alone = {"processes": on("b", process_table()), "cgroups": parts[1]}
    assert outcomes(host=hosts, **alone)["machine.foreign"] == INVALID, "on a nobody says whose it is"
    result = trial(host=hosts, **spread)
    assert len(resources(result, successes(result.tables.requests)).lines) == 2 * len(set(process_table()["pid"]))


@pytest.mark.parametrize(("parts", "reached"), [(("a", "b"), True), (("a",), False)])
def test_a_machine_without_an_idle_core_is_the_limit_of_the_part_of_an_arm_that_it_runs(
    parts: tuple[str, ...], reached: bool
) -> None:
    """What was not sent then is the arm's result, on any node; a busy one that runs nothing of it says nothing."""
    full = on("b", host_table()).with_columns(busy_s=pl.col("total_s") * 0.99)
    spread: dict[str, Any] = {
        name: pl.concat([on(node, table) for node in parts])
        for name, table in (("processes", process_table()), ("cgroups", cgroup_table()))
    }
    found = trial([*arrivals(), drop(15.0)], host=pl.concat([on("a", host_table()), full]), **spread)
    (gate,) = [gate for gate in run_gates(found, CORES) if gate.key == "load.arrivals"]
    assert gate.outcome == (PASS if reached else INVALID)
    subjects = [each.subject for each in run_findings(found, CORES) if each.key == "load.capacity"]
    assert subjects == (["node b"] if reached else [])


def test_what_others_took_is_told_of_the_node_where_it_was_most() -> None:
    """Steal and pressure, as the gates hold them; what the lab took of the machines of the arm is a sum over these."""
    pressed = {name: pl.col("t_s") * 0.25 for name in ("psi_cpu_some_s", "psi_memory_some_s", "psi_io_some_s")}
    calm = {name: pl.col("t_s") * 0.01 for name in pressed}
    other = generator_table().with_columns(steal_s=pl.col("t_s") * CORES * 0.1, **pressed)
    hosts = both(host_table().with_columns(**calm), other)
    found = quiet(trial(host=hosts, processes=on("server", process_table())))
    assert (found.steal, found.psi_cpu, found.psi_memory, found.psi_io) == pytest.approx((0.1, 0.25, 0.25, 0.25))
    everywhere = pl.concat([on("server", process_table()), on("gen", process_table())])
    alone, spread = found.instrument_cores, quiet(trial(host=hosts, processes=everywhere)).instrument_cores
    assert alone
    assert spread == pytest.approx(2 * alone)


def test_every_process_has_its_node_where_a_run_has_several() -> None:
    """And none where there is only one machine."""
    here = make_scenario()
    nodes = (Node(name="one", address="10.0.0.1"), Node(name="two"))
    there = replace(here, nodes=nodes, load=replace(here.load, nodes=("two",)))
    for scenario, column in ((here, []), (there, ["node"])):
        trials = [
            with_tables(each, processes=on("one" if column else "", each.tables.processes))
            for each in make_trials(scenario)
        ]
        table = ledger_table(summarise(make_run(scenario), trials))
        titles = [each.title for each in table.columns]
        assert [title for title in titles if title == "node"] == column
        assert {len(row) for row in table.rows} == {len(titles)}
        assert {row[titles.index("node")].text for row in table.rows if column} == ({"one"} if column else set())


class Sampled:
    """A sampler that has these tables."""

    def __init__(self, node: str, *, threads: bool) -> None:
        self.tables = {"processes": on(node, process_table()), "cgroups": on(node, cgroup_table())}
        self.tables["host"] = on(node, host_table())
        if threads:
            self.tables["threads"] = pl.DataFrame(schema=dict(THREADS))

    def result(self, target: Path) -> SamplerOutcome:
        target.mkdir(exist_ok=True)
        for name, table in self.tables.items():
            table.write_parquet(target / f"{name}.parquet")
        return SamplerOutcome(facts=sampler_facts())


@pytest.mark.parametrize("threads", [(False, False), (True, False), (False, True)])
def test_the_readings_of_all_machines_are_one_table_each(tmp_path: Path, threads: tuple[bool, bool]) -> None:
    """Load is counted on the last alone; a table that nobody wrote is none, one that one of them wrote is one."""
    first, second = (Sampled(node, threads=each) for node, each in zip(("a", "b"), threads, strict=True))
    both = Samplers(cast(Sampler, first), [(cast(Sampler, second), tmp_path / "beside-1")])
    found = both.result(tmp_path)
    host = pl.read_parquet(tmp_path / "host.parquet")
    assert host["node"].unique(maintain_order=True).to_list() == ["a", "b"]
    assert host.filter(pl.col("node") == "a")["load_cpu_s"].max() == 0.0
    assert host.filter(pl.col("node") == "b")["load_cpu_s"].max() != 0.0
    assert set(pl.read_parquet(tmp_path / "processes.parquet")["node"]) == {"a", "b"}
    assert (tmp_path / "threads.parquet").exists() == any(threads)
    assert len(found.beside) == 1
    assert not (tmp_path / "beside-1").exists()


def test_the_lab_counts_on_the_machine_where_it_runs(tmp_path: Path) -> None:
    """On a part of an arm's machines too, where the engine as a whole is elsewhere; there it is no other program."""
    plans, none = list[SamplerPlan](), frozenset[str]()

    def start(plan: SamplerPlan, _launch: Launch) -> AbstractContextManager[Sampler]:
        plans.append(plan)
        return nullcontext(cast(Sampler, None))

    parts = (Part(node="a", services=none), Part(node="b", services=none, lab_pid=7))
    given = SamplerPlan(targets=(), t0_monotonic_s=0.0, measure_s=1.0, lab_pid=0, directory=tmp_path)
    with samplers(start, given, cast(Any, SimpleNamespace(parts=parts, generators=())), [()]):
        assert [(each.node, each.lab_pid) for each in plans] == [("a", 0), ("b", 7)]


def generator_table() -> pl.DataFrame:
    """A machine with load, sampler and nothing else."""
    ours = sum((pl.col(name).fill_null(0.0) for name in ("load_cpu_s", "sampler_cpu_s", "lab_cpu_s")), pl.lit(0.0))
    return host_table().with_columns(busy_s=ours, engine_cpu_s=pl.lit(0.0))


class Store:
    """An engine's images: id → name."""

    def __init__(self, held: dict[str, str], architecture: str = "amd64", gives: str = "") -> None:
        self.held, self.gives, self.loaded = held, gives, 0
        self.images = self
        self._architecture = architecture

    def get(self, identity: str) -> Any:
        if identity not in self.held:
            raise docker.errors.ImageNotFound("no such image")
        saved = self.held[identity]
        attrs = {"Architecture": self._architecture, "Size": 1 << 20}
        return SimpleNamespace(attrs=attrs, tags=[saved], save=lambda named: iter([(identity, named)]))

    def load(self, pieces: Iterator[tuple[str, str]]) -> None:
        self.loaded += 1
        for identity, name in pieces:
            self.held[self.gives or identity] = name

    def version(self) -> dict[str, str]:
        return {"Arch": self._architecture}


def test_an_image_is_carried_once_and_proved_to_be_there() -> None:
    """By its digest; one of another architecture is not sent, one that arrives as something else is not used."""
    said: list[str] = []
    here, there = Store({"sha256:a": "shop:1"}), Store({})
    for _ in range(2):
        carry(here, there, "sha256:a", "shop:1", "gen", said.append)
    assert there.held == here.held
    assert there.loaded == 1
    assert said == ["carrying shop:1 (1.0 MiB) to node gen"]
    with pytest.raises(MissingError, match="node gen has another architecture: arm64, and shop:1 is for amd64"):
        carry(here, Store({}, "arm64"), "sha256:a", "shop:1", "gen", said.append)
    with pytest.raises(MissingError, match="is not there as sha256:a"):
        carry(here, Store({}, gives="sha256:b"), "sha256:a", "shop:1", "gen", said.append)


SHOP = {"sha256:a": "shop:1", "sha256:b": "nginx:1"}
PATIENCE_S = 30.0


class Meeting(Store):
    """Takes nothing before the other one is asked for it too."""

    met = threading.Barrier(2)

    def load(self, pieces: Iterator[tuple[str, str]]) -> None:
        self.met.wait(PATIENCE_S)
        super().load(pieces)


def test_nodes_get_their_images_side_by_side() -> None:
    """Each of the two waits here until the other gets one as well; what a node has already is not sent."""
    said: list[str] = []
    first, second = Meeting({}), Meeting({})
    targets = {"one": first, "two": second}
    cargoes = [Cargo(node=name, target=there, images=SHOP) for name, there in targets.items()]
    carry_all(Store(SHOP), cargoes, said.append)

    assert first.held == second.held == SHOP
    assert set(said) == {f"carrying {name} (1.0 MiB) to node {node}" for name in SHOP.values() for node in targets}
    carry_all(Store(SHOP), cargoes, said.append)
    assert len(said) == 4


class Endless(Store):
    """Has images of which there is always more."""

    def get(self, identity: str) -> Any:
        found = super().get(identity)
        found.save = lambda named: repeat((identity, named))
        return found


class Begun(Store):
    """Takes all that comes."""

    def __init__(self) -> None:
        super().__init__({})
        self.begun = threading.Event()

    def load(self, pieces: Iterator[tuple[str, str]]) -> None:
        self.begun.set()
        deque(pieces, maxlen=0)
        super().load(iter(SHOP.items()))


class Full(Store):
    """Has no room, which is found once the other one is being sent something."""

    def __init__(self, other: Begun) -> None:
        super().__init__({})
        self._other = other

    def load(self, pieces: Iterator[tuple[str, str]]) -> None:
        assert self._other.begun.wait(PATIENCE_S)
        raise docker.errors.APIError("500", explanation="no space left on device")


def test_a_node_that_takes_no_image_ends_what_is_on_its_way_to_others() -> None:
    """With its own error, though the other one comes first: nobody waits for images of a run that there will not be."""
    said: list[str] = []
    fine = Begun()
    targets = {"gen": fine, "arms": Full(fine)}
    cargoes = [Cargo(node=name, target=there, images=SHOP) for name, there in targets.items()]
    with pytest.raises(MissingError, match="cannot be carried to node arms: no space left"):
        carry_all(Endless(SHOP), cargoes, said.append)
    assert (fine.held, len(said)) == ({}, 2)


def test_a_node_that_does_not_answer_or_is_too_old_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to do; the address is the node's, and not that of the environment."""

    def refuse(environment: dict[str, str], **_: object) -> docker.DockerClient:
        assert environment["DOCKER_HOST"] == "tcp://10.0.0.2:2375"
        raise docker.errors.DockerException("Connection refused")

    monkeypatch.setenv("DOCKER_HOST", "unix:///run/mine.sock")
    monkeypatch.setattr(docker, "from_env", refuse)
    with pytest.raises(MissingError, match=r"no Docker engine answers at tcp://10.0.0.2:2375 \(node gen\)") as refused:
        connect(Node(name="gen", engine="tcp://10.0.0.2:2375"))
    assert "node gen in [[nodes]]" in refused.value.hint
    old = SimpleNamespace(
        ping=lambda: True, close=lambda: None, version=lambda: {"ApiVersion": "1.40", "Version": "19.03"}
    )
    monkeypatch.setattr(docker, "from_env", lambda **_: old)
    with pytest.raises(MissingError, match=r"node gen is too old: Docker 19\.03, API 1\.40") as refused:
        connect_node(Node(name="gen"))
    assert "update it" in refused.value.hint


@pytest.mark.parametrize(
    ("governed", "state", "told"),
    [("performance", "ok", "performance"), ("", "ok", "not told"), ("powersave", "note", "powersave: clocks that cha")],
)
def test_the_doctor_names_what_governs_the_clock_of_a_nodes_cores(governed: str, state: str, told: str) -> None:
    """As an agent there reads it; a clock that changes is worth a note."""
    answers = {may_read_memory: True, governor: governed}
    agent = SimpleNamespace(call=lambda what, *_: answers[what], clock=ClockOffset(offset_s=0.0, bound_s=0.0))
    found = {each.subject: each for each in agent_findings(Node(name="gen"), cast(Conversation, agent))}
    assert found["gen: rights"].state == "ok"
    assert found["gen: governor"].state == state
    assert found["gen: governor"].sentence.startswith(told)


@pytest.mark.parametrize(
    ("info", "told"),
    [({"ControlAvailable": True, "Nodes": 2}, "manager, 2 nodes; IPVS"), ({}, "worker; IPVS")],
)
def test_the_doctor_says_what_a_node_is_in_its_swarm(info: dict[str, Any], told: str) -> None:
    """Only a manager knows how many nodes there are."""
    client = SimpleNamespace(info=lambda: {"Swarm": {"LocalNodeState": "active", **info}})
    agent = SimpleNamespace(call=lambda *_: True)
    parts = cast(docker.DockerClient, client), cast(Conversation, agent)
    found = swarm_finding(Node(name="two"), *parts, first=False)
    assert (found.state, found.sentence) == ("ok", told)


def test_the_doctor_says_where_a_swarm_is_not_asked_and_what_to_do() -> None:
    """The node that is named first is no manager."""
    client = SimpleNamespace(info=lambda: {"Swarm": {"LocalNodeState": "active"}})
    agent = cast(Conversation, SimpleNamespace(call=lambda *_: True))
    found = swarm_finding(Node(name="two"), cast(docker.DockerClient, client), agent, first=True)
    assert (found.subject, found.state) == ("two: Swarm", "missing")
    assert "docker node promote" in found.sentence


def test_the_doctor_says_what_to_do_where_a_clock_or_a_right_is_wanting() -> None:
    """A bound above the gate's, and an agent that may not read."""
    answers = {may_read_memory: False, governor: "performance"}
    agent = SimpleNamespace(call=lambda what, *_: answers[what], clock=ClockOffset(offset_s=1.0, bound_s=0.02))
    found = {each.subject: each for each in agent_findings(Node(name="gen"), cast(Conversation, agent))}
    assert (found["gen: clock"].state, found["gen: rights"].state) == ("note", "missing")
    assert "20.00 ms: more than 5 ms" in found["gen: clock"].sentence
    assert "runs as root" in found["gen: rights"].sentence


def test_the_doctor_finds_nodes_of_several_architectures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where each makes its own images too, for then none is carried that would not fit."""
    arch = {"server": "amd64", "gen": "arm64", "gen2": "amd64"}

    def reached(node: Node) -> Any:
        return SimpleNamespace(close=lambda: None, version=lambda: {"Arch": arch[node.name]})

    class Agent:
        clock = ClockOffset(offset_s=0.0, bound_s=0.0)

        def call(self, what: Any, *_: Any) -> Any:
            return "performance" if what is governor else True

    for name, fake in {
        "connect_node": reached,
        "check_another": lambda *_: None,
        "_engine": lambda *_: iter(()),
        "image_maker": lambda *_: None,
        "prepare_agent": lambda *_: "sha256:agent",
        "carry_all": lambda *_: None,
        "of_agent": lambda *_: {},
        "start_agent": lambda *_, **__: nullcontext(Agent()),
    }.items():
        monkeypatch.setattr(node_checks, name, fake)
    found = list(node_checks.examine_nodes(tuple(map(node_called, arch)), lambda _: None))
    wrong = {each.subject: each.sentence for each in found if each.state == "missing"}
    told = "node gen has another architecture: arm64, and node server has amd64; use nodes of one architecture"
    assert wrong == {"node gen": told}
    assert not [each.subject for each in found if each.subject.startswith("gen:")], "it is not asked further"
    assert "gen2: clock" in [each.subject for each in found]


def node_called(name: str) -> Node:
    return Node(name=name)


@pytest.mark.parametrize(
    ("node", "who", "hint"),
    [
        (Node(name="gen"), "the engine of node gen refuses", "lab doctor --scenario"),
        (None, "the engine refuses", "root"),
    ],
)
def test_an_agent_that_may_not_run_names_the_node(node: Node | None, who: str, hint: str) -> None:
    """Of several engines it is that one which has to be looked at; of the only one no node is said."""

    def refuse(**_: Any) -> None:
        raise docker.errors.APIError("no", explanation="may not see processes of others")

    containers = SimpleNamespace(create=refuse, list=lambda **_: [])
    nothing = SimpleNamespace(list=lambda **_: [])
    client = cast(docker.DockerClient, SimpleNamespace(containers=containers, volumes=nothing, networks=nothing))
    starting = start_agent(client, "sha256:agent", labels("run", "agents", "agent"), looks=True, node=node)
    with pytest.raises(MissingError, match=f"^{who} a container that sees the host's processes") as refused, starting:
        pytest.fail("it started")
    assert hint in refused.value.hint


def test_two_addresses_of_one_engine_are_one_node() -> None:
    """By what the engine says of itself; one id is not enough, for several may have it, nor is none."""
    told = {"ID": "7XHD", "Name": "here", "DockerRootDir": "/var/lib/docker"}

    def engine(**changes: str) -> docker.DockerClient:
        return cast(docker.DockerClient, SimpleNamespace(info=lambda: told | changes))

    seen = dict[Identity, Node]()
    check_another(Node(name="gen", engine="unix:///var/run/docker.sock"), engine(), seen)
    for changes in ({"Name": "there"}, {"DockerRootDir": "/data"}, {"ID": ""}, {"ID": ""}):
        check_another(Node(name="other"), engine(**changes), seen)
    with pytest.raises(ScenarioError, match="gen and gen2 have one engine") as refused:
        check_another(Node(name="gen2", engine="unix:///run/docker.sock"), engine(), seen)
    for word in ("unix:///var/run/docker.sock and unix:///run/docker.sock", "7XHD", "here", "/var/lib/docker"):
        assert word in str(refused.value)


def test_an_engine_that_nodes_cannot_have_is_refused(tmp_path: Path) -> None:
    """It was asked for on the command line, after the file was read."""
    scenario = read_scenario(scenario_file(tmp_path, nodes=SERVER))
    with pytest.raises(ScenarioError, match='^--engine: nodes: engine = "process" is of this machine'):
        with_engine(scenario, "process")
