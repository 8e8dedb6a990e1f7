"""A drill is carried out once, at its instant, on a process of the arm, and what was done stands in the record."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import psutil
import pytest

from lab.attest.serving import Member, serving
from lab.engines import Deployment
from lab.engines.docker.refusals import check_group
from lab.engines.kinds import ENGINE_KINDS
from lab.engines.process.refusals import check_plain
from lab.engines.there import GROUP_FILE, ask, die_together, oom_kills, send
from lab.errors import DeploymentError, EndedError, ScenarioError
from lab.plan.blocks import build_plan
from lab.plan.kinds import Role, ServiceKind
from lab.plan.topology import Endpoint, Topology
from lab.plan.trial import Trial
from lab.run.breaking import crash_loop, kill_front, kill_supervisor, oom, recycle
from lab.run.drill import Acting, acting, action_s
from lab.run.scene import Act, Scene
from lab.run.verbs import VERBS, deploy, roll, slow_start, stop
from lab.sampling.plan import SampleTarget
from lab.sampling.process_tree import kinship
from lab.sampling.process_view import PROC
from lab.scenario.budget import Limits
from lab.scenario.drills import STEADY_S, TICK_S, Drill, Verb
from lab.scenario.runnable import check_runnable
from tests.builders import REPLICAS, WORKERS, WORKERS_NGINX, make_scenario
from tests.unit.test_cgroups import CONTAINER, TREES

GRANIAN = {"name": "granian", "model": "granian", "front": "direct"}
LIMITED = {"processes": 2, "memory": "split:1GiB"}
DEADLINE_S = 60.0
LOAD = {"locustfile": "f.py", "rate": 100, "measure": "30s"}


PROBED = Topology(
    trial_id="t",
    services=(),
    entry=Endpoint(port=80),
    app=(Endpoint(port=8000),),
    processes=1,
    ready_path="/ready",
    ready_timeout_s=1.0,
)


def one_machine(there: Any) -> dict[str, Any]:
    """What a deployment on one machine has, whose processes are seen by calls of ``there``."""
    part = SimpleNamespace(there=there, services=frozenset())
    return {"there": there, "parts": (part,), "part_of": lambda _service: part, "replacing": None}


def trial(verb: str = "kill", **drill: Any) -> Trial:
    given = make_scenario((WORKERS, REPLICAS), drills=[{"verb": verb, **drill}], load=LOAD)
    return build_plan(given).trials[0]


@pytest.fixture
def victim() -> Iterator[subprocess.Popen[bytes]]:
    """A process of ours to signal."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        yield process
        process.kill()


def of(process: subprocess.Popen[bytes], role: Role = Role.WORKER) -> Member:
    kin = kinship(PROC, process.pid)
    assert kin is not None
    return Member(service="app", pid=process.pid, started=kin.started, role=role)


def deployment(*members: Member) -> Deployment:
    def there(function: Any, *arguments: Any) -> Any:
        return members if function.__name__ == "members" else function(*arguments)

    return cast(
        Deployment,
        SimpleNamespace(**one_machine(there), current=tuple, topology=SimpleNamespace(trial_id="b01-workers")),
    )


def at_once(given: Trial) -> float:
    """A start of the measure phase by which the action is due now."""
    return time.monotonic() - action_s(given)


def carried_out(given: Trial, made: Deployment) -> Acting:
    """The drill of a trial from its instant to its end."""
    with acting(given, made) as found:
        found.look(at_once(given))
        finished(found)
    return found


def finished(found: Acting) -> Acting:
    found._thread.join(DEADLINE_S)  # type: ignore[union-attr]
    return found


def test_the_instant_is_the_same_in_all_arms_of_a_block_and_differs_between_blocks() -> None:
    """Drawn over the tick of supervisors and fronts, after a steady while."""
    trials = build_plan(make_scenario((WORKERS, REPLICAS), drills=[{"verb": "kill"}], load=LOAD)).trials
    instants = {(each.block, action_s(each)) for each in trials}

    assert len(instants) == 2
    assert all(STEADY_S <= 6.0 <= instant <= 6.0 + TICK_S for _, instant in instants)


