"""One reading: which rows it gives, and what becomes of processes that end or may not be read."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from lab.errors import SamplingError
from lab.plan.kinds import Role
from lab.record.schema import ConnectionRow
from lab.sampling.cgroups import pressure_s
from lab.sampling.host import EngineGroup, HostReader, ProcessGroup
from lab.sampling.plan import SamplerPlan, SampleTarget, plan_from_json, plan_to_json
from lab.sampling.processes import Footprint, command_line, footprint
from lab.sampling.reading import Reader, check_rights, process_rows
from tests.fake_processes import FakeProcess, fake_proc, member, show_as_container

PROC = Path("/proc")
PIPES: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}


def test_a_process_that_ends_during_the_reading_is_left_out(tmp_path: Path) -> None:
    """Ending is no error, at the cheap counters, at PSS, as a zombie without memory, or in /proc."""
    members = [
        member(FakeProcess(pid, ends=ends)) for pid, ends in ((1, "cpu_times"), (2, "memory_full_info"), (3, ""))
    ]
    members += [member(FakeProcess(4)), member(FakeProcess(5))]

    proc = fake_proc(tmp_path, 1, 2, 3, 4)
    (proc / "4" / "status").write_text("Name:\tfake\nState:\tZ (zombie)\nThreads:\t1\n")
    assert [row.pid for row in process_rows(members, 1.0, proc)] == [3]


def test_pss_that_may_not_be_read_is_missing(tmp_path: Path) -> None:
    """Its row stays, so that whoever adds up PSS sees that a member is missing."""
    members = [member(FakeProcess(1)), member(FakeProcess(2, pss=None))]
    rows = process_rows(members, 1.0, fake_proc(tmp_path, 1, 2))

    assert [(row.pss_bytes, row.uss_bytes, row.rss_bytes) for row in rows] == [(30, 20, 51_200), (None, None, 51_200)]


def test_a_round_looks_closely_at_processes_that_are_new(tmp_path: Path) -> None:
    """What comes is known at once; later rounds hold the cheap counters, looks in between the dear ones."""
    proc, followed = fake_proc(tmp_path, 1), member(FakeProcess(1))
    (first,), (second,) = process_rows([followed], 1.0, proc), process_rows([followed], 1.5, proc)
    (looked,) = process_rows([followed], 1.7, proc, closely=True)

    assert [row.t_s for row in (first, second, looked)] == [1.0, 1.5, 1.7]
    assert [row.pss_bytes for row in (first, second, looked)] == [30, None, 30]
    assert [row.ctx_switches for row in (first, second, looked)] == [10, None, 10]
    assert {(row.cpu_s, row.threads, len(row.command)) for row in (first, second, looked)} == {(1.75, 2, 120)}
    assert (followed.looked_s, followed.new) == (1.7, False)


def test_who_has_waited_longest_is_looked_at_next(tmp_path: Path) -> None:
    """One process at a time, each as often as the others; those of the platform wait five seconds at least."""
    reader = Reader(make_plan(tmp_path))
    reader.arm, reader.platform = [member(FakeProcess(pid)) for pid in (1, 2)], [member(FakeProcess(3), Role.PLATFORM)]
    for each in (*reader.arm, *reader.platform):
        each.looked_s = 0.0

    turns = []
    for tenth in range(1, 111):
        chosen = reader.turn(100.0 + 0.5 * tenth, look_s=1.0)
        assert chosen is not None
        reader.look(chosen, 100.0 + 0.5 * tenth)
        turns.append(chosen.info.pid)

    assert [turns.count(pid) for pid in (1, 2, 3)] == [50, 50, 10]


def test_nobody_is_looked_at_when_nobody_lives(tmp_path: Path) -> None:
    """All of an arm may have died."""
    assert Reader(make_plan(tmp_path)).turn(101.0, look_s=1.0) is None


def test_missing_rights_are_said_in_a_sentence() -> None:
    """The message names the process and its user, the hint what to do; processes that ended are no matter."""
    members = [member(FakeProcess(1, ends="memory_full_info")), member(FakeProcess(2, pss=None))]

    with pytest.raises(SamplingError, match=r"process 2 \(nginx: master process\) of user www-data") as caught:
        check_rights(members, Path("/nowhere"))
    assert "CAP_SYS_PTRACE" in caught.value.hint


def test_both_names_of_psutils_memory_call_work() -> None:
    """psutil 8 calls it memory_footprint and deprecates memory_full_info."""
    memory = SimpleNamespace(pss=3, uss=2)

    def deprecated() -> None:
        raise DeprecationWarning

    old = SimpleNamespace(pid=1, memory_full_info=lambda: memory)
    new = SimpleNamespace(pid=1, memory_footprint=lambda: memory, memory_full_info=deprecated)
    assert footprint(old, Path("/nowhere")) == footprint(new, Path("/nowhere")) == Footprint(3, 2)


def test_command_lines_are_one_printable_line() -> None:
    """nginx and others write into their command line; a line break would break the raw files."""
    assert command_line(FakeProcess()) == "nginx: master process"


def test_one_close_look_gives_what_psutil_gives_and_the_anonymous_part(tmp_path: Path) -> None:
    """PSS and USS of a sleeping process agree with psutil's; a kernel without the sum leaves the word to psutil."""
    with subprocess.Popen([sys.executable, "-c", "print(flush=True); input()"], **PIPES) as sleeper:
        assert sleeper.stdout is not None
        sleeper.stdout.read(1)
        process = psutil.Process(sleeper.pid)
        for _ in range(100):  # others that share its pages come and go
            near, memory = footprint(process, PROC), process.memory_full_info()
            if footprint(process, PROC) == near:
                break
        without = footprint(process, tmp_path)
        sleeper.communicate()

    assert near.uss_bytes == pytest.approx(memory.uss, rel=0.02)
    assert near.pss_bytes == pytest.approx(memory.pss, rel=0.02)
    assert 0 < (near.pss_anon_bytes or 0) < near.pss_bytes
    assert without.pss_anon_bytes is None
    assert without.uss_bytes == pytest.approx(memory.uss, rel=0.02)
    with pytest.raises(psutil.NoSuchProcess):
        footprint(process, PROC)


