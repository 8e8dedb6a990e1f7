"""The search for the smallest memory limit: what is tried next, what a try says, and what is told of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import Any, cast

import pytest
from typer.testing import CliRunner, Result

from lab.analysis.contests import Contest
from lab.analysis.judge.verdict import Judgement, Reason
from lab.analysis.limit_search import (
    FINE,
    GRAIN_BYTES,
    Bracket,
    Fate,
    Try,
    anon_peak,
    brackets_of,
    fate_of,
    need_bytes,
)
from lab.analysis.trial.shortage import MET, STALLED
from lab.analysis.trial.trial import summarise_trial
from lab.cli import app
from lab.cli.limits import searching
from lab.engines import Deployment, Engine
from lab.errors import (
    DeploymentError,
    EndedError,
    InterruptedRunError,
    InvalidRunError,
    LoadError,
    OutsideError,
    ScenarioError,
    UsageError,
)
from lab.plan.blocks import build_plan
from lab.plan.topology import Topology
from lab.record.bundle import write_bundle
from lab.record.folder import RunFolder, read_info, read_trials
from lab.record.types import CGROUPS, Finding, GateResult, RunInfo, TrialResult
from lab.report.sections.answer_sentences import contest_answer
from lab.report.sections.memory_limits import limit_sentences
from lab.run.conclude import conclude
from lab.run.inside import SEARCHED, searched_in
from lab.run.limits import Search, search, try_limit, without_limit
from lab.run.run import run_scenario
from lab.run.surroundings import Surroundings
from lab.run.view import QuietView
from lab.sampling.sampler import Sampler, SamplerOutcome
from lab.scenario.compare import Expect
from lab.scenario.file import scenario_to_json
from lab.scenario.limits import MOST_TRIES, USUAL_TRIES, LimitSearch
from lab.scenario.model import Scenario
from lab.scenario.toml_text import scenario_text
from lab.units import MIB
from tests.builders import REPLICAS, WORKERS, make_gate, make_scenario, table_of
from tests.fake_surroundings import FakeSurroundings, judged, shop
from tests.fakes import FakeEngine, FakeSampler, World
from tests.gate_records import MEASURE, arrivals, request, trial
from tests.unit.test_capacity_search import Climbing

SLO = "p99 <= 50ms"


def one(limit_mib: float, fate: Fate, **more: Any) -> Try:
    return Try(arm="workers", mode="pooled", limit_bytes=round(limit_mib * MIB), fate=fate, **more)


def bracket(*tries: Try) -> Bracket:
    return Bracket(arm="workers", mode="pooled", tries=tries)


def searched(threshold_mib: float, need_mib: float) -> Bracket:
    """The whole search against an arm that holds from exactly so much on."""
    found = bracket()
    while (limit := found.next_bytes(need_mib * MIB)) is not None:
        fate = Fate.HELD if limit >= threshold_mib * MIB else Fate.KILLED
        found = replace(found, tries=(*found.tries, one(limit / MIB, fate)))
    return found


@pytest.mark.parametrize("threshold_mib", [61, 100, 128, 160, 211, 300])
@pytest.mark.parametrize("need_mib", [80, 128, 200])
def test_the_search_closes_around_what_an_arm_needs(threshold_mib: float, need_mib: float) -> None:
    """In few tries, between a limit that holds and one that does not, which are close to each other."""
    found = searched(threshold_mib, need_mib)

    assert found.fails_bytes is not None
    assert found.holds_bytes is not None
    assert found.fails_bytes < threshold_mib * MIB <= found.holds_bytes
    assert found.holds_bytes <= FINE * found.fails_bytes + 2 * GRAIN_BYTES
    assert len(found.tries) <= MOST_TRIES
    assert all(each.limit_bytes % GRAIN_BYTES == 0 for each in found.tries)


@pytest.mark.parametrize("need_mib", [80, 150, 1500])
def test_a_search_is_planned_with_the_tries_that_it_usually_takes(need_mib: float) -> None:
    """Where an arm needs between 0.8 and 1.6 of what it had without a limit, each as likely: within 15%."""
    tries = [len(searched(need_mib * (0.8 + part / 100), need_mib).tries) for part in range(81)]

    assert fmean(tries) == pytest.approx(USUAL_TRIES, rel=0.15)


def test_an_arm_far_from_what_it_used_ends_the_search_without_a_bracket() -> None:
    """No more than MOST_TRIES; what is known is told, and nothing else."""
    found = searched(5000, 100)

    assert (found.holds_bytes, len(found.tries)) == (None, MOST_TRIES)
    assert "does not hold in" in next(limit_sentences(found))


def test_a_limit_below_one_that_failed_does_not_count() -> None:
    """It held by luck: the larger one is what can be relied on."""
    found = bracket(one(200, Fate.HELD), one(128, Fate.HELD), one(160, Fate.KILLED, detail="worker 7 of app"))

    assert (found.holds_bytes, found.fails_bytes) == (200 * MIB, 160 * MIB)
    assert list(limit_sentences(found)) == [
        "workers, pooled: holds in 200.0 MiB, not in 160.0 MiB; between is not known.",
        "In 160.0 MiB “workers” was not well: killed for memory (worker 7 of app).",
    ]


def test_a_try_that_says_nothing_is_made_once_more() -> None:
    """Then the search ends with what it knows."""
    unknown = one(100, Fate.UNKNOWN)

    assert bracket(one(125, Fate.HELD), unknown).next_bytes(1) == 100 * MIB
    assert bracket(one(125, Fate.HELD), unknown, unknown).next_bytes(1) is None


@pytest.mark.parametrize(
    ("fates", "found", "limit"),
    [
        ([Fate.LATE], None, 100),
        ([Fate.LATE, Fate.HELD], None, 80),
        ([Fate.LATE, Fate.LATE], 100, 112),
        ([Fate.LATE, Fate.UNKNOWN], None, None),
    ],
)
def test_an_arm_that_does_not_come_up_in_time_is_down_the_second_time(
    fates: list[Fate], found: int | None, limit: int | None
) -> None:
    """A busy machine may be to blame for the first."""
    (made,) = brackets_of(["workers"], ["pooled"], [one(125, Fate.HELD), *(one(100, fate) for fate in fates)])

    assert made.fails_bytes == (found and found * MIB)
    assert made.next_bytes(1) == (limit and limit * MIB)


def test_what_was_never_used_is_told_of_the_smallest_limit_that_holds() -> None:
    """Anonymous memory against the limit."""
    found = bracket(one(200, Fate.HELD, anon_bytes=60.0 * MIB), one(160, Fate.HELD, anon_bytes=120.0 * MIB))

    assert found.unused == pytest.approx(0.25)
    assert "Of the 160.0 MiB that hold, 25.0% were never anonymous memory" in " ".join(limit_sentences(found))


def under_limit(took_s: float = 0.005, **columns: list[Any]) -> TrialResult:
    """A trial whose container is read each second of the measure phase."""
    made = trial(arrivals(lambda _at_s: took_s))
    instants = [MEASURE.start_s + second for second in range(10)]
    rows = [
        {"t_s": at_s, "service": "app", "container": "c1", **{name: values[place] for name, values in columns.items()}}
        for place, at_s in enumerate(instants)
    ]
    record = replace(made.record, findings=(), gates=(make_gate(),))
    return replace(made, record=record, tables=replace(made.tables, cgroups=table_of(CGROUPS, rows)))


def fate(result: TrialResult, *findings: Finding) -> tuple[Fate, str]:
    result = replace(result, record=replace(result.record, findings=findings))
    return fate_of(result, summarise_trial(result), SLO)


def test_a_death_tells_before_everything_else() -> None:
    """The first that the kernel killed, by name; a process that ended otherwise as well."""
    slow = under_limit(took_s=0.2)
    killed = Finding(key="memory.killed", value=2.0, limit=0.0, subject="worker 7 of app, worker 8 of app")

    assert fate(slow, killed) == (Fate.KILLED, "worker 7 of app")
    assert fate(slow, Finding(key="ledger.changed", value=2.0, limit=0.0)) == (Fate.ENDED, "2 came or went")


@pytest.mark.parametrize(("part", "found"), [(STALLED / 2, Fate.HELD), (2 * STALLED, Fate.SHORT)])
def test_a_long_wait_for_memory_fails_where_the_kernel_tells_it(part: float, found: Fate) -> None:
    """However often the limit was met: files come and go below it."""
    stalls = [part * second for second in range(10)]

    assert fate(under_limit(psi_memory_some_s=stalls, limit_hits=list(range(10))))[0] is found


@pytest.mark.parametrize(("hits", "found"), [([5] * 8 + [6, 7], Fate.HELD), (list(range(10)), Fate.SHORT)])
def test_a_limit_that_is_met_again_and_again_fails_where_it_does_not(hits: list[int], found: Fate) -> None:
    """In more than MET of the readings."""
    assert 0 < MET < 1
    assert fate(under_limit(limit_hits=hits))[0] is found


def test_slow_is_the_limits_fault_only_where_times_are_valid() -> None:
    """Else nobody knows whose fault it is; an objective that is held is held all the same."""
    slow, quick = under_limit(took_s=0.2), under_limit()
    spoiled = make_gate("invalid")

    assert fate(slow)[0] is Fate.SLOW
    assert fate(replace(slow, record=replace(slow.record, gates=(spoiled,))))[0] is Fate.UNKNOWN
    assert fate(replace(quick, record=replace(quick.record, gates=(spoiled,))))[0] is Fate.HELD


def test_the_need_of_a_split_limit_goes_by_its_largest_part() -> None:
    """A third each: the container that has most decides; pooled they share, at one instant."""
    rows = [
        {"t_s": t_s, "service": name, "container": name, "anon_bytes": mib * MIB}
        for t_s, sizes in ((1.0, (30, 10, 5)), (2.0, (20, 25, 5)))
        for name, mib in zip(("app-1", "app-2", "nginx"), sizes, strict=True)
    ]
    pool = {"t_s": 1.0, "service": "pool", "container": "", "anon_bytes": 900 * MIB}
    made = trial([request(MEASURE.start_s, 0.001)])
    found = replace(made, tables=replace(made.tables, cgroups=table_of(CGROUPS, [*rows, pool])))
    parts = dict.fromkeys(("app-1", "app-2", "nginx"), 1 / 3)

    assert anon_peak(found) == 50 * MIB
    assert need_bytes(found, "pooled", parts) == 50 * MIB
    assert need_bytes(found, "split", parts) == pytest.approx(90 * MIB)


HAD_MIB = 100  # of every container, without a limit


class Sampling(FakeSampler):
    """One reading of memory."""

    def result(self, target: Path) -> SamplerOutcome:
        outcome = super().result(target)
        rows = [
            {"t_s": 0.0, "service": name, "container": name, "anon_bytes": HAD_MIB * MIB, "node": ""}
            for name in cast(Limited, self._world).deployed
        ]
        table_of(CGROUPS, rows).write_parquet(target / "cgroups.parquet")
        return outcome


@dataclass
class Limited(World):
    """A world in which nothing comes up in less than ``least_mib`` of memory, over all containers."""

    least_mib: float = 0.0
    deployed: tuple[str, ...] = ()
    refusals: list[DeploymentError] = field(default_factory=list)  # of those with enough, one a deployment
    disturbed: int = 0  # so many trials are not valid for times

    @property
    def engine(self) -> Engine:
        return cast(Engine, Deploying(self))

    def _gates(self, result: TrialResult, cpu_count: int) -> tuple[GateResult, ...]:
        self.disturbed -= 1
        return (make_gate("invalid", key="load.lag") if self.disturbed >= 0 else make_gate(),)

    @contextmanager
    def _sampler(self, plan: Any, launch: Any) -> Iterator[Sampler]:
        self.note("sample")
        yield cast(Sampler, Sampling(self))


class Deploying(FakeEngine):
    """Refuses a topology that has too little."""

    @contextmanager
    def deploy(self, topology: Topology) -> Iterator[Deployment]:
        world = cast(Limited, self._world)
        world.deployed = tuple(service.name for service in topology.services)
        parts = [service.limits.memory_bytes for service in topology.services]
        limit = topology.pool.memory_bytes or sum(part or 0 for part in parts)
        if 0 < limit < world.least_mib * MIB:
            raise EndedError("container of 'app' ended with exit code 137 (out of memory)")
        if limit and world.refusals:
            raise world.refusals.pop()
        with super().deploy(topology) as deployment:
            yield deployment


def briefly(folder: Path) -> Scenario:
    """Two arms that must hold for as short as may be."""
    return replace(shop(folder), limits=LimitSearch(measure=10.0))


def begun(folder: Path, around: Surroundings) -> tuple[RunFolder, Scenario]:
    asked = searching(briefly(folder), SLO, "")
    run = run_scenario(build_plan(asked), "shop-limits", folder / "runs", QuietView(), around=around)
    return run, asked


def carry_out(run: RunFolder, asked: Scenario, around: Surroundings) -> list[str]:
    said: list[str] = []
    search(run, lambda _plan: QuietView(), said.append, asked, around=around)
    return said


def machine(world: Limited) -> Surroundings:
    return FakeSurroundings(world=replace(world, load=Climbing)).make()


@dataclass(frozen=True)
class Whole:
    """A search that came to its end: its run, its scenario, what was said."""

    run: RunFolder
    asked: Scenario
    said: list[str]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """The search of each arm and mode, of which none holds in less than 260 MiB. Whoever changes it takes a copy."""
    around = machine(Limited(least_mib=260))
    run, asked = begun(tmp_path_factory.mktemp("whole"), around)
    return Whole(run, asked, carry_out(run, asked, around))


def test_a_search_on_a_machine_finds_its_limit_for_each_arm_and_mode(whole: Whole, tmp_path: Path) -> None:
    """What did not come up is a result; report, metric and bundle have it, and a second search has nothing to do."""
    run, said = whole.run, whole.said
    told = conclude(run.path).points[0]

    assert {(each.arm, each.mode) for each in told.searched} == {
        (arm, mode) for arm in ("workers", "replicas") for mode in ("pooled", "split")
    }
    for each in told.searched:
        assert each.holds_bytes is not None
        assert each.fails_bytes is not None
        assert each.fails_bytes < 260 * MIB <= each.holds_bytes <= 1.2 * 260 * MIB
        assert each.failure is not None
        assert "exit code 137 (out of memory)" in each.failure.detail
        values = told.summary.trials[0 if each.arm == "workers" else 1].values
        assert values[f"memory.limit.{each.mode}"] == each.holds_bytes
    assert any("does not hold in" in text for text in said)
    assert "between is not known" in (run.path / "report.md").read_text()
    assert carry_out(run, whole.asked, machine(Limited(least_mib=260))) == []
    infos = [read_info(path) for path in (run.path / SEARCHED).iterdir()]
    assert {bool(info.cut): info.cut_by_arm for info in infos} == {True: True, False: False}
    assert {info.scenario["app"]["restart"] for info in infos} == {"always"}
    write_bundle(run.path, tmp_path / "limits.zip", {})


def test_a_search_reads_each_of_its_runs_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their tables may be large, and what they say does not change."""
    read: list[Path] = []

    def reading(path: Path, info: RunInfo) -> Iterator[TrialResult]:
        read.append(path)
        return read_trials(path, info)

    monkeypatch.setattr("lab.run.inside.read_trials", reading)
    around = machine(Limited())
    run = run_scenario(
        build_plan(searching(briefly(tmp_path), SLO, "split")), "s", tmp_path, QuietView(), around=around
    )
    carry_out(run, searching(briefly(tmp_path), SLO, "split"), around)

    assert len(read) > 2
    assert sorted(read) == sorted((run.path / SEARCHED).iterdir())


