"""An arm against itself: two equal arms, floors from the valid blocks, and a count of what came out different."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from lab.analysis.judge.floor import LEVEL
from lab.analysis.selfcheck import against_itself, floors_from
from lab.cli.selfcheck import document, sentences, show
from lab.errors import InvalidRunError
from lab.plan.arm_topology import build_topology, ports_needed
from lab.plan.blocks import build_plan
from lab.record.types import Environment
from lab.run.conclude import Conclusion
from lab.run.floors import KeptFloor, read_floors, write_floor
from lab.run.selfcheck import measure_floor
from lab.run.view import QuietView
from tests.fake_surroundings import FakeSurroundings, shop
from tests.fakes import World
from tests.judged_runs import Values, scenario, summary


def check(folder: Path, around: FakeSurroundings | None = None) -> tuple[Conclusion, KeptFloor]:
    asked = against_itself(shop(folder), 6)
    return measure_floor(asked, folder / "runs", QuietView(), around=(around or FakeSurroundings()).make())


def test_both_arms_are_the_baseline_and_nothing_else_changes() -> None:
    """Equal in everything but the name, whatever the baseline is; the load is that of the scenario."""
    asked = replace(scenario(), compare=replace(scenario().compare, baseline="replicas"))
    made = against_itself(asked, 9)
    first, second = made.arms

    assert (first.name, second.name, made.baseline) == ("replicas-a", "replicas-b", "replicas-a")
    assert replace(first, name="x") == replace(second, name="x")
    assert (made.trials.blocks, made.load, made.budget, made.app) == (9, asked.load, asked.budget, asked.app)
    assert made.compare.primary == asked.compare.primary


def test_both_arms_start_the_same_containers() -> None:
    """Their commands and limits do not tell them apart; the order of starting is random, as in every trial."""
    made = against_itself(scenario(), 1)
    topologies = [
        build_topology(made, trial, range(20000, 20000 + ports_needed(made, trial.arm)))
        for trial in build_plan(made).trials
    ]
    one, two = (sorted((service.name, service.argv, str(service.limits)) for service in t.services) for t in topologies)

    assert one == two


def test_a_long_name_still_has_room_for_its_half() -> None:
    """Names have at most 40 characters."""
    arm = replace(scenario().arms[0], name="w" * 40)
    made = against_itself(replace(scenario(), arms=(arm,), compare=replace(scenario().compare, baseline="")), 6)

    assert [len(half.name) for half in made.arms] == [40, 40]


def test_floors_come_from_the_ratios_of_valid_blocks() -> None:
    """The floor is how far the interval reaches; counts of zero have no ratio and are skipped with the reason."""
    made = against_itself(scenario(), 8)
    noise = [1.01, 0.99, 1.02, 0.98, 1.0, 1.01, 0.99, 1.0]
    values: Values = {
        ("p50", "workers-a"): [0.01] * 8,
        ("p50", "workers-b"): [0.01 * ratio for ratio in noise],
        ("boot", "workers-a"): [2.0] * 8,
        ("boot", "workers-b"): [2.2] * 8,
        ("errors", "workers-a"): [0.0] * 8,
        ("errors", "workers-b"): [0.0] * 8,
    }
    floor = floors_from(summary(made, values), "abc", {})

    assert floor.of("boot") == pytest.approx(0.1)
    assert floor.different == ("boot",)
    assert 0.005 < (floor.of("p50") or 0) < 0.03
    assert "8 of 8" in floor.skipped["errors"]
    assert math.isclose(floor.level, LEVEL)


def test_a_selfcheck_is_kept_and_found_by_a_later_run(tmp_path: Path) -> None:
    """From the run to the file to the floor of the next run on this machine."""
    found, kept = measure_floor(
        against_itself(shop(tmp_path), 6), tmp_path / "runs", QuietView(), around=FakeSurroundings().make()
    )
    write_floor(kept, tmp_path / "state")
    environment = Environment(facts=found.run.environment.facts)

    assert found.run.scenario_name == "selfcheck"
    assert found.run.noise_floor == {}, "it is judged without the floor that it measures"
    assert [metric.metric for metric in kept.floor.metrics] == ["throughput", "boot", "prestart.executions"]
    assert read_floors(environment, shop(tmp_path), tmp_path / "state") == kept


def test_the_result_says_how_much_came_out_different(tmp_path: Path) -> None:
    """And claims better or worse of nothing that is equal."""
    found, kept = measure_floor(
        against_itself(shop(tmp_path), 6), tmp_path / "runs", QuietView(), around=FakeSurroundings().make()
    )
    said = "\n".join(sentences(found, kept))
    made = json.loads(json.dumps(document(found, kept)))

    assert "0 of 3 metrics came out different (expected by chance: about 0.1; as many or more in 100% of" in said
    (without,) = [line for line in said.splitlines() if line.startswith("no floor for ")]
    assert without.startswith("no floor for p50, p95, "), "one line a reason, not one a metric"
    assert without.endswith(": 6 of 6 blocks have no ratio")
    assert said.endswith("→ equivalent")
    assert made["verdicts"] == {"boot": "equivalent"}
    assert made["detectable"] == {"throughput": 0.0, "boot": 0.0, "prestart.executions": 0.0}
    assert made["floor"]["schema_version"] == 1


@pytest.mark.parametrize("quiet", [True, False])
def test_quiet_leaves_out_the_table_only(tmp_path: Path, capsys: pytest.CaptureFixture[str], quiet: bool) -> None:
    """The sentences and where the floor is kept are the result, on stdout."""
    found, kept = measure_floor(
        against_itself(shop(tmp_path), 6), tmp_path / "runs", QuietView(), around=FakeSurroundings().make()
    )
    path = tmp_path / "floor.json"
    show(found, kept, path, quiet=quiet)
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    last = [*sentences(found, kept), f"kept in {path}; report: {found.written.html}"]

    assert printed.err == ""
    assert lines[-len(last) :] == last
    assert (lines[: -len(last)] == []) is quiet
    assert any(line.startswith("metric") and "noise floor" in line for line in lines) is not quiet


def test_too_few_valid_blocks_keep_no_floor(tmp_path: Path) -> None:
    """Five of six blocks cannot give one: exit 3."""
    around = FakeSurroundings(world=World(invalid_blocks=frozenset({1, 7})))

    with pytest.raises(InvalidRunError):
        check(tmp_path, around)
