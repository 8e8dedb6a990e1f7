"""Several machines drive load: one schedule, one start, clocks of their own, gates on each, and what each sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import polars as pl
import pytest

from lab.agent.bundle import bundle_digest
from lab.agent.conversation import Conversation
from lab.agent.mirror import forget_earlier
from lab.analysis.gates import CAVEAT, INVALID, PASS, run_gates
from lab.analysis.sent import sent_by_node
from lab.engines.docker.agent.loads import bundle_of, bundled
from lab.engines.docker.engine import DockerEngine
from lab.errors import LoadError, MissingError
from lab.live.machines import Machines
from lab.live.requests import RequestFollower
from lab.load.inside.aborting import Fates, behind, hopeless
from lab.load.inside.load_counts import Tally
from lab.load.inside.recording import ARRIVAL, DROP, RequestRecorder
from lab.load.inside.status import ABORT, WARMUP_START, Status, write_status
from lab.load.lead import LEAD_S, Lead
from lab.load.load_plan import LoadPlan
from lab.load.locust_process import LoadProcess, Loads
from lab.load.outcome import outcome
from lab.load.place import Child, Place
from lab.record.run_types import FACTS, EngineFacts, GeneratorFacts, told
from lab.record.schema import HOPELESS_S, NAMES
from lab.record.types import (
    CONNECTIONS,
    ClockOffset,
    GateResult,
    LadderRecord,
    NodeLoad,
    NodeRecord,
    RungRecord,
    TrialResult,
)
from lab.report.parts.gate_sentences import gate_sentence
from lab.run.calibration import closed_loop
from lab.run.drive import load_plan
from lab.run.samplers import Samplers
from lab.sampling.channel import FOLDER
from lab.sampling.sampler import Sampler
from lab.scenario.model import Load
from lab.scenario.nodes import Node
from tests.builders import sampler_facts
from tests.gate_records import CORES, cgroup_table, host_table, process_table, trial
from tests.load_runs import make_plan
from tests.unit.test_nodes import Sampled, generator_table, idle_load, on

AHEAD_S = 5000.0
NODES: Mapping[str, Any] = {"load_processes": 2, "machines": 2}


@dataclass
class FakeMachine:
    """A machine that drives load: what is said to it is written down."""

    node: str
    clock_offset_s: float = 0.0
    marks: list[dict[str, float]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    pids: tuple[int, ...] = ()
    machines: tuple[FakeMachine, ...] = ()

    def mark(self, _plan: LoadPlan, marks: Mapping[str, float]) -> None:
        self.marks.append(dict(marks))

    def start(self, _log: Path, _cwd: Path, _python: str) -> Child:
        self.said.append("start")
        return cast(Child, FakeChild(self))


@dataclass
class FakeChild:
    """A load process there."""

    machine: FakeMachine
    pid: int = 7
    log: Path = Path("locust.log")

    def exit(self, _timeout_s: float) -> Any:
        return SimpleNamespace(si_code=1, si_status=3)  # it has ended


def test_one_schedule_is_shared_by_all_nodes(tmp_path: Path) -> None:
    """So many processes on each, dealt out in turn; lanes are for all of them."""
    load = Load(locustfile=tmp_path / "l.py", nodes=("gen1", "gen2"), processes=2, lanes=8, rate=50.0)
    entry = SimpleNamespace(url="", trust="")
    topology = cast(Any, SimpleNamespace(entry=entry, further_entries=(), processes=1, upstream_of=""))
    plan = load_plan(load, topology, 1, tmp_path)
    assert (plan.load_processes, plan.machines, plan.led) == (4, 2, True)
    assert closed_loop(tmp_path / "l.py", load).all_processes == 4
    with pytest.raises(ValueError, match=r"4 load processes need at least as many connections \(load\.lanes\), got 3"):
        replace(load, lanes=3)


def test_load_processes_are_dealt_out_to_the_machines_in_turn(tmp_path: Path) -> None:
    """Whatever is ready already; pids are told apart, for each machine gives out its own."""
    first, second = FakeMachine("gen1", pids=(1,)), FakeMachine("gen2", pids=(2,))
    first.machines = (first, second)
    loads = Loads(tmp_path, cast(Place, first))
    loads.get_ready(3)
    loads.get_ready(4)
    assert (first.said, second.said) == (["start"] * 2, ["start"] * 2)
    children = [cast(Child, FakeChild(machine, pid)) for machine, pid in ((first, 7), (second, 7), (first, 8))]
    plan = make_plan(tmp_path / "l.py", "", tmp_path, load_processes=3, machines=2)
    running = LoadProcess(plan, children, place=cast(Place, first))
    assert running.pids_by_machine == ((1, 7, 8), (2, 7))
    with pytest.raises(LoadError, match="load process 0 on node gen1 ended early with exit code 3"):
        running.poll()


@dataclass
class Alive(FakeChild):
    """One that has not ended."""

    def exit(self, _timeout_s: float) -> Any:
        return None


def test_whoever_has_not_read_the_locustfile_is_not_said_to_be_busy_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Importing Locust takes its time on a busy machine; after the first report further ones have to come."""
    machine = FakeMachine("gen1")
    machine.machines = (machine,)
    plan = make_plan(tmp_path / "l.py", "", tmp_path)
    plan.raw.mkdir(parents=True)
    load = LoadProcess(plan, [cast(Child, Alive(machine))], silence_s=-1.0, place=cast(Place, machine))
    assert not load.poll().finished

    with monkeypatch.context() as patched:
        patched.setattr("lab.load.load_process.READ_S", -1.0)
        with pytest.raises(LoadError, match="on node gen1 has not read the locustfile within -1 s") as unread:
            load.poll()
    assert "event loop" not in unread.value.hint
    write_status(plan.status_file(0), Status(tally=Tally().totals()))
    with pytest.raises(LoadError, match="on node gen1 has not reported for -1 s") as silent:
        load.poll()
    assert "event loop" in silent.value.hint


