"""Figures of a running trial, from files that other processes are still writing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from lab.analysis.gates.limits import FOREIGN, SAMPLER_CPU, STEAL
from lab.cli.live.remarks import TrialRemarks, remarks
from lab.cli.live.view import PlainView
from lab.live.figures import MACHINE_S, LiveFigures, MachineFigures
from lab.live.growing import Tail
from lab.live.trial import TrialFollower
from lab.load.inside.load_counts import Tally
from lab.load.inside.recording import ARRIVAL, DROP, START, RequestRecorder
from lab.load.inside.status import Status, write_status
from lab.load.load_plan import LoadPlan
from lab.load.locust_process import LoadProgress
from lab.plan.blocks import build_plan
from lab.plan.kinds import Role
from lab.record.folder import RunFolder, new_run_info
from lab.record.schema import CgroupRow, ConnectionRow, HostRow, ProcessRow
from lab.record.types import Environment
from lab.run.steps import Step
from lab.sampling.channel import FOLDER, directory_of
from lab.sampling.plan import SamplerPlan, plan_to_json
from lab.sampling.process_tree import pid_inside
from lab.sampling.recorder import Recorder, Rows, recorder
from tests.builders import make_scenario
from tests.load_runs import make_plan

MIB = 1024**2
CORES = 2
Record = Callable[[LoadPlan], RequestRecorder]
Nodes = Callable[[str], Recorder]


@pytest.fixture
def staging(tmp_path: Path) -> Path:
    for name in ("sampling", "load"):
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.fixture
def sampler(staging: Path) -> Iterator[Recorder]:
    """Writes rows as the sampler does."""
    with recorder(staging / "sampling") as output:
        yield output


@pytest.fixture
def record() -> Iterator[Record]:
    """Open the recording of load process 0; it is closed in the end."""
    with ExitStack() as stack:
        yield lambda plan: stack.enter_context(closing(RequestRecorder(plan.recording_file(0))))


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Nodes]:
    """Sample on one more node, the first of which is the lab's own machine; each has its plan before any row."""
    with ExitStack() as stack:

        def sample(name: str) -> Recorder:
            number = len(list(tmp_path.glob("**/sampling")))
            folder = directory_of(tmp_path, number) / FOLDER
            folder.mkdir(parents=True)
            pid = 0 if number else 1
            plan = SamplerPlan(targets=(), t0_monotonic_s=0, measure_s=9, lab_pid=pid, directory=folder, node=name)
            (folder / "plan.json").write_text(plan_to_json(plan))
            return stack.enter_context(recorder(folder))

        (tmp_path / "load").mkdir()
        yield sample


def process(
    t_s: float, pid: int, role: Role = Role.WORKER, cpu_s: float = 0.0, pss_mib: int | None = None, service: str = "app"
) -> ProcessRow:
    pss = None if pss_mib is None else pss_mib * MIB
    return ProcessRow(t_s, pid, 1e9, role, service, cpu_s, 0.0, cpu_s, None, 50 * MIB, pss, pss, None, 3, 9, "python")


def used(
    t_s: float,
    *,
    arm: float = 0.5,
    load: float = 0.3,
    other: float = 0.0,
    steal: float = 0.0,
    sampler: float = 0.01,
    engine: float | None = 0.02,
    contained: bool = True,
) -> Rows:
    """One reading of a machine on which everything has used these cores since 0; the engine only by whole seconds."""
    lab = 0.01
    busy = arm + load + lab + sampler + (engine or 0.0) + other
    host = HostRow(
        t_s=t_s,
        busy_s=busy * t_s,
        steal_s=steal * CORES * t_s,
        total_s=CORES * t_s,
        psi_cpu_some_s=None,
        psi_memory_some_s=None,
        psi_io_some_s=None,
        memory_available_bytes=1,
        load_cpu_s=load * t_s,
        load_cpu_max_s=load * t_s,
        load_rss_bytes=1,
        sampler_cpu_s=sampler * t_s,
        sampler_rss_bytes=1,
        lab_cpu_s=lab * t_s,
        lab_rss_bytes=1,
        engine_cpu_s=None if engine is None or t_s % 1 else engine * t_s,
    )
    shim = process(t_s, 8, Role.PLATFORM, 99.0 * t_s)
    group = CgroupRow(t_s, "app", "c1", arm * t_s, None, None, None, None, None, None, None, None, None)
    pool = group._replace(service="pool", container="")
    return Rows(
        processes=[process(t_s, 7, cpu_s=arm * t_s), shim], cgroups=[group, pool] if contained else [], host=host
    )


