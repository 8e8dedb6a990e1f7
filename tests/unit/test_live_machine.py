"""What the gates on the machine would find now: from the sampler's files, of the measure phase, as they count it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from lab.analysis.gates.limits import FOREIGN, SAMPLER_CPU, STEAL
from lab.analysis.gates.machine import foreign, sampler_cpu, steal
from lab.cli.live.remarks import TrialRemarks, remarks
from lab.cli.live.view import PlainView
from lab.live.machine import WINDOW_S, MachineFigures, MachineFollower
from lab.load.locust_process import LoadProgress
from lab.plan.blocks import build_plan
from lab.plan.kinds import Role
from lab.record.folder import RunFolder, new_run_info
from lab.record.types import CGROUPS, HOST, PROCESSES, Environment, TrialResult
from lab.run.steps import Step
from lab.sampling.recorder import Recorder, recorder
from lab.sampling.rows import CgroupRow, HostRow, ProcessRow, Rows
from tests.builders import make_scenario, make_trial, table_of, with_tables

CORES = 2


def rows(
    t_s: float,
    *,
    arm: float = 0.5,
    other: float = 0.0,
    steal: float = 0.0,
    sampler: float = 0.01,
    engine: float | None = 0.02,
    contained: bool = True,
) -> Rows:
    """One reading of a machine on which everything has used these cores since 0; the engine only by whole seconds."""
    load, lab = 0.3, 0.01
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
    process = ProcessRow(
        t_s, 7, 1e9, Role.WORKER, "app", 0.0, 0.0, arm * t_s, None, 1, None, None, None, 1, 1, "python"
    )
    shim = process._replace(pid=8, role=Role.PLATFORM, cpu_s=99.0 * t_s)
    group = CgroupRow(t_s, "app", "c1", arm * t_s, None, None, None, None, None, None, None)
    pool = group._replace(service="pool", container="")
    return Rows(processes=[process, shim], cgroups=[group, pool] if contained else [], host=host)


def halves(begin_s: float, end_s: float) -> list[float]:
    return [step / 2 for step in range(int(begin_s * 2), int(end_s * 2) + 1)]


def write(output: Recorder, begin_s: float, end_s: float, **used: object) -> None:
    for t_s in halves(begin_s, end_s):
        output.append(rows(t_s, **used))  # type: ignore[arg-type]  # what rows() takes


def figures(folder: Path, **used: object) -> MachineFigures:
    """After ten seconds of one state: six before the measure phase, four in it."""
    (folder / "sampling").mkdir()
    follower = MachineFollower(folder, CORES)
    with recorder(folder / "sampling") as output:
        write(output, 0.0, 6.0, **used)
        follower.look(measuring=True)
        write(output, 6.5, 10.0, **used)
        return follower.look(measuring=True)


@pytest.mark.parametrize("contained", [True, False])
@pytest.mark.parametrize("engine", [0.02, None])
def test_it_counts_as_the_gates_do(tmp_path: Path, contained: bool, engine: float | None) -> None:
    """The same rows, as the gates see them afterwards: steal, foreign CPU, the sampler; with and without Docker."""
    used = {"other": 0.3, "steal": 0.04, "sampler": 0.03, "contained": contained, "engine": engine}
    found = figures(tmp_path, **used)
    trial = as_trial([rows(t_s, **used) for t_s in halves(0.0, 60.0)])  # type: ignore[arg-type]  # what rows() takes

    assert found.steal == pytest.approx(0.04)
    assert found.foreign == pytest.approx(0.15)
    assert found.sampler == pytest.approx(0.03)
    assert found.steal == pytest.approx(steal(trial).value)
    assert found.foreign == pytest.approx(foreign(trial, CORES).value)
    assert found.sampler == pytest.approx(sampler_cpu(trial).value)


def as_trial(readings: Sequence[Rows]) -> TrialResult:
    """A trial with these readings as its tables."""
    shop = make_scenario()
    return with_tables(
        make_trial(shop, build_plan(shop).trials[0]),
        host=table_of(HOST, [reading.host._asdict() for reading in readings]),
        cgroups=table_of(CGROUPS, [row._asdict() for reading in readings for row in reading.cgroups]),
        processes=table_of(PROCESSES, [row._asdict() for reading in readings for row in reading.processes]),
    )


def test_what_was_before_the_measure_phase_does_not_count(tmp_path: Path) -> None:
    """Containers that start make a machine busy; and in the first seconds there is nothing to say."""
    (tmp_path / "sampling").mkdir()
    follower = MachineFollower(tmp_path, CORES)
    with recorder(tmp_path / "sampling") as output:
        write(output, 0.0, 3.0, other=1.5, steal=0.5)
        assert follower.look(measuring=False) == MachineFigures()
        write(output, 3.5, 5.0, other=1.5, steal=0.5)
        assert follower.look(measuring=True) == MachineFigures(), "written before it began"
        calm = [rows(t_s) for t_s in halves(5.5, 10.0)]
        for reading in calm[:3]:
            output.append(reading)
        assert follower.look(measuring=True) == MachineFigures(), "a second is too short"
        for reading in calm[3:]:
            output.append(reading)
        assert follower.look(measuring=True).steal == pytest.approx(0.0)
        assert follower.look(measuring=False) == MachineFigures(), "and afterwards nothing"


def test_now_means_the_last_seconds(tmp_path: Path) -> None:
    """What was stolen earlier in the phase is forgotten; the sampler counts from its beginning, bursts and all."""
    (tmp_path / "sampling").mkdir()
    follower = MachineFollower(tmp_path, CORES)
    follower.look(measuring=True)
    with recorder(tmp_path / "sampling") as output:
        for t_s in halves(0.0, 20.0):
            early = min(t_s, 10.0)
            reading = rows(t_s)
            host = reading.host._replace(steal_s=early * 0.2, sampler_cpu_s=early * 0.04)
            output.append(Rows(processes=reading.processes, cgroups=reading.cgroups, host=host))
            if t_s == 10.0:
                assert follower.look(measuring=True).steal == pytest.approx(0.1)
        later = follower.look(measuring=True)

    assert later.steal == 0.0
    assert later.sampler == pytest.approx(0.02)
    assert WINDOW_S < 10


def test_a_container_that_ended_keeps_its_part(tmp_path: Path) -> None:
    """Else what it had used would turn up as somebody else's work."""
    (tmp_path / "sampling").mkdir()
    follower = MachineFollower(tmp_path, CORES)
    follower.look(measuring=True)
    with recorder(tmp_path / "sampling") as output:
        write(output, 0.0, 2.0)
        for t_s in halves(2.5, 4.0):
            reading = rows(t_s, arm=0.0)
            host = reading.host._replace(busy_s=reading.host.busy_s + 0.5 * 2.0)
            output.append(Rows(processes=reading.processes, cgroups=[], host=host))
        assert follower.look(measuring=True).foreign == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("column", ["load_cpu_s", "lab_cpu_s"])
