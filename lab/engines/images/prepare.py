"""Have every image that a scenario needs; the app's own is built when the scenario names a folder."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import docker

from lab.engines.images.build import NAMESPACE, Recipe, build_image, check_builder
from lab.engines.images.context import Context, content_hash, read_context
from lab.engines.images.dockerfile import Dockerfile, read_dockerfile
from lab.engines.images.images import (
    PLAN_TIMEOUT_S,
    REGISTRY_TIMEOUT_S,
    ImagePlan,
    ImageRecord,
    OnStep,
    Way,
    find_image,
    plan_base,
    plan_image,
    prepare_base,
    prepare_image,
    record_of,
)
from lab.engines.images.offline.wheelhouse import UNPINNED, are_pinned, fill_wheelhouse, requirements_text
from lab.engines.images.starts import check_targets
from lab.errors import MissingError
from lab.scenario.app import App
from lab.scenario.build_args import BASE_ARGUMENT
from lab.scenario.databases import source_of
from lab.scenario.images import PYTHON, ImageSource
from lab.scenario.model import APP_IMAGE, Scenario

TAKE_BASE = (
    "write `ARG PYTHON_IMAGE={name}` and then `FROM ${{PYTHON_IMAGE}}` into the Dockerfile, which the lab then fills "
    f"with images.python of the scenario ({PYTHON.reference} unless it names another), whatever the ARG names"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingredients:
    """Everything that a build takes beside its files; ``base``: the image that fills its ARG, "" for its own."""

    recipe: Recipe
    base: str
    wheelhouse: Path | None


def prepare_images(client: docker.DockerClient, scenario: Scenario, on_step: OnStep) -> Mapping[str, ImageRecord]:
    """Images by key: those of each arm and its front, what is beside the arms, and Python's if one is built on it.

    The app's own image is prepared also when every arm has another one: it is the one that a run is known by.
    Raises MissingError (exit 4) with the reason and what to do when one cannot be had.
    """
    images: dict[str, ImageRecord] = {}
    check_targets(scenario, client)
    if scenario.app.build is None:
        images[APP_IMAGE] = prepare_image(client, plan_image(client, scenario.app.image, REGISTRY_TIMEOUT_S), on_step)
    else:
        images[APP_IMAGE] = _built(client, scenario.app, scenario, images, on_step)
    by_name = {scenario.app.image: images[APP_IMAGE]}
    wanted = {each.image_key: each.image for each in scenario.arms if each.image}
    wanted |= {drill.image_key: drill.image for drill in scenario.drills if drill.image}
    for key, name in wanted.items():
        if name not in by_name:
            by_name[name] = prepare_image(client, plan_image(client, name, REGISTRY_TIMEOUT_S), on_step)
        images[key] = by_name[name]
    for front in front_images(scenario):
        images[front.key] = prepare_base(client, front, scenario.images[front.key], on_step)
    for sidecar in scenario.sidecars:
        if sidecar.build is not None:
            folder = App(build=sidecar.build, dockerfile=sidecar.dockerfile)
            images[sidecar.image_key] = _built(client, folder, scenario, images, on_step)
    for beside in scenario.beside:
        if beside.image:
            images[beside.image_key] = prepare_base(client, source_of(beside.image), beside.image, on_step)
    check_targets(scenario, client)  # again: an image that was pulled is known only now
    return images


def plan_bases(client: docker.DockerClient, scenario: Scenario) -> tuple[ImagePlan, ...]:
    """How each base image of the app and of the fronts would come, in a few seconds; touches nothing."""
    app, wanted = scenario.app, front_images(scenario)
    if app.build is not None and _needs_base(app, read_context(app)):
        wanted = (PYTHON, *wanted)
    return tuple(plan_base(client, base, scenario.images[base.key], PLAN_TIMEOUT_S) for base in wanted)


def plan_named(client: docker.DockerClient, scenario: Scenario) -> tuple[ImagePlan, ...]:
    """How each image would come that the app or an arm is, or that the app's Dockerfile names; touches nothing."""
    app = scenario.app
    names = [app.image, *(arm.image for arm in scenario.arms)]
    if app.build is not None:
        context = read_context(app)
        base = scenario.images[PYTHON.key] if context.takes_base else ""  # which may have a stand-in
        arguments = {**app.build_args, **({BASE_ARGUMENT: base} if base else {})}
        named = read_dockerfile(context.text, arguments).images(app.target_stage)
        names += [name for name in named if name != base]
    return tuple(plan_image(client, name, PLAN_TIMEOUT_S) for name in dict.fromkeys(filter(None, names)))


def fixed_base(app: App) -> str:
    """The image of Python that the app's Dockerfile fixes in FROM, so that nothing stands in for it; "" where none."""
    if app.build is None or (context := read_context(app)).takes_base:
        return ""
    image = read_dockerfile(context.text, app.build_args).stage(app.target_stage).image
    return image if _is_python(image) else ""


def _is_python(image: str) -> bool:
    return image.partition(":")[0].rpartition("/")[2] == PYTHON.key


