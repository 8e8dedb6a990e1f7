"""The same arm in two runs: may they be compared, and what comes out when no blocks pair up. Pure.

Two runs at different times differ in more than anybody can list: weaker evidence than one run with both arms.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lab.analysis.comparable import MUST_MATCH, differences
from lab.analysis.comparison import enough_requests
from lab.analysis.metrics import CATALOGUE, METRICS, Metric
from lab.analysis.summary import RunSummary
from lab.analysis.unpaired import explore_unpaired, judge_unpaired
from lab.analysis.verdict import Judgement, Reason, Verdict
from lab.records import Environment, RunInfo

NOT_OF_THE_ARM = frozenset({"question", "trials", "compare", "expect", "arms", "ports", "engine", "images"})
COMPARED_BY_CONTENT = frozenset({"app.image", "app.build", "app.requirements", "app.dockerfile", "load.locustfile"})
IMAGES = ("app", "nginx")
OF_THE_IMAGE = frozenset({"image_digest", "app_python", "uvicorn", "fastapi"})  # follow from images.app.digest
IMAGE_DIGEST = "images.app.digest"


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
    fronts = {_arm(run, arm).get("front") for run in (first, second)}
    return (
        *circumstances(first, second, IMAGES if fronts != {"direct"} else ("app",)),
        *_differences(_scenario(first.scenario, second.scenario)),
        *_differences(_walk("arm", _arm(first, arm), _arm(second, arm))),
    )


def circumstances(first: RunInfo, second: RunInfo, images: Sequence[str] = IMAGES) -> tuple[Difference, ...]:
    """In what two runs differ but for their scenarios: lab, machine, versions, images, files that they read."""
    pairs = [
        ("lab_version", first.lab_version, second.lab_version),
        *_environment(first.environment, second.environment),
        *((f"images.{image}.digest", _digest(first, image), _digest(second, image)) for image in images),
        *_walk("inputs", first.inputs, second.inputs),
    ]
    return tuple(_differences(pairs))


def studied(difference: Difference, keys: Sequence[str]) -> bool:
    """Whether a difference is what the comparison is about: named itself, inside a named table, or of a named image."""
    table, _, fact = difference.key.partition(".")
    if table == "environment" and fact in OF_THE_IMAGE and IMAGE_DIGEST in keys:
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
    trials = [trial for run in (first, second) for trial in run.of_arm(arm) if trial.record.block in run.decision.used]
    if all(enough_requests(trial, metric) for trial in trials) or found.reason is Reason.SMOKE:
        return found
    verdict = found.verdict and Verdict.INCONCLUSIVE
    return replace(found, verdict=verdict, reason=Reason.TOO_FEW_REQUESTS, difference_detected=False)


def _values(summary: RunSummary, arm: str, metric: Metric) -> list[float | None]:
    return [summary.metrics[arm, metric.key].values[block] for block in summary.decision.used]


def _environment(first: Environment, second: Environment) -> Iterator[tuple[str, Any, Any]]:
    for key in MUST_MATCH:
        a, b = first.facts.get(key), second.facts.get(key)
        if differences(Environment(facts={key: a}), Environment(facts={key: b})):
            yield f"environment.{key}", a, b


def _differences(pairs: Iterable[tuple[str, Any, Any]]) -> Iterator[Difference]:
    for key, a, b in pairs:
        if a != b:
            yield Difference(key=key, first=_text(a), second=_text(b))


def _digest(run: RunInfo, image: str) -> str | None:
    return run.images.get(image, {}).get("digest")


def _scenario(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for key, a, b in _walk("", first, second):
        if key.partition(".")[0] not in NOT_OF_THE_ARM and key not in COMPARED_BY_CONTENT:
            yield f"scenario.{key}", a, b


def _arm(run: RunInfo, name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next((arm for arm in run.scenario["arms"] if arm["name"] == name), {})
    return found


def _walk(prefix: str, first: Any, second: Any) -> Iterator[tuple[str, Any, Any]]:
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
