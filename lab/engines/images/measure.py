"""Measure what images cost: builds cold, warm and after an edit, bytes by layer, time to import the app (METHOD 12)."""

import json
import os
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from shutil import copy2

import docker
import docker.errors

from lab.engines.docker.removal import engine_errors
from lab.engines.images.asking import ask_python
from lab.engines.images.build import LABEL, NAMESPACE, build_image, remove_image
from lab.engines.images.context import Context, read_context
from lab.engines.images.images import OnStep
from lab.engines.images.prepare import Ingredients, ingredients_of
from lab.errors import MissingError, ScenarioError
from lab.host.labels import labels
from lab.host.places import scratch
from lab.scenario.app import App
from lab.units import format_seconds

IMPORT = """
import importlib, sys, time
began_s = time.perf_counter()
importlib.import_module(sys.argv[1])
print(time.perf_counter() - began_s)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageCost:
    """One way to build the app: seconds of each round, bytes of its layers as the engine saves them.

    ``shared_bytes``: of layers that another of the images, or their base, has as well; ``edit_bytes``: of those that an
    edit of one line replaces, which is what a push or a pull moves then.
    """

    dockerfile: str
    offline: bool
    cold_s: tuple[float, ...]
    warm_s: tuple[float, ...]
    edited_s: tuple[float, ...]
    import_s: tuple[float, ...]
    shared_bytes: int
    unique_bytes: int
    edit_bytes: int


@dataclass(slots=True)
class _Way:
    """One Dockerfile while it is measured; ``context`` lies in a folder of the lab's, where it may be edited."""

    app: App
    context: Context
    ingredients: Ingredients
    name: str
    cold_s: list[float] = field(default_factory=list)
    warm_s: list[float] = field(default_factory=list)
    edited_s: list[float] = field(default_factory=list)
    import_s: list[float] = field(default_factory=list)


def edited_file(app: App) -> str:
    """The file of ``app.target`` in the build, whose edit is measured. Raises ScenarioError when there is none."""
    module, paths = app.target.partition(":")[0].replace(".", "/"), read_context(app).paths
    for path in (f"{module}.py", f"{module}/__init__.py"):
        if path in paths:
            return path
    raise ScenarioError(
        f"{app.build}: the build has no {module}.py, so that nothing can be edited to measure that",
        "name the app of this folder: --target module:name",
    )


def measure_images(
    client: docker.DockerClient, apps: Sequence[App], rounds: int, on_step: OnStep
) -> tuple[ImageCost, ...]:
    """Build each of ``apps`` in every round, in turn forwards and backwards, so that a drift of the machine is shared.

    Cold: without the layers of an earlier build, the base being here. Nothing of it stays but what the engine caches.
    Raises LabError when one cannot be built.
    """
    with engine_errors(), scratch("images") as folder:
        ways = list(_ways(client, apps, folder, on_step))
        try:
            for number in range(1, rounds + 1):
                for way in ways if number % 2 else ways[::-1]:
                    _build_round(client, way, number, on_step)
            for number in range(1, rounds + 1):
                for way in ways if number % 2 else ways[::-1]:
                    way.import_s.append(_import_s(client, way))
            return tuple(_costs(client, ways))
        finally:
            for way in ways:
                for name in (way.name, _edited(way.name)):
                    remove_image(client, name)


def _ways(client: docker.DockerClient, apps: Sequence[App], folder: Path, on_step: OnStep) -> Iterator[_Way]:
    for place, app in enumerate(apps):
        edited_file(app)
        original = read_context(app)
        ingredients = ingredients_of(client, app, original, on_step)
        root = folder / str(place)
        for path in original.paths:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            if (original.root / path).is_file():
                copy2(original.root / path, root / path)
        name = f"{NAMESPACE}measured-{os.getpid()}:{place}"
        yield _Way(app=app, context=replace(original, root=root), ingredients=ingredients, name=name)


