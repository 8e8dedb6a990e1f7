"""A session by hand, without Docker and Locust: what happens in which order, what is kept, what is refused."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import Any, cast

import pytest
from typer.testing import CliRunner

from lab.agent.loading import AgentPlace
from lab.cli import app
from lab.cli.compare import compare
from lab.cli.listing import list_runs
from lab.cli.live.watch import Watch
from lab.engines import Engine
from lab.errors import DeploymentError, LoadError, RunFolderError, ScenarioError, UsageError
from lab.load.inside.journal import Lane
from lab.load.inside.status import Status
from lab.load.load_plan import LoadPlan
from lab.load.locust_process import LoadOutcome, LoadProgress
from lab.load.place import Place
from lab.load.relay import Relay
from lab.load.web.process import WebProcess
from lab.load.web.visits import Visits
from lab.plan.blocks import build_plan
from lab.plan.topology import Topology
from lab.plan.trial import Trial
from lab.record.folder import RunFolder, read_info, read_records
from lab.record.types import TrialState
from lab.run.by_hand import by_hand, check_reachable, possible
from lab.run.conclude import conclude
from lab.run.explore import explore
from lab.run.run import planned
from lab.run.steps import STEPS_FILE
from lab.run.steps import Step as TrialStep
from lab.run.trial import DEATH_CHECK_EVERY_S
from lab.run.view import QuietView
from lab.scenario.drills import Verb
from lab.scenario.model import Load
from tests.builders import REPLICAS, WORKERS, make_scenario
from tests.fake_surroundings import FakeSurroundings, shop
from tests.fakes import FakeEngine, FakeLoad, World
from tests.unit.test_scenario_file import GOOD, write

Step = Mapping[str, str] | Callable[["FakeWeb"], None] | BaseException
SWITCH, END = {"said": "switch", "arm": "replicas"}, {"said": "end"}
AFRESH = {"said": "switch", "arm": "workers"}


@dataclass
class FakeWeb:
    """A page whose person follows a script; requests are recorded by the real recorder."""

    world: World
    script: list[Step]
    plan: LoadPlan | None = None
    relay: Relay = field(default_factory=lambda: Relay(Path("nowhere"), print))
    visits: Visits = field(default_factory=Visits)
    url: str = "http://127.0.0.1:8089"
    pid: int = 4711
    dead: bool = False
    offered: Mapping[str, str] = field(default_factory=dict)
    shown: list[Mapping[str, Any]] = field(default_factory=list)
    busy: bool = False

    def deploying(self, arm: str, arms: Sequence[str]) -> None:
        self.world.note(f"page: {arm} of {'+'.join(arms)}")

    def open(self, directory: Path, *, upstream_of: str, header: str, verbs: Sequence[Mapping[str, str]]) -> None:
        self.world.note(f"page: open{' by upstream' if upstream_of else ''}")
        self.offered = {each["verb"]: each["deed"] for each in verbs}
        assert header == "X-Served-By"
        assert self.plan is not None
        if not self.plan.by_hand:
            self.visits.open(replace(self.plan, directory=directory))

    def show(self, _rows: Sequence[Mapping[str, Any]], acts: Sequence[Mapping[str, Any]], *, busy: bool) -> None:
        """Nothing is there to be drawn, but for what was done."""
        self.shown, self.busy = list(acts), busy

    def fail(self, message: str) -> None:
        self.world.note(f"page: {message}")

    def close(self) -> Status:
        self.world.note("page: closed")
        return Status() if self.plan and self.plan.by_hand else self.visits.close({})

    def wish(self, _timeout_s: float) -> Mapping[str, str] | None:
        step = self.script.pop(0)
        if isinstance(step, BaseException):
            self.dead = isinstance(step, LoadError)
            raise step
        if callable(step):
            step(self)
            return None
        return step


def use(web: FakeWeb) -> None:
    """Start, one request, stop."""
    lane = Lane(0, "User")
    web.visits.started()
    web.visits.journal.begin(lane)
    web.visits.journal.finish(web.visits.journal.send(lane, monotonic(), ("GET", "/")), monotonic(), status=200)
    web.visits.journal.close(lane)
    web.visits.stopped()


@dataclass
class Kept:
    """A world, and the sessions that took place in it."""

    folder: Path
    world: World = field(default_factory=World)

    engine: Engine | None = None
    elsewhere: str = ""
    view: QuietView = field(default_factory=QuietView)

    def explore(self, *script: Step) -> str:
        """Let the person do this, beginning with the workers; the sentence that the session ends with."""

        @contextmanager
        def start_web(plan: LoadPlan) -> Iterator[WebProcess]:
            self.world.note("page")
            try:
                yield cast(WebProcess, FakeWeb(self.world, list(script), plan))
            finally:
                self.world.note("no page")

        made = FakeSurroundings(world=self.world, elsewhere=self.elsewhere).make()
        tools = replace(made.tools, clock=time.monotonic, start_web=start_web)
        around = replace(made, tools=tools)
        if engine := self.engine:
            around = replace(around, open_engine=lambda *asked: (engine, made.open_engine(*asked)[1]))
        return explore(by_hand(shop(self.folder)), "shop", self.folder / "runs", "workers", self.view, around)

    @property
    def path(self) -> Path:
        (path,) = (self.folder / "runs").iterdir()
        return path


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


def effects(world: World) -> list[str]:
    return [effect for effect in world.journal if effect != "check"]


def test_arms_that_nobody_reaches_from_one_place_are_refused() -> None:
    """Users of one page are on this machine, or where load is driven."""
    scenario = by_hand(make_scenario(({**WORKERS, "network": "host"}, {**REPLICAS, "network": "own"})))
    with pytest.raises(ScenarioError, match='arm "replicas" is in a network of its own .asked for by its arm.'):
        check_reachable(scenario)


class FakeWorkers(FakeLoad):
    """Load processes whose users a person brings; the second of them died."""

    dead = False

    def poll(self) -> LoadProgress:
        if self.dead:
            raise LoadError("load process 1 on node gen2 was killed by SIGKILL")
        return replace(super().poll(), finished=False)

    def close(self) -> list[Status]:
        self._world.note("workers closed")
        return [Status(measure_start_s=1.0, finished_s=2.0)]

    def result(self, *asked: Any) -> LoadOutcome:
        self._started_s = monotonic()  # a session goes by the real clock
        return super().result(*asked)


class Apart(FakeEngine):
    """Its arms are in networks of their own, where load is driven too."""

    elsewhere = "the engine far runs elsewhere"

    def load_place(self, _load: Load) -> AbstractContextManager[Place]:
        return nullcontext(AgentPlace(lambda: pytest.fail("nobody asks the agent")))


@pytest.fixture
def apart(kept: Kept) -> Kept:
    kept.elsewhere, kept.engine = Apart.elsewhere, Apart(kept.world)
    kept.world.load = FakeWorkers
    return kept


def test_workers_come_and_go_with_the_arm_where_load_is_driven_elsewhere(apart: Kept) -> None:
    """They wait for it, their users stop by the page, which is their master, and they record."""
    apart.explore(AFRESH, END)

    visit = [
        *("load", "deploy", "attest", "sample", "users", "page: open", "page: closed", "workers closed"),
        *("get ready", "sampler result", "load result", "users stopped", "sampler stopped", "undeploy", "load gone"),
    ]
    journal = [effect for effect in effects(apart.world) if effect != "poll"]
    assert journal[1:] == [
        "page: workers of workers+replicas",
        *visit,
        "page: workers of workers+replicas",
        *visit,
        "no page",
    ]
    assert [plan.by_hand for plan in apart.world.plans] == [True, True]
    assert read_info(apart.path).order == ("b01-workers", "b02-workers")


def test_a_worker_that_is_lost_is_told_to_the_page(apart: Kept) -> None:
    """What it would have recorded is missing: the visit is no trial, and the session goes on."""

    def lose(_web: FakeWeb) -> None:
        FakeWorkers.dead = True

    def mend(_web: FakeWeb) -> None:
        FakeWorkers.dead = False

    apart.explore(lose, mend, AFRESH, END)

    told = [effect for effect in apart.world.journal if "SIGKILL" in effect]
    assert len(told) == 1
    assert "load process 1 on node gen2 was killed by SIGKILL" in told[0]
    assert read_info(apart.path).states == {"b01-workers": TrialState.DONE}, "of the second visit"


def test_whoever_watches_knows_the_run_and_every_arm(kept: Kept) -> None:
    """Its folder is told before the first arm comes up, as in a run: live figures are read from there."""
    seen: list[tuple[str, str]] = []

    class Watching(Watch):
        def progress(self, trial: Trial, progress: LoadProgress) -> None:
            super().progress(trial, progress)
            seen.append((self.run_id, self.now().trial.arm.name))

    kept.view = Watching(build_plan(shop(kept.folder)))
    kept.explore(use, SWITCH, use, END)

    assert {arm for _, arm in seen} == {"workers", "replicas"}
    assert {run for run, _ in seen} == {read_info(kept.path).run_id}


def test_users_stop_before_the_sampler_and_the_arm_goes_last(kept: Kept) -> None:
    """One arm at a time, all behind one page that outlives them."""
    assert kept.explore(use, SWITCH, use, END) == f"session kept: {kept.path / 'report.html'}"

    visit = ["sampler result", "sampler stopped", "undeploy"]
    assert effects(kept.world) == [
        "page",
        "page: workers of workers+replicas",
        *("deploy", "attest", "sample", "page: open", "page: closed", *visit),
        "page: replicas of workers+replicas",
        *("deploy", "attest", "sample", "page: open by upstream", "page: closed", *visit),
        "no page",
    ]


def test_every_arm_is_behind_the_same_url(kept: Kept) -> None:
    """The page keeps its host; no other port of an arm collides with it."""
    seen: list[Topology] = []

    class Noting(FakeEngine):
        @contextmanager
        def deploy(self, topology: Topology) -> Iterator[Any]:
            seen.append(topology)
            with super().deploy(topology) as deployment:
                yield deployment

    kept.engine = cast(Engine, Noting(kept.world))
    kept.explore(use, SWITCH, use, END)

    workers, replicas = seen
    assert workers.entry.url == replicas.entry.url
    assert len(replicas.endpoints) == 3


def test_every_visit_is_kept_as_a_trial_of_an_exploratory_run(kept: Kept) -> None:
    """In the order in which they took place; the second visit of an arm is its block 2."""
    back = {"said": "switch", "arm": "workers"}
    kept.explore(use, SWITCH, use, back, use, END)
    info = read_info(kept.path)

    assert info.exploratory
    assert info.order == ("b01-workers", "b01-replicas", "b02-workers")
    assert set(info.states.values()) == {TrialState.DONE}
    assert info.scenario["load"]["rate"] is None
    assert (info.scenario["expect"], info.scenario["compare"]["primary"]) == ([], [])
    assert not list((kept.path / "trials").glob(".*"))
    found = conclude(kept.path)
    assert found.comparison.primaries == ()
    assert [trial.record.load.started for trial in found.summary.trials] == [1, 1, 1]


def test_a_visit_goes_through_the_steps_of_a_trial(kept: Kept) -> None:
    """The same ones in the same order as a scheduled trial, as far as the person tests."""
    kept.explore(use, END)
    lines = (kept.path / "trials" / "b01-workers" / STEPS_FILE).read_text().splitlines()

    others = (TrialStep.MEASURE, TrialStep.RESTART)
    assert [json.loads(line)["step"] for line in lines] == [step for step in TrialStep if step not in others]


def test_a_visit_without_a_test_leaves_nothing(kept: Kept) -> None:
    """An arm that was only looked at is in no report."""
    kept.explore(SWITCH, use, END)
    info = read_info(kept.path)

    assert info.order == ("b01-replicas",)
    assert [arm["name"] for arm in info.scenario["arms"]] == ["replicas"]
    assert [path.name for path in (kept.path / "trials").iterdir()] == ["b01-replicas"]


def test_a_signal_keeps_what_was_seen(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    """As the button does: it is the end that the command names, so it is no failure."""
    told = kept.explore(use, KeyboardInterrupt())

    assert told == f"session kept: {kept.path / 'report.html'}"
    assert kept.world.journal[-2:] == ["undeploy", "no page"]


def test_a_signal_while_an_arm_comes_up_takes_it_down(kept: Kept) -> None:
    """Nothing is kept of an arm that nobody has seen."""
    kept.world.fail_at = {"attest": KeyboardInterrupt()}
    told = kept.explore()

    assert "report" not in told, "there is nothing to report"
    assert read_info(kept.path).cut == ""
    assert kept.world.journal[-2:] == ["undeploy", "no page"]
    assert list((kept.path / "trials").iterdir()) == []


@pytest.fixture
def declared(kept: Kept) -> Kept:
    """A session with an engine whose verbs are known."""
    engine = FakeEngine(kept.world)
    engine.name = "docker"
    kept.engine = engine
    return kept


ACT = {"said": "act", "verb": "stop"}


def shown(until: Callable[[FakeWeb], bool]) -> list[Step]:
    """Looks at the page until something is to be seen there; the lab shows it once a second."""

    def look(web: FakeWeb) -> None:
        time.sleep(0.02)
        if not until(web):
            web.script.insert(0, look)

    return [look]


def test_the_menu_has_what_the_arm_can_do_and_doing_it_ends_no_visit(declared: Kept) -> None:
    """The workers have a supervisor and no front; an unknown verb is nothing that anybody asked for."""
    seen: list[Mapping[str, Any]] = []

    def ended(web: FakeWeb) -> bool:
        seen[:] = web.shown
        return bool(web.shown) and not web.busy

    def offered(web: FakeWeb) -> None:
        assert {"kill", "hang", "block", "roll", "kill-supervisor", "stop"} <= set(web.offered)
        assert not {"kill-front", "oom", "deploy"} & set(web.offered)  # no front, no limit, no image
        assert web.offered["kill"] == "one serving process is killed"

    told = declared.explore(use, offered, {"said": "act", "verb": "deploy"}, ACT, *shown(ended), END)

    assert [act["what"] for act in seen] == ["asked to stop (SIGTERM)", "could not be done"]  # a fake has no containers
    assert "session kept" in told
    assert declared.world.journal.count("deploy") == 1
    (record,) = read_records(declared.path, read_info(declared.path))
    assert [event.kind for event in record.events if event.kind.startswith("action.")] == [
        "action.SIGTERM",
        "action.failed",
    ]


GUNICORN = {"name": "gunicorn", "model": "gunicorn", "front": "direct"}
SUPERVISED = {Verb.KILL_SUPERVISOR, Verb.CRASH_LOOP, Verb.RECYCLE}
ALWAYS = {Verb.KILL, Verb.HANG, Verb.BLOCK, Verb.ROLL, Verb.STOP}


@pytest.mark.parametrize(
    ("arm", "further"),
    [
        (WORKERS, {*SUPERVISED, Verb.SCALE}),
        ({**WORKERS, "front": {"kind": "direct", "tls": True}}, {*SUPERVISED, Verb.SCALE, Verb.ROTATE_CERT}),
        ({**REPLICAS, "front": {"kind": "nginx", "tls": True}}, {Verb.KILL_FRONT, Verb.ROTATE_CERT}),
        (REPLICAS, {Verb.KILL_FRONT}),
        (GUNICORN, {*SUPERVISED, Verb.SCALE}),
    ],
    ids=["workers", "workers with TLS", "replicas with TLS", "replicas", "gunicorn"],
)
def test_a_menu_has_every_verb_that_takes_no_preparation(arm: dict[str, Any], further: set[Verb]) -> None:
    """A supervisor starts one more when asked, and a run with TLS has another certificate; an image nobody named."""
    given = by_hand(make_scenario((arm,)))
    assert set(possible(given, given.arms[0], frozenset(Verb))) == ALWAYS | further


def test_nobody_is_asked_to_check_an_arm_that_something_was_done_to(declared: Kept) -> None:
    """An end is what was asked for; with an engine that is not declared there is no menu."""
    checks: list[int] = []

    def wait(_web: FakeWeb) -> None:
        time.sleep(1.2 * DEATH_CHECK_EVERY_S)
        checks.append(declared.world.journal.count("check"))

    declared.explore(use, ACT, *shown(lambda web: bool(web.shown)), wait, wait, END)

    assert checks[0] == checks[1]


def test_the_first_arm_must_come_up(kept: Kept) -> None:
    """Otherwise there is nothing to look at: exit 3 with the reason, and where the logs are."""
    kept.world.fail_at = {"deploy": DeploymentError("b01-workers: it ended with exit code 1")}
    with pytest.raises(DeploymentError, match="exit code 1"):
        kept.explore()

    assert kept.world.journal[-1] == "no page"
    assert read_info(kept.path).states == {"b01-workers": TrialState.FAILED}


def test_a_later_arm_that_fails_is_told_to_the_page(kept: Kept) -> None:
    """The session goes on with whatever the person asks for next; a second attempt at the arm counts."""

    def broken(_web: FakeWeb) -> None:
        kept.world.fail_at = {"deploy": DeploymentError("no memory")}

    def mended(_web: FakeWeb) -> None:
        kept.world.fail_at = {}

    kept.explore(use, broken, SWITCH, mended, SWITCH, use, END)

    assert "page: b01-replicas failed while it was deployed: no memory" in kept.world.journal
    assert read_info(kept.path).states == {"b01-workers": TrialState.DONE, "b01-replicas": TrialState.DONE}


def test_an_arm_that_dies_is_told_to_the_page(kept: Kept) -> None:
    """Half a visit is no trial."""

    def die(_web: FakeWeb) -> None:
        kept.world.fail_at = {"check": DeploymentError("container of 'app' ended")}
        time.sleep(DEATH_CHECK_EVERY_S)

    def mend(_web: FakeWeb) -> None:
        kept.world.fail_at = {}

    kept.explore(die, mend, SWITCH, use, END)

    assert effects(kept.world)[6:11] == [
        "page: closed",
        "sampler stopped",
        "undeploy",
        "page: b01-workers failed while it warmed up: container of 'app' ended",
        "page: replicas of workers+replicas",
    ]
    info = read_info(kept.path)
    assert info.states == {"b01-workers": TrialState.FAILED, "b01-replicas": TrialState.DONE}
    assert info.cut == ""


def test_a_dead_locust_ends_the_session(kept: Kept) -> None:
    """With its last words; what was kept before has a report."""
    with pytest.raises(LoadError, match="exit code 70") as caught:
        kept.explore(use, SWITCH, LoadError("Locust ended early with exit code 70", "the end of locust.log"))

    assert "report.html" in caught.value.hint
    assert kept.world.journal[-2:] == ["undeploy", "no page"]


def test_an_unknown_arm_is_refused_before_anything_starts(tmp_path: Path) -> None:
    """With the nearest name."""
    scenario = write(tmp_path, GOOD)
    result = CliRunner().invoke(app, ["ui", str(scenario), "--arm", "replica", "--out", str(tmp_path / "runs")])

    assert isinstance(result.exception, UsageError)
    assert "did you mean 'replicas'?" in str(result.exception)
    assert not (tmp_path / "runs").exists()


def test_a_session_is_neither_continued_nor_compared(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    """It has no plan, and nothing of it is a claim; the list says what it is."""
    kept.explore(use, END)
    with pytest.raises(RunFolderError, match="exploratory session"):
        planned(kept.path)
    other = kept.folder / "runs" / "other"
    shutil.copytree(kept.path, other)
    info = read_info(other)
    RunFolder(other, info).write_info(replace(info, run_id="other"))
    with pytest.raises(UsageError, match="exploratory session"):
        compare([kept.folder / "runs" / info.run_id, other])
    list_runs(kept.folder / "runs")
    assert "1 done  exploratory, by hand: Which?" in capsys.readouterr().out