def test_a_search_that_was_cut_goes_on_where_it_was(tmp_path: Path) -> None:
    """What was interrupted counts as nothing; a fault that is not the arm's ends the search and is no result."""
    world = Limited(least_mib=260)
    run, asked = begun(tmp_path, machine(world))
    for fault in (KeyboardInterrupt(), LoadError("no users")):
        cut = replace(world, fail_at={"users": fault})
        with pytest.raises((InterruptedRunError, LoadError)):
            carry_out(run, asked, machine(cut))
    before = {one.fate for each in searched_in(run.path, run.info) for one in each.tries}
    carry_out(run, asked, machine(world))

    assert before == {Fate.DOWN}  # those before the first that came up
    assert all(each.holds_bytes for each in searched_in(run.path, run.info))


def within(run: RunFolder, asked: Scenario, around: Surroundings, said: list[str]) -> Search:
    return Search(folder=run, scenario=asked, view_of=lambda _plan: QuietView(), say=said.append, around=around)


LIMIT = 300 * MIB
POOLED = Bracket(arm="workers", mode="pooled")


def fates_of(run: RunFolder) -> list[Fate]:
    return [each.fate for found in searched_in(run.path, run.info) for each in found.tries]


@pytest.mark.parametrize(
    ("refusals", "found"),
    [
        ([OutsideError("Docker refused a container: port is already allocated")], [Fate.HELD]),
        ([DeploymentError("not ready after 60 s")], [Fate.LATE]),
        ([EndedError("container of 'app' ended with exit code 1")], [Fate.DOWN]),
    ],
)
def test_only_an_end_of_the_arm_says_at_once_that_a_limit_is_too_small(
    tmp_path: Path, refusals: list[DeploymentError], found: list[Fate]
) -> None:
    """What is not the arm's doing is tried again and leaves no trace; what may be the machine's says nothing yet."""
    around = machine(Limited(refusals=refusals))
    run, asked = begun(tmp_path, around)
    try_limit(within(run, asked, around, []), POOLED, LIMIT)

    assert fates_of(run) == found