def _build_round(client: docker.DockerClient, way: _Way, number: int, on_step: OnStep) -> None:
    way.cold_s.append(_build(client, way, way.name, cached=False))
    way.warm_s.append(_build(client, way, way.name))
    with _one_line_more(way, number):
        way.edited_s.append(_build(client, way, _edited(way.name)))
    told = ", ".join(format_seconds(times[-1]) for times in (way.cold_s, way.warm_s, way.edited_s))
    on_step(f"round {number}, {way.app.dockerfile}: {told} (cold, warm, after an edit)")


def _build(client: docker.DockerClient, way: _Way, name: str, *, cached: bool = True) -> float:
    """The image that had the name before goes, unless another name has it too."""
    ingredients, before = way.ingredients, _id_of(client, name)
    marks = {LABEL: "measured", **labels("images", "measure")}
    took_s = build_image(
        client,
        way.context,
        name,
        recipe=ingredients.recipe,
        wheelhouse=ingredients.wheelhouse,
        labels=marks,
        cached=cached,
    )
    if before and before != _id_of(client, name):
        remove_image(client, before)
    return took_s


@contextmanager
def _one_line_more(way: _Way, number: int) -> Iterator[None]:
    """Inside the block the app has a line that it never had before."""
    path = way.context.root / edited_file(replace(way.app, build=way.context.root))
    original = path.read_bytes()
    path.write_bytes(original + f"\n# edited by the lab, round {number} of {os.getpid()}\n".encode())
    try:
        yield
    finally:
        path.write_bytes(original)


def _import_s(client: docker.DockerClient, way: _Way) -> float:
    module = way.app.target.partition(":")[0]
    try:
        return float(ask_python(client, way.name, IMPORT, labels("images", "import"), module, program="python"))
    except (MissingError, ValueError) as error:
        raise MissingError(
            f"the image of {way.app.dockerfile} does not import {module}: {error}",
            "name the app as the image has it: --target module:name",
        ) from None


def _costs(client: docker.DockerClient, ways: Sequence[_Way]) -> Iterator[ImageCost]:
    found = [layer_sizes(client, way.name) for way in ways]
    bases = [set(_layers(client, way.ingredients.base)) if way.ingredients.base else set[str]() for way in ways]
    for place, way in enumerate(ways):
        others = set().union(bases[place], *(layers for other, layers in enumerate(found) if other != place))
        shared = sum(size for layer, size in found[place].items() if layer in others)
        edited = layer_sizes(client, _edited(way.name))
        yield ImageCost(
            dockerfile=way.app.dockerfile,
            offline=way.ingredients.recipe.offline,
            cold_s=tuple(way.cold_s),
            warm_s=tuple(way.warm_s),
            edited_s=tuple(way.edited_s),
            import_s=tuple(way.import_s),
            shared_bytes=shared,
            unique_bytes=sum(found[place].values()) - shared,
            edit_bytes=sum(size for layer, size in edited.items() if layer not in found[place]),
        )


def layer_sizes(client: docker.DockerClient, name: str) -> Mapping[str, int]:
    """Digest of each layer, from the bottom → its bytes in what `docker save` writes."""
    sizes: dict[str, int] = {}
    with tempfile.TemporaryFile() as archive:
        for chunk in client.images.get(name).save():
            archive.write(chunk)
        archive.seek(0)
        with tarfile.open(fileobj=archive) as tar:
            manifest = tar.extractfile("manifest.json")
            (described,) = json.load(manifest) if manifest else ({"Layers": []},)
            for layer, path in zip(_layers(client, name), described["Layers"], strict=True):
                sizes[layer] = max(sizes.get(layer, 0), tar.getmember(path).size)  # the same again is a link
    return sizes


def _layers(client: docker.DockerClient, name: str) -> list[str]:
    return list(client.images.get(name).attrs["RootFS"]["Layers"])


def _edited(name: str) -> str:
    return f"{name}-edited"


def _id_of(client: docker.DockerClient, name: str) -> str:
    try:
        return str(client.images.get(name).id)
    except docker.errors.ImageNotFound:
        return ""
