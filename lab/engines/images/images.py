"""Have an image: already here, pulled, or built from Debian packages or a wheel; and record which way it was."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from enum import StrEnum

import docker
import docker.errors
from docker.models.images import Image
from requests.exceptions import RequestException

from lab.engines.docker.removal import one_line
from lab.engines.images.offline.bases import build_base, can_build, made_of, stand_in
from lab.errors import MissingError
from lab.scenario.images import ImageSource

REGISTRY_TIMEOUT_S = 10  # a registry that is not there must not hold up a run
PLAN_TIMEOUT_S = 3  # `lab doctor` must be quick
REGISTRY_WORDS = (  # what an engine says of a registry, and what that means; the first that fits
    (r"(?i)rate limit|too many requests", "the registry has given you too many today: log in, or try later"),
    (r"(?i)manifest unknown|no matching manifest|not found", "the registry has no such image for this machine"),
    (r"(?i)denied|unauthorized|authentication required|no basic auth", "the registry has none, or wants a login"),
    (r"(?i)certificate|x509|HTTP response to HTTPS", "the registry's certificate is not trusted, or it has none"),
    (
        r"(?i)no such host|dial tcp|lookup |timeout|refused|unreachable|deadline exceeded|EOF|proxyconnect",
        "no registry can be reached",
    ),
)

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


def plan_image(client: docker.DockerClient, name: str, timeout_s: float) -> ImagePlan:
    """The user's own image: present, or in a registry that answers within ``timeout_s``, or missing."""
    if find_image(client, name) is not None:
        return ImagePlan(name=name, way=Way.PRESENT, detail="already on this machine")
    if refusal := ask_registry(client, name, timeout_s):
        return ImagePlan(name=name, way=Way.MISSING, detail=refusal)
    return ImagePlan(name=name, way=Way.PULLED, detail="the registry has it")


def plan_base(client: docker.DockerClient, base: ImageSource, name: str, timeout_s: float) -> ImagePlan:
    """A base image: as ``plan_image``, but one that has a stand-in is never missing where that can be built.

    A stand-in that was built earlier is used before any registry is asked, so that a machine keeps its base.
    """
    replaceable = name == base.reference and bool(base.packages or base.wheel)
    built = stand_in(base)
    if replaceable and find_image(client, name) is None and find_image(client, built) is not None:
        return ImagePlan(name=built, way=Way.PRESENT, detail=f"built from {made_of(base)}, stands in for {name}")
    plan = plan_image(client, name, timeout_s)
    return _stand_in(base, plan.detail) if plan.way is Way.MISSING and _replaceable(base, name) else plan


def _replaceable(base: ImageSource, name: str) -> bool:
    """Tell whether a stand-in for ``name`` can be built here."""
    return name == base.reference and (base.wheel is not None or (bool(base.packages) and can_build()))


def find_image(client: docker.DockerClient, name: str) -> Image | None:
    """The image, if the engine has it. Raises MissingError when the name is none that Docker understands."""
    try:
        return client.images.get(name)
    except docker.errors.ImageNotFound:
        return None
    except docker.errors.APIError as error:
        raise MissingError(
            f"Docker does not take {name!r} for the name of an image: {one_line(error)}",
            "an image is written name:tag, in small letters; fix app.image, or the key where it stands",
        ) from None


def ask_registry(client: docker.DockerClient, name: str, timeout_s: float) -> str:
    """Tell why the image cannot be pulled, in one line; "" when the registry has it. Returns within ``timeout_s``."""
    try:
        with _time_limit(client, timeout_s):
            client.api.inspect_distribution(name)
    except docker.errors.APIError as error:
        return registry_words(one_line(error))
    except (docker.errors.DockerException, RequestException) as error:
        return f"no registry answered within {timeout_s:.0f} s ({type(error).__name__})"
    return ""


def registry_words(refusal: str) -> str:
    """What the engine says of a registry, behind what that means where it is known."""
    means = next((said for pattern, said in REGISTRY_WORDS if re.search(pattern, refusal)), "")
    return f"{means} ({refusal})" if means else refusal


def _stand_in(base: ImageSource, refusal: str) -> ImagePlan:
    detail = f"from {made_of(base)}, stands in for {base.reference}: {refusal}"
    return ImagePlan(name=stand_in(base), way=Way.BUILT, detail=detail)


def prepare_image(client: docker.DockerClient, plan: ImagePlan, on_step: OnStep, *, instead: str = "") -> ImageRecord:
    """Have the image by the way that was planned. Raises MissingError when there is none.

    ``instead``: an image that can be built here, to be named as advice.
    """
    if plan.way is Way.MISSING:
        other = f"; or name {instead}, which can be built here" if instead else ""
        raise MissingError(
            f"image {plan.name} is not on this machine and cannot be pulled: {plan.detail}",
            f"check its name, or bring it here with `docker pull`, `docker load` or `docker build`: {plan.name}{other}",
        )
    if plan.way is Way.PULLED:
        _pull(client, plan.name, on_step)
    return record_of(client, plan)


def prepare_base(client: docker.DockerClient, base: ImageSource, name: str, on_step: OnStep) -> ImageRecord:
    """The base image ``name``, or what stands in for it. Raises MissingError when neither can be had."""
    plan = plan_base(client, base, name, REGISTRY_TIMEOUT_S)
    if plan.way is Way.PULLED and _replaceable(base, name):
        try:
            _pull(client, name, on_step)
        except MissingError as error:  # a registry may answer and still not deliver
            plan = _stand_in(base, _one_line(str(error)))
    if plan.way is Way.BUILT:
        build_base(client, base, on_step)
    return prepare_image(client, plan, on_step, instead=base.instead if can_build() else "")


def _pull(client: docker.DockerClient, name: str, on_step: OnStep) -> None:
    on_step(f"pulling {name}")
    try:
        client.images.pull(name)
    except (docker.errors.DockerException, RequestException) as error:
        raise MissingError(
            f"image {name} cannot be pulled: {registry_words(one_line(error))}",
            f"`docker pull {name}` shows the whole output; or bring it here with `docker load`",
        ) from None


def record_of(client: docker.DockerClient, plan: ImagePlan) -> ImageRecord:
    """The record of an image that is here now."""
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
        versions=_labelled(image),
    )


def _labelled(image: Image) -> Mapping[str, str]:
    """Version and hash of the program in an image that was built from a wheel."""
    labels = (image.attrs.get("Config") or {}).get("Labels") or {}
    return {key: labels[label] for key in ("version", "sha256") if (label := f"lab.{key}") in labels}


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
