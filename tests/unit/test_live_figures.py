"""Figures of a running trial, from files that other processes are still writing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict
from pathlib import Path

import pytest

from lab.live.figures import LiveFigures, TrialFollower, pid_inside
from lab.live.files import Tail
from lab.load.inside.load_counts import Tally
from lab.load.inside.recording import ARRIVAL, DROP, START, Recorder
from lab.load.inside.status import Status, write_status
from lab.load.load_plan import LoadPlan
from lab.plan.kinds import Role
from lab.sampling.rows import COLUMNS, HostRow, ProcessRow

MIB = 1024**2
Record = Callable[[LoadPlan], Recorder]


@pytest.fixture
def staging(tmp_path: Path) -> Path:
    for name in ("sampling", "load"):
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.fixture
def record() -> Iterator[Record]:
    """Open the recording of load process 0; it is closed in the end."""
    with ExitStack() as stack:
        yield lambda plan: stack.enter_context(closing(Recorder(plan.recording_file(0))))


def put(path: Path, rows: Sequence[Sequence[object]], *, heading: str = "") -> None:
    """Append rows as the sampler does."""
    with path.open("a") as file:
        if heading:
            file.write(",".join(COLUMNS[heading]) + "\n")
        for row in rows:
            file.write(",".join("" if value is None else str(value) for value in row) + "\n")


def process(
    t_s: float, pid: int, role: Role, cpu_s: float, pss_mib: int | None = None, service: str = "app"
) -> ProcessRow:
    pss = None if pss_mib is None else pss_mib * MIB
    return ProcessRow(t_s, pid, 1e9, role, service, cpu_s, 0.0, cpu_s, None, 50 * MIB, pss, pss, None, 3, 9, "python")


def host(t_s: float, load_cpu_s: float) -> HostRow:
    return HostRow(t_s, 0, 0, 0, None, None, None, 0, load_cpu_s, load_cpu_s, 0, 0.0, 0, None, None, None)


def load_plan(staging: Path, rate: float | None = 100.0) -> LoadPlan:
    plan = LoadPlan(
        locustfile=Path("l.py"),
        base_url="",
        rate=rate,
        schedule="poisson",
        seed=1,
        lanes=4,
        load_processes=1,
        serving_processes=2,
        warmup_s=1.0,
        min_warmup_requests=0,
        max_warmup_s=1.0,
        measure_s=1.0,
        queue_limit=64,
        directory=staging,
    )
    plan.write()
    return plan


def answered(staging: Path, **counts: int) -> None:
    """The load status says who served."""
    tally = Tally(headers={name.replace("_", "-"): count for name, count in counts.items()})
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


def test_cpu_is_a_rate_and_pss_the_last_reading(staging: Path) -> None:
    """PSS is read every other time and stays in between; the first reading has no rate yet."""
    path, follower = staging / "sampling" / "processes.csv", TrialFollower(staging, {})
    put(path, [process(1.0, 10, Role.WORKER, 5.0, 35)], heading="processes")
    (first,) = follower.look().processes
    assert (first.cpu, first.pss_bytes) == (None, 35 * MIB)

    put(path, [process(1.5, 10, Role.WORKER, 5.1)])
    (second,) = follower.look().processes
    assert second.cpu == pytest.approx(0.2)
    assert second.pss_bytes == 35 * MIB

    put(path, [process(t_s, 10, Role.WORKER, 5.1) for t_s in (2.0, 2.5, 3.0, 3.5)])
    (later,) = follower.look().processes
    assert later.cpu == 0.0, "what was spent more than two seconds ago does not count"


def test_processes_are_ordered_and_the_dead_are_gone(staging: Path) -> None:
    """Proxy, supervisor, workers, helper; platform processes are not the arm's; a respawned worker replaces the old."""
    path, follower = staging / "sampling" / "processes.csv", TrialFollower(staging, {})
    roles = {5: Role.HELPER, 4: Role.WORKER, 3: Role.WORKER, 2: Role.SUPERVISOR, 1: Role.PROXY, 9: Role.PLATFORM}
    put(path, [process(1.0, pid, role, 0.0) for pid, role in roles.items()], heading="processes")
    assert [row.pid for row in follower.look().processes] == [1, 2, 3, 4, 5]

    put(path, [process(1.5, pid, role, 0.0) for pid, role in ({**roles, 6: Role.WORKER}).items() if pid != 3])
    assert [row.pid for row in follower.look().processes] == [1, 2, 4, 6, 5]


def test_a_row_that_cannot_be_one_is_left_out(staging: Path) -> None:
    """A command line with a line break, cut there."""
    path = staging / "sampling" / "processes.csv"
    put(path, [process(1.0, 10, Role.WORKER, 5.0, 35)], heading="processes")
    with path.open("a") as file:
        file.write('1.0,11,1e9,worker,app,"sh -c\n')
    assert [row.pid for row in TrialFollower(staging, {}).look().processes] == [10]