def test_all_begin_at_one_instant_when_the_last_is_ready(tmp_path: Path) -> None:
    """Said once, and by itself on one machine, where load process 0 decides."""
    machines = [cast(Place, FakeMachine(name)) for name in ("gen1", "gen2")]
    lead = Lead(make_plan(tmp_path / "l.py", "", tmp_path, **NODES), machines)
    lead.look([Status(ready=True), Status()])
    assert not cast(FakeMachine, machines[0]).marks
    for _ in range(2):
        lead.look([Status(ready=True), Status(ready=True)])
    told = [cast(FakeMachine, each).marks for each in machines]
    assert len(told[0]) == 1
    assert told[0] == told[1]
    assert set(told[0][0]) == {WARMUP_START}

    alone = FakeMachine("")
    Lead(make_plan(tmp_path / "l.py", "", tmp_path), [cast(Place, alone)]).look([Status(ready=True)])
    assert not alone.marks


def test_a_drill_is_given_up_on_all_machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what all of them served, each second as its own clock has it."""
    now_s = 1000.5
    monkeypatch.setattr("lab.load.lead.monotonic", lambda: now_s)
    machines = [FakeMachine("gen1"), FakeMachine("gen2", clock_offset_s=AHEAD_S + 0.25)]
    lead = Lead(make_plan(tmp_path / "l.py", "", tmp_path, bad_after_s=0.25, **NODES), cast(Any, machines))
    good, bad = Fates(limit_s=0.25), Fates(limit_s=0.25)
    for second in range(int(now_s) - HOPELESS_S - 3, int(now_s)):
        for _ in range(3):
            good.arrived(second)
            good.answered(second, second + 0.1)
        for _ in range(9):
            bad.arrived(second + AHEAD_S + 0.25)
    tallies = [Tally(fates=each).totals() for each in (good, bad)]
    lead.look([Status(ready=True, tally=tally) for tally in tallies])
    lead.look([Status(ready=True, tally=tally) for tally in tallies])
    assert [set(each.marks[-1]) for each in machines] == [{WARMUP_START, ABORT}] * 2
    assert machines[0].marks[-1][ABORT] == now_s + LEAD_S
    lead.look([Status(ready=True, tally=tally) for tally in tallies])
    assert len(machines[0].marks) == 2

    shifted = behind((bad.due, bad.good), AHEAD_S + 0.25)
    assert hopeless([shifted], now_s, 0.25)
    assert not hopeless([shifted, (dict.fromkeys(shifted[0], 90),) * 2], now_s, 0.25)


PORT = 40001


def record(
    plan: LoadPlan, process: int, start_s: float, due_s: list[float], *, drops: int = 0, address: str = ""
) -> Status:
    """What a load process leaves whose warm-up began at ``start_s`` of its own clock and took 1 s.

    ``address``: from which its one connection came, by PORT.
    """
    recorder = RequestRecorder(plan.recording_file(process))
    for due in due_s:
        at: dict[str, Any] = {"scheduled_s": start_s + due, "sent_s": start_s + due, "done_s": start_s + due + 0.1}
        recorder.write(ARRIVAL, lane=process, client_port=PORT if address else 0, **at)
    for _ in range(drops):
        recorder.write(DROP, lane=process, scheduled_s=start_s + 1.5)
    recorder.write_event(start_s + 1.2, "WS", "frame", value=1.0, length=0.0, lane=process, error=None)
    recorder.close()
    tally = Tally(scheduled=len(due_s) + drops, started=len(due_s), dropped=drops, requests=len(due_s), events=1)
    tally.addresses += filter(None, [address])
    tally.lag(0.001 * (process + 1))
    return Status(
        lanes=1,
        ready=True,
        warmup_start_s=start_s,
        measure_start_s=start_s + 1,
        measure_end_s=start_s + 2,
        finished_s=start_s + 2.5 + process,
        recorded=len(due_s) + drops,
        tally=tally.totals(),
    )


def test_rows_of_several_clocks_are_joined_on_the_labs(tmp_path: Path) -> None:
    """Instants, phases and events of each recording by its own clock; what each machine did stands beside the sums."""
    plan = make_plan(tmp_path / "l.py", "", tmp_path, rate=4.0, schedule="uniform", measure_s=1.0, lanes=2, **NODES)
    plan.raw.mkdir()
    statuses = [
        record(plan, 0, 100.0, [0.125, 0.375, 1.125, 1.375]),
        record(plan, 1, 100.0 + AHEAD_S, [0.625, 0.875, 1.625], drops=1),
    ]
    found = outcome(plan, statuses, tmp_path / "r.parquet", 90.0, offsets_s=[0.0, AHEAD_S])

    table = pl.read_parquet(tmp_path / "r.parquet").sort("t_scheduled_s")
    assert table["t_scheduled_s"].to_list() == [10.125, 10.375, 10.625, 10.875, 11.125, 11.375, 11.5, 11.625]
    assert table["phase"].to_list() == ["warmup"] * 4 + ["measure"] * 4
    assert pl.read_parquet(tmp_path / "user_events.parquet")["t_s"].to_list() == pytest.approx([11.2, 11.2])
    assert (found.warmup_start_s, found.measure_end_s, found.finished_s) == (100.0, 102.0, 103.5)
    assert found.counters.scheduled == 8
    first, second = found.parts
    assert (first.scheduled, first.started, first.dropped, first.rows, first.requests) == (4, 4, 0, 4, 4)
    assert (second.scheduled, second.started, second.dropped, second.rows) == (4, 3, 1, 4)
    assert first.dispatch_lag_p99_s is not None
    assert second.dispatch_lag_p99_s is not None
    assert first.dispatch_lag_p99_s < second.dispatch_lag_p99_s


@pytest.mark.parametrize("seen_from", [("10.0.0.2", "10.0.0.3"), ("10.0.0.9", "10.0.0.3")])
def test_connections_of_two_machines_by_one_port_are_two(tmp_path: Path, seen_from: tuple[str, str]) -> None:
    """Each process asks those from its own address; one whose packets got another one on their way finds nobody."""
    plan = make_plan(tmp_path / "l.py", "", tmp_path, rate=4.0, schedule="uniform", measure_s=1.0, lanes=2, **NODES)
    plan.raw.mkdir()
    statuses = [
        record(plan, 0, 100.0, [0.125, 0.375, 1.125, 1.375], address="10.0.0.2"),
        record(plan, 1, 100.0, [0.625, 0.875, 1.625, 1.875], address="10.0.0.3"),
    ]
    held = [
        (t_s / 2, PORT, pid, "app", seen) for t_s in range(20, 28) for pid, seen in zip((7, 8), seen_from, strict=True)
    ]
    connections = pl.DataFrame(held, schema=dict(CONNECTIONS), orient="row")
    found = outcome(plan, statuses, tmp_path / "r.parquet", 90.0, connections, offsets_s=[0.0, 0.0])
    assert found.attribution == "socket"
    served = pl.read_parquet(tmp_path / "r.parquet").select("lane", "served_by").unique()
    assert dict(served.iter_rows()) == {0: "app:7" if seen_from[0] == "10.0.0.2" else None, 1: "app:8"}


def test_live_shares_of_two_machines_by_one_port(tmp_path: Path) -> None:
    """The addresses that load processes tell keep their connections apart."""
    plan = make_plan(tmp_path / "l.py", "", tmp_path, rate=4.0, **NODES)
    plan.raw.mkdir()
    plan.write()
    folder = plan.raw.parent / FOLDER
    folder.mkdir()
    rows = [",".join(NAMES["connections"]), f"10.5,{PORT},7,app,10.0.0.2", f"10.5,{PORT},8,app,10.0.0.3"]
    (folder / "connections.csv").write_text("\n".join(rows) + "\n")
    for process, due_s in ((0, [0.5, 1.0, 1.25]), (1, [1.5])):
        status = record(plan, process, 100.0, due_s, address=f"10.0.0.{2 + process}")
        write_status(plan.status_file(process), status)
    follower = RequestFollower(plan.raw, Machines(tmp_path))
    follower.look(101.0)
    assert follower.served() == {("", 7): 3, ("", 8): 1}


def test_the_live_figures_are_on_this_machines_clock(tmp_path: Path) -> None:
    """Requests of the phase that runs, not those before it, of a machine that is 5000 s ahead."""
    plan = make_plan(tmp_path / "l.py", "", tmp_path, rate=4.0, **NODES)
    plan.raw.mkdir()
    plan.write()
    plan.clocks_file.write_text(f"[0.0, {AHEAD_S}]")
    for process, start_s in ((0, 100.0), (1, 100.0 + AHEAD_S)):
        write_status(plan.status_file(process), record(plan, process, start_s, [0.5, 1.0, 1.25, 1.5]))
    figures = RequestFollower(plan.raw, Machines(tmp_path)).look(101.0)
    assert figures.per_second == pytest.approx(10.0)


def loads(**second: Any) -> tuple[NodeRecord, ...]:
    """Three machines, two of which drove load; the second one as told."""
    good = NodeLoad(
        processes=1,
        scheduled=100,
        started=100,
        dropped=0,
        unfinished=0,
        requests=100,
        rows=100,
        dispatch_lag_p99_s=0.0002,
    )
    clock = ClockOffset(offset_s=1.0, bound_s=0.001)
    return (
        NodeRecord(name="server", sampler=sampler_facts()),
        NodeRecord(name="gen1", sampler=sampler_facts(), load=good, clock=clock),
        NodeRecord(name="gen2", sampler=sampler_facts(), load=replace(good, **second), clock=clock),
    )


def judged(nodes: tuple[NodeRecord, ...], second: pl.DataFrame, **more: Any) -> dict[str, GateResult]:
    tables: dict[str, Any] = {"processes": on("server", process_table()), "cgroups": on("server", cgroup_table())}
    hosts = [on("server", idle_load(host_table())), on("gen1", generator_table()), on("gen2", second)]
    found = trial(host=pl.concat(hosts), nodes=nodes, **tables, **more)
    return {gate.key: gate for gate in run_gates(found, CORES)}


def gates(nodes: tuple[NodeRecord, ...], second: pl.DataFrame, **more: Any) -> dict[str, str]:
    return {key: gate.outcome for key, gate in judged(nodes, second, **more).items()}


def test_every_generator_is_held_against_the_gates_and_the_worst_decides() -> None:
    """Lag, CPU, rows and machine of each: a good one does not hide a bad one."""
    good = gates(loads(), generator_table())
    assert {good[key] for key in ("load.lag", "load.cpu", "load.rows", "load.clock", "machine.foreign")} == {PASS}
    assert gates(loads(dispatch_lag_p99_s=0.5), generator_table())["load.lag"] == INVALID
    assert gates(loads(rows=90), generator_table())["load.rows"] == INVALID
    assert gates(loads(scheduled=0, started=0, rows=0), generator_table())["load.rows"] == CAVEAT
    saturated = generator_table().with_columns(load_cpu_max_s=pl.col("t_s") * 0.95)
    assert gates(loads(), saturated)["load.cpu"] == INVALID
    unread = generator_table().with_columns(load_cpu_max_s=pl.lit(None, dtype=pl.Float64))
    never = unread.with_columns(load_cpu_s=pl.lit(None, dtype=pl.Float64))
    assert [gates(loads(), table)["load.cpu"] for table in (unread, never)] == [CAVEAT, CAVEAT]


def test_a_gate_names_the_node_that_decided() -> None:
    """Where a run has several: what was measured, in the sentence too, and where it could not be."""
    bad = generator_table().with_columns(
        steal_s=pl.col("t_s") * CORES * 0.5,
        busy_s=pl.col("busy_s") + pl.col("t_s") * CORES * 0.4,
        sampler_cpu_s=pl.col("t_s") * 0.5,
        load_cpu_max_s=pl.col("t_s") * 0.95,
    )
    nodes = loads(rows=90, dispatch_lag_p99_s=0.5)
    half = replace(sampler_facts(), planned_readings=100, achieved_readings=50)
    late = replace(nodes[2], sampler=half, clock=ClockOffset(offset_s=1.0, bound_s=0.1))
    found = judged((*nodes[:2], late), bad)
    named = [
        *("load.cpu", "load.lag", "load.rows", "load.clock"),
        *("machine.steal", "machine.foreign", "sampler.cpu", "sampler.readings"),
    ]
    assert {key: found[key].node for key in named} == dict.fromkeys(named, "gen2")
    assert all("node gen2" in gate_sentence(found[key]) for key in named)
    assert gate_sentence(found["machine.foreign"]).startswith("On node gen2, other programs used ")
    assert {gate.node for gate in found.values() if gate.key not in named} == {""}

    silent = judged(loads(), generator_table().filter(pl.col("t_s") < 1.0))["machine.steal"]
    assert gate_sentence(silent).startswith("Could not be checked on node gen2 (steal): ")


def test_a_gate_names_no_node_where_a_run_has_one() -> None:
    """The only machine needs no name, also where it has one."""
    nodes = (NodeRecord(name="server", clock=ClockOffset(offset_s=1.0, bound_s=0.1)),)
    read = {"processes": process_table(), "cgroups": cgroup_table(), "host": host_table()}
    tables: dict[str, Any] = {name: on("server", table) for name, table in read.items()}
    result = trial(nodes=nodes, **tables)
    assert {gate.node for gate in run_gates(result, CORES)} == {""}


def test_a_rung_counts_only_where_every_generator_carried_it() -> None:
    """One that came late at the second rung ends the ladder there; the first one stands."""
    ladder = LadderRecord(
        slo="p99 <= 50ms",
        rungs=tuple(
            RungRecord(rate=rate, start_s=at, count_s=at, end_s=at + 1.5) for rate, at in ((50.0, 2.0), (60.0, 3.5))
        ),
    )
    climbed: dict[str, Any] = {"ladder": ladder, "load": {"rung_lags_p99_s": (0.0002, 0.0002)}}

    def nodes(second: float) -> tuple[NodeRecord, ...]:
        return tuple(
            replace(node, load=replace(node.load, rung_lags_p99_s=(0.0002, late))) if node.load else node
            for node, late in zip(loads(), (0.0, 0.0002, second), strict=True)
        )

    assert gates(nodes(0.0002), generator_table(), **climbed)["load.lag"] == PASS
    assert gates(nodes(0.5), generator_table(), **climbed)["load.lag"] == PASS
    late = tuple(
        replace(node, load=replace(node.load, rung_lags_p99_s=(0.5, 0.5)))
        if node.name == "gen2" and node.load
        else node
        for node in nodes(0.0002)
    )
    found = judged(late, generator_table(), **climbed)["load.lag"]
    assert (found.outcome, found.node) == (INVALID, "gen2")


def test_the_report_says_what_each_machine_sent() -> None:
    """Sums over trials, and the worst of lag and clock; nothing where all load came from one machine."""
    result: TrialResult = trial(nodes=loads(started=90, dropped=10, dispatch_lag_p99_s=0.003))
    sent = sent_by_node([result.record, result.record])
    assert [each.node for each in sent] == ["gen1", "gen2"]
    assert (sent[1].started, sent[1].dropped, sent[1].worst_lag_s, sent[1].worst_bound_s) == (180, 20, 0.003, 0.001)
    assert sent_by_node([trial().record]) == ()


def test_readings_of_load_are_kept_on_every_machine_that_drove_it(tmp_path: Path) -> None:
    """And on no other one."""
    first, *others = (Sampled(name, threads=False) for name in ("a", "b", "c"))
    beside = [(cast(Sampler, each), tmp_path / f"beside-{number}") for number, each in enumerate(others, start=1)]
    Samplers(cast(Sampler, first), beside, 2).result(tmp_path)
    host = pl.read_parquet(tmp_path / "host.parquet")
    most = {name: host.filter(pl.col("node") == name)["load_cpu_s"].max() for name in ("a", "b", "c")}
    assert most["a"] == 0.0
    assert most["b"] == most["c"] != 0.0


@contextmanager
def started(digest: str) -> Iterator[Conversation]:
    yield cast(Conversation, SimpleNamespace(call=lambda _function, _paths: digest))


def test_a_node_proves_that_it_has_the_same_locustfile(tmp_path: Path) -> None:
    """By a digest of all files that it was given; one that has another is named."""
    paths = {tmp_path / name: 1 for name in ("locustfile.py", "users.csv")}
    for path in paths:
        path.write_text(path.name)
    here = bundle_of(Load(locustfile=tmp_path / "locustfile.py"))
    assert set(here.files) == set(paths)
    same = bundle_digest([str(path) for path in reversed(list(paths))])
    with bundled(started(same), here, Node(name="gen2")):
        pass
    (tmp_path / "users.csv").write_text("changed")
    other = bundle_digest([str(path) for path in paths])
    with (
        pytest.raises(MissingError, match="not the same on node gen2 as here"),
        bundled(started(other), here, Node(name="gen2")),
    ):
        pytest.fail("it was taken")


def test_a_file_that_goes_while_it_is_read_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And no traceback: somebody writes to that folder."""
    gone = {tmp_path / "gone.csv": 1}
    monkeypatch.setattr("lab.engines.docker.agent.loads.files_of", lambda _load: gone)
    with pytest.raises(MissingError, match=r"cannot be read any more: .*gone\.csv"):
        bundle_of(Load(locustfile=tmp_path / "locustfile.py"))


