"""The same arm in two runs: may they be compared, and what comes out when no blocks pair up. Pure.

Two runs at different times differ in more than anybody can list: weaker evidence than one run with both arms.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lab.analysis.comparable import MUST_MATCH, differences
from lab.analysis.comparison import enough_requests
from lab.analysis.judge.unpaired import explore_unpaired, judge_unpaired
from lab.analysis.judge.verdict import Judgement, Reason, Verdict
from lab.analysis.summary import RunSummary
from lab.metric_types import Reading
from lab.metrics import CATALOGUE, METRICS, Metric
from lab.record.types import Environment, RunInfo
from lab.scenario.images import PYTHON
from lab.scenario.kinds import FRONTS
from lab.scenario.model import APP_IMAGE, ARM_IMAGE

NOT_OF_THE_ARM = frozenset({"question", "trials", "compare", "expect", "arms", "ports", "engine", "images"})
COMPARED_BY_CONTENT = frozenset(
    {"app.image", "app.build", "app.requirements", "app.dockerfile", "load.locustfile", "arm.image"}
)
OF_THE_IMAGE = frozenset({"image_digest", "app_python", "uvicorn", "fastapi"})  # the app's own; follow from its digest
IMAGE_DIGEST = "images.app.digest"

Pair = tuple[str, Any, Any]  # key, value in the first run, value in the second


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A field in which two runs are unlike; ``key`` is what ``--studied`` takes."""

    key: str
    first: str
    second: str

    def __str__(self) -> str:
        return f"{self.key}: {self.first} / {self.second}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Across:
    """One arm in two runs: the second judged against the first. ``blocks`` are the valid blocks of each."""

    arm: str
    blocks: tuple[int, int]
    primaries: tuple[Judgement, ...]
    exploratory: tuple[Judgement, ...]


def unlike(first: RunInfo, second: RunInfo, arm: str) -> tuple[Difference, ...]:
    """Every field in which two runs differ for one arm: circumstances, scenario, the arm itself."""
    arms = _arm(first, arm), _arm(second, arm)
    keys = [f"{ARM_IMAGE}{arm}" if one.get("image") else APP_IMAGE for one in arms]
    images: list[Pair] = [(f"images.{keys[1]}.digest", _digest(first, keys[0]), _digest(second, keys[1]))]
    for key in dict.fromkeys(filter(None, map(_front_image, arms))):
        images.append((f"images.{key}.digest", _digest(first, key), _digest(second, key)))
    around = _around(first, second, images)
    if set(keys) != {APP_IMAGE}:  # the app's own image says nothing of an arm that has another one
        around = [pair for pair in around if pair[0].removeprefix("environment.") not in OF_THE_IMAGE]
    return (
        *_differences(around),
        *_differences(_scenario(first.scenario, second.scenario)),
        *_differences(pair for pair in _walk("arm", *arms) if pair[0] not in COMPARED_BY_CONTENT),
    )


def circumstances(first: RunInfo, second: RunInfo) -> tuple[Difference, ...]:
    """In what two runs differ but for their scenarios: lab, machine, versions, images, files that they read."""
    keys = sorted({*first.images, *second.images} - {PYTHON.key})  # what an image was built on is in its digest
    images = [(f"images.{key}.digest", _digest(first, key), _digest(second, key)) for key in keys]
    return tuple(_differences(_around(first, second, images)))


def _around(first: RunInfo, second: RunInfo, images: Sequence[Pair]) -> list[Pair]:
    return [
        ("lab_version", first.lab_version, second.lab_version),
        *_environment(first.environment, second.environment),
        *images,
        *_walk("inputs", first.inputs, second.inputs),
    ]


def of_the_image(difference: Difference) -> bool:
    """Whether a difference is one of the image that an arm runs from: its digest, or what follows from it."""
    table, _, fact = difference.key.partition(".")
    of_a_front = any(front.image and fact == f"{front.image.key}.digest" for front in FRONTS.values())
    return (table == "images" and not of_a_front) or (table == "environment" and fact in OF_THE_IMAGE)