def test_a_fault_that_stays_ends_the_search_and_is_no_result(tmp_path: Path) -> None:
    """The second time; the search would ask for the same limit for ever."""
    around = machine(Limited(refusals=[OutsideError("Docker refused a container")] * 9))
    run, asked = begun(tmp_path, around)
    with pytest.raises(OutsideError, match="refused a container"):
        carry_out(run, asked, around)

    assert fates_of(run) == []
    assert len(list((run.path / SEARCHED).iterdir())) == 2


def test_a_front_that_is_not_ready_is_no_result_of_a_limit(tmp_path: Path) -> None:
    """It fails before there is a run folder; a search knows from its run what fronts let pass, and does not ask."""

    def attest(*_asked: Any) -> Mapping[str, Mapping[str, str]]:
        asks.append(1)
        raise DeploymentError("front-1: not ready after 20 s")

    asks: list[int] = []
    run, asked = begun(tmp_path, machine(Limited(least_mib=260)))
    around = replace(machine(Limited(least_mib=260)), attest_fronts=attest)
    with pytest.raises(DeploymentError, match="front-1"):
        try_limit(within(run, asked, around, []), POOLED, LIMIT)
    assert len(asks) == 2

    carry_out(run, asked, around)
    assert len(asks) == 2
    assert all(each.holds_bytes for each in searched_in(run.path, run.info))


