"""Drills on real containers: who is signalled, who comes back, and how an app ends that is asked to."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import docker
import pytest

from lab.attest.serving import Member, members, serving
from lab.engines import Deployment
from lab.engines.docker.engine import DockerEngine
from lab.engines.there import answers, ask, send
from lab.plan.kinds import Role
from lab.plan.topology import Topology
from lab.run.ends import Ends
from lab.run.scene import Act, Scene
from lab.run.verbs import VERBS
from lab.scenario.budget import Budget
from lab.scenario.drills import Drill, Verb
from lab.scenario.model import Arm, Scenario
from tests.integration.acting import patient as patiently
from tests.integration.conftest import RUN_ID, app_of_repository, scenario_of

pytestmark = pytest.mark.integration

Build = Callable[[Scenario], Topology]
WORKERS = Arm(name="workers", model="workers", front="direct", restart="always")
REPLICAS = Arm(name="replicas", model="replicas", front="nginx", restart="always")
WORKERS_NGINX = Arm(name="workers-nginx", model="workers", front="nginx", restart="always")
WATCHED = replace(REPLICAS, name="watched", watch="engine")
WITHIN_S = 60.0  # on a busy machine: a container that starts again takes its time there
CHECKED_WITHIN_S = WITHIN_S / 3  # so long uvicorn's supervisor sees no death, if a worker dies while it is being asked
LOOKS_S = 3.0  # three looks of a second: a quiet machine takes 7 s until the container has ended
LOOP_S = 45.0  # a crash loop is cut when it has gone round: uvicorn may see a death only after 5 s
ACT_S = 5.0  # a signal is sent at once, by a process that may have to wait for its turn


@pytest.fixture(scope="module")
def restarting(client: docker.DockerClient, images: Any) -> DockerEngine:
    """An engine, for arms whose containers are started again when they have ended."""
    return DockerEngine(client, images, RUN_ID, (21000, 22999))


def carry_out(
    deployment: Deployment, verb: Verb, enough: float = math.inf, **keys: Any
) -> tuple[list[Act], tuple[Member, ...]]:
    """What was done, and who served before; it is cut, as by the end of a trial, after ``enough`` acts."""
    told: list[Act] = []
    never = threading.Event()
    scene = Scene(
        drill=Drill(verb=verb, **keys),
        deployment=deployment,
        seed=3,
        tell=told.append,
        wait=lambda seconds: len(told) >= enough or never.wait(seconds),
        hangup=True,
    )
    before = serving(scene.members())
    with patiently():
        VERBS[verb](scene)
    return told, before


def until_served_by(deployment: Deployment, others: tuple[Member, ...], count: int) -> tuple[Member, ...]:
    """So many serving processes, of which none is among ``others``."""
    give_up_at = time.monotonic() + WITHIN_S
    while True:
        found = tuple(each for each in serving(deployment.there(members, deployment.current())) if each not in others)
        if len(found) >= count:
            return found
        assert time.monotonic() < give_up_at, f"{len(found)} new processes of {count}"
        time.sleep(0.2)


def test_a_watchdog_restarts_the_replica_that_hangs_and_no_other(restarting: DockerEngine, topology_of: Build) -> None:
    """It has been silent three times, at one look a second; Docker alone would leave it as it is."""
    with restarting.deploy(topology_of(scenario_of(WATCHED))) as deployment:
        worker = next(iter(serving(deployment.there(members, deployment.targets))))
        t0_s = time.monotonic()
        ended = Ends(
            happened=deployment.happened, t0=t0_s, clock=time.monotonic
        )  # which tests beside have forgotten soon
        deployment.there(send, worker.pid, worker.started, int(signal.SIGSTOP))
        give_up_at = t0_s + WITHIN_S
        while not (ends := ended.all()) or not all(
            deployment.there(answers, each, "/ready", {}, 1.0) for each in deployment.topology.app
        ):
            assert time.monotonic() < give_up_at, f"nobody restarted what hangs, or it does not answer: {ends}"
            time.sleep(0.2)
        deployment.check()
        ends = ended.all()

    assert [end.service for end in ends] == [worker.service]
    assert ends[0].t_s > LOOKS_S


def until_it_answers(deployment: Deployment) -> None:
    """Where clients connect."""
    give_up_at = time.monotonic() + WITHIN_S
    good = 0
    while good < 6:  # by every worker, more likely than not
        good = good + 1 if deployment.there(ask, deployment.topology, "/ready", 5.0)[0] == 200 else 0
        assert time.monotonic() < give_up_at, "the front does not answer"
        time.sleep(0.2)


def patient(topology: Topology) -> Topology:
    """With a supervisor that goes on with a roll where a new worker takes longer than 5 s, as on a busy machine."""
    (service,) = topology.services
    argv = (*service.argv, "--timeout-worker-healthcheck", f"{CHECKED_WITHIN_S:.0f}")
    return replace(topology, services=(replace(service, argv=argv),))


def test_a_supervisor_replaces_what_was_killed_and_what_it_is_told_to(
    restarting: DockerEngine, topology_of: Build
) -> None:
    """One deployment: kill, then roll by SIGHUP, then stop, where the app ends by itself with code 0."""
    with restarting.deploy(patient(topology_of(scenario_of(WORKERS)))) as deployment:
        (killed,), before = carry_out(deployment, Verb.KILL)
        (new,) = until_served_by(deployment, before, 1)
        rolled, old = carry_out(deployment, Verb.ROLL)
        until_served_by(deployment, old, 2)
        stopped, _ = carry_out(deployment, Verb.STOP)

    assert killed.what == "SIGKILL"
    assert killed.pid in {member.pid for member in before}
    assert killed.ended_s - killed.began_s < ACT_S
    assert new.service == "app"
    assert [act.what for act in rolled] == ["SIGHUP", "replaced"]
    assert stopped[-1].detail.startswith("app: exit code 0 after")


def test_a_new_version_takes_the_place_of_the_old_one(
    client: docker.DockerClient, images: Any, second_image: str, topology_of: Build
) -> None:
    """Slot by slot, from another image, and each answers where the one before it did."""
    second = {
        **images,
        "drill.deploy": replace(images["app"], name=second_image, id=client.images.get(second_image).id),
    }
    engine = DockerEngine(client, second, RUN_ID, (21000, 22999))
    with engine.deploy(topology_of(scenario_of(REPLICAS))) as deployment:
        told, _ = carry_out(deployment, Verb.DEPLOY, image=second_image)
        runs = client.containers.list(ignore_removed=True, filters={"label": f"lab.run={RUN_ID}"})
        images_now = {each.labels["lab.service"]: each.image.id for each in runs}
        until_it_answers(deployment)
        logs = deployment.logs()

    assert [(act.what, act.detail) for act in told] == [("deployed", "app-1"), ("deployed", "app-2")]
    assert all(act.ended_s - act.began_s < WITHIN_S for act in told)
    assert {images_now["app-1"], images_now["app-2"]} == {second["drill.deploy"].id} != {images["app"].id}
    assert set(logs) >= {"app-1", "app-1.before", "nginx"}


def supervising(deployment: Deployment) -> list[Member]:
    """The supervisors at this moment."""
    return [each for each in deployment.there(members, deployment.current()) if each.role == Role.SUPERVISOR]


def test_who_is_out_of_memory_is_killed_and_replaced(restarting: DockerEngine, topology_of: Build) -> None:
    """By the kernel, and the supervisor that has the same limit goes on.

    On a busy machine the kernel may kill the other worker too: the memory of the first one is not free yet.
    """
    limited = Budget(processes=2, memory="split:400MiB")  # type: ignore[arg-type]  # parsed
    with restarting.deploy(topology_of(scenario_of(WORKERS, budget=limited))) as deployment:
        supervisors = supervising(deployment)
        (asked, *killed), before = carry_out(deployment, Verb.OOM)
        new = until_served_by(deployment, before, len(killed))
        assert supervising(deployment) == supervisors

    assert (asked.what, asked.detail) == ("request", "/hold?mb=420")
    assert {(act.what, act.service) for act in killed} == {("killed", "app")}
    assert {act.pid for act in killed} <= {member.pid for member in before}
    assert {member.service for member in new} == {"app"}


def test_a_front_and_a_supervisor_are_killed_and_come_back(restarting: DockerEngine, topology_of: Build) -> None:
    """Each is its container's first process, which the engine starts again; then workers that crash or are recycled."""
    with restarting.deploy(topology_of(scenario_of(WORKERS_NGINX))) as deployment:
        (front,), _ = carry_out(deployment, Verb.KILL_FRONT)
        until_it_answers(deployment)
        (supervisor,), before = carry_out(deployment, Verb.KILL_SUPERVISOR)
        until_it_answers(deployment)
        until_served_by(deployment, before, 2)
        recycled, old = carry_out(deployment, Verb.RECYCLE, hold=0.5)
        until_it_answers(deployment)
        until_served_by(deployment, old, 2)
        crashed, last = carry_out(deployment, Verb.CRASH_LOOP, enough=2, hold=LOOP_S)
        until_served_by(deployment, last, 1)

    assert (front.service, supervisor.service) == ("nginx", "app")
    assert sorted(act.pid for act in recycled) == sorted(member.pid for member in old)
    assert {act.what for act in recycled} == {"SIGTERM"}
    assert len(crashed) >= 2
    assert crashed[0].pid in {member.pid for member in last}
    assert len({act.pid for act in crashed}) == len(crashed)


