"""A machine that drives load and is lost: its trial is invalid, the block is replaced, and the machine is had again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import docker
import docker.errors
import pytest

from lab.agent.conversation import Conversation
from lab.agent.loading import AgentPlace
from lab.analysis.summary import summarise
from lab.engines.docker.agent import driver
from lab.engines.docker.agent.driver import Driver
from lab.errors import AwayError, LoadError, LostError, MissingError, RunFolderError, SamplingError
from lab.load.load_plan import LoadPlan
from lab.load.locust_process import Loads
from lab.load.place import Place
from lab.plan.blocks import build_plan
from lab.record.folder import read_info, read_trials
from lab.record.types import LostTrial, TrialState
from lab.report.parts.caveats import fault_sentences
from lab.run.blocks import run_plan
from lab.run.run import planned, resume_run, run_scenario
from lab.run.standing import pending
from lab.run.tools import Run
from lab.run.view import QuietView
from lab.scenario.nodes import Node
from tests.fake_surroundings import FakeSurroundings, judged, shop
from tests.fakes import FakeLoad, World
from tests.load_runs import make_plan
from tests.unit.test_generators import FakeMachine
from tests.unit.test_runner import prepare, states


def losing(root: Path, *trials: int, blocks: int) -> Run:
    """A run whose generator is lost in these trials, counted from 1, and is back for the next one."""
    place = SimpleNamespace(lost="", machines=())
    place.machines = (place,)

    class Losing(FakeLoad):
        def poll(self) -> Any:
            place.lost = "gen" if len(self._world.plans) in trials else ""
            if place.lost:
                raise SamplingError("an agent of the lab on node gen has ended")
            return super().poll()

    return replace(prepare(root, World(load=Losing), blocks=blocks), place=cast(Place, place))


def test_its_block_is_replaced(tmp_path: Path) -> None:
    """The other arm's trial of that block runs, and a sixth block; the report says why, and counts five."""
    run = losing(tmp_path, 3, blocks=5)
    run_plan(run)
    info = read_info(run.folder.path)
    (name,) = info.lost
    lost, found = info.lost[name], states(run)
    assert (found.pop(name), set(found.values())) == (TrialState.LOST, {TrialState.DONE})
    assert len(found) == 11
    assert (lost.block, lost.point, info.cut) == (2, "", "")
    assert lost.why.startswith(f"node gen, which drives load, was lost: {name} failed while")
    assert (run.folder.path / "trials" / f"{name}.failed").is_dir()
    assert pending(run, run.plan.trials) == [], "it is not made again when the run is continued"

    summary = summarise(info, read_trials(run.folder.path, info))
    assert summary.decision.used == (1, 3, 4, 5, 6)
    assert (summary.decision.invalid, summary.decision.wanted, summary.decision.exhausted) == ((2,), 0, False)
    assert summary.decision.missing == {2: (lost.arm,)}
    (told,) = [sentence for sentence, _ in fault_sentences(summary)]
    assert told.startswith("1 of 6 blocks is invalid")
    assert "node gen" in told


@pytest.mark.parametrize(("blocks", "trials", "done"), [(1, (1,), 0), (5, (2, 6), 4)])
def test_more_than_may_be_replaced_end_the_run_at_once(
    tmp_path: Path, blocks: int, trials: tuple[int, ...], done: int
) -> None:
    """Exit 3 with the sentence; finished trials are kept."""
    run = losing(tmp_path, *trials, blocks=blocks)
    with pytest.raises(LostError, match="node gen, which drives load, was lost") as caught:
        run_plan(run)
    found = list(states(run).values())
    assert caught.value.exit_code == 3
    assert (found.count(TrialState.LOST), found.count(TrialState.DONE)) == (len(trials), done)
    assert "replaced" in caught.value.hint
    assert "node gen" in read_info(run.folder.path).cut


def test_the_node_of_the_arms_that_is_lost_ends_the_run(tmp_path: Path) -> None:
    """Exit 3, with the node, the trials that are kept and how to go on; the continued run makes that trial again."""

    class Died(FakeLoad):
        def poll(self) -> Any:
            if len(self._world.plans) == 3:
                raise SamplingError("an agent of the lab on node server has ended")
            return super().poll()

    around = replace(FakeSurroundings(world=World(load=Died)).make(), conclude=judged)
    plan = build_plan(shop(tmp_path, blocks=2))
    with pytest.raises(SamplingError, match="failed while .*: an agent of the lab on node server has ended") as caught:
        run_scenario(plan, "shop", tmp_path / "runs", QuietView(), around=around)
    (path,) = (tmp_path / "runs").iterdir()
    info = read_info(path)
    found = list(info.states.values())
    assert caught.value.exit_code == 3
    assert (found.count(TrialState.DONE), found.count(TrialState.FAILED), dict(info.lost)) == (2, 1, {})
    assert "report of 2 finished trials: " in caught.value.hint
    assert f"`lab run --resume {path}` continues it" in caught.value.hint
    assert "node server" in info.cut

    resume_run(planned(path), path, QuietView(), around=replace(FakeSurroundings().make(), conclude=judged))
    assert set(read_info(path).states.values()) == {TrialState.DONE}


