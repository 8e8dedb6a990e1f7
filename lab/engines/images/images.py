"""Have every image that a scenario needs: already here, pulled, or built; and record which way it was."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from enum import StrEnum

import docker
import docker.errors
from docker.models.images import Image
from requests.exceptions import RequestException

from lab.engines.images.build import Context, build_image, content_hash, read_context
from lab.engines.images.offline.bases import build_base, can_build, stand_in
from lab.engines.images.offline.wheelhouse import fill_wheelhouse
from lab.errors import MissingError
from lab.scenario.images import PYTHON, ImageSource
from lab.scenario.model import APP_IMAGE, App, Scenario

REGISTRY_TIMEOUT_S = 10  # a registry that is not there must not hold up a run
PLAN_TIMEOUT_S = 3  # `lab doctor` must be quick

OnStep = Callable[[str], None]


class Way(StrEnum):
    """The way by which an image comes to this machine."""

    PRESENT = "present"
    PULLED = "pulled"
    BUILT = "built"
    MISSING = "missing"  # in a plan only: it cannot be had


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRecord:
    """An image that is here. ``id`` is the engine's; ``digest`` is the registry's, or the id when it has none."""

    name: str
    id: str
    digest: str
    origin: Way
    detail: str
    reference: str = ""  # repository@digest, by which a registry has it; "" when none does
    versions: Mapping[str, str] = field(default_factory=dict)  # inside it, as versions.image_versions tells them

    def describe(self) -> dict[str, str]:
        """Plain values for run.json, the versions among them."""
        own = {key: str(value) for key, value in asdict(self).items() if key != "versions"}
        return {**own, **self.versions}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePlan:
    """The way by which an image would come, and why; ``name`` is what would be used."""

    name: str
    way: Way
    detail: str


def prepare_images(client: docker.DockerClient, scenario: Scenario, on_step: OnStep) -> Mapping[str, ImageRecord]:
    """Images by key: those of each arm and its front, and that of Python when the app is built on it.

    The app's own image is prepared also when every arm has another one: it is the one that a run is known by.
    Raises MissingError (exit 4) with the reason and what to do when one cannot be had.
    """
    images: dict[str, ImageRecord] = {}
    if scenario.app.build is None:
        images[APP_IMAGE] = _prepare(client, plan_image(client, scenario.app.image, REGISTRY_TIMEOUT_S), on_step)
    else:
        context = read_context(scenario.app)
        if _needs_base(scenario.app, context):
            images[PYTHON.key] = prepare_base(client, PYTHON, scenario.images[PYTHON.key], on_step)
        images[APP_IMAGE] = _prepare_build(client, scenario.app, context, images.get(PYTHON.key), on_step)
    by_name = {scenario.app.image: images[APP_IMAGE]}
    for arm in scenario.arms:
        if arm.image and arm.image not in by_name:
            by_name[arm.image] = _prepare(client, plan_image(client, arm.image, REGISTRY_TIMEOUT_S), on_step)
        if arm.image:
            images[arm.image_key] = by_name[arm.image]
    for front in front_images(scenario):
        images[front.key] = prepare_base(client, front, scenario.images[front.key], on_step)
    return images


def front_images(scenario: Scenario) -> tuple[ImageSource, ...]:
    """The images of the fronts that arms have, each once."""
    return tuple({image.key: image for arm in scenario.arms if (image := arm.front_image) is not None}.values())


def plan_image(client: docker.DockerClient, name: str, timeout_s: float) -> ImagePlan:
    """The user's own image: present, or in a registry that answers within ``timeout_s``, or missing."""
    if find_image(client, name) is not None:
        return ImagePlan(name=name, way=Way.PRESENT, detail="already on this machine")
    if refusal := ask_registry(client, name, timeout_s):
        return ImagePlan(name=name, way=Way.MISSING, detail=refusal)
    return ImagePlan(name=name, way=Way.PULLED, detail="the registry has it")


def plan_base(client: docker.DockerClient, base: ImageSource, name: str, timeout_s: float) -> ImagePlan:
    """A base image: as ``plan_image``, but the image that Debian packages can stand in for is never missing.

    A stand-in that was built earlier is used before any registry is asked, so that a machine keeps its base.
    """
    replaceable = name == base.reference and bool(base.packages)
    built = stand_in(base)
    if replaceable and find_image(client, name) is None and find_image(client, built) is not None:
        return ImagePlan(name=built, way=Way.PRESENT, detail=f"built from Debian packages, stands in for {name}")
    plan = plan_image(client, name, timeout_s)
    return _stand_in(base, plan.detail) if plan.way is Way.MISSING and replaceable and can_build() else plan


def find_image(client: docker.DockerClient, name: str) -> Image | None:
    """The image, if the engine has it. Raises MissingError when the name is none that Docker understands."""
    try:
        return client.images.get(name)
    except docker.errors.ImageNotFound:
        return None
    except docker.errors.APIError as error:
        raise MissingError(f"image {name!r}: {error.explanation}", "an image is written name:tag") from None


