"""The agent's image: built by the lab on first need, and again when what runs in it has changed."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import docker

import lab
from lab.engines.images.build import Recipe, build_image
from lab.engines.images.context import Context, content_hash
from lab.engines.images.images import find_image, prepare_base
from lab.engines.images.offline.wheelhouse import fill_wheelhouse
from lab.host.places import scratch
from lab.scenario.images import PYTHON

REPOSITORY = "process-model-lab/agent"
FOLDER = "lab/engines/docker/agent"
# What runs inside, and its words.
ROOMS = ("agent", "attest", "host", "load", "metrics", "plan", "record", "sampling", "scenario")
FILES = ("lab/errors.py", "lab/metric_types.py", "lab/units.py")
LOAD_DOCKERFILE = "load.Dockerfile"
# Of lab/engines: what probes, and what drills and watchdogs call there.
PROBES = (
    *("__init__", "endings", "known_endings", "late", "names", "readiness", "replaced", "there", "thrashing"),
    "tracebacks",
)


def prepare_agent(client: docker.DockerClient, on_step: Callable[[str], None]) -> str:
    """The engine's id of the agent's image. Raises MissingError when it cannot be had."""
    base = prepare_base(client, PYTHON, PYTHON.reference, on_step)
    context = agent_context(Path(lab.__file__).parents[1])
    name = f"{REPOSITORY}:{content_hash(context, (base.id,))}"
    if (found := find_image(client, name)) is None:
        wheels = fill_wheelhouse(client, base.name, context.root / FOLDER / "requirements.txt", on_step)
        on_step(f"building {name}, the agent that probes, samples and drives load inside containers")
        recipe = Recipe(arguments={"PYTHON_IMAGE": base.name})
        build_image(client, context, name, recipe=recipe, wheelhouse=wheels, labels={"lab.image": "agent"})
        found = client.images.get(name)
    return str(found.id)


def prepare_load_agent(
    client: docker.DockerClient, agent_id: str, requirements: Path, on_step: Callable[[str], None]
) -> str:
    """The engine's id of an agent's image with the packages of a locustfile. Raises MissingError as above."""
    wheels = fill_wheelhouse(client, agent_id, requirements, on_step)
    agent = next(tag for tag in client.images.get(agent_id).tags if tag.startswith(f"{REPOSITORY}:"))
    with scratch("load-agent") as root:
        shutil.copy(requirements, root / "requirements.txt")
        shutil.copy(Path(lab.__file__).parents[1] / FOLDER / LOAD_DOCKERFILE, root)
        context = Context(root=root, dockerfile=LOAD_DOCKERFILE, paths=(LOAD_DOCKERFILE, "requirements.txt"))
        name = f"{REPOSITORY}-load:{content_hash(context, (agent_id, wheels.name))}"
        if (found := find_image(client, name)) is None:
            on_step(f"building {name}, the agent that drives load, with the packages of {requirements.name}")
            recipe = Recipe(arguments={"AGENT_IMAGE": agent})  # BuildKit takes an id for a name of a registry
            build_image(client, context, name, recipe=recipe, wheelhouse=wheels, labels={"lab.image": "agent"})
            found = client.images.get(name)
    return str(found.id)


def agent_context(root: Path) -> Context:
    """What the image is made of, below the folder that holds the package ``lab``."""
    return Context(root=root, dockerfile=f"{FOLDER}/Dockerfile", paths=tuple(sorted(_paths(root))))


def _paths(root: Path) -> Iterator[str]:
    yield from (*FILES, *(f"lab/engines/{name}.py" for name in PROBES))
    yield from (f"{FOLDER}/{name}" for name in ("Dockerfile", "requirements.txt"))
    for room in ROOMS:
        for path in (root / "lab" / room).rglob("*"):
            if path.suffix in (".py", ".jinja", ".sh"):
                yield str(path.relative_to(root))