def test_a_worker_is_killed_and_the_record_says_when(victim: subprocess.Popen[bytes]) -> None:
    """The act lies between two instants a few milliseconds apart."""
    given = trial()
    with acting(given, deployment(of(victim))) as found:
        found.look(at_once(given))
        finished(found)
    event, over = found.events(0.0)

    assert victim.wait(DEADLINE_S) == -signal.SIGKILL
    assert (event.kind, event.service, event.pid) == ("action.SIGKILL", "app", victim.pid)
    assert over.kind == "action.over"
    assert event.until_s is not None
    assert 0 <= event.until_s - event.t_s < 1


def test_a_hung_worker_goes_on_after_its_time(victim: subprocess.Popen[bytes]) -> None:
    """SIGSTOP, then SIGCONT."""
    given = trial("hang", hold="200ms")
    with acting(given, deployment(of(victim))) as found:
        found.look(at_once(given))
        finished(found)
    stop, go, _over = found.events(0.0)

    assert (stop.kind, go.kind) == ("action.SIGSTOP", "action.SIGCONT")
    assert go.t_s - stop.t_s >= 0.2


def test_one_that_somebody_ended_meanwhile_is_told_of(victim: subprocess.Popen[bytes]) -> None:
    """A supervisor that kills what hangs is no fault of the drill."""
    given = trial("hang", hold="3s")  # in which it is ended, though the machine be busy
    with acting(given, deployment(of(victim))) as found:
        found.look(at_once(given))
        give_up_at = time.monotonic() + DEADLINE_S
        while psutil.Process(victim.pid).status() != psutil.STATUS_STOPPED:
            assert time.monotonic() < give_up_at
            time.sleep(0.01)
        victim.kill()
        victim.wait(DEADLINE_S)
        finished(found)

    assert [event.kind for event in found.events(0.0)] == ["action.SIGSTOP", "action.gone", "action.over"]


def test_nothing_is_done_before_the_measure_phase_or_without_a_drill(victim: subprocess.Popen[bytes]) -> None:
    """A trial of another run is left alone."""
    plain = replace(trial(), point=replace(trial().point, drill=None))
    with acting(trial(), deployment(of(victim))) as early, acting(plain, deployment(of(victim))) as none:
        early.look(None)
        none.look(at_once(plain))

    assert [*early.events(0.0), *none.events(0.0)] == []
    assert not early.began
    assert victim.poll() is None


def test_an_act_that_fails_ends_the_trial() -> None:
    """With its reason: nothing that was not done may look like no harm."""
    with pytest.raises(DeploymentError, match="no serving process"):
        carried_out(trial(), deployment())


def test_an_act_that_fails_is_seen_by_who_follows_the_trial() -> None:
    """Before its end."""
    given = trial()
    found = Acting(given, deployment())
    found.look(at_once(given))
    finished(found)

    with pytest.raises(DeploymentError, match="no serving process"):
        found.look(0.0)


def test_a_fault_of_the_lab_in_an_act_is_not_swallowed() -> None:
    """Whatever it is."""
    broken = cast(Deployment, SimpleNamespace(**one_machine(lambda *_: 1 / 0), current=tuple, topology=None))

    with pytest.raises(ZeroDivisionError):
        carried_out(trial(), broken)


def test_what_is_not_over_when_the_load_is_ends_the_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would reach into the tear-down."""
    monkeypatch.setattr("lab.run.drill.END_WITHIN_S", 0.1)
    given, begun, free = trial("roll"), threading.Event(), threading.Event()

    def restart(*_: object) -> None:
        begun.set()
        free.wait(DEADLINE_S)

    found = Acting(given, with_services(restart=restart))
    found.look(at_once(given))
    assert begun.wait(DEADLINE_S)

    with pytest.raises(DeploymentError, match="is not over"):
        found.end()
    free.set()


def test_an_end_belongs_to_the_drill_from_its_first_moment_on() -> None:
    """A container that is started again has ended, before anything can be told of it."""
    given, restarts, free = trial("roll"), threading.Event(), threading.Event()

    def restart(*_: Any) -> None:
        restarts.set()
        free.wait(DEADLINE_S)

    with acting(given, with_services(restart=restart)) as found:
        found.look(at_once(given))
        assert restarts.wait(DEADLINE_S)
        began, told = found.began, [*found.events(0.0)]
        free.set()

    assert began
    assert told == []


def test_what_a_drill_ends_while_somebody_looks_does_not_end_the_trial() -> None:
    """It begins between two questions to the engine; what ends before it has begun is the arm's own end."""
    given, restarts, begins = trial("roll"), threading.Event(), list[Callable[[], None]]()
    looks = 0

    def check() -> None:
        nonlocal looks
        looks += 1
        for begin in begins:
            begin()
            assert restarts.wait(DEADLINE_S)
        raise EndedError("container of 'app-1' ended with exit code 0")

    with acting(given, with_services(restart=lambda *_: restarts.set(), check=check)) as found:
        with pytest.raises(EndedError, match="exit code 0"):
            found.check()
        begins.append(lambda: found.look(at_once(given)))
        found.check()
        found.check()

    assert looks == 2, "once it has begun nobody asks any more"