def test_a_supervisor_gives_up_a_worker_that_is_slow_to_start(restarting: DockerEngine, topology_of: Build) -> None:
    """uvicorn's waits for 5 s, and goes on with the old ones."""
    app = app_of_repository(env={"STARTUP_MS": "6000"})
    with restarting.deploy(topology_of(scenario_of(WORKERS, app=app))) as deployment:
        told, before = carry_out(deployment, Verb.SLOW_START, hold=15.0)
        now = serving(deployment.there(members, deployment.current()))

    assert deployment.boot_s > 6.0
    assert (told[0].what, told[-1].what) == ("SIGHUP", "kept")
    assert set(before) & set(now)


def test_replicas_are_replaced_one_after_the_other_and_a_hung_one_goes_on(
    restarting: DockerEngine, topology_of: Build
) -> None:
    """Nobody looks after them: a hang ends when it ends, and each container is started again in turn."""
    with restarting.deploy(topology_of(scenario_of(REPLICAS))) as deployment:
        hung, before = carry_out(deployment, Verb.HANG, hold=0.5)
        rolled, _ = carry_out(deployment, Verb.ROLL)

    assert [act.what for act in hung] == ["SIGSTOP", "SIGCONT"]
    assert hung[0].service in {member.service for member in before}
    assert [(act.what, act.detail) for act in rolled] == [("restarted", "app-1"), ("restarted", "app-2")]
