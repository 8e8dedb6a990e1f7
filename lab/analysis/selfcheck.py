"""An arm against itself: the scenario that does it, and the noise floors that follow from it (METHOD 7, A/A). Pure."""

import math
from collections.abc import Mapping
from dataclasses import replace

from lab.analysis.judge.floor import NoiseFloor, noise_floors
from lab.analysis.summary import RunSummary
from lab.metric_types import Reading
from lab.metrics import CATALOGUE
from lab.metrics.capacity import CAPACITY
from lab.metrics.limits import LIMITS
from lab.scenario.model import Arm, Scenario
from lab.scenario.sweep import Sweep

HALVES = ("a", "b")
MAX_NAME = 40  # what scenario.NAME_PATTERN allows
QUESTION = "A/A: how small a difference between arms can this machine show?"


def against_itself(scenario: Scenario, blocks: int) -> Scenario:
    """The scenario with its baseline arm twice, equal but for the name; everything else stays as it is.

    A floor is of one point: nothing is swept or searched for, and of several drills the first is kept.
    """
    arm = next(arm for arm in scenario.arms if arm.name == scenario.baseline)
    halves = tuple(_named(arm, half) for half in HALVES)
    compare = scenario.compare.without((CAPACITY, *LIMITS.values()))
    return replace(
        scenario,
        question=QUESTION,
        arms=halves,
        trials=replace(scenario.trials, blocks=blocks, looks=()),
        compare=replace(compare, baseline=halves[0].name, judged=(), headline=()),
        expect=(),
        sweep=Sweep(),
        drills=scenario.drills[:1],
        capacity=None,
        limits=None,
    )


def floors_from(summary: RunSummary, machine_id: str, versions: Mapping[str, str]) -> NoiseFloor:
    """The floor of every metric from the valid blocks of an A/A run; what has no ratios is skipped, with the reason."""
    second = next(arm.name for arm in summary.scenario.arms if arm.name != summary.baseline)
    log_ratios = {
        metric.key: [
            _log(summary.metrics[Reading(metric.key, second)].ratios[block]) for block in summary.valid_for(metric.key)
        ]
        for metric in CATALOGUE
    }
    blocks = {metric.key: summary.valid_for(metric.key) for metric in CATALOGUE}
    return noise_floors(log_ratios, machine_id=machine_id, versions=versions, blocks=blocks)


def _named(arm: Arm, half: str) -> Arm:
    return replace(arm, name=f"{arm.name[: MAX_NAME - 2]}-{half}")


def _log(ratio: float | None) -> float | None:
    return math.log(ratio) if ratio is not None and 0 < ratio < math.inf else None