@pytest.mark.parametrize(("status", "end"), [(200, "action.answer"), (0, "action.unanswered")])
def test_a_request_that_blocks_is_told_of_with_its_end(status: int, end: str) -> None:
    """A process that is killed meanwhile gives no answer."""
    made = cast(
        Deployment,
        SimpleNamespace(there=lambda *_: (status, "reset"), topology=PROBED),
    )
    found = carried_out(trial("block", hold="100ms"), made)

    assert [event.kind for event in found.events(0.0)] == ["action.request", end, "action.over"]


def test_a_request_that_blocks_nothing_ends_the_trial() -> None:
    """An app without such a path would have come out unharmed."""
    made = cast(Deployment, SimpleNamespace(there=lambda *_: (404, ""), topology=PROBED))

    with pytest.raises(DeploymentError, match="answered with 404"):
        carried_out(trial("block", hold="100ms"), made)


def scene(verb: str, made: Deployment, *, hangup: bool) -> tuple[Scene, list[Act]]:
    told: list[Act] = []
    drill = trial(verb).point.drill
    assert drill is not None
    return Scene(
        drill=drill, deployment=made, seed=1, tell=told.append, wait=threading.Event().wait, hangup=hangup
    ), told


def with_services(*members: Member, **calls: Any) -> Deployment:
    services = [SimpleNamespace(name=name, kind="app") for name in ("app-1", "app-2")]
    return cast(Deployment, SimpleNamespace(**vars(deployment(*members)), services=services, **calls))


def test_containers_without_a_supervisor_are_replaced_one_after_the_other(victim: subprocess.Popen[bytes]) -> None:
    """Each is told of with how long it took."""
    restarted: list[tuple[str, int]] = []
    made = with_services(of(victim), restart=lambda *which: restarted.append(which))
    given, told = scene("roll", made, hangup=True)
    roll(given)

    assert restarted == [("app-1", 0), ("app-2", 0)]
    assert [(act.what, act.detail) for act in told] == [("restarted", "app-1"), ("restarted", "app-2")]


def test_a_supervisor_that_knows_it_is_told_to_replace_its_workers(victim: subprocess.Popen[bytes]) -> None:
    """SIGHUP, and it is over when none of the old workers is left."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as worker:
        looks = [(of(victim, Role.SUPERVISOR), of(worker)), (of(victim, Role.SUPERVISOR), of(worker)), ()]
        sent: list[int] = []

        def there(function: Any, *arguments: Any) -> Any:
            if function.__name__ == "members":
                return looks.pop(0)
            sent.append(arguments[2])
            return True

        given, told = scene("roll", with_services(), hangup=True)
        roll(
            replace(
                given, deployment=cast(Deployment, SimpleNamespace(**one_machine(there), current=tuple, services=()))
            )
        )
        worker.kill()

    assert sent == [signal.SIGHUP]
    assert [act.what for act in told] == ["SIGHUP", "replaced"]


def test_a_supervisor_that_would_die_of_it_is_not_told(victim: subprocess.Popen[bytes]) -> None:
    """Its container is started again instead."""
    restarted: list[str] = []
    made = with_services(of(victim, Role.SUPERVISOR), restart=lambda service, _pid: restarted.append(service))
    given, told = scene("roll", made, hangup=False)
    roll(given)

    assert restarted == ["app-1", "app-2"]
    assert victim.poll() is None
    assert {act.what for act in told} == {"restarted"}


def test_all_containers_are_stopped_and_how_they_ended_is_told() -> None:
    """With their exit codes."""
    given, told = scene("stop", with_services(stop=lambda service: f"exit code 0 of {service}"), hangup=True)
    stop(given)

    assert [act.what for act in told] == ["SIGTERM", "stopped", "stopped"]
    assert told[1].detail == "app-1: exit code 0 of app-1"


def test_a_new_version_takes_the_place_of_one_container_after_the_other() -> None:
    """Of the image that the drill names, or of the arm's own."""
    exchanged: list[tuple[str, str]] = []
    made = with_services(exchange=lambda *which: exchanged.append(which))
    given, told = scene("deploy", made, hangup=True)
    deploy(given)
    deploy(replace(given, drill=replace(given.drill, image="shop:2")))

    assert exchanged == [("app-1", ""), ("app-2", ""), ("app-1", "drill.deploy"), ("app-2", "drill.deploy")]
    assert [(act.what, act.detail) for act in told[:2]] == [("deployed", "app-1"), ("deployed", "app-2")]