def test_the_busiest_load_process(staging: Path) -> None:
    """From the host's rows, as the gate will see it."""
    put(staging / "sampling" / "host.csv", [host(1.0, 2.0), host(2.0, 2.3)], heading="host")
    assert TrialFollower(staging, {}).look().load_cpu == pytest.approx(0.3)


def test_quantiles_are_those_of_the_phase_so_far(staging: Path, record: Record) -> None:
    """Response time from the scheduled instant; failures, drops and on_start are not in it; a new phase begins anew."""
    recording, follower = record(load_plan(staging)), TrialFollower(staging, {})
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
    assert TrialFollower(staging, {}).look(999.0).requests.p50_s == pytest.approx(0.05, rel=0.01)


def test_before_the_load_there_is_nothing_to_say(staging: Path) -> None:
    """Also while its plan is half written."""
    follower = TrialFollower(staging, {})
    assert follower.look().requests.p50_s is None
    (staging / "load" / "plan.json").write_text('{"locustfile": ')
    assert follower.look() == LiveFigures()


def test_replicas_are_known_by_what_attestation_saw(staging: Path) -> None:
    """Every one has process id 1 and another random part; its port told which service it is."""
    rows = [process(1.0, pid, Role.WORKER, 0.0, service=f"app-{pid}") for pid in (21, 22)]
    put(staging / "sampling" / "processes.csv", rows, heading="processes")
    answered(staging, **{"1_aa": 30, "1_bb": 10})
    follower = TrialFollower(staging, {"1-aa": "app-21", "1-bb": "app-22"})
    assert shares(follower.look()) == {21: 0.75, 22: 0.25}


def test_upstream_addresses_name_services_as_well(staging: Path) -> None:
    """For an app without a header of ours."""
    rows = [process(1.0, pid, Role.WORKER, 0.0, service=f"app-{pid}") for pid in (21, 22)]
    put(staging / "sampling" / "processes.csv", rows, heading="processes")
    tally = Tally(upstreams={"127.0.0.1:20001": 1, "127.0.0.1:20002": 3})
    write_status(load_plan(staging).status_file(0), Status(tally=tally.totals()))
    follower = TrialFollower(staging, {"127.0.0.1:20001": "app-21", "127.0.0.1:20002": "app-22"})
    assert shares(follower.look()) == {21: 0.25, 22: 0.75}


def test_workers_are_known_by_their_own_process_id(staging: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is another one outside of their container; a silent worker has served nothing, which is known as well."""
    monkeypatch.setattr("lab.live.figures.pid_inside", {31: 8, 32: 9, 33: 10}.get)
    rows = [process(1.0, pid, Role.WORKER, 0.0) for pid in (31, 32, 33)]
    put(staging / "sampling" / "processes.csv", rows, heading="processes")
    answered(staging, **{"8_aa": 10, "9_bb": 30})
    assert shares(TrialFollower(staging, {}).look()) == {31: 0.25, 32: 0.75, 33: 0.0}


def test_connections_tell_where_nothing_else_does(staging: Path, record: Record) -> None:
    """The owner of the connection's socket served the request."""
    rows = [process(1.0, pid, Role.WORKER, 0.0) for pid in (41, 42)]
    put(staging / "sampling" / "processes.csv", rows, heading="processes")
    put(
        staging / "sampling" / "connections.csv",
        [(1.0, 50001, 41, "app"), (1.0, 50002, 42, "app")],
        heading="connections",
    )
    recording = record(load_plan(staging))
    for port in (50001, 50002, 50002, 50002):
        recording.write(ARRIVAL, lane=0, scheduled_s=1.0, sent_s=1.0, done_s=1.1, status=200, client_port=port)
    recording.flush()
    assert shares(TrialFollower(staging, {}).look()) == {41: 0.25, 42: 0.75}


def test_shares_of_a_part_are_no_shares(staging: Path) -> None:
    """One server that cannot be found among the processes: none is shown."""
    put(
        staging / "sampling" / "processes.csv",
        [process(1.0, 51, Role.WORKER, 0.0, service="app-1")],
        heading="processes",
    )
    answered(staging, **{"1_aa": 30, "somebody": 10})
    assert shares(TrialFollower(staging, {"1-aa": "app-1"}).look()) == {51: None}


def test_the_process_id_inside_a_namespace(tmp_path: Path) -> None:
    """The last number of NSpid; None when it has ended."""
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "status").write_text("Name:\tpython\nNSpid:\t7\t1\nThreads:\t3\n")
    assert pid_inside(7, tmp_path) == 1
    assert pid_inside(8, tmp_path) is None


def test_figures_can_cross_into_another_process(staging: Path) -> None:
    """They are plain values: the page of `lab ui` draws them too."""
    put(staging / "sampling" / "processes.csv", [process(1.0, 10, Role.WORKER, 5.0, 35)], heading="processes")
    figures = TrialFollower(staging, {}).look()
    assert json.loads(json.dumps(asdict(figures)))["processes"][0]["role"] == "worker"