def test_a_trial_that_waits_in_vain_for_its_generator_is_not_lost(tmp_path: Path) -> None:
    """It has not begun: a continued run makes it."""
    place = SimpleNamespace(lost="gen", machines=())
    place.machines = (place,)
    world = World(fail_at={"load": AwayError("node gen has not come back")})
    run = replace(prepare(tmp_path, world), place=cast(Place, place))
    with pytest.raises(AwayError, match="failed while it was prepared: node gen has not come back") as caught:
        run_plan(run)
    assert caught.value.exit_code == 4
    assert (list(states(run).values()).count(TrialState.FAILED), dict(run.folder.info.lost)) == (1, {})


def test_a_lost_trial_that_no_run_had_is_refused(tmp_path: Path) -> None:
    """It stands in no order."""
    run = prepare(tmp_path, World())
    stray = {"b99-workers": LostTrial(block=99, arm="workers", point="", why="")}
    run.folder.write_info(replace(run.folder.info, lost=stray))
    with pytest.raises(RunFolderError, match="lost: 'b99-workers' is not in the order"):
        read_info(run.folder.path)


class Agents:
    """Starts agents on a node that answers again after so many tries; each is gone from it when it is left."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, away: int = 0) -> None:
        self.away, self.left, self.agents = away, list[int](), list[Any]()
        self.now_s = 0.0
        monkeypatch.setattr(driver, "connect_node", self.connect)
        monkeypatch.setattr(driver, "remove_labelled", lambda _client, _marks: None)
        monkeypatch.setattr(driver, "sleep", self.sleep)
        monkeypatch.setattr(driver, "monotonic", lambda: self.now_s)

    def connect(self, _node: Node) -> Any:
        self.away -= 1
        if self.away >= 0:
            raise MissingError("no Docker engine answers")
        return SimpleNamespace(close=lambda: None)

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds

    @contextmanager
    def start(self) -> Iterator[Conversation]:
        number = len(self.agents)
        self.agents.append(SimpleNamespace(ended=False, pid=number, clock=SimpleNamespace(offset_s=0.0)))
        yield cast(Conversation, self.agents[-1])
        self.left.append(number)


def drive(agents: Agents, check: Callable[[Driver, AgentPlace], None]) -> None:
    """With an agent that drives load on node gen, and its place."""
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(1))
        found = Driver(agents.start, stack, pool, Node(name="gen"))
        client = cast(docker.DockerClient, None)
        check(found, AgentPlace(found, node="gen", again=lambda: found.renew(client, {})))


def test_another_agent_comes_as_soon_as_its_node_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is lost before it was there; both are left in the end."""
    agents = Agents(monkeypatch, away=3)

    def check(found: Driver, place: AgentPlace) -> None:
        assert place.lost == ""
        assert place.pids == (0,)
        agents.agents[0].ended = True
        assert place.lost == "gen"
        place.renew()
        assert (place.lost, place.pids, found()) == ("", (1,), agents.agents[1])

    drive(agents, check)
    assert agents.left == [1, 0]
    assert agents.now_s == 3 * driver.LOOK_S


def test_a_node_that_does_not_come_back_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """With how long it was waited for."""
    agents = Agents(monkeypatch, away=10**6)

    def check(found: Driver, place: AgentPlace) -> None:
        assert place.pids == (0,)
        agents.agents[0].ended = True
        with pytest.raises(AwayError, match="node gen has not come back within 60 s: no Docker engine") as refused:
            place.renew()
        assert "`lab clean --scenario SCENARIO`" in refused.value.hint

    drive(agents, check)


def test_what_ended_a_run_is_told_though_the_node_cannot_be_cleaned() -> None:
    """The engine that is gone is in the hint."""

    def gone() -> None:
        raise docker.errors.DockerException("refused")

    @contextmanager
    def start() -> Iterator[Conversation]:
        with ExitStack() as own:
            own.callback(gone)
            yield cast(Conversation, SimpleNamespace(ended=False))

    def run() -> None:
        with ExitStack() as stack:
            pool = stack.enter_context(ThreadPoolExecutor(1))
            assert not Driver(start, stack, pool, Node(name="gen"))().ended
            raise LostError("it was lost")

    with pytest.raises(LostError, match="it was lost") as caught:
        run()
    assert "engine of node gen" in caught.value.hint
    assert "`lab clean --scenario SCENARIO` removes" in caught.value.hint, "without it this machine's alone is cleaned"


class Lost(FakeMachine):
    """A machine that is lost until it is had again."""

    lost = "gen2"

    def renew(self) -> None:
        self.said.append("renew")
        self.lost = ""


class There(FakeMachine):
    """One that is there, and with which a load goes no further."""

    lost = ""

    def url(self, _url: str) -> str:
        raise LoadError("no further")


def test_what_was_ready_on_a_lost_machine_is_not_used(tmp_path: Path) -> None:
    """The next load has its processes started anew there, once the machine is had again."""
    there, lost = There("gen1"), Lost("gen2")
    there.machines = (there, lost)
    loads = Loads(tmp_path, cast(Place, there))
    loads.get_ready(2)
    gone: list[str] = []
    for child in loads._ready.values():
        cast(Any, child).discard = lambda: gone.append("discarded")
    locustfile = tmp_path / "l.py"
    locustfile.touch()
    plan: LoadPlan = make_plan(locustfile, "", tmp_path, load_processes=2, machines=2)
    with pytest.raises(LoadError, match="no further"), loads.start(plan):
        pass
    assert (there.said, lost.said, gone) == (["start"], ["start", "renew"], ["discarded"])
    assert list(loads._ready) == [0]