@pytest.mark.parametrize("disturbed", [1, 2])
def test_no_objective_is_made_of_a_trial_that_was_disturbed(tmp_path: Path, disturbed: int) -> None:
    """Its times say nothing: the arm is run again without a limit, which is no try of one."""
    around = machine(Limited(least_mib=260, disturbed=disturbed))
    run = run_scenario(build_plan(searching(briefly(tmp_path), "", "split")), "s", tmp_path, QuietView(), around=around)
    said = carry_out(run, searching(briefly(tmp_path), "", "split"), around)

    assert sum("are not valid" in text for text in said) == disturbed
    assert any(text.startswith("the objective: p99 <= 50ms") for text in said)
    amounts = [read_info(path).scenario["budget"]["memory"]["amount"] for path in (run.path / SEARCHED).iterdir()]
    assert amounts.count(None) == disturbed
    assert all(each.limit_bytes for found in searched_in(run.path, run.info) for each in found.tries)


def test_a_machine_that_stays_disturbed_gives_no_objective(tmp_path: Path) -> None:
    """Refused with the next step, and nothing was tried under a limit."""
    around = machine(Limited(disturbed=99))
    run = run_scenario(build_plan(searching(briefly(tmp_path), "", "split")), "s", tmp_path, QuietView(), around=around)
    with pytest.raises(InvalidRunError, match="not valid in 3 trials") as caught:
        carry_out(run, searching(briefly(tmp_path), "", "split"), around)

    assert "--slo" in caught.value.hint
    assert fates_of(run) == []