def out_of_memory(
    found: list[tuple[Member, ...]], answer: tuple[int, str], *, kills: int = 1, ends: bool = False, **drill: Any
) -> list[Act]:
    """What is told where these are seen one after the other, of an app with 128 MiB; ``kills``: by the kernel."""
    asked: list[str] = []

    def there(function: Any, *arguments: Any) -> Any:
        if function is ask:
            assert arguments[0].entry in PROBED.app, "a front might ask the next process"
            asked.append(arguments[1])
            return answer
        if function is oom_kills:
            return 7 + (kills if asked else 0)
        if function is die_together:
            assert not asked
            return None
        return (
            (found.pop(0) if len(found) > 1 else found[0]) if function.__name__ == "members" else function(*arguments)
        )

    limits = Limits(memory_bytes=128 * 2**20)
    services = (SimpleNamespace(kind=ServiceKind.APP, limits=limits),)
    topology = SimpleNamespace(trial_id="t", services=services, pool=Limits(), probed=PROBED, app=PROBED.app)
    made = cast(Deployment, SimpleNamespace(**one_machine(there), current=tuple, topology=topology))
    given, told = scene("kill", made, hangup=False)
    wait = (lambda _s: True) if ends else given.wait
    assert oom(replace(given, drill=Drill(verb=Verb.OOM, **drill), wait=wait)) is not ends
    assert asked == [told[0].detail]
    return told


def test_a_process_that_is_out_of_memory_is_told_of(victim: subprocess.Popen[bytes]) -> None:
    """It is asked for as much as the limit, which with what it has is too much."""
    told = out_of_memory([(of(victim),), ()], (0, "reset"), request="/eat/{mb}")

    assert [(act.what, act.pid, act.detail) for act in told] == [
        ("request", 0, "/eat/135"),
        ("killed", victim.pid, ""),
    ]