def ask_registry(client: docker.DockerClient, name: str, timeout_s: float) -> str:
    """Tell why the image cannot be pulled, in one line; "" when the registry has it. Returns within ``timeout_s``."""
    try:
        with _time_limit(client, timeout_s):
            client.api.inspect_distribution(name)
    except docker.errors.APIError as error:
        return _one_line(error.explanation)
    except (docker.errors.DockerException, RequestException) as error:
        return _one_line(f"no registry answered within {timeout_s:.0f} s ({type(error).__name__})")
    return ""


def _stand_in(base: ImageSource, refusal: str) -> ImagePlan:
    detail = f"from Debian packages, stands in for {base.reference}: {refusal}"
    return ImagePlan(name=stand_in(base), way=Way.BUILT, detail=detail)


def _prepare(client: docker.DockerClient, plan: ImagePlan, on_step: OnStep) -> ImageRecord:
    if plan.way is Way.MISSING:
        raise MissingError(
            f"image {plan.name} is not on this machine and cannot be pulled: {plan.detail}",
            f"check its name, or bring it here with `docker pull`, `docker load` or `docker build`: {plan.name}",
        )
    if plan.way is Way.PULLED:
        _pull(client, plan.name, on_step)
    return _record(client, plan)


def prepare_base(client: docker.DockerClient, base: ImageSource, name: str, on_step: OnStep) -> ImageRecord:
    """The base image ``name``, or what stands in for it. Raises MissingError when neither can be had."""
    plan = plan_base(client, base, name, REGISTRY_TIMEOUT_S)
    if plan.way is Way.PULLED and name == base.reference and base.packages and can_build():
        try:
            _pull(client, name, on_step)
        except MissingError as error:  # a registry may answer and still not deliver
            plan = _stand_in(base, _one_line(str(error)))
    if plan.way is Way.BUILT:
        build_base(client, base, on_step)
    return _prepare(client, plan, on_step)


def _prepare_build(
    client: docker.DockerClient, app: App, context: Context, base: ImageRecord | None, on_step: OnStep
) -> ImageRecord:
    name = _build_name(app, context, base.id if base else "")
    base_name = base.name if base else ""
    if find_image(client, name) is not None:
        plan = ImagePlan(name=name, way=Way.PRESENT, detail="nothing changed since it was built")
    else:
        wheelhouse = fill_wheelhouse(client, base_name, app.requirements, on_step) if app.requirements else None
        on_step(f"building {name} from {context.root}")
        marks = {"lab.image": "app", "lab.content": name.partition(":")[2]}
        build_image(client, context, name, base=base_name, wheelhouse=wheelhouse, labels=marks)
        network = "without network, from a wheelhouse" if wheelhouse else "with the network"
        plan = ImagePlan(name=name, way=Way.BUILT, detail=f"on {base_name or 'its own base'}, {network}")
    return _record(client, plan)


def _needs_base(app: App, context: Context) -> bool:
    """Wheels are chosen for the base, and an ARG is filled with it; any other Dockerfile brings its own."""
    return app.requirements is not None or context.takes_base


def _repository(app: App) -> str:
    folder = re.sub(r"[^a-z0-9]+", "-", app.build.name.lower()).strip("-") if app.build else ""
    return f"process-model-lab/{folder or 'app'}"


def _build_name(app: App, context: Context, base_id: str) -> str:
    requirements = app.requirements.read_text(encoding="utf-8") if app.requirements else ""
    return f"{_repository(app)}:{content_hash(context, (base_id, requirements))}"


def _pull(client: docker.DockerClient, name: str, on_step: OnStep) -> None:
    on_step(f"pulling {name}")
    try:
        client.images.pull(name)
    except (docker.errors.DockerException, RequestException) as error:
        raise MissingError(f"image {name} cannot be pulled: {_one_line(str(error))}", "see `docker pull`") from None


def _record(client: docker.DockerClient, plan: ImagePlan) -> ImageRecord:
    image = find_image(client, plan.name)
    if image is None:
        raise MissingError(f"image {plan.name} vanished", "do not remove images while the lab prepares them")
    reference = next(iter(image.attrs.get("RepoDigests") or ()), "")
    return ImageRecord(
        name=plan.name,
        id=image.id,
        digest=reference.partition("@")[2] or image.id,
        origin=plan.way,
        detail=plan.detail,
        reference=reference,
    )


@contextmanager
def _time_limit(client: docker.DockerClient, timeout_s: float) -> Iterator[None]:
    """The SDK has one time limit for a client and none for a call."""
    usual, client.api.timeout = client.api.timeout, timeout_s
    try:
        yield
    finally:
        client.api.timeout = usual


def _one_line(text: str) -> str:
    return " ".join(str(text).split())[:300]