def test_an_objective_that_nobody_gave_comes_from_the_run_without_a_limit(tmp_path: Path) -> None:
    """And stands in the runs of the search."""
    around = machine(Limited(least_mib=260))
    run = run_scenario(build_plan(searching(briefly(tmp_path), "", "split")), "s", tmp_path, QuietView(), around=around)
    said = carry_out(run, searching(briefly(tmp_path), "", "split"), around)

    assert said[0].startswith("the objective: p99 <= 50ms")
    inside = next((run.path / SEARCHED).iterdir())
    assert read_info(inside).scenario["limits"]["slo"] == "p99 <= 50ms"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"sweep": {"rate": [1.0, 2.0]}}, "a search has no sweep, drills or capacity beside it"),
        ({"load": {"locustfile": "f.py"}}, "limits: load.rate is needed"),
        ({"limits": {"modes": ["split", "split"]}}, "modes: each once"),
        ({"limits": {"slo": "fast"}}, "expected an objective like"),
        ({"limits": {"measure": "1s"}}, "limits.measure: expected 10 or more"),
        ({"limits": None, "compare": {"primary": ["memory.limit.split"]}}, "add .limits."),
    ],
)
def test_a_search_that_cannot_be_made_is_refused(changes: Mapping[str, Any], told: str) -> None:
    """Before anything is built."""
    with pytest.raises(ScenarioError, match=told):
        make_scenario((WORKERS, REPLICAS), **{"limits": {"slo": SLO}, **changes})