def test_a_recorded_sum_is_read_line_by_line(tmp_path: Path) -> None:
    """USS is every private page, huge ones too; Pss_Dirty and the like are parts and not counted again."""
    folder = tmp_path / str(os.getpid())
    folder.mkdir()
    lines = ("Rss: 900 kB", "Pss: 700 kB", "Pss_Dirty: 300 kB", "Pss_Anon: 400 kB", "Private_Clean: 50 kB")
    more = ("Private_Dirty: 350 kB", "Anonymous: 400 kB", "Private_Hugetlb: 2048 kB")
    (folder / "smaps_rollup").write_text("\n".join(("5581-7fff ---p 0 00:00 0   [rollup]", *lines, *more)) + "\n")

    assert footprint(psutil.Process(), tmp_path) == Footprint(700 * 1024, 2448 * 1024, 400 * 1024)


def test_a_reading_of_a_living_process(tmp_path: Path) -> None:
    """Everything at once: the process with its memory, its cgroup, the host with the load processes."""
    reader = Reader(make_plan(tmp_path))
    reader.check_rights()

    rows = reader.round(105.25, memory=True, look_again=True)

    (process,) = [row for row in rows.processes if row.role != Role.PLATFORM]
    assert (process.t_s, process.pid, process.role) == (5.25, os.getpid(), Role.HELPER)  # the tests do not listen
    assert 0 < (process.uss_bytes or 0) <= (process.pss_bytes or 0) <= process.rss_bytes
    assert process.rss_bytes == pytest.approx(psutil.Process().memory_info().rss, rel=0.05)
    assert 0 < (process.pss_anon_bytes or 0) <= (process.pss_bytes or 0)
    (cgroup,) = rows.cgroups
    assert (cgroup.cpu_s, cgroup.throttled_s, cgroup.anon_bytes, cgroup.file_bytes) == (0.005, 0.0009, 4096, 8192)
    assert 0 < rows.host.busy_s < rows.host.total_s
    assert rows.host.load_cpu_s is None
    assert (rows.host.lab_cpu_s or 0) > 0


def test_cgroup_memory_is_read_when_it_is_due(tmp_path: Path) -> None:
    """In other rounds it is missing: the CPU counters come more often."""
    rows = Reader(make_plan(tmp_path)).round(100.5, memory=False, look_again=False)

    (cgroup,) = rows.cgroups
    assert (cgroup.cpu_s, cgroup.anon_bytes, cgroup.usage_bytes, cgroup.oom_kills) == (0.005, None, None, None)
    assert rows.host.engine_cpu_s is None


def test_members_are_looked_up_at_every_reading(tmp_path: Path) -> None:
    """Workers respawn: who has left the cgroup is dropped, who has come is followed, who stays keeps its object."""
    target = show_as_container(tmp_path)
    reader = Reader(make_plan(tmp_path, target=target))
    procs = next(tmp_path.glob("sys/fs/cgroup/**/cgroup.procs"))

    procs.write_text(f"{os.getpid()}\n{os.getppid()}\n{2**22 + 1}\n")
    both = reader.round(101.0, memory=False, look_again=False)
    assert {row.pid for row in both.processes} == {os.getpid(), os.getppid()}
    procs.write_text("")
    assert reader.round(101.5, memory=False, look_again=False).processes == []


