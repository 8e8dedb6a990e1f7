"""The helper's image: built by the lab on first need, and again when the sampling program has changed."""

from collections.abc import Callable, Iterator
from pathlib import Path

import docker

import lab
from lab.engines.images.build import Recipe, build_image
from lab.engines.images.context import Context, content_hash
from lab.engines.images.images import find_image, prepare_base
from lab.engines.images.offline.wheelhouse import fill_wheelhouse
from lab.scenario.images import PYTHON

REPOSITORY = "process-model-lab/helper"
FOLDER = "lab/engines/docker/helper"
# Without lab/__init__.py, which looks for an installed lab.
MODULES = ("lab/errors.py", "lab/host/jsonlines.py", "lab/plan/kinds.py", "lab/record/schema.py")
LAB_SIDE = ("channel.py", "sampler.py")  # of lab/sampling: what starts it and reads its rows


def prepare_helper(client: docker.DockerClient, on_step: Callable[[str], None]) -> str:
    """The engine's id of the helper's image. Raises MissingError when it cannot be had."""
    base = prepare_base(client, PYTHON, PYTHON.reference, on_step)
    context = helper_context(Path(lab.__file__).parents[1])
    name = f"{REPOSITORY}:{content_hash(context, (base.id,))}"
    if (found := find_image(client, name)) is None:
        wheels = fill_wheelhouse(client, base.name, context.root / FOLDER / "requirements.txt", on_step)
        on_step(f"building {name}, the helper that reads processes of containers for an ordinary user")
        recipe = Recipe(arguments={"PYTHON_IMAGE": base.name})
        build_image(client, context, name, recipe=recipe, wheelhouse=wheels, labels={"lab.image": "helper"})
        found = client.images.get(name)
    return str(found.id)


def helper_context(root: Path) -> Context:
    """What the image is made of, below the folder that holds the package ``lab``."""
    return Context(root=root, dockerfile=f"{FOLDER}/Dockerfile", paths=tuple(sorted(_paths(root))))


def _paths(root: Path) -> Iterator[str]:
    yield from MODULES
    yield from (f"{FOLDER}/{name}" for name in ("Dockerfile", "requirements.txt"))
    for module in (root / "lab/sampling").glob("*.py"):
        if module.name not in LAB_SIDE:
            yield f"lab/sampling/{module.name}"