def _built(
    client: docker.DockerClient, app: App, scenario: Scenario, images: dict[str, ImageRecord], on_step: OnStep
) -> ImageRecord:
    """The image of a folder; the base that it is built on is put among ``images``."""
    context = read_context(app)
    read_dockerfile(context.text, app.build_args).stage(app.target_stage)
    if _needs_base(app, context):
        images[PYTHON.key] = prepare_base(client, PYTHON, scenario.images[PYTHON.key], on_step)
    return _prepare_build(client, app, context, images.get(PYTHON.key), on_step)


def front_images(scenario: Scenario) -> tuple[ImageSource, ...]:
    """The images of the fronts that arms have, each once."""
    return tuple({image.key: image for arm in scenario.arms if (image := arm.front_image) is not None}.values())


def _prepare_build(
    client: docker.DockerClient, app: App, context: Context, base: ImageRecord | None, on_step: OnStep
) -> ImageRecord:
    name = _build_name(app, context, base.id if base else "")
    if find_image(client, name) is not None:
        return record_of(client, ImagePlan(name=name, way=Way.PRESENT, detail="nothing changed since it was built"))
    ingredients = _ingredients(client, app, context, base.name if base else "", on_step)
    on_step(f"building {name} from {context.root}")
    marks = {"lab.image": "app", "lab.content": name.partition(":")[2]}
    recipe, wheelhouse = ingredients.recipe, ingredients.wheelhouse
    try:
        build_image(client, context, name, recipe=recipe, wheelhouse=wheelhouse, labels=marks)
    except MissingError as error:
        if recipe.offline and app.requirements and not are_pinned(requirements_text(app.requirements)):
            error.hint += f". {UNPINNED}"
        raise
    network = f"with{'out' if recipe.offline else ' the'} network{', from a wheelhouse' if wheelhouse else ''}"
    detail = f"on {ingredients.base or 'its own base'}, {network}"
    return record_of(client, ImagePlan(name=name, way=Way.BUILT, detail=detail))


def ingredients_of(client: docker.DockerClient, app: App, context: Context, on_step: OnStep) -> Ingredients:
    """Have everything that a build of the folder needs: its base, what it names, its wheels. Raises MissingError."""
    needed = _needs_base(app, context)
    base = prepare_base(client, PYTHON, PYTHON.reference, on_step).name if needed else ""
    return _ingredients(client, app, context, base, on_step)


def _ingredients(client: docker.DockerClient, app: App, context: Context, base: str, on_step: OnStep) -> Ingredients:
    arguments = {**app.build_args, **({BASE_ARGUMENT: base} if base else {})}
    dockerfile = read_dockerfile(context.text, arguments)
    syntax = _has_frontend(client, dockerfile, on_step)
    recipe = Recipe(arguments=arguments, target=app.target_stage, syntax=syntax, offline=offline(app, base))
    check_builder(client, dockerfile, recipe, context.root)
    _prepare_named(client, dockerfile, recipe, context, on_step)
    wheelhouse = fill_wheelhouse(client, base, app.requirements, on_step) if app.requirements else None
    return Ingredients(recipe=recipe, base=base, wheelhouse=wheelhouse)


def offline(app: App, base: str) -> bool:
    """Tell whether a build has no network: wheels are at hand, and its arguments ask for no more than is there."""
    return app.requirements is not None and (not app.build_args or base.startswith(NAMESPACE))


def _has_frontend(client: docker.DockerClient, dockerfile: Dockerfile, on_step: OnStep) -> bool:
    """Have the image that ``# syntax=`` names; where no registry has it the engine reads the Dockerfile itself."""
    if not dockerfile.syntax:
        return False
    plan = plan_image(client, dockerfile.syntax, REGISTRY_TIMEOUT_S)
    if plan.way is Way.MISSING:
        on_step(f"{dockerfile.syntax}, which the Dockerfile names to read it, is not here: the engine reads it itself")
        return False
    prepare_image(client, plan, on_step)
    return True


def _prepare_named(
    client: docker.DockerClient, dockerfile: Dockerfile, recipe: Recipe, context: Context, on_step: OnStep
) -> None:
    """Have the images that the Dockerfile names: BuildKit pulls only for a client that keeps a session with it."""
    for name in dockerfile.images(recipe.target):
        plan = plan_image(client, name, REGISTRY_TIMEOUT_S)
        if plan.way is Way.MISSING:
            raise MissingError(
                f"image {name}, which {context.file} builds on, is not on this machine and cannot "
                f"be pulled: {plan.detail}",
                f"bring it here with `docker pull {name}` or `docker load`"
                + (f", or {TAKE_BASE.format(name=name)}" if _is_python(name) else ""),
            )
        prepare_image(client, plan, on_step)


def _needs_base(app: App, context: Context) -> bool:
    """Wheels are chosen for the base, and an ARG is filled with it; any other Dockerfile brings its own."""
    return app.requirements is not None or context.takes_base


def _repository(app: App) -> str:
    folder = re.sub(r"[^a-z0-9]+", "-", app.build.name.lower()).strip("-") if app.build else ""
    return f"process-model-lab/{folder or 'app'}"


def _build_name(app: App, context: Context, base_id: str) -> str:
    requirements = requirements_text(app.requirements) if app.requirements else ""
    how = [app.target_stage, *(f"{name}={value}" for name, value in sorted(app.build_args.items()))]
    chosen = how if any(how) else []  # images that were built before there was a choice keep their names
    return f"{_repository(app)}:{content_hash(context, (base_id, requirements, *chosen))}"
