"""Waiting for a quiet machine: what counts as quiet, how long it is waited for, and who is told."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ParamSpec, TypeVar, cast

import psutil
import pytest
import typer
from typer.testing import CliRunner

from lab.agent.calls import There, call_of, carry_out, here, result_of
from lab.agent.loading import AgentPlace
from lab.analysis.gates.limits import FOREIGN, STEAL
from lab.cli.asked import around_of
from lab.cli.live.view import PlainView
from lab.cli.options import WaitForQuiet
from lab.cli.verbs import Verbs
from lab.errors import InterruptedRunError, SamplingError
from lab.host.interrupts import Interrupts
from lab.load.place import HERE
from lab.plan.blocks import build_plan
from lab.plan.trial import Trial
from lab.record.folder import RunFolder, new_run_info, read_info
from lab.record.schema import NAMES, HostRow
from lab.record.types import Environment, TrialState
from lab.run.blocks import run_plan
from lab.run.quiet import Noise, listen, noise_of, wait_for_quiet
from lab.run.surroundings import REAL
from lab.run.tools import Run
from lab.run.view import QuietView
from lab.sampling import hearing
from lab.sampling.hearing import LISTEN_S
from tests.fake_surroundings import shop
from tests.fakes import World

CORES = 2
P = ParamSpec("P")
T = TypeVar("T")
SILENT = Noise(steal=0.0, foreign=0.01)
LOUD = Noise(steal=0.0, foreign=0.48, users=[("yes", 0.45), ("make", 0.02)])


def reading(t_s: float, **counters: float) -> HostRow:
    values: dict[str, Any] = dict.fromkeys(NAMES["host"], 0) | {"node": ""}
    return HostRow(**values | {"t_s": t_s, "total_s": CORES * t_s} | counters)


@dataclass
class Told(QuietView):
    """What a view is told, and how often it is told to wait."""

    said: list[str] = field(default_factory=list)
    waits: list[str] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)

    def step(self, text: str) -> None:
        self.threads.add(threading.get_ident())
        self.said.append(text)

    def waiting(self, why: str) -> None:
        self.waits.append(why)


@dataclass
class Machine:
    """A machine that sounds so, look by look, and then as in the last one; each look takes its time."""

    sounds: list[Noise]
    now_s: float = 100.0
    looks: int = 0

    def listen(self, _there: There = here) -> Noise:
        self.now_s += LISTEN_S
        self.looks += 1
        return self.sounds[min(self.looks, len(self.sounds)) - 1]


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    return build_plan(shop(tmp_path, 1)).trials[0]


def carry_there(function: Callable[P, T], /, *args: P.args, **_none: P.kwargs) -> T:
    """As an agent carries a call out: in plain values there and back."""
    found: T = result_of(function, carry_out(call_of(function, args)))
    return found


class Elsewhere:
    """An engine of another machine."""

    elsewhere = "it is on another machine"


def wait(machine: Machine, bound_s: float) -> Told:
    view = Told()
    wait_for_quiet(view, {"": here}, bound_s, machine.listen, lambda: machine.now_s)
    return view


def test_noise_is_counted_as_the_gates_count_it() -> None:
    """Shares of the machine; what the lab and the engine used themselves is not foreign."""
    before = reading(10.0)
    used = {"busy_s": 4.0, "lab_cpu_s": 0.3, "load_cpu_s": 0.2, "engine_cpu_s": 0.5}

    noise = noise_of(before, reading(13.0, steal_s=0.06, **used), CORES)

    assert noise.steal == pytest.approx(0.06 / (CORES * 3.0))
    assert noise.foreign == pytest.approx((4.0 - 1.0) / 3 / CORES)


def test_what_the_readings_do_not_tell_is_not_known() -> None:
    """A counter that runs backwards is no noise and no quiet."""
    assert noise_of(reading(10.0, busy_s=5.0), reading(13.0, busy_s=1.0), CORES).foreign is None


@pytest.mark.parametrize(("gate", "field"), [(STEAL, "steal"), (FOREIGN, "foreign")])
def test_quiet_is_what_leaves_no_caveat(gate: Any, field: str) -> None:
    """The limit of the gate's caveat, which itself passes."""
    assert replace(SILENT, **{field: gate.caveat}).disturbs == ""
    assert gate.title in replace(SILENT, **{field: gate.caveat * 1.01}).disturbs


