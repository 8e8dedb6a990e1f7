"""Two runs of the same arms as one scenario with both: the stronger evidence than comparing the runs. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from lab.records import RunInfo
from lab.scenario import APP_IMAGE, Arm, Scenario

BUILT_BY_THE_LAB = "process-model-lab/"  # the tag is a hash of what went in, so the name says which image it is
MAX_NAME = 33  # with "-second" the 40 characters of scenario.NAME_PATTERN


def in_one_run(arms: Sequence[str], runs: tuple[RunInfo, RunInfo], scenarios: tuple[Scenario, Scenario]) -> Scenario:
    """The second scenario with each of the arms twice: as the first run had it, and as the second had it.

    Where the images differ each arm names its own, exactly; the second run's is then the app's.
    """
    pairs = tuple(_pairs(arms, runs, scenarios))
    second = scenarios[1]
    if any(arm.image for arm in pairs):
        own = exact_name(runs[1], APP_IMAGE)
        pairs = tuple(replace(arm, image="" if arm.image == own else arm.image) for arm in pairs)
        second = replace(second, app=replace(second.app, build=None, requirements=None, image=own))
    return replace(second, arms=pairs, compare=replace(second.compare, baseline=pairs[0].name), expect=())


def _pairs(arms: Sequence[str], runs: tuple[RunInfo, RunInfo], scenarios: tuple[Scenario, Scenario]) -> Iterator[Arm]:
    for name in arms:
        halves = [next(arm for arm in scenario.arms if arm.name == name) for scenario in scenarios]
        images = [exact_name(run, arm.image_key) for run, arm in zip(runs, halves, strict=True)]
        if images[0] == images[1] and not halves[1].image:
            images = ["", ""]  # what the scenario says serves both
        for arm, image, which in zip(halves, images, ("first", "second"), strict=True):
            yield replace(arm, name=f"{arm.name[:MAX_NAME]}-{which}", image=image)


def exact_name(run: RunInfo, key: str) -> str:
    """An image of a run by a name that cannot come to mean another one: its digest in a registry, or the engine's id.

    "" when the run does not know the image.
    """
    image = run.images.get(key, {})
    name, digest = image.get("name", ""), image.get("digest", "")
    if not digest or name.startswith(BUILT_BY_THE_LAB):
        return name
    repository = name.partition("@")[0]
    repository = repository if "/" in repository.rpartition(":")[2] else repository.rpartition(":")[0] or repository
    return digest if digest == image.get("id") else f"{repository}@{digest}"