def write(output: Recorder, begin_s: float, end_s: float, **cores: object) -> None:
    """Readings of a machine in one state, at 2 Hz."""
    for step in range(int(begin_s * 2), int(end_s * 2) + 1):
        output.append(used(step / 2, **cores))  # type: ignore[arg-type]  # what used() takes


def wrote(output: Recorder, *rows: ProcessRow, connections: tuple[ConnectionRow, ...] = ()) -> None:
    """One reading of these processes."""
    output.append(Rows(processes=list(rows), cgroups=[], host=used(rows[0].t_s).host, connections=list(connections)))


def load_plan(staging: Path, rate: float | None = 100.0) -> LoadPlan:
    plan = make_plan(Path("l.py"), "", staging, rate=rate)
    plan.write()
    return plan


def answered(staging: Path, tally: Tally) -> None:
    """The load status says who served."""
    write_status(load_plan(staging).status_file(0), Status(tally=tally.totals()))


def shares(figures: LiveFigures) -> dict[int, float | None]:
    return {row.pid: row.share for row in figures.processes}


def test_half_a_record_waits_for_its_rest(tmp_path: Path) -> None:
    """Lines and binary rows are given once, whole, in order."""
    path = tmp_path / "rows.csv"
    tail = Tail(path)
    assert tail.rows() == [], "no file yet"
    path.write_text("a,b\n1,")
    assert tail.rows() == [["a", "b"]]
    assert tail.rows() == []
    with path.open("a") as file:
        file.write("2\n")
    assert tail.rows() == [["1", "2"]]
    path.unlink()
    assert tail.rows() == [], "collected"

    binary = Tail(tmp_path / "rows.bin")
    (tmp_path / "rows.bin").write_bytes(b"abcdefg")
    assert binary.records(4) == b"abcd"
    assert binary.records(4) == b""


def test_cpu_is_a_rate_and_pss_the_last_reading(staging: Path, sampler: Recorder) -> None:
    """PSS is read every other time and stays in between; the first reading has no rate yet; all can become JSON."""
    follower = TrialFollower(staging)
    wrote(sampler, process(1.0, 10, cpu_s=5.0, pss_mib=35))
    assert json.loads(json.dumps(follower.look().rows)) == [
        {"pid": 10, "role": "worker", "service": "app", "cpu": None, "pss_bytes": 35 * MIB, "share": None, "node": ""}
    ]

    wrote(sampler, process(1.5, 10, cpu_s=5.1))
    (second,) = follower.look().processes
    assert second.cpu == pytest.approx(0.2)
    assert second.pss_bytes == 35 * MIB

    for t_s in (2.0, 2.5, 3.0, 3.5, 9.0):
        wrote(sampler, process(t_s, 10, cpu_s=5.1))
    (later,) = follower.look().processes
    assert (later.cpu, later.pss_bytes) == (None, 35 * MIB), "what was spent longer ago does not count"


def test_processes_are_ordered_and_the_dead_are_gone(staging: Path, sampler: Recorder) -> None:
    """Proxy, supervisor, workers, helper; platform processes are not the arm's; a respawned worker replaces the old."""
    follower = TrialFollower(staging)
    roles = {5: Role.HELPER, 4: Role.WORKER, 3: Role.WORKER, 2: Role.SUPERVISOR, 1: Role.PROXY, 9: Role.PLATFORM}
    wrote(sampler, *(process(1.0, pid, role) for pid, role in roles.items()))
    assert [row.pid for row in follower.look().processes] == [1, 2, 3, 4, 5]

    sampler.append_look([process(1.2, 4, cpu_s=0.1, pss_mib=30)])
    assert [(row.pid, row.pss_bytes) for row in follower.look().processes if row.role is Role.WORKER] == [
        (3, None),
        (4, 30 * MIB),
    ], "a look at one process ends no other"

    wrote(sampler, *(process(1.5, pid, role) for pid, role in ({**roles, 6: Role.WORKER}).items() if pid != 3))
    assert [row.pid for row in follower.look().processes] == [1, 2, 4, 6, 5]


