"""A plan is decided before anything happens: seeded, balanced, equal for all arms but for the process model."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

import pytest

from lab.plan.arm_topology import build_topology, nominal_ports
from lab.plan.blocks import BOOT_ESTIMATE_S, OVERHEAD_ESTIMATE_S, build_plan
from lab.plan.kinds import ServiceKind
from lab.plan.loading import warmup_s
from lab.plan.topology import Topology
from lab.scenario.budget import Budget, Quota
from lab.scenario.model import App, Arm, Load, Scenario
from lab.scenario.trials import Trials
from tests.builders import make_scenario

ARMS = (
    Arm(name="workers", model="workers", front="direct"),
    Arm(name="workers-nginx", model="workers", front="nginx"),
    Arm(name="replicas", model="replicas", front={"kind": "nginx", "balance": "least_conn"}),
)


def scenario(**changes: object) -> Scenario:
    base = Scenario(
        question="Which?",
        app=App(image="shop:1"),
        arms=ARMS,
        budget=Budget(processes=4),
        load=Load(locustfile=Path("locustfile.py"), rate=100.0),
        trials=Trials(blocks=6, seed=3),
    )
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]  # keyword names are checked by replace itself


def topology(arm: Arm, given: Scenario | None = None) -> Topology:
    given = given or scenario()
    trial = next(trial for trial in build_plan(given).trials if trial.arm.name == arm.name)
    return build_topology(given, trial, nominal_ports(given, arm))


def test_every_block_has_every_arm_once_and_positions_are_balanced() -> None:
    """Over six blocks of three arms each arm runs twice at each position."""
    plan = build_plan(scenario())

    for block in range(1, 7):
        assert {t.arm.name for t in plan.trials if t.block == block} == {arm.name for arm in ARMS}
    assert set(Counter((t.arm.name, t.position) for t in plan.trials).values()) == {2}


def test_the_seed_decides_the_order() -> None:
    """The same seed gives the same plan, another seed another one."""
    assert build_plan(scenario()) == build_plan(scenario())
    orders = {tuple(t.id for t in build_plan(scenario(trials=Trials(blocks=6, seed=s))).trials) for s in range(5)}
    assert len(orders) > 1


def test_the_arms_of_a_block_share_their_schedule() -> None:
    """All arms of a block do identical work; another block does other work."""
    plan = build_plan(scenario())
    seeds = {block: {t.schedule_seed for t in plan.trials if t.block == block} for block in range(1, 7)}

    assert all(len(values) == 1 for values in seeds.values())
    assert len(set.union(*seeds.values())) == 6


def test_the_studied_difference_is_the_only_one() -> None:
    """The commands of all arms differ in port and number of workers and in nothing else."""

    def shape(argv: tuple[str, ...]) -> list[str]:
        words = list(argv)
        for option in ("--port", "--workers"):
            words[words.index(option) + 1] = "*"
        return words

    commands = [s.argv for arm in ARMS for s in topology(arm).services if s.kind is ServiceKind.APP]

    assert len({tuple(shape(argv)) for argv in commands}) == 1
    assert [argv[argv.index("--workers") + 1] for argv in commands] == ["4", "4", "1", "1", "1", "1"]


def test_every_listener_is_on_loopback() -> None:
    """Nothing listens where another machine could reach it."""
    for arm in ARMS:
        for service in topology(arm).services:
            if service.kind is ServiceKind.APP:
                assert service.argv[service.argv.index("--host") + 1] == "127.0.0.1"
            else:
                assert f"listen 127.0.0.1:{service.ports[0]};" in service.files[0].text


def test_nginx_proxies_to_every_replica_and_to_nothing_else() -> None:
    """The upstream block lists exactly the ports of the app, the balancing method before keepalive."""
    deployed = topology(ARMS[2])
    conf = next(s for s in deployed.services if s.kind is ServiceKind.PROXY).files[0].text

    for endpoint in deployed.app:
        assert f"server {endpoint.address} " in conf
    assert conf.count("server 127.0.0.1:") == 4
    assert conf.index("least_conn;") < conf.index("keepalive 256;")
    assert deployed.entry not in deployed.app


def test_the_stock_profile_leaves_the_distribution_defaults() -> None:
    """profile = "stock" shows what nginx does when nobody tunes it."""
    arm = dataclasses.replace(ARMS[2], front={"kind": "nginx", "profile": "stock"})
    conf = topology(arm, scenario(arms=(arm,))).services[-1].files[0].text

    assert "keepalive 64" not in conf
    assert "max_fails" not in conf


def test_a_split_budget_is_equal_in_total_for_every_arm() -> None:
    """The shares of all services, nginx included, add up to the budget; with no proxy the app has all of it."""
    budget = Budget(processes=4, cpus=Quota(mode="split", amount=2.0), memory=Quota(mode="split", amount=10 * 2**30))
    for arm in ARMS:
        limits = [s.limits for s in topology(arm, scenario(budget=budget)).services]
        assert sum(limit.cpus or 0 for limit in limits) == pytest.approx(2.0)
        assert sum(limit.memory_bytes or 0 for limit in limits) == pytest.approx(10 * 2**30, abs=8)


def test_a_serving_process_has_the_same_share_behind_nginx_in_both_models() -> None:
    """Splitting gives four workers behind nginx what four replicas behind nginx get."""
    given = scenario(budget=Budget(processes=4, cpus=Quota(mode="split", amount=2.0)))
    app = {
        arm.name: sum(s.limits.cpus or 0 for s in topology(arm, given).services if s.kind is ServiceKind.APP)
        for arm in ARMS[1:]
    }

    assert app["workers-nginx"] == pytest.approx(app["replicas"])


def test_a_pooled_budget_limits_the_arm_and_not_its_services() -> None:
    """pooled: one quota over the sum."""
    deployed = topology(ARMS[2], scenario(budget=Budget(processes=4, cpus=Quota(mode="pooled", amount=1.5))))

    assert deployed.pool.cpus == 1.5
    assert all(service.limits.unlimited for service in deployed.services)


def test_a_command_template_is_split_before_it_is_filled() -> None:
    """{port} and {workers} land in their own words; a quoted word stays one argument."""
    app = App(image="shop:1", command="serve --bind {host}:{port} --name 'my shop' -w {workers}")
    argv = topology(ARMS[0], scenario(app=app)).services[0].argv

    assert argv == ("serve", "--bind", "127.0.0.1:20000", "--name", "my shop", "-w", "4")


def test_an_image_may_keep_its_own_command_and_be_told_by_environment() -> None:
    """command = "{image}" leaves the image's command alone; port and workers travel in the environment."""
    app = App(image="shop:1", command="{image}", env={"PORT": "{port}", "WEB_CONCURRENCY": "{workers}"})
    workers, *_ = topology(ARMS[0], scenario(app=app)).services
    replica = next(s for s in topology(ARMS[2], scenario(app=app)).services if s.name == "app-2")

    assert workers.argv == ()
    assert dict(workers.env) == {"PORT": "20000", "WEB_CONCURRENCY": "4"}
    assert dict(replica.env) == {"PORT": "20001", "WEB_CONCURRENCY": "1"}