def test_the_disturbers_are_named_with_their_share() -> None:
    """Only where there is something to explain: an idle program on a quiet machine is nobody's business."""
    many = replace(LOUD, users=[("python", 0.105), *[("sh", 0.01)] * 40])

    assert LOUD.disturbs.endswith("; busiest: yes 45.0%, make 2.0%")
    assert many.disturbs.endswith("; the busiest of 41 processes: python 10.5%, sh 1.0%, sh 1.0%")
    assert replace(LOUD, foreign=0.01).disturbs == ""


def test_a_quiet_machine_costs_one_look_and_no_word() -> None:
    machine = Machine([SILENT])

    view = wait(machine, 300.0)

    assert (machine.looks, view.said, view.waits) == (1, [], [])


def test_it_waits_until_the_machine_is_quiet() -> None:
    machine = Machine([LOUD, LOUD, SILENT])

    view = wait(machine, 300.0)

    assert machine.looks == 3
    assert len(view.waits) == 2
    assert "yes 45.0%" in view.waits[0]
    assert ["4 min 57 s at most" in view.waits[0], "4 min 54 s at most" in view.waits[1]] == [True, True]
    assert len(view.said) == 1  # and that it goes on


def test_the_wait_is_bounded_and_says_so() -> None:
    """The trial runs all the same: its gates judge it."""
    machine = Machine([LOUD])

    view = wait(machine, 10.0)

    assert machine.now_s - 100.0 <= 10.0 + LISTEN_S
    assert len(view.said) == 1
    assert "yes 45.0%" in view.said[0]


def unheard(*sounds: Noise) -> Callable[[There], Noise]:
    """What is heard of machines of which those behind an agent do not answer."""
    rest = iter(sounds)

    def of(there: There) -> Noise:
        if there is carry_there:
            raise SamplingError("the agent has ended")
        return next(rest, SILENT)

    return of


def test_every_machine_is_looked_at_and_one_that_does_not_answer_stops_nobody() -> None:
    """A generator that was lost is had again by the trial that follows: waiting for it here would be for nothing."""
    view = Told()
    machines: dict[str, There] = {"arms": here, "gen": here, "gen2": here, "gone": carry_there}

    wait_for_quiet(view, machines, 300.0, unheard(SILENT, LOUD, SILENT))

    assert [wait.count("node ") for wait in view.waits] == [1]
    assert "yes 45.0%" in view.waits[0]
    assert view.said[0] == "node gone cannot be asked whether it is quiet: the agent has ended"
    assert [said.partition(" after ")[0] for said in view.said[1:]] == ["quiet"]  # it was told once, in two looks
    assert view.threads == {threading.get_ident()}


def test_where_no_machine_answers_nobody_says_that_it_is_quiet() -> None:
    """It is not known, and the trial is made."""
    view = Told()

    wait_for_quiet(view, {"one": carry_there, "two": carry_there}, 300.0, unheard())

    assert [said.partition(":")[0] for said in view.said[:2]] == [
        f"node {name} cannot be asked whether it is quiet" for name in ("one", "two")
    ]
    assert view.said[2:] == ["no machine can be asked, so it is not known whether any is quiet; measuring all the same"]


def test_a_run_looks_where_it_measures(tmp_path: Path) -> None:
    """At this machine, and where the engine is elsewhere by the agents there."""
    run, agent = prepared(tmp_path, World()), cast("Any", SimpleNamespace(call=carry_there))
    place = AgentPlace(lambda: agent, agents={"one": lambda: agent})
    far = replace(run, place=place, engine=cast("Any", Elsewhere))

    assert run.machines == {"": HERE.call}
    assert far.machines == {"one": carry_there}


def test_a_log_tells_of_a_wait_now_and_then(trial: Trial, capsys: pytest.CaptureFixture[str]) -> None:
    """Every look would be a line each three seconds; the next trial's wait is news again."""
    now_s = 0.0
    view = PlainView(clock=lambda: now_s)
    for number in range(2):
        view.trial_started(trial, number + 1, 2)
        for _ in range(12):
            view.waiting("waiting: yes 45%")
            now_s += LISTEN_S
    assert capsys.readouterr().err.count("waiting: yes 45%") == 4


def prepared(root: Path, world: World, **tools: Any) -> Run:
    plan = build_plan(shop(root, 1))
    folder = RunFolder.create(root / "runs", new_run_info("run", "shop", plan, Environment(facts={}), {}))
    return Run(plan=plan, folder=folder, engine=world.engine, tools=replace(world.tools, **tools))