def test_the_command_refuses_what_it_cannot_use(tmp_path: Path) -> None:
    """A mode or an objective that is none; `lab run` names the command that searches."""
    with pytest.raises(UsageError, match="--mode: unknown mode 'both'"):
        searching(shop(tmp_path), "", "both")
    with pytest.raises(UsageError, match="--slo: expected an objective"):
        searching(shop(tmp_path), "p99 < soon", "")
    with pytest.raises(ScenarioError, match=r"limits: load\.rate is needed"):
        searching(replace(shop(tmp_path), load=replace(shop(tmp_path).load, rate=None)), "", "")
    asked = without_limit(replace(shop(tmp_path), limits=LimitSearch(modes=("split",))))
    assert (asked.load.measure, asked.trials.blocks, asked.budget.memory.mode) == (60.0, 1, "none")
    assert isinstance(CliRunner().invoke(app, ["limits"]).exception, UsageError)


@pytest.mark.parametrize(
    ("that", "options", "code"),
    [
        ("memory.limit.split(workers) <= 400MiB", [], 0),
        ("memory.limit.split(workers) <= 200MiB", [], 1),
        ("memory.pss.total(workers) <= 1GiB", [], 0),
        ("memory.pss.total(workers) <= 1GiB", ["--strict"], 1),
    ],
)
def test_a_violated_expectation_fails_the_command(
    whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, that: str, options: list[str], code: int
) -> None:
    """With exit code 1, as of `lab run`; --strict also where one block does not decide."""
    run = RunFolder.reopen(shutil.copytree(whole.run.path, tmp_path / whole.run.path.name))
    asked = replace(whole.asked, expect=(Expect(that=that),))
    run.write_info(replace(run.info, scenario=scenario_to_json(asked)))
    ended = limits_command(monkeypatch, "--resume", str(run.path), *options)

    assert ended.exit_code == code, ended.exception


def test_the_command_searches_and_tells_what_is_violated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the file of a scenario."""
    scenario = replace(briefly(tmp_path), expect=(Expect(that="memory.limit.split(workers) <= 200MiB"),))
    (tmp_path / "shop.toml").write_text(scenario_text(scenario))
    words = [str(tmp_path / "shop.toml"), "--slo", SLO, "--mode", "split", "--out", str(tmp_path / "runs")]
    ended = limits_command(monkeypatch, *words)

    assert ended.exit_code == 1, ended.exception
    assert "violated" in ended.output


def limits_command(monkeypatch: pytest.MonkeyPatch, *words: str) -> Result:
    """`lab limits`, on a machine on which nothing comes up in less than 260 MiB; no report is drawn."""
    monkeypatch.setattr("lab.cli.asked.around_of", lambda **_asked: machine(Limited(least_mib=260)))
    monkeypatch.setattr("lab.cli.limits.conclude_apart", judged)
    return CliRunner().invoke(app, ["limits", *words, "--quiet"])


def test_a_search_without_a_limit_that_holds_is_told_as_that() -> None:
    """Not as a value that is missing in a block: a search has none."""
    missing = Judgement(
        metric="memory.limit.split",
        verdict=None,
        reason=Reason.MISSING,
        n=1,
        blocks_needed=6,
        level=0.95,
        blocks=(1,),
    )
    told = contest_answer(Contest(metric=missing.metric, arm="replicas", judgement=missing), "workers").sentence

    assert "no limit is known that holds" in told
    assert "block" not in told


def test_a_search_is_not_said_to_lack_blocks() -> None:
    """However many there were, it has one limit of each arm: neither an interval nor a verdict."""
    found = Judgement(
        metric="memory.limit.split", verdict=None, reason=Reason.SMOKE, n=1, blocks_needed=6, level=0.95, estimate=1.28
    )
    told = contest_answer(Contest(metric=found.metric, arm="replicas", judgement=found), "workers").sentence

    assert "The smallest memory limit (split) of “replicas” is 28.0% higher than that of “workers”" in told
    assert "one search of each arm has no interval" in told
    assert "6 valid blocks" not in told
