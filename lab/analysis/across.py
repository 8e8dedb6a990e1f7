"""The same arm in several runs: may they be compared, and what comes out when the run is the unit. Pure.

Two runs at different times differ in more than anybody can list: weaker evidence than one run with both arms.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import fmean, median
from typing import Any

from lab.analysis.comparable import different_facts
from lab.analysis.judge.failures import Failures, guarded
from lab.analysis.judge.unpaired import explore_runs, failures_of_runs, judge_runs
from lab.analysis.judge.verdict import Judgement, Reason, Verdict, judge_family
from lab.analysis.series import enough_requests, series_of, shares_of, unanswered_arms
from lab.analysis.summary import RunSummary
from lab.metric_types import Reading
from lab.metrics import CATALOGUE, METRICS, Metric
from lab.record.types import Environment, RunInfo
from lab.scenario.arm import ARM_IMAGE
from lab.scenario.images import PYTHON
from lab.scenario.kinds import FRONTS
from lab.scenario.model import APP_IMAGE

NOT_OF_THE_ARM = frozenset({"question", "trials", "compare", "expect", "arms", "ports", "engine", "images"})
COMPARED_BY_CONTENT = frozenset(
    {"app.image", "app.build", "app.requirements", "app.dockerfile", "arm.image"}
    | {f"load.{key}" for key in ("locustfile", "root", "python", "requirements")}
)
OF_THE_IMAGE = frozenset({"image_digest", "app_python", "uvicorn", "fastapi"})  # the app's own; follow from its digest
IMAGE_DIGEST = "images.app.digest"
SAME_DIGEST = "environment.image_digest"

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
    """One arm in two groups of runs: the second judged against the first, with the run as the unit.

    ``blocks`` are the valid blocks of each run of each group; ``failures`` compares their failed requests.
    """

    arm: str
    blocks: tuple[tuple[int, ...], tuple[int, ...]]
    failures: Failures
    primaries: tuple[Judgement, ...]
    exploratory: tuple[Judgement, ...]


Runs = Sequence[RunSummary]


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
    told = {pair[1:] for pair in images}  # the environment has the digest of the app's image once more
    environment = _environment(first.environment, second.environment)
    return [
        ("lab_version", first.lab_version, second.lab_version),
        *(pair for pair in environment if pair[0] != SAME_DIGEST or pair[1:] not in told),
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


def compare_across(first: Runs, second: Runs, arms: Sequence[str]) -> tuple[Across, ...]:
    """Arms of the second runs against the same arms of the first: verdicts on their primaries, numbers else.

    The verdicts on all arms share the error (METHOD 7).
    """
    primaries = [METRICS[key] for key in second[0].scenario.compare.primary]
    questions = [(metric, arm) for arm in arms for metric in primaries]
    found = judge_family([partial(_judged, first, second, arm, metric) for metric, arm in questions])
    failed = {arm: failures_of_runs(_failed(first, arm), _failed(second, arm), len(arms)) for arm in arms}
    words = [(arm, guarded(word, metric, failed[arm])) for word, (metric, arm) in zip(found, questions, strict=True)]
    return tuple(
        Across(
            arm=arm,
            blocks=(_block_counts(first), _block_counts(second)),
            failures=failed[arm],
            primaries=tuple(word for name, word in words if name == arm),
            exploratory=tuple(_explored(first, second, arm, metric) for metric in CATALOGUE if metric not in primaries),
        )
        for arm in arms
    )


def _judged(first: Runs, second: Runs, arm: str, metric: Metric, level: float) -> Judgement:
    if not metric.shares and _silent((*first, *second), arm):
        return _explored(first, second, arm, metric)
    bound = second[0].scenario.compare.bound(metric.key)
    found = judge_runs(_values(first, arm, metric), _values(second, arm, metric), metric, bound, level)
    trials = [t for run in (*first, *second) for t in run.of_arm(arm) if t.record.block in run.valid_for(metric.key)]
    if all(enough_requests(trial, metric) for trial in trials) or found.reason is Reason.FEW_RUNS:
        return found
    return found.overruled(Verdict.INCONCLUSIVE, Reason.TOO_FEW_REQUESTS)


def _explored(first: Runs, second: Runs, arm: str, metric: Metric) -> Judgement:
    """Numbers without a word, and none of an arm that answered nothing in a run: nothing follows from what it used."""
    values = _values(first, arm, metric), _values(second, arm, metric)
    if metric.shares or not _silent((*first, *second), arm):
        return explore_runs(*values, metric)
    nothing = [None] * len(first), [None] * len(second)
    return replace(explore_runs(*nothing, metric), reason=Reason.NO_SUCCESS)


def _silent(runs: Runs, arm: str) -> bool:
    return any(arm in unanswered_arms(run) for run in runs)


def _values(runs: Runs, arm: str, metric: Metric) -> list[float | None]:
    """One value a run: the median over its valid blocks, None where one of them has none."""
    values = (
        shares_of(run, arm, run.valid_for(metric.key))
        if metric.shares
        else series_of(run, Reading(metric.key, arm), run.valid_for(metric.key))
        for run in runs
    )
    return [None if None in blocks or not blocks else median(v for v in blocks if v is not None) for blocks in values]


def _failed(runs: Runs, arm: str) -> list[float]:
    return [fmean(shares_of(run, arm, run.decision.used) or [0.0]) for run in runs]


def _block_counts(runs: Runs) -> tuple[int, ...]:
    return tuple(len(run.decision.used) for run in runs)


def _environment(first: Environment, second: Environment) -> Iterator[Pair]:
    for key, a, b in different_facts(first, second):
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
    return {key: value for key, value in found.items() if key != "control"}  # whether it is judged, not what it is


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
