"""What the gates on the machine would find now: from the sampler's files, of the measure phase, as they count it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.analysis.gates.limits import FOREIGN, SAMPLER_CPU, STEAL
from lab.cli.live.remarks import TrialRemarks, remarks
from lab.cli.live.view import PlainView
from lab.live.figures import MACHINE_S, MachineFigures, TrialFollower
from lab.load.locust_process import LoadProgress
from lab.plan.blocks import build_plan
from lab.plan.kinds import Role
from lab.record.folder import RunFolder, new_run_info
from lab.record.types import Environment
from lab.run.steps import Step
from lab.sampling.recorder import Recorder, recorder
from lab.sampling.rows import CgroupRow, HostRow, ProcessRow, Rows
from tests.builders import make_scenario

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


@pytest.mark.parametrize("contained", [True, False])
@pytest.mark.parametrize("engine", [0.02, None])
def test_what_others_took_is_what_was_planted(tmp_path: Path, contained: bool, engine: float | None) -> None:
    """Steal of all CPU time, foreign CPU of all cores, the sampler of one; with and without containers and Docker."""
    (tmp_path / "sampling").mkdir()
    follower, used = TrialFollower(tmp_path, cores=CORES), {"other": 0.3, "steal": 0.04, "sampler": 0.03}
    with recorder(tmp_path / "sampling") as output:
        write(output, 0.0, 6.0, contained=contained, engine=engine, **used)
        follower.machine(measuring=True)
        write(output, 6.5, 10.0, contained=contained, engine=engine, **used)
        found = follower.machine(measuring=True)
    assert (found.steal, found.foreign, found.sampler) == pytest.approx((0.04, 0.15, 0.03))


def test_what_was_before_the_measure_phase_does_not_count(tmp_path: Path) -> None:
    """Containers that start make a machine busy; and in the first seconds there is nothing to say."""
    (tmp_path / "sampling").mkdir()
    follower = TrialFollower(tmp_path, cores=CORES)
    with recorder(tmp_path / "sampling") as output:
        write(output, 0.0, 3.0, other=1.5, steal=0.5)
        assert follower.machine(measuring=False) == MachineFigures()
        write(output, 3.5, 5.0, other=1.5, steal=0.5)
        assert follower.machine(measuring=True) == MachineFigures(), "written before it began"
        calm = [rows(t_s) for t_s in halves(5.5, 10.0)]
        for reading in calm[:3]:
            output.append(reading)
        assert follower.machine(measuring=True) == MachineFigures(), "a second is too short"
        for reading in calm[3:]:
            output.append(reading)
        assert follower.machine(measuring=True).steal == pytest.approx(0.0)
        assert follower.machine(measuring=False) == MachineFigures(), "and afterwards nothing"


def test_now_means_the_last_seconds(tmp_path: Path) -> None:
    """What was stolen earlier in the phase is forgotten; the sampler counts from its beginning, bursts and all."""
    (tmp_path / "sampling").mkdir()
    follower = TrialFollower(tmp_path, cores=CORES)
    follower.machine(measuring=True)
    with recorder(tmp_path / "sampling") as output:
        for t_s in halves(0.0, 20.0):
            early = min(t_s, 10.0)
            reading = rows(t_s)
            host = reading.host._replace(steal_s=early * 0.2, sampler_cpu_s=early * 0.04)
            output.append(Rows(processes=reading.processes, cgroups=reading.cgroups, host=host))
            if t_s == 10.0:
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