def test_connections_are_read_only_when_a_port_is_watched(tmp_path: Path) -> None:
    """With their owner, at every reading; without a port not at all."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client, listener.accept()[0]:
            plan = make_plan(tmp_path)
            watching = replace(plan, watched_port=port, watched_service="app")
            watched = Reader(watching).round(100.5, memory=False, look_again=False)
            ignored = Reader(plan).round(100.5, memory=False, look_again=False)

            address, client_port = client.getsockname()
            assert watched.connections == [ConnectionRow(0.5, client_port, os.getpid(), "app", address)]
            assert ignored.connections == []


def test_pooled_containers_have_a_row_for_what_they_share(tmp_path: Path) -> None:
    """A pooled quota throttles in the parent cgroup, which the containers' own counters do not show."""
    target = show_as_container(tmp_path)
    (tmp_path / "sys/fs/cpu.stat").write_text("usage_usec 7000\nnr_periods 4\nnr_throttled 3\nthrottled_usec 100\n")
    cgroup = next(tmp_path.glob("sys/fs/cgroup/**/cgroup.procs")).parent
    (cgroup.parent / "cpu.stat").write_text("usage_usec 7000\nnr_periods 4\nnr_throttled 3\nthrottled_usec 100\n")

    rows = Reader(make_plan(tmp_path, target=target, pooled=True)).round(100.0, memory=True, look_again=True)

    assert [(row.service, row.throttled_periods) for row in rows.cgroups] == [("app", 1), ("pool", 3)]


def test_a_plan_survives_the_way_to_the_other_process(tmp_path: Path) -> None:
    """Paths, tuples and enumerations come back as what they were."""
    plan = make_plan(tmp_path, pooled=True)

    assert plan_from_json(plan_to_json(plan)) == plan


def test_cpu_of_a_process_that_ended_stays_in_the_sum() -> None:
    """A cumulative column must not fall when a load process ends; the busiest one counts from the first look on."""
    group = ProcessGroup([psutil.Process()])
    group.read()
    before = group.cpu_s
    group.follow([])
    group.read()

    assert before is not None
    assert before > 0
    assert (group.cpu_s, group.cpu_max_s, group.rss_bytes) == (before, 0.0, 0)


def test_the_busiest_load_process_is_the_one_that_is_busy_now() -> None:
    """A has 5 s behind it and uses 10% of a core, B begins at none and uses 98%: 98%, not the growth of A's 5 s."""
    used = {1: 5.0, 2: 0.0}

    group = ProcessGroup(LoadProcess(used, pid) for pid in used)
    group.read()
    before = group.cpu_max_s
    for _ in range(4):
        used[1], used[2] = used[1] + 0.05, used[2] + 0.49
        group.read()

    assert before is not None
    assert group.cpu_max_s is not None
    assert (group.cpu_max_s - before) / 2.0 == pytest.approx(0.98)


def test_the_engines_cpu_is_what_psutil_tells() -> None:
    """User and system time of the processes that live; one that has ended keeps its part."""
    with subprocess.Popen([sys.executable, "-c", "print(sum(range(3_000_000)), flush=True); input()"], **PIPES) as busy:
        assert busy.stdout is not None
        busy.stdout.readline()
        process = psutil.Process(busy.pid)
        group = EngineGroup([process])
        group.read()
        told = process.cpu_times()
        busy.communicate()
    group.read()

    assert group.cpu_s == pytest.approx(told.user + told.system, abs=0.021)
    assert (group.cpu_s or 0) > 0.02


def test_what_does_not_exist_here_is_missing_not_zero(tmp_path: Path) -> None:
    """A kernel without PSI, a lab process that is gone, no load yet."""
    row = HostReader(tmp_path, lab_pids=[2**22 + 1]).read(1.0, engine=True)

    missing = (
        row.psi_cpu_some_s,
        row.lab_cpu_s,
        row.lab_rss_bytes,
        row.load_cpu_s,
        row.load_rss_bytes,
        row.engine_cpu_s,
    )
    assert missing == (None,) * 6
    assert row.sampler_cpu_s > 0


def test_pressure_is_the_cumulative_stall_of_some() -> None:
    """Microseconds become seconds; "full" is another thing."""
    text = "some avg10=1.07 avg60=0.86 avg300=0.35 total=7447903\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=12\n"

    assert pressure_s(text) == pytest.approx(7.447903)
    assert pressure_s(None) is None


class LoadProcess:
    """A process that has used what ``used`` says."""

    def __init__(self, used: dict[int, float], pid: int) -> None:
        self._used, self._pid = used, pid

    def cpu_times(self) -> Any:
        return SimpleNamespace(user=self._used[self._pid], system=0.0)

    def memory_info(self) -> Any:
        return SimpleNamespace(rss=1)


def make_plan(root: Path, target: SampleTarget | None = None, *, pooled: bool = False) -> SamplerPlan:
    return SamplerPlan(
        targets=(target or show_as_container(root),),
        t0_monotonic_s=100.0,
        measure_s=10.0,
        lab_pid=os.getpid(),
        directory=root,
        pooled=pooled,
        root=root,
    )