def studied(difference: Difference, keys: Sequence[str]) -> bool:
    """Whether a difference is what the comparison is about: named itself, inside a named table, or of a named image."""
    if of_the_image(difference) and IMAGE_DIGEST in keys:
        return True
    return any(difference.key == key or difference.key.startswith(f"{key}.") for key in keys)


def compare_across(
    first: RunSummary, second: RunSummary, arm: str, floors: Mapping[str, float] | None = None
) -> Across:
    """The arm of the second run against that of the first: verdicts on the second run's primaries, numbers else."""
    primaries = second.scenario.compare.primary
    return Across(
        arm=arm,
        blocks=(len(first.decision.used), len(second.decision.used)),
        primaries=tuple(_judged(first, second, arm, METRICS[key], (floors or {}).get(key)) for key in primaries),
        exploratory=tuple(
            explore_unpaired(_values(first, arm, metric), _values(second, arm, metric), metric)
            for metric in CATALOGUE
            if metric.key not in primaries
        ),
    )


def _judged(first: RunSummary, second: RunSummary, arm: str, metric: Metric, floor: float | None) -> Judgement:
    compare = second.scenario.compare
    values = _values(first, arm, metric), _values(second, arm, metric)
    found = judge_unpaired(*values, metric, compare.bound(metric.key), len(compare.primary), floor)
    trials = [
        trial for run in (first, second) for trial in run.of_arm(arm) if trial.record.block in run.valid_for(metric.key)
    ]
    if all(enough_requests(trial, metric) for trial in trials) or found.reason is Reason.SMOKE:
        return found
    verdict = found.verdict and Verdict.INCONCLUSIVE
    return replace(found, verdict=verdict, reason=Reason.TOO_FEW_REQUESTS, difference_detected=False)


def _values(summary: RunSummary, arm: str, metric: Metric) -> list[float | None]:
    return [summary.metrics[Reading(metric.key, arm)].values[block] for block in summary.valid_for(metric.key)]


def _environment(first: Environment, second: Environment) -> Iterator[Pair]:
    for key in MUST_MATCH:
        a, b = first.facts.get(key), second.facts.get(key)
        if differences(Environment(facts={key: a}), Environment(facts={key: b})):
            yield f"environment.{key}", a, b


def _differences(pairs: Iterable[Pair]) -> Iterator[Difference]:
    for key, a, b in pairs:
        if a != b:
            yield Difference(key=key, first=_text(a), second=_text(b))


def _digest(run: RunInfo, image: str) -> str | None:
    return run.image_digest(image) or None


def _scenario(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[Pair]:
    for key, a, b in _walk("", first, second):
        if key.partition(".")[0] not in NOT_OF_THE_ARM and key not in COMPARED_BY_CONTENT:
            yield f"scenario.{key}", a, b


def _arm(run: RunInfo, name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = run.arms.get(name, {})
    return found


def _front_image(arm: Mapping[str, Any]) -> str:
    """The key of the image of a stored arm's front; "" for none."""
    image = FRONTS[arm["front"]["kind"]].image if arm else None
    return image.key if image else ""


def _walk(prefix: str, first: Any, second: Any) -> Iterator[Pair]:
    """Every leaf of two nested tables, with its dotted key."""
    if not (isinstance(first, Mapping) and isinstance(second, Mapping)):
        yield prefix, first, second
        return
    both_secret = "mark" in first and "mark" in second
    for key in dict.fromkeys((*first, *second)):
        if both_secret and key == "from":
            continue  # where a secret's value came from is no difference, its mark tells whether it is the same
        yield from _walk(f"{prefix}.{key}" if prefix else key, first.get(key), second.get(key))


def _text(value: Any) -> str:
    return "not stated" if value is None else str(value)
