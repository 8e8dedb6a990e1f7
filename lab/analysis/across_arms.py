"""An arm of two runs as one scenario with both: stronger evidence than comparing the runs. Pure."""

from dataclasses import replace

from lab.record.types import RunInfo
from lab.scenario.model import APP_IMAGE, Arm, Scenario

HALVES = ("first", "second")
MAX_NAME = 33  # with "-second" the 40 characters of scenario.NAME_PATTERN

Runs = tuple[RunInfo, RunInfo]
Scenarios = tuple[Scenario, Scenario]


def in_one_run(name: str, runs: Runs, scenarios: Scenarios) -> Scenario | None:
    """The second scenario with the arm twice: as the first run had it, which is the baseline, and as the second had it.

    Where the images differ each half names its own, exactly; the second run's is then the app's. None when a run does
    not tell which image it used. One arm only: with several, those of different process models would be compared too.
    """
    first, second = (next(arm for arm in scenario.arms if arm.name == name) for scenario in scenarios)
    digests = [run.image_digest(arm.image_key) for run, arm in zip(runs, (first, second), strict=True)]
    app = scenarios[1].app
    if digests[0] != digests[1]:
        images = [exact_name(run, arm.image_key) for run, arm in zip(runs, (first, second), strict=True)]
        if not all(images):
            return None
        app = replace(app, build=None, target_stage="", build_args={}, requirements=None, image=images[1])
        first, second = replace(first, image=images[0]), replace(second, image="")
    elif first.image != second.image:
        first = replace(first, image=second.image)  # one image by two names
    halves = tuple(_named(arm, half) for arm, half in zip((first, second), HALVES, strict=True))
    compare = replace(scenarios[1].compare, baseline=halves[0].name, judged=(), headline=())
    return replace(scenarios[1], app=app, arms=halves, compare=compare, expect=())


def exact_name(run: RunInfo, key: str = APP_IMAGE) -> str:
    """An image of a run by a name that cannot come to mean another one; "" when the run does not tell.

    It is the reference with a digest, where a registry has it, or else the engine's id.
    """
    image = run.images.get(key, {})
    return image.get("reference") or image.get("id", "")


def _named(arm: Arm, half: str) -> Arm:
    return replace(arm, name=f"{arm.name[:MAX_NAME]}-{half}", control=False)