def test_memory_that_kills_nobody_ends_the_trial(
    victim: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An app without such a path would have come out unharmed."""
    monkeypatch.setattr("lab.run.breaking.KILLED_WITHIN_S", 0.1)

    with pytest.raises(DeploymentError, match="was answered with 404, and the kernel killed nobody"):
        out_of_memory([(of(victim),)], (404, ""))


def test_one_that_ended_by_itself_was_not_killed_by_the_kernel(victim: subprocess.Popen[bytes]) -> None:
    """The kernel counts whom it kills."""
    with pytest.raises(DeploymentError, match="the kernel killed nobody"):
        out_of_memory([(of(victim),), ()], (0, "reset"), kills=0)


def test_memory_is_not_said_to_suffice_where_the_trial_ends_first(victim: subprocess.Popen[bytes]) -> None:
    """The drill is cut."""
    told = out_of_memory([(of(victim),)], (0, "timed out"), kills=0, ends=True)

    assert [act.what for act in told] == ["request"]


def test_the_kernel_counts_whom_it_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the whole machine."""
    monkeypatch.setattr("lab.engines.there.VMSTAT", tmp_path / "vmstat")
    (tmp_path / "vmstat").write_text("nr_free_pages 5\noom_kill 3\n")

    assert oom_kills() == 3


def test_memory_is_filled_only_where_there_is_a_limit() -> None:
    """Else it would be the machine's."""
    with pytest.raises(ScenarioError, match="fills it, and without a limit that would be the memory of the machine"):
        trial("oom")


def test_filling_memory_needs_its_time_in_the_measure_phase() -> None:
    """6 s until the action, 2 s over which it is drawn, 10 s for the kernel, twice 3 s to recover."""
    assert Drill(verb=Verb.OOM).least_measure_s == 24.0
    given = make_scenario((WORKERS,), drills=[{"verb": "oom"}], budget=LIMITED, load=LOAD | {"measure": "23s"})
    with pytest.raises(ValueError, match="24 s at least"):
        check_runnable(given)


@pytest.mark.parametrize("version", ["1", ""])
def test_a_container_dies_as_a_whole_only_where_the_kernel_can_do_it(version: str) -> None:
    """Cgroups of version 1 have no group."""
    drills = [{"verb": "oom", "group": True}]
    given = make_scenario((WORKERS,), drills=drills, load=LOAD, budget=LIMITED)
    check_group(given, "2")

    with pytest.raises(ScenarioError, match="group takes memory.oom.group"):
        check_group(given, version)


@pytest.mark.parametrize("tree", ["v2-cgroupfs", "v2-systemd"])
def test_a_container_of_the_app_is_told_to_die_as_a_whole(tree: str, tmp_path: Path) -> None:
    """By its own cgroup, and nobody else's; under both drivers, as recorded from containers."""
    shutil.copytree(TREES / tree, tmp_path, dirs_exist_ok=True)
    (asked,) = tmp_path.glob(f"sys/**/*{CONTAINER}*/{GROUP_FILE}")
    front = target(ServiceKind.PROXY)

    die_together((front,), tmp_path)
    assert asked.read_text() == "0\n"
    die_together((front, target(ServiceKind.APP)), tmp_path)
    assert asked.read_text() == "1"


@pytest.mark.parametrize("tree", ["v1-systemd", "v2-systemd"])
def test_what_cannot_die_as_a_whole_is_said(tree: str, tmp_path: Path) -> None:
    """Cgroups of version 1, a kernel of version 2 that is too old for it, and an agent that may not write."""
    shutil.copytree(TREES / tree, tmp_path, dirs_exist_ok=True)
    for found in tmp_path.glob(f"sys/**/{GROUP_FILE}"):
        found.unlink()

    with pytest.raises(DeploymentError, match=r"app cannot be made to die together: its cgroup has no memory\.oom\.gr"):
        die_together((target(ServiceKind.APP),), tmp_path)


def target(kind: ServiceKind) -> SampleTarget:
    return SampleTarget(service="app", kind=kind, container_id=CONTAINER, init_pid=4120, ports=(80,))


def test_who_dies_together_is_told_of_together() -> None:
    """The group is set before anything is asked for; of those that end one after the other none is left out."""
    first, second, other = process(2), process(3), process(4, service="app-2")
    looks = [(first, second, other), (second, other), (other,), (other,)]
    told = out_of_memory(looks, (0, "reset"), group=True)

    assert [(act.what, act.pid) for act in told] == [("request", 0), ("killed", 2), ("killed", 3)]


class Seen:
    """An arm whose processes are seen as these, one look after the other; signals to them are noted."""

    def __init__(self, *looks: tuple[Member, ...], hit: bool = True) -> None:
        self.hit = hit
        self.looks = list(looks)
        self.sent: list[tuple[int, int]] = []

    def there(self, function: Any, *arguments: Any) -> Any:
        if function is send:
            self.sent.append((arguments[0], arguments[2]))
            return self.hit
        assert function.__name__ in ("members", "first_processes")
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    def scene(self, verb: Verb, **drill: Any) -> tuple[Scene, list[Act]]:
        topology = SimpleNamespace(trial_id="t", entry="front:80")
        made = SimpleNamespace(
            **one_machine(self.there), current=tuple, topology=topology, service_at=lambda _entry: "nginx"
        )
        given, told = scene("kill", cast(Deployment, made), hangup=False)
        return replace(given, drill=Drill(verb=verb, **drill)), told


def process(pid: int, role: str = Role.WORKER, service: str = "app") -> Member:
    return Member(service=service, pid=pid, started=pid, role=role)


def test_a_supervisor_is_killed_and_nobody_else() -> None:
    """And where none is to be seen the trial ends."""
    seen = Seen((process(1, Role.SUPERVISOR), process(2), process(3)))
    given, told = seen.scene(Verb.KILL_SUPERVISOR)

    assert kill_supervisor(given)
    assert seen.sent == [(1, signal.SIGKILL)]
    assert [(act.what, act.pid) for act in told] == [("SIGKILL", 1)]
    with pytest.raises(DeploymentError, match="no supervisor is to be seen"):
        kill_supervisor(Seen((process(2),)).scene(Verb.KILL_SUPERVISOR)[0])


def test_the_front_is_killed_by_its_first_process() -> None:
    """The one that clients connect to."""
    seen = Seen((process(1, "", "app-1"), process(7, "", "nginx")))
    given, _ = seen.scene(Verb.KILL_FRONT)

    assert kill_front(given)
    assert seen.sent == [(7, signal.SIGKILL)]
    with pytest.raises(DeploymentError, match="no process of nginx is to be seen"):
        kill_front(Seen((process(1, "", "app-1"),)).scene(Verb.KILL_FRONT)[0])


class Clock:
    """Time that goes on only while an act waits."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s

    def wait(self, seconds: float) -> bool:
        self.now_s += seconds
        return False


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of acts."""
    made = Clock()
    for module in ("breaking", "scene"):
        monkeypatch.setattr(f"lab.run.{module}.time", made)
    return made


def test_what_comes_in_the_place_of_a_killed_one_is_killed_too(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """As long as it holds; who lived before, and other services, are left alone."""
    monkeypatch.setattr("lab.run.breaking.LOOK_S", 0.1)
    old = (process(1, Role.SUPERVISOR), process(2))
    later = (process(1, Role.SUPERVISOR), process(3, Role.HELPER), process(9, service="app-2"))
    seen = Seen(old, old, later, (process(1, Role.SUPERVISOR), process(4)), (process(1, Role.SUPERVISOR),))
    given, told = seen.scene(Verb.CRASH_LOOP, hold="400ms")

    assert crash_loop(replace(given, wait=clock.wait))
    assert seen.sent == [(2, signal.SIGKILL), (3, signal.SIGKILL), (4, signal.SIGKILL)]
    assert [act.began_s for act in told] == pytest.approx([0.0, 0.1, 0.2])
    assert clock.now_s == pytest.approx(0.4, abs=0.11)


def recycled(clock: Clock, seed: int, *pids: int) -> list[float]:
    """When each of these was asked to end, in seconds from the begin of the drill."""
    seen, began_s = Seen((process(1, Role.SUPERVISOR), *map(process, pids))), clock.now_s
    given, told = seen.scene(Verb.RECYCLE, hold="300ms")

    assert recycle(replace(given, seed=seed, wait=clock.wait))
    assert sorted(seen.sent) == [(pid, signal.SIGTERM) for pid in pids]
    assert [act.pid for act in told] == [pid for pid, _ in seen.sent]
    return [act.began_s - began_s for act in told]


def test_every_serving_process_is_recycled_at_an_instant_of_its_own(clock: Clock) -> None:
    """Drawn over the time that it holds, and to the millisecond the same in all arms of a block."""
    instants = recycled(clock, 1, 2, 3, 4)

    assert len({round(at_s, 3) for at_s in instants}) == 3
    assert 0 <= instants[0] <= instants[-1] <= 0.3
    assert recycled(clock, 1, 12, 13, 14) == pytest.approx(instants, abs=0.001)
    assert recycled(clock, 2, 2, 3, 4) != pytest.approx(instants, abs=0.001)
    with pytest.raises(DeploymentError, match="no serving process is to be seen"):
        recycle(Seen((process(1, Role.SUPERVISOR),)).scene(Verb.RECYCLE)[0])


def test_who_is_recycled_late_makes_the_next_one_no_later(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is due at an instant of the drill, not so long after the one before it."""
    due = recycled(clock, 1, 2, 3, 4)
    prompt, late_s = clock.wait, 0.01
    monkeypatch.setattr(clock, "wait", lambda seconds: prompt(seconds + late_s))

    assert recycled(clock, 1, 2, 3, 4) == pytest.approx([at_s + late_s for at_s in due], abs=0.001)


def slow(seen: Seen, boot_s: float, hold: str) -> tuple[Scene, list[Act]]:
    given, told = seen.scene(Verb.SLOW_START, hold=hold)
    return replace(given, deployment=cast(Deployment, SimpleNamespace(**vars(given.deployment), boot_s=boot_s))), told


def test_a_supervisor_that_gives_a_slow_worker_up_is_told_of() -> None:
    """The old ones go on: that is a result, and no drill that was cut."""
    seen = Seen((process(1, Role.SUPERVISOR), process(2), process(3)))
    given, told = slow(seen, 6.1, "300ms")

    assert slow_start(replace(given, hangup=True))
    assert seen.sent == [(1, signal.SIGHUP)]
    assert [(act.what, act.detail) for act in told] == [("SIGHUP", ""), ("kept", "2 of 2 processes")]


def test_an_app_that_is_not_slow_ends_the_trial() -> None:
    """It would show what a roll shows."""
    with pytest.raises(DeploymentError, match="up after 1.2 s, which is not a slow start"):
        slow_start(slow(Seen((process(2),)), 1.2, "300ms")[0])


@pytest.mark.parametrize(("verb", "act"), [(Verb.CRASH_LOOP, crash_loop), (Verb.RECYCLE, recycle)])
def test_a_drill_that_hits_nobody_ends_the_trial(verb: Verb, act: Callable[[Scene], bool]) -> None:
    """They had ended before the signal: an arm that was left alone shall not count as one that bore it."""
    seen = Seen((process(2),), hit=False)

    with pytest.raises(DeploymentError, match="ended"):
        act(seen.scene(verb, hold="100ms")[0])


def test_nothing_more_is_done_when_the_trial_ends() -> None:
    """A drill that is cut says so."""
    for verb, act in ((Verb.RECYCLE, recycle), (Verb.CRASH_LOOP, crash_loop)):
        seen = Seen((process(1, Role.SUPERVISOR), process(2)))
        given, _ = seen.scene(verb)

        assert not act(replace(given, wait=lambda _s: True))
        assert all(pid == 2 for pid, _ in seen.sent)


@pytest.mark.parametrize(
    ("verb", "arm", "app", "why", "near"),
    [
        ("kill-supervisor", REPLICAS, {}, "replicas with N = 2 has no supervisor", "kill"),
        ("kill-front", WORKERS, {}, "no front stands before the app", "stop"),
        ("crash-loop", REPLICAS, {}, 'nobody starts a process again (restart = "no")', "kill"),
        ("scale", GRANIAN, {}, "the supervisor of granian starts no further worker", "roll"),
        ("rotate-cert", WORKERS, {}, "clients connect without TLS", "roll"),
        ("recycle", REPLICAS, {"restart": "on-failure"}, "nobody starts a process again that ends well", "roll"),
    ],
)
def test_an_arm_that_has_nothing_for_a_verb_is_refused(
    verb: str, arm: dict[str, str], app: dict[str, str], why: str, near: str
) -> None:
    """Before anything starts, with the nearest verb that it has."""
    given = make_scenario((arm,), drills=[{"verb": verb}], load=LOAD, budget=LIMITED, app={"image": "a:1", **app})

    with pytest.raises(ScenarioError) as error:
        build_plan(given)

    assert str(error.value).startswith(f'drill "{verb}": arm "{arm["name"]}": {why}')
    assert f'take verb = "{near}"' in error.value.hint


def test_an_arm_that_has_all_of_it_is_not_refused() -> None:
    """Supervised workers behind a front can be broken in every way."""
    drills = [{"verb": verb.value} for verb in Verb if verb is not Verb.NODE_LOSS]  # of a Swarm
    over_tls = {**WORKERS_NGINX, "front": {"kind": "nginx", "tls": True}}

    build_plan(make_scenario((over_tls,), drills=drills, load=LOAD, budget=LIMITED))


@pytest.mark.parametrize("verb", sorted(ENGINE_KINDS["docker"].verbs - ENGINE_KINDS["process"].verbs))
def test_what_takes_containers_is_refused_without_them(verb: Verb) -> None:
    """Before anything is started."""
    given = make_scenario((WORKERS, REPLICAS), drills=[{"verb": verb.value}], load=LOAD, budget=LIMITED)

    with pytest.raises(ScenarioError, match=f'drill "{verb}": {verb} takes containers; the nearest .* is kill'):
        check_plain(given)


def test_every_verb_is_carried_out_by_something() -> None:
    """A scenario can ask for no other."""
    assert set(VERBS) == set(Verb)


def test_a_pid_that_was_given_out_again_is_never_signalled(victim: subprocess.Popen[bytes]) -> None:
    """(pid, start) names a process."""
    assert not send(victim.pid, of(victim).started + 1, signal.SIGKILL)
    assert victim.poll() is None


def test_only_those_that_serve_can_be_chosen(victim: subprocess.Popen[bytes]) -> None:
    """A supervisor or helper is no worker."""
    assert serving((of(victim, Role.SUPERVISOR), of(victim, Role.HELPER))) == ()
    assert serving((of(victim),)) == (of(victim),)