def test_foreign_cpu_is_not_told_from_a_part(tmp_path: Path, column: str) -> None:
    """Where the lab's own use is not known, all of it would look foreign; the rest is still told."""
    (tmp_path / "sampling").mkdir()
    follower = MachineFollower(tmp_path, CORES)
    follower.look(measuring=True)
    with recorder(tmp_path / "sampling") as output:
        for t_s in halves(0.0, 4.0):
            reading = rows(t_s, steal=0.02)
            host = reading.host._replace(**{column: None})  # type: ignore[arg-type]  # a column of it
            output.append(Rows(processes=reading.processes, cgroups=reading.cgroups, host=host))
        found = follower.look(measuring=True)

    assert found.foreign is None
    assert found.steal == pytest.approx(0.02)


def test_remarks_are_beyond_the_limits_of_the_gates() -> None:
    """Those of the gates themselves: at the limit nothing is said; what would invalidate the trial comes first."""
    at_limits = MachineFigures(steal=STEAL.caveat, foreign=FOREIGN.caveat, sampler=SAMPLER_CPU.caveat)
    assert remarks(at_limits) == ()
    assert remarks(MachineFigures()) == ()

    found = remarks(MachineFigures(steal=0.012, foreign=0.25, sampler=0.031))
    assert [(remark.text, remark.outcome) for remark in found] == [
        ("foreign CPU 25.0 % now", "invalid"),
        ("steal 1.2 % now", "caveat"),
        ("sampler 3.1 % so far", "caveat"),
    ]
    assert found[1].sentence == "steal 1.2 % now (over the whole phase: caveat above 1.0 %)"
    assert found[0].sentence == "foreign CPU 25.0 % now (over the whole phase: invalid above 20.0 %)"


def test_news_are_told_once_and_looked_for_once_a_second(tmp_path: Path) -> None:
    """The same outcome is no news; a worse one is."""
    now_s = 0.0
    (tmp_path / "sampling").mkdir()
    told = TrialRemarks(tmp_path, lambda: now_s)
    with recorder(tmp_path / "sampling") as output:
        assert list(told.new(measuring=True)) == []
        write(output, 0.0, 3.0, steal=0.02)
        assert list(told.new(measuring=True)) == [], "not yet a second"
        now_s = 1.0
        assert [remark.outcome for remark in told.new(measuring=True)] == ["caveat"]
        now_s = 2.0
        assert list(told.new(measuring=True)) == []
        stolen_s = rows(3.0, steal=0.02).host.steal_s
        for t_s in halves(3.5, 8.5):
            reading = rows(t_s)
            worse_s = stolen_s + 0.5 * CORES * (t_s - 3.0)
            output.append(Rows(processes=[], cgroups=reading.cgroups, host=reading.host._replace(steal_s=worse_s)))
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
    assert [line for line in lines if "now" in line] == [
        "  steal 2.0 % now (over the whole phase: caveat above 1.0 %)"
    ] * 2


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
