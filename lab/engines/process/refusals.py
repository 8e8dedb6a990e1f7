"""Refuse what plain processes cannot do of a scenario: it takes an image, a container or a cgroup. Pure."""

from collections.abc import Iterator

from lab.errors import ScenarioError
from lab.scenario.app import IMAGE_COMMAND, App
from lab.scenario.drills import Verb, nearest_verb
from lab.scenario.model import Arm, Scenario
from lab.scenario.network import Network

VERBS = frozenset({Verb.KILL, Verb.HANG, Verb.BLOCK})  # of drills: signals and requests, which take no container


def check_plain(scenario: Scenario) -> None:
    """Raise ScenarioError (exit 2) with every key that the process engine cannot honour."""
    if found := list(_refusals(scenario)):
        raise ScenarioError(
            "engine process runs plain processes without containers, so it cannot run this scenario:\n"
            + "\n".join(f"  {sentence}" for sentence in found),
            "change these keys, or run it with Docker (--engine docker)",
        )


def takes_image(scenario: Scenario) -> str:
    """Why plain processes are nothing for a scenario, whatever else is changed; "" where they may be."""
    if scenario.app.build is None:
        return f"app.image: {scenario.app.image} is an image, which only containers run"
    arms = (
        f'arm "{arm.name}": {arm.image} is an image, which only containers run' for arm in scenario.arms if arm.image
    )
    return next(arms, "")


def _refusals(scenario: Scenario) -> Iterator[str]:
    app = scenario.app
    if app.build is None:
        yield f"app.image: {app.image} is an image; give app.build and app.requirements instead"
    elif app.requirements is None:
        yield "app.requirements: the app's environment is made from it, and it is not given"
    if app.command == IMAGE_COMMAND:
        yield "app.command: {image} is the image's own command, and there is no image; write the command out"
    yield from _container_refusals(app)
    yield from _limit_refusals(scenario)
    yield from _beside_refusals(scenario)
    yield from _arm_refusals(scenario)
    for arm in scenario.arms:
        if (choice := scenario.network_of(arm)).network is Network.OWN:
            yield f'arm "{arm.name}": a network of its own takes containers, and it has one because: {choice.why}'
    if app.restart != "no":
        yield f'app.restart: "{app.restart}" is Docker\'s policy, and nobody restarts a plain process; only "no" works'


def _limit_refusals(scenario: Scenario) -> Iterator[str]:
    budget = scenario.budget
    for key, quota in (("cpus", budget.cpus), ("memory", budget.memory)):
        if quota.mode != "none":
            yield f'budget.{key}: a limit takes cgroups; only "none" is possible'
        if getattr(scenario.sweep, key):
            yield f"sweep.{key}: a limit takes cgroups; leave it out"
    if budget.cpuset:
        yield "budget.cpuset: cores are pinned through cgroups; leave it out"


def _watch_refusals(arm: Arm) -> Iterator[str]:
    if arm.restart not in ("", "no"):
        yield f'arm "{arm.name}": restart: "{arm.restart}" is Docker\'s policy; only "no" works'
    if arm.watch == "engine":
        yield f'arm "{arm.name}": watch: the watchdog restarts containers; only "none" and "front" work'


def _container_refusals(app: App) -> Iterator[str]:
    if app.user:
        yield f'app.user: "{app.user}" is a user of the image; a plain process runs as you do; leave it out'
    if app.capabilities:
        yield "app.capabilities: a container keeps them, a plain process has yours; leave them out"
    if app.volumes:
        yield "app.volumes: they are folders of a container; leave them out"
    if app.healthcheck:
        yield "app.healthcheck: it is the image's, and there is no image; leave it out"


def _beside_refusals(scenario: Scenario) -> Iterator[str]:
    yield from (f'sidecar "{each.name}": it is a container; start it by yourself' for each in scenario.sidecars)
    yield from (f'job "{each.name}": it runs in a container; run it by yourself' for each in scenario.jobs)
    for drill in scenario.drills:
        if drill.verb not in VERBS:
            near = nearest_verb(drill.verb, VERBS)
            yield f'drill "{drill.key}": {drill.verb} takes containers; the nearest that plain processes have is {near}'
    if scenario.trials.restart_one:
        yield "trials.restart_one: nothing restarts a plain process; leave it out"


def _arm_refusals(scenario: Scenario) -> Iterator[str]:
    for arm in scenario.arms:
        if arm.command == IMAGE_COMMAND:
            yield f'arm "{arm.name}": command: {{image}} is the image\'s own command, and there is no image'
        yield from _watch_refusals(arm)
        if arm.image:
            yield f'arm "{arm.name}": image: {arm.image} is an image, and there is none here; leave it out'