def test_a_row_that_cannot_be_one_is_left_out(staging: Path, sampler: Recorder) -> None:
    """A command line with a line break, cut there."""
    wrote(sampler, process(1.0, 10))
    with (staging / "sampling" / "processes.csv").open("a") as file:
        file.write('1.0,11,1e9,worker,app,"sh -c\n')
    assert [row.pid for row in TrialFollower(staging).look().processes] == [10]


def test_the_busiest_load_process(staging: Path, sampler: Recorder) -> None:
    """From the host's rows, as the gate will see it."""
    write(sampler, 0.0, 3.0)
    assert TrialFollower(staging).look().load_cpu == pytest.approx(0.3)


def test_quantiles_are_those_of_the_phase_so_far(staging: Path, record: Record) -> None:
    """Response time from the scheduled instant; failures, drops and on_start are not in it; a new phase begins anew."""
    recording, follower = record(load_plan(staging)), TrialFollower(staging)
    for number in range(100):
        at_s = 1000 + number / 100
        recording.write(ARRIVAL, lane=0, scheduled_s=at_s, sent_s=at_s + 0.001, done_s=at_s + 0.004, status=200)
    recording.write(ARRIVAL, lane=0, scheduled_s=1000.5, sent_s=1000.5, done_s=1009, status=500, error="HTTP 500")
    recording.write(START, lane=0, sent_s=999.0, done_s=1020.0, status=200)
    recording.write(DROP, lane=0, scheduled_s=1000.6)
    recording.flush()
    requests = follower.look(1000.0).requests
    assert requests.p50_s == pytest.approx(0.004, rel=0.01)
    assert requests.p99_s == pytest.approx(0.004, rel=0.01)
    assert requests.lag_p99_s == pytest.approx(0.001, rel=0.01)
    assert requests.per_second == pytest.approx(101, rel=0.02)

    for number in range(50):
        at_s = 1010 + number / 50
        recording.write(ARRIVAL, lane=0, scheduled_s=at_s, sent_s=at_s, done_s=at_s + 0.020, status=200)
    recording.flush()
    requests = follower.look(1010.0).requests
    assert requests.p50_s == pytest.approx(0.020, rel=0.01)
    assert requests.per_second == pytest.approx(50, rel=0.03)


def test_the_closed_model_has_service_times(staging: Path, record: Record) -> None:
    """Nothing is scheduled there."""
    recording = record(load_plan(staging, rate=None))
    recording.write(ARRIVAL, lane=0, sent_s=1000.0, done_s=1000.05, status=200)
    recording.flush()
    requests = TrialFollower(staging).look(999.0).requests
    assert requests.p50_s == pytest.approx(0.05, rel=0.01)
    assert requests.lag_p99_s is None


def test_before_the_load_there_is_nothing_to_say(staging: Path) -> None:
    """Also while its plan is half written."""
    follower = TrialFollower(staging)
    assert follower.look().requests.p50_s is None
    (staging / "load" / "plan.json").write_text('{"locustfile": ')
    assert follower.look() == LiveFigures()


@pytest.mark.parametrize(
    ("tally", "homes"),
    [
        (Tally(headers={"1-aa": 30, "1-bb": 10}), {"1-aa": "app-21", "1-bb": "app-22"}),
        (Tally(upstreams={"h:1": 30, "h:2": 10}), {"h:1": "app-21", "h:2": "app-22"}),
    ],
    ids=["header", "upstream"],
)
def test_replicas_are_known_by_what_attestation_saw(
    staging: Path, sampler: Recorder, tally: Tally, homes: dict[str, str]
) -> None:
    """Every one has process id 1: its port told which service a name is, and an address does without a header."""
    wrote(sampler, *(process(1.0, pid, service=f"app-{pid}") for pid in (21, 22)))
    answered(staging, tally)
    assert shares(TrialFollower(staging, homes).look()) == {21: 0.75, 22: 0.25}