@pytest.mark.parametrize("names", [(), ("gen1",), ("gen1", "gen2")])
def test_the_facts_of_a_run_have_every_node_that_drives_load(names: tuple[str, ...]) -> None:
    """One as ever, several by their names; each with the digest of what it proved to have."""
    engine = object.__new__(DockerEngine)
    facts = [GeneratorFacts(name=name, cpu_count=2) for name in names]
    engine._generators = [
        cast(Any, SimpleNamespace(facts=lambda _agent, bundle, own=own: replace(own, bundle_sha256=bundle)))
        for own in facts
    ]
    engine._standing = None
    assert engine._with_load_machines(EngineFacts()) == EngineFacts()
    engine._standing = cast(Any, SimpleNamespace(loads=[lambda: "agent"] * max(1, len(names)), bundle="abc"))
    plain = told(engine._with_load_machines(EngineFacts()))
    known = FACTS.validate_python(plain)
    assert list(plain) == [("generators" if len(names) > 1 else "generator")] * bool(names)
    assert [each.bundle_sha256 for each in known.driving] == ["abc"] * len(names)
    assert list(known.generators) == (list(names) if len(names) > 1 else [])


def test_a_load_finds_nothing_that_an_earlier_one_of_its_name_left_with_the_agent(tmp_path: Path) -> None:
    """A visit by hand that is not kept has the folder of the next one, whose recorder opens only new files."""
    assert forget_earlier(str(tmp_path / "never"), "plan.json") == 0

    for name in ("plan.json", "requests-0.bin", "mail-0.lines"):
        (tmp_path / name).write_text("the first visit's")

    assert forget_earlier(str(tmp_path), "plan.json") == 2
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]