def test_a_run_settles_before_each_trial(tmp_path: Path) -> None:
    """It waits only while nothing is deployed."""
    world = World()
    run = prepared(tmp_path, world, settle=lambda _view, _machines: world.note("settle"))

    run_plan(run)

    effects = [what for what in world.journal if what in ("settle", "deploy", "undeploy")]
    assert effects == ["settle", "deploy", "undeploy"] * len(run.plan.trials)


def test_an_interrupt_ends_the_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was begun, so nothing is lost, and the folder says where the run was cut."""
    interrupts = Interrupts()
    monkeypatch.setattr("lab.run.blocks.INTERRUPTS", interrupts)
    run = prepared(tmp_path, World(), settle=lambda _view, _machines: interrupts.interrupt())
    first = run.plan.trials[0].id

    with pytest.raises(InterruptedRunError, match=f"interrupted before {first}"):
        run_plan(run)

    assert read_info(run.folder.path).states[first] is TrialState.PLANNED


@pytest.mark.parametrize(
    ("words", "minutes"),
    [
        ([], None),
        (["--wait-for-quiet"], 5.0),
        (["--wait-for-quiet=2"], 2.0),
        (["--wait-for-quiet", "2"], 2.0),
        (["--wait-for-quiet", "0.5", "file"], 0.5),
        (["--wait-for-quiet", "file"], 5.0),
        (["--wait-for-quiet", "2026-01-02-file"], 5.0),
        (["--wait-for-quiet", "--wait-for-quiet", "2"], 2.0),
    ],
)
def test_the_option_may_come_without_a_number(words: list[str], minutes: float | None) -> None:
    """A word behind the bare option is the scenario, and a number its minutes."""
    app, given = typer.Typer(cls=Verbs), []

    @app.command()
    def run(scenario: str = typer.Argument(""), wait: WaitForQuiet = None) -> None:
        given.append(wait)

    @app.command()
    def other() -> None: ...

    result = CliRunner().invoke(app, ["run", *words])

    assert result.exit_code == 0, result.output
    assert given == [minutes]


def test_without_the_option_nothing_waits() -> None:
    assert around_of(allow_concurrent=False, wait_min=None) is REAL

    settle: Any = around_of(allow_concurrent=False, wait_min=2.0).tools.settle

    assert (settle.func, settle.keywords) == (wait_for_quiet, {"bound_s": 120.0})


def looked_at(monkeypatch: pytest.MonkeyPatch, there: Any) -> tuple[set[int], Noise]:
    """Whom a look leaves out, and what it hears."""
    asked: list[set[int]] = []

    def users(interval_s: float, sleep: Any, ours: set[int], most: None) -> list[dict[str, Any]]:
        asked.append(ours)
        sleep(interval_s)
        return [{"name": "yes", "cores": 0.5}]

    monkeypatch.setattr(hearing, "cpu_users", users)
    noise = listen(cast("There", there))
    return asked[0], noise


def test_a_look_at_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the lab has started itself is never named as a disturber."""
    with subprocess.Popen(["sleep", "60"]) as child:
        ours, noise = looked_at(monkeypatch, lambda hear, _look_s, *lab: carry_there(hear, 0.2, *lab))
        child.kill()

    assert {os.getpid(), child.pid} <= ours
    assert noise.steal is not None
    assert noise.foreign is not None
    assert noise.users == [("yes", 0.5 / (os.cpu_count() or 1))]


def test_an_agent_on_the_labs_own_machine_does_not_name_the_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor its children; a process elsewhere that has its number is another program."""
    me, other = os.getpid(), os.getppid()

    def as_agent(hear: Any, _look_s: float, *lab: Any) -> Any:
        with monkeypatch.context() as patched:  # the agent is another process than the lab
            patched.setattr(os, "getpid", lambda: other)
            return hear(0.01, *lab)

    def elsewhere(hear: Any, _look_s: float, pid: int, _started: str) -> Any:
        return as_agent(hear, _look_s, pid, "0.00")

    monkeypatch.setattr(psutil.Process, "children", lambda process, **_: [psutil.Process(process.pid)])

    assert me in looked_at(monkeypatch, as_agent)[0]
    assert me not in looked_at(monkeypatch, elsewhere)[0]