def test_workers_are_known_by_their_own_process_id(
    staging: Path, sampler: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which is another one outside of their container; a silent worker has served nothing, which is known as well."""
    monkeypatch.setattr("lab.live.machines.pid_inside", {31: 8, 32: 9, 33: 10}.get)
    wrote(sampler, *(process(1.0, pid) for pid in (31, 32, 33)))
    answered(staging, Tally(headers={"8-aa": 10, "9-bb": 30}))
    assert shares(TrialFollower(staging).look()) == {31: 0.25, 32: 0.75, 33: 0.0}


def test_what_a_worker_gave_that_has_ended_is_no_unknown_share(
    staging: Path, sampler: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed, and another has come: of 40 answers it gave 20."""
    monkeypatch.setattr("lab.live.machines.pid_inside", {31: 8, 32: 9, 33: 10}.get)
    follower = TrialFollower(staging)
    wrote(sampler, process(1.0, 31), process(1.0, 32))
    answered(staging, Tally(headers={"8-aa": 10, "9-bb": 20}))
    assert shares(follower.look()) == {31: pytest.approx(1 / 3), 32: pytest.approx(2 / 3)}
    wrote(sampler, process(2.0, 31), process(2.0, 33))
    answered(staging, Tally(headers={"8-aa": 15, "9-bb": 20, "10-cc": 5}))
    assert shares(follower.look()) == {31: 0.375, 33: 0.125}


def test_connections_tell_where_nothing_else_does(staging: Path, sampler: Recorder, record: Record) -> None:
    """The owner of the connection's socket served the request."""
    held = (ConnectionRow(1.0, 50001, 41, "app"), ConnectionRow(1.0, 50002, 42, "app"))
    wrote(sampler, process(1.0, 41), process(1.0, 42), connections=held)
    recording = record(load_plan(staging))
    for port in (50001, 50002, 50002, 50002):
        recording.write(ARRIVAL, lane=0, scheduled_s=1.0, sent_s=1.0, done_s=1.1, status=200, client_port=port)
    recording.flush()
    assert shares(TrialFollower(staging).look()) == {41: 0.25, 42: 0.75}


@pytest.mark.parametrize(("unknown", "share"), [(40, None), (1, 1.0)])
def test_shares_of_a_part_are_no_shares(staging: Path, sampler: Recorder, unknown: int, share: float | None) -> None:
    """As afterwards: at most one request in a hundred may be somebody's who is not found among the processes."""
    wrote(sampler, process(1.0, 51, service="app-1"))
    answered(staging, Tally(headers={"1-aa": 300, "somebody": unknown}))
    assert shares(TrialFollower(staging, {"1-aa": "app-1"}).look()) == {51: share}


def test_an_arm_on_two_nodes_is_seen_on_both(tmp_path: Path, nodes: Nodes) -> None:
    """Each machine gives out its own pids: one pid is a process on either, with CPU, memory and share of its own.

    The instants of their rounds differ, and a node whose sampler begins later is found then.
    """
    one, follower = nodes("one"), TrialFollower(tmp_path, {"1-aa": "app-1", "1-bb": "app-2"})
    answered(tmp_path, Tally(headers={"1-aa": 30, "1-bb": 10}))
    wrote(one, process(1.0, 20, Role.PROXY, service="nginx"), process(1.0, 21, pss_mib=35, service="app-1"))
    assert [row.node for row in follower.look().processes] == ["one", "one"]

    two = nodes("two")
    wrote(two, process(1.2, 21, cpu_s=7.0, pss_mib=40, service="app-2"))
    wrote(one, process(2.0, 20, Role.PROXY, service="nginx"), process(2.0, 21, cpu_s=0.1, service="app-1"))
    wrote(two, process(2.2, 21, cpu_s=7.5, service="app-2"))
    _, *workers = follower.look().processes
    assert [row.cpu for row in workers] == pytest.approx([0.1, 0.5])
    assert [(row.node, row.pid, row.pss_bytes, row.share) for row in workers] == [
        ("one", 21, 35 * MIB, 0.75),
        ("two", 21, 40 * MIB, 0.25),
    ]


def test_connections_are_held_on_the_node_that_saw_them(tmp_path: Path, nodes: Nodes, record: Record) -> None:
    """By its pids, which are others' on the first node."""
    wrote(nodes("one"), process(1.0, 41, Role.PROXY, service="nginx"))
    held = (ConnectionRow(1.0, 50001, 41, "app"), ConnectionRow(1.0, 50002, 42, "app"))
    wrote(nodes("two"), process(1.0, 41), process(1.0, 42), connections=held)
    recording = record(load_plan(tmp_path))
    for port in (50001, 50002, 50002, 50002):
        recording.write(ARRIVAL, lane=0, scheduled_s=1.0, sent_s=1.0, done_s=1.1, status=200, client_port=port)
    recording.flush()
    found = TrialFollower(tmp_path).look().processes
    assert [(row.node, row.pid, row.share) for row in found] == [
        ("one", 41, None),
        ("two", 41, 0.25),
        ("two", 42, 0.75),
    ]


def test_process_ids_of_another_machine_are_not_looked_up_here(
    tmp_path: Path, nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has the number here is somebody else: who served there is not known, rather than wrong."""
    monkeypatch.setattr("lab.live.machines.pid_inside", {31: 8, 32: 9}.get)
    answered(tmp_path, Tally(headers={"8-aa": 10, "9-bb": 30}))
    one, two = nodes("one"), nodes("two")
    wrote(two, process(1.0, 31), process(1.0, 32))
    assert shares(TrialFollower(tmp_path).look()) == {31: None, 32: None}
    wrote(one, process(1.0, 31), process(1.0, 32))
    found = TrialFollower(tmp_path).look().processes
    assert [(row.node, row.share) for row in found if row.share] == [("one", 0.25), ("one", 0.75)]


def test_the_worst_machine_is_told(tmp_path: Path, nodes: Nodes) -> None:
    """Of each figure, as the gates do; one that only drives load runs nothing of the arm, and has the load's CPU."""
    one, two, load = nodes("one"), nodes("two"), nodes("load")
    follower = TrialFollower(tmp_path)
    for begin_s, end_s in ((0.0, 6.0), (6.5, 10.0)):
        follower.machine(measuring=True)
        write(one, begin_s, end_s, load=0.0, steal=0.04)
        write(two, begin_s, end_s, load=0.0, sampler=0.03)
        for step in range(int(begin_s * 2), int(end_s * 2) + 1):
            reading = used(step / 2, arm=0.0, other=0.3)
            load.append(Rows(processes=[], cgroups=[], host=reading.host))
    found = follower.machine(measuring=True)
    assert (found.steal, found.foreign, found.sampler) == pytest.approx((0.04, 0.15, 0.03))
    assert follower.look().load_cpu == pytest.approx(0.3)


def test_the_process_id_inside_a_namespace(tmp_path: Path) -> None:
    """The last number of NSpid; None when it has ended."""
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "status").write_text("Name:\tpython\nNSpid:\t7\t1\nThreads:\t3\n")
    assert pid_inside(7, tmp_path) == 1
    assert pid_inside(8, tmp_path) is None


@pytest.mark.parametrize("contained", [True, False])
@pytest.mark.parametrize("engine", [0.02, None])
def test_what_others_took_is_what_was_planted(
    staging: Path, sampler: Recorder, contained: bool, engine: float | None
) -> None:
    """Steal of all CPU time, foreign CPU of all cores, the sampler of one; with and without containers and Docker."""
    follower, planted = TrialFollower(staging), {"other": 0.3, "steal": 0.04, "sampler": 0.03}
    write(sampler, 0.0, 6.0, contained=contained, engine=engine, **planted)
    follower.machine(measuring=True)
    write(sampler, 6.5, 10.0, contained=contained, engine=engine, **planted)
    found = follower.machine(measuring=True)
    assert (found.steal, found.foreign, found.sampler) == pytest.approx((0.04, 0.15, 0.03))


def test_what_was_before_the_measure_phase_does_not_count(staging: Path, sampler: Recorder) -> None:
    """Containers that start make a machine busy; and in the first seconds there is nothing to say."""
    follower = TrialFollower(staging)
    write(sampler, 0.0, 3.0, other=1.5, steal=0.5)
    assert follower.machine(measuring=False) == MachineFigures()
    write(sampler, 3.5, 5.0, other=1.5, steal=0.5)
    assert follower.machine(measuring=True) == MachineFigures(), "written before it began"
    write(sampler, 5.5, 6.5)
    assert follower.machine(measuring=True) == MachineFigures(), "a second is too short"
    write(sampler, 7.0, 10.0)
    assert follower.machine(measuring=True).steal == pytest.approx(0.0)
    assert follower.machine(measuring=False) == MachineFigures(), "and afterwards nothing"


def test_now_means_the_last_seconds(staging: Path, sampler: Recorder) -> None:
    """What was stolen earlier in the phase is forgotten; the sampler counts from its beginning, bursts and all."""
    follower = TrialFollower(staging)
    follower.machine(measuring=True)
    for step in range(41):
        reading, early = used(step / 2), min(step / 2, 10.0)
        host = reading.host._replace(steal_s=early * 0.2, sampler_cpu_s=early * 0.04)
        sampler.append(Rows(processes=reading.processes, cgroups=reading.cgroups, host=host))
        if step == 20:
            assert follower.machine(measuring=True).steal == pytest.approx(0.1)
    later = follower.machine(measuring=True)

    assert later.steal == 0.0
    assert later.sampler == pytest.approx(0.02)
    assert MACHINE_S < 10


def test_remarks_are_beyond_the_limits_of_the_gates() -> None:
    """Those of the gates themselves: at the limit nothing is said; what would invalidate the trial comes first."""
    at_limits = MachineFigures(steal=STEAL.caveat, foreign=FOREIGN.caveat, sampler=SAMPLER_CPU.caveat)
    assert remarks(at_limits) == ()
    assert remarks(MachineFigures()) == ()

    found = remarks(MachineFigures(steal=0.012, foreign=0.25, sampler=0.031))
    assert [(remark.text, remark.outcome) for remark in found] == [
        ("foreign CPU 25.0% now", "invalid"),
        ("steal 1.2% now", "caveat"),
        ("sampler 3.1% so far", "caveat"),
    ]
    assert "caveat above 1.0%" in found[1].sentence
    assert "invalid above 20.0%" in found[0].sentence


def test_news_are_told_once_and_looked_for_once_a_second(staging: Path, sampler: Recorder) -> None:
    """The same outcome is no news; a worse one is."""
    now_s = 0.0
    told = TrialRemarks(staging, lambda: now_s)
    assert list(told.new(measuring=True)) == []
    write(sampler, 0.0, 3.0, steal=0.02)
    assert list(told.new(measuring=True)) == [], "not yet a second"
    now_s = 1.0
    assert [remark.outcome for remark in told.new(measuring=True)] == ["caveat"]
    now_s = 2.0
    assert list(told.new(measuring=True)) == []
    write(sampler, 3.5, 12.0, steal=0.5)
    now_s = 3.0
    assert [(remark.gate, remark.outcome) for remark in told.new(measuring=True)] == [(STEAL, "invalid")]


def test_a_log_has_one_line_when_it_first_happens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In each trial anew, while it is measured; not while it warms up."""
    now_s = 0.0
    plan = build_plan(make_scenario())
    folder = RunFolder.create(tmp_path, new_run_info("now", "shop", plan, Environment(facts={}), {}))
    view = PlainView(lambda: now_s)
    view.watch(folder)
    for trial, stolen in zip(plan.trials, (0.02, 0.0, 0.02), strict=False):
        view.trial_started(trial, 1, 3)
        sampling = folder.stage(trial.id) / "sampling"
        sampling.mkdir()
        with recorder(sampling) as output:
            for step, until_s, steal_now in ((Step.WARM_UP, 10, 0.1), (Step.MEASURE, 20, stolen)):
                view.trial_step(trial, step)
                for second in range(until_s - 10, until_s):
                    write(output, second, second + 0.5, steal=steal_now)
                    now_s += 1.0
                    view.progress(trial, running())

    lines = capsys.readouterr().err.splitlines()
    assert sum("steal 2.0% now" in line for line in lines) == sum(" now" in line for line in lines) == 2


def running() -> LoadProgress:
    """Load that goes on."""
    return LoadProgress(
        phase="measure",
        finished=False,
        warmup_start_s=0.0,
        measure_start_s=10.0,
        measure_end_s=20.0,
        sent=0,
        failed=0,
        dropped=0,
    )
