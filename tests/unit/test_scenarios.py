"""The scenarios that are shipped: each reads, plans, opens with its question and says what it shows."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lab.analysis.judge.intervals import blocks_needed
from lab.cli import app
from lab.metric_types import JUDGE_BEYOND
from lab.metrics import METRICS
from lab.plan.arm_topology import build_topology, nominal_ports
from lab.plan.blocks import build_plan
from lab.run.verbs import SLOW_S
from lab.scenario.drills import TICK_S, Drill, Verb
from lab.scenario.file import read_scenario
from lab.scenario.model import Scenario

ROOT = Path(__file__).parent.parent.parent
UNLUCKY = 4  # standard deviations of a Poisson count: no block of any run shall be too short
SCENARIOS = sorted((ROOT / "scenarios").glob("*.toml"))
LOCUSTFILES = sorted((ROOT / "locustfiles").glob("*.py"))
SHIPPED = {
    "quickstart",
    "smoke",
    "cpu_bound",
    "io_bound",
    "model_memory",
    "few_connections",
    "churn",
    "split_budget",
    "tls_place",
    "tls_place_churn",
    "proxy_headers",
    "allocators",
    "threads",
}
LEVEL = 0.95
SCREEN = 40  # lines: what is printed before a run is meant to be read at a glance
LOOKS = ("smoke", "growth_look")


def named(path: Path) -> str:
    """The name of a scenario, for test ids."""
    return path.stem


def scenario(name: str) -> Scenario:
    """A shipped scenario."""
    return read_scenario(ROOT / "scenarios" / f"{name}.toml")


def test_all_of_them_are_here() -> None:
    """Those that the issue names, at least."""
    assert {path.stem for path in SCENARIOS} >= SHIPPED


@pytest.mark.parametrize("path", SCENARIOS, ids=named)
def test_it_opens_with_its_question(path: Path) -> None:
    """The first line is the question of the file itself, but for the capital letter."""
    first = path.read_text().splitlines()[0].removeprefix("# Question: ").partition(" (")[0]
    question = read_scenario(path).question

    assert first.casefold() == question.casefold()
    assert question.endswith("?")


@pytest.mark.parametrize("path", SCENARIOS, ids=named)
def test_it_plans_and_every_arm_has_a_topology(path: Path) -> None:
    """What `lab plan` needs: trials of every arm, and services for each."""
    plan = build_plan(read_scenario(path))
    arms = {trial.arm.name: trial for trial in plan.trials}

    assert set(arms) == {arm.name for arm in plan.scenario.arms}
    for trial in arms.values():
        topology = build_topology(plan.scenario, trial, nominal_ports(plan.scenario, trial.arm))
        assert topology.processes == plan.scenario.budget.processes
    shown = CliRunner().invoke(app, ["plan", str(path)])
    assert shown.exit_code == 0
    assert (", rest " in shown.output) == bool(plan.scenario.load.settle)
    assert shown.output.count("\n") <= SCREEN


@pytest.mark.parametrize("path", [path for path in SCENARIOS if path.stem not in LOOKS], ids=named)
def test_it_can_end_with_a_verdict(path: Path) -> None:
    """Enough blocks for its primaries, and enough requests for their quantiles (METHOD 6), also by bad luck."""
    given = read_scenario(path)

    assert given.trials.blocks >= blocks_needed(1 - (1 - LEVEL) / len(given.compare.primary))
    for key in given.compare.primary:
        quantile = METRICS[key].quantile
        if quantile is not None and given.load.rate is not None:
            arrivals = given.load.rate * given.load.measure
            assert (arrivals - UNLUCKY * arrivals**0.5) * (1 - quantile) >= JUDGE_BEYOND


@pytest.mark.parametrize("name", LOOKS)
def test_a_look_says_that_it_has_numbers_only(name: str) -> None:
    """In its first lines; it is one block, takes ten minutes at most, and holds no condition, which it could not."""
    given = scenario(name)
    head = (ROOT / "scenarios" / f"{name}.toml").read_text().partition("question = ")[0]

    assert "numbers" in head
    assert "verdict" in head
    assert (given.trials.blocks, given.expect) == (1, ())
    assert build_plan(given).estimated_s <= 10 * 60


def test_a_growth_look_sees_memory_after_rest() -> None:
    """As METHOD 12 asks: half a minute without requests, after thousands of them."""
    load = scenario("growth_look").load

    assert load.settle >= 30
    assert load.measure * (load.rate or 0.0) >= 10_000


def test_a_look_at_every_drill_takes_a_coffee_break() -> None:
    """A trial of a shipped drill: at most 45 s; the quick form of the resilience run of three arms: 12 minutes."""
    plans = [build_plan(given, 1) for path in SCENARIOS if (given := read_scenario(path)).drills]
    looked = build_plan(scenario("resilience"), 1)

    assert max(plan.estimated_s / len(plan.trials) for plan in plans) <= 45
    assert len(looked.scenario.arms) == 3
    assert [drill.verb for drill in looked.scenario.drills] == ["kill", "hang", "block", "roll", "stop"]
    assert looked.estimated_s <= 12 * 60


def test_what_hangs_does_so_for_longer_than_a_supervisor_waits() -> None:
    """In what is shipped, and by default: a hang of 5 s is over before uvicorn's supervisor acts."""
    held = (Verb.HANG, Verb.BLOCK)
    shipped = [drill for path in SCENARIOS for drill in read_scenario(path).drills if drill.verb in held]

    assert len(shipped) >= 5
    assert min(drill.hold for drill in (*shipped, Drill(verb=Verb.HANG))) >= SLOW_S + TICK_S


@pytest.mark.parametrize("path", LOCUSTFILES, ids=named)
def test_locustfiles_are_ordinary(path: Path) -> None:
    """They import Locust and the standard library only, so they run under plain `locust -f`, and say so."""
    tree = ast.parse(path.read_text())
    imports = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }

    assert imports - {"locust"} <= sys.stdlib_module_names
    assert f"`locust -f locustfiles/{path.name}`" in (ast.get_docstring(tree) or "")


def test_what_the_names_promise() -> None:
    """The one thing that each scenario is about."""
    assert scenario("model_memory").app.env == {"BALLAST_MB": "200"}
    assert scenario("few_connections").load.lanes == 4
    assert [arm.env for arm in scenario("costly").arms] == [{}, {"EXTRA_CPU_MS": "0.3"}]
    assert scenario("churn").load.lanes == scenario("few_connections").load.lanes
    assert scenario("split_budget").budget.cpus.mode == "split"
    assert "REQUESTS_PER_CONNECTION = 20" in scenario("churn").load.locustfile.read_text()
    assert "/cpu" in scenario("cpu_bound").load.locustfile.read_text()
    assert "/io" in scenario("io_bound").load.locustfile.read_text()