def test_environment_of_an_arm_overrides_that_of_the_app() -> None:
    """An option under test may be an environment variable of one arm."""
    app = App(image="shop:1", env={"A": "1", "B": "1"})
    arm = Arm(name="workers", model="workers", front="direct", env={"B": "2"})
    deployed = topology(arm, scenario(app=app, arms=(arm,)))

    assert dict(deployed.services[0].env) == {"A": "1", "B": "2"}


def test_a_longer_plan_begins_with_the_shorter_one() -> None:
    """Replacement blocks come from the same seed and change nothing that was planned."""
    plan = build_plan(scenario())
    extra = plan.extension("", range(7, 9))

    assert build_plan(scenario(), 8).trials == (*plan.trials, *extra)
    assert {trial.block for trial in extra} == {7, 8}


@pytest.mark.parametrize(
    ("asked", "rate", "expected_s"),
    [("5s", 300.0, 5.0), ("5s", 50.0, 10.0), ("5s", 1.0, 30.0), ("40s", 1.0, 40.0), ("2s", None, 2.0)],
)
def test_every_arm_warms_up_equally_long(asked: str, rate: float | None, expected_s: float) -> None:
    """As long as asked, or until 4 processes can be expected to have had 125 requests each, up to 30 s."""
    load = {"locustfile": "x.py", "warmup": asked, "measure": "10s", **({"rate": rate} if rate else {})}
    scenario = make_scenario(load=load)

    assert warmup_s(scenario) == pytest.approx(expected_s)
    seconds = (build_plan(scenario).estimated_s) / len(build_plan(scenario).trials)
    assert seconds == pytest.approx(BOOT_ESTIMATE_S + expected_s + 10 + OVERHEAD_ESTIMATE_S)
