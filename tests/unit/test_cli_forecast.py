"""After four blocks a run says how many would settle each primary, once, and goes on as planned."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lab.analysis.comparison import Comparison, compare_run
from lab.plan.blocks import build_plan
from lab.run.forecast import forecasts
from lab.run.run import run_scenario
from lab.run.view import QuietView
from lab.scenario.compare import Compare
from tests.fake_surroundings import FakeSurroundings, shop
from tests.fakes import World
from tests.judged_runs import Values, scenario, summary

MEMORY = "memory.pss.total"


class Listening(QuietView):
    """Keeps what is said, and after which trial."""

    def __init__(self) -> None:
        self.said: list[tuple[int, str]] = []
        self._finished = 0
        self.comparisons = 0

    def compared(self, comparison: Comparison, where: str) -> None:
        self.comparisons += 1

    def step(self, text: str) -> None:
        self.said.append((self._finished, text))

    def trial_started(self, trial: object, number: int, total: int) -> None:
        self._finished = number


def forecast(ratios: list[float], planned: int = 8) -> list[str]:
    values: Values = {(MEMORY, "workers"): [1e8] * 4, (MEMORY, "replicas"): [1e8 * ratio for ratio in ratios]}
    return list(forecasts(compare_run(summary(scenario(planned), values, blocks=4))))


def test_a_quiet_metric_is_settled_by_the_least_number() -> None:
    """Six blocks: where eight are planned, all goes as it should; of four it is told that they are too few."""
    (said,) = forecast([0.90, 0.901, 0.899, 0.90])
    (short,) = forecast([0.90, 0.901, 0.899, 0.90], planned=4)

    on_course = "is on course, the 8 blocks that are planned will probably settle it."
    assert said == f"after 4 blocks: {MEMORY} of replicas {on_course}"
    assert short.startswith(f"after 4 blocks: {MEMORY} of replicas is open. A run of 6 blocks")
    assert short.endswith("4 are planned, probably not enough.")


def test_a_noisy_metric_is_told_to_need_more() -> None:
    """More than are planned."""
    (said,) = forecast([0.7, 1.1, 0.75, 0.95])

    assert "8 are planned, probably not" in said


def test_an_effect_on_the_bound_is_never_settled() -> None:
    """Perhaps no number of blocks helps there."""
    (said,) = forecast([1.049, 1.051, 1.05, 1.05])

    assert "Perhaps no number would" in said


def test_it_is_said_once_after_the_fourth_block(tmp_path: Path) -> None:
    """Two arms: after the eighth trial."""
    view = Listening()
    run_scenario(build_plan(shop(tmp_path, 6)), "shop", tmp_path / "runs", view, around=FakeSurroundings().make())

    assert [(after, text[:14]) for after, text in view.said if "settle it" in text] == [(8, "after 4 blocks")]


def test_invalid_blocks_do_not_count_as_blocks(tmp_path: Path) -> None:
    """With one invalid block the fifth is the fourth that is valid."""
    view, around = Listening(), FakeSurroundings(world=World(invalid_blocks=frozenset({2})))
    run_scenario(build_plan(shop(tmp_path, 6)), "shop", tmp_path / "runs", view, around=around.make())

    assert [after for after, text in view.said if "settle it" in text] == [10]


@pytest.mark.parametrize(("arms", "comparisons"), [(2, 3), (1, 0)])
def test_an_arm_alone_is_compared_with_nothing(tmp_path: Path, arms: int, comparisons: int) -> None:
    """After each block of two arms; what a single one measured is not read again."""
    given = shop(tmp_path, 3)
    view = Listening()
    run_scenario(
        build_plan(replace(given, arms=given.arms[:arms], compare=Compare(primary=()))),
        "shop",
        tmp_path / "runs",
        view,
        around=FakeSurroundings().make(),
    )

    assert view.comparisons == comparisons
