"""The noise floor: what an arm against itself looks like, and how small a difference could be seen."""

from __future__ import annotations

import json
import math
import random

import numpy as np
import pytest

from lab.analysis.judge.floor import MetricFloor, floor_key, from_json, noise_floors, to_json
from lab.analysis.judge.intervals import AnalysisError

VERSIONS = {"python": "3.13", "uvicorn": "0.54.0"}
QUIET = [0.001, -0.002, 0.0005, -0.001, 0.002, -0.0008, 0.0012, -0.0003]
LOUD = [50 * value for value in QUIET]
SHIFTED = [0.1 + value for value in QUIET]


def floors(**log_ratios: list[float | None]) -> dict[str, MetricFloor]:
    found = noise_floors(log_ratios, machine_id="m", versions=VERSIONS)
    return {metric.metric: metric for metric in found.metrics}


def test_the_floor_grows_with_the_noise() -> None:
    """A louder metric has a higher floor and needs a larger difference."""
    found = floors(quiet=[*QUIET], loud=[*LOUD])

    assert 0 < found["quiet"].floor < 0.003
    assert found["loud"].floor > 0.04
    assert found["loud"].detectable(10) > 30 * found["quiet"].detectable(10)  # type: ignore[operator]  # ten blocks always give a number


def test_a_shift_between_equal_arms_is_called_different_and_raises_the_floor() -> None:
    """The floor is how far the interval reaches from 1, not only how wide it is."""
    shifted = floors(shifted=[*SHIFTED])["shifted"]

    assert shifted.different
    assert shifted.floor > math.expm1(0.1)
    assert shifted.ratio == pytest.approx(math.exp(0.1), rel=1e-3)


def test_identical_halves_differ_in_nothing() -> None:
    """A floor of zero, not an error."""
    same = floors(same=[0.0] * 6)["same"]

    assert (same.floor, same.sd_log, same.ratio, same.different) == (0.0, 0.0, 1.0, False)
    assert same.detectable(6) == 0.0


def test_more_blocks_show_smaller_differences() -> None:
    """And five show none at the 95% level."""
    loud = floors(loud=[*LOUD])["loud"]

    sizes = [loud.detectable(n) for n in (6, 10, 20, 40)]
    assert None not in sizes
    assert sizes == sorted(sizes, reverse=True)  # type: ignore[type-var]  # no None among them
    assert loud.detectable(5) is None


def test_the_detectable_difference_is_detected_four_times_in_five() -> None:
    """Simulation: blocks drawn with exactly that shift exclude 1 in about 80% of the runs."""
    rng = random.Random(11)
    spread = MetricFloor(metric="p50", blocks=10, ratio=1.0, sd_log=0.07, floor=0.05, different=False)
    shift = math.log1p(spread.detectable(10))  # type: ignore[arg-type]  # ten blocks always give a number

    runs = [floors(p50=[rng.gauss(shift, 0.07) for _ in range(10)])["p50"].different for _ in range(600)]

    assert sum(runs) / len(runs) == pytest.approx(0.8, abs=0.07)


def test_how_many_metrics_came_out_different() -> None:
    """One of twenty is what chance does; three of independent ones are a bias of the set-up."""
    rng = random.Random(5)
    calm = {f"m{n}": [rng.gauss(0, 0.01) for _ in range(8)] for n in range(17)}
    calm = {name: values for name, values in calm.items() if not floors(m=[*values])["m"].different}

    one = noise_floors(calm | {"x": SHIFTED}, machine_id="m", versions=VERSIONS)
    shifted = {name: [value + rng.gauss(0, 0.01) for value in SHIFTED] for name in "uvxyz"}
    many = noise_floors(calm | shifted, machine_id="m", versions=VERSIONS)

    assert (one.different, one.suspicious) == (("x",), False)
    assert (set(many.different), many.suspicious) == (set("uvxyz"), True)
    assert one.expected_different == pytest.approx(0.039 * (len(calm) + 1), rel=0.01)


@pytest.mark.parametrize("correlation", [0.0, 0.9])
@pytest.mark.parametrize("blocks", [6, 8, 10, 14])
def test_clean_runs_are_suspected_in_at_most_one_of_twenty(blocks: int, correlation: float) -> None:
    """24 metrics in four families: a count as if they were independent suspected up to 19% of clean runs."""
    rng = np.random.default_rng(9)
    suspected = 0
    for _ in range(300):
        common = np.repeat(rng.standard_normal((4, blocks)), 6, axis=0)
        noise = math.sqrt(correlation) * common + math.sqrt(1 - correlation) * rng.standard_normal((24, blocks))
        metrics = {f"m{place}": row.tolist() for place, row in enumerate(0.02 * noise)}
        suspected += noise_floors(metrics, machine_id="m", versions=VERSIONS).suspicious

    assert suspected / 300 <= 0.08  # 5% and three standard errors of the simulation


def test_chance_alone_differs_in_at_most_one_of_twenty() -> None:
    """The exact interval keeps its level: 5% or fewer of pure noise."""
    rng = random.Random(3)
    noise = {f"m{n}": [rng.gauss(0, 0.1) for _ in range(10)] for n in range(1000)}

    found = noise_floors(noise, machine_id="m", versions=VERSIONS)

    assert len(found.different) <= 65


def test_metrics_without_ratios_are_skipped_with_a_reason() -> None:
    """No errors in any block: 0/0 has no logarithm. Too few blocks: no floor."""
    found = noise_floors(
        {"errors": [None] * 6, "p99": [0.1, math.inf, 0, 0, 0, 0], "boot": [0.1] * 4, "p50": [*QUIET]},
        machine_id="m",
        versions=VERSIONS,
    )

    assert found.skipped == {
        "errors": "6 of 6 blocks have no ratio",
        "p99": "1 of 6 blocks have no ratio",
        "boot": "4 blocks, a floor needs 6",
    }
    assert (found.of("boot"), found.of("nothing")) == (None, None)
    assert found.of("p50") == pytest.approx(found.metrics[0].floor)


def test_a_floor_survives_json() -> None:
    """What is written is what is read."""
    found = noise_floors({"p50": [*QUIET], "errors": [None]}, machine_id="m", versions=VERSIONS)

    assert from_json(json.loads(json.dumps(to_json(found)))) == found


@pytest.mark.parametrize("spoil", [{"schema_version": 99}, {"metrics": [{"metric": "p50"}]}, {"unknown": 1}])
def test_a_strange_document_is_refused_with_advice(spoil: dict[str, object]) -> None:
    """Another schema, a damaged metric, an unknown key."""
    document = to_json(noise_floors({"p50": [*QUIET]}, machine_id="m", versions=VERSIONS))

    with pytest.raises(AnalysisError) as caught:
        from_json(document | spoil)

    assert "selfcheck" in caught.value.hint


def test_the_key_changes_with_machine_and_versions_only() -> None:
    """Order does not matter; a new uvicorn asks for a new selfcheck."""
    key = floor_key("m", VERSIONS)

    assert key == floor_key("m", dict(reversed(VERSIONS.items())))
    assert len({key, floor_key("n", VERSIONS), floor_key("m", VERSIONS | {"uvicorn": "0.55.0"})}) == 3
    assert noise_floors({}, machine_id="m", versions=VERSIONS).key == key
