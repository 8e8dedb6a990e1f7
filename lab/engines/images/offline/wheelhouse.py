"""A folder of wheels that fit a base image, filled on the host, so that the build inside needs no network."""

import hashlib
import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import docker
from packaging.requirements import InvalidRequirement, Requirement

from lab.engines.images.asking import ask_python
from lab.errors import MissingError
from lab.host.labels import labels
from lab.host.places import cache_folder, keep, scratch
from lab.host.tools import failure_of, pip_command

DOWNLOAD_TIMEOUT_S = 900.0
# What pip download does not take a target for: the markers of what packages need.
UNPINNED = (
    "If a package is missing that only the image's Python needs (`; python_version >= …` in what another package asks "
    "for): without hashes pip decides by this machine's Python what packages need. Add that package to "
    "app.requirements, or pin them all for the image: `uv pip compile --generate-hashes --python-version VERSION`"
)
INCLUDED = re.compile(r"\s*(?:-r|--requirement)[ =]?\s*(\S+)\s*")
# The pip of the image itself knows best which wheels it will accept: glibc or musl, architecture, version, ABI.
QUESTION = """
import json
from pip._vendor.packaging.markers import default_environment
from pip._vendor.packaging.tags import sys_tags
tags = list(sys_tags())
print(json.dumps({
    "implementation": tags[0].interpreter[:2],
    "abi": tags[0].abi,
    "platforms": list(dict.fromkeys(tag.platform for tag in tags if tag.platform != "any")),
    "environment": default_environment(),
}))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The wheels that an image's pip accepts; ``environment`` holds its values for environment markers (PEP 508)."""

    implementation: str
    abi: str
    platforms: tuple[str, ...]
    environment: Mapping[str, str]


def fill_wheelhouse(
    client: docker.DockerClient,
    base: str,
    requirements: Path,
    on_step: Callable[[str], None],
) -> Path:
    """The folder with every wheel of ``requirements`` that fits the image ``base``, from the cache when it is there.

    Where they are not pinned with hashes, and so complete, pip finds versions, and what those need.
    Raises MissingError when the image has no Python with pip, or when a wheel cannot be had.
    """
    text = requirements_text(requirements)
    pinned = are_pinned(text)
    target = ask_target(client, base)
    key = hashlib.sha256(json.dumps([text, asdict(target), pinned], sort_keys=True).encode()).hexdigest()[:16]
    wheelhouse = cache_folder("wheels") / key
    if not wheelhouse.is_dir():
        on_step(f"downloading the wheels of {requirements.name} for {base}")
        _download(target, applicable(text, target.environment), requirements, wheelhouse, pinned)
    return wheelhouse


def requirements_text(path: Path, seen: frozenset[Path] = frozenset()) -> str:
    """A requirements file with the files that it includes (`-r FILE`, from its own folder) in their places.

    Of a pyproject.toml the dependencies of its project. Raises MissingError where one cannot be read, or includes
    itself.
    """
    if (own := path.resolve()) in seen:
        raise MissingError(f"app.requirements: {path} includes itself", "take out the line with -r that leads to it")
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise MissingError(
            f"app.requirements: {path} cannot be read: {error.strerror}", "name a file that is there"
        ) from None
    except UnicodeDecodeError:
        raise MissingError(f"app.requirements: {path} is no text in UTF-8", "save it as UTF-8") from None
    if path.suffix == ".toml":
        return _dependencies(path, text)
    lines = []
    for line in text.splitlines(keepends=True):
        included = INCLUDED.fullmatch(line)
        lines.append(requirements_text(path.parent / included[1], seen | {own}) if included else line)
    return "".join(lines)


def _dependencies(path: Path, text: str) -> str:
    """The dependencies of a project (PEP 621), one a line."""
    try:
        project = tomllib.loads(text).get("project")
    except tomllib.TOMLDecodeError as error:
        raise MissingError(f"app.requirements: {path} is no valid TOML: {error}", "correct it") from None
    found = project.get("dependencies") if isinstance(project, dict) else None
    if not isinstance(found, list):
        raise MissingError(
            f"app.requirements: {path} has no dependencies in [project]",
            "`uv export`, `poetry export` or `pip freeze` writes a requirements.txt",
        )
    return "".join(f"{each}\n" for each in found)


def are_pinned(text: str) -> bool:
    """Tell whether the requirements have hashes: then pip takes them as complete, each in its one version."""
    return "--hash=" in text


def statements(text: str) -> Iterator[str]:
    """The lines of a requirements file that say something, continued ones joined, without comments."""
    for line in text.replace("\\\n", " ").splitlines():
        statement = line.partition(" #")[0].strip()
        if statement and not statement.startswith("#"):
            yield statement


def ask_target(client: docker.DockerClient, base: str) -> Target:
    """Run the image's own Python once to learn which wheels fit. Raises MissingError when it has none with pip."""
    try:
        told = ask_python(client, base, QUESTION, labels("images", "wheelhouse"), program="python3")
    except MissingError as error:
        raise MissingError(
            f"image {base} cannot say which wheels it takes: {error}",
            "app.requirements needs an images.python with python3 and pip; without it the build uses the network",
        ) from None
    answer = json.loads(told)
    return Target(**(answer | {"platforms": tuple(answer["platforms"])}))


def applicable(text: str, environment: Mapping[str, str]) -> str:
    """The lines of a requirements file that hold in ``environment``, without their markers.

    pip download would judge the markers by the interpreter that runs it, which is not the image's. Options
    (``--index-url …``) pass unchanged. Raises MissingError on a line that is no requirement.
    """
    lines = []
    for statement in statements(text):
        specifier, dashes, hashes = statement.partition(" --")
        if statement.startswith("-"):
            lines.append(statement)
        elif (requirement := _parse(specifier)).marker is None or requirement.marker.evaluate(dict(environment)):
            requirement.marker = None
            lines.append(f"{requirement}{dashes}{hashes}")
    return "\n".join(lines) + "\n"


def download_argv(
    pip: Sequence[str], target: Target, requirements: Path, folder: Path, *, pinned: bool = True
) -> list[str]:
    """The command that downloads the wheels; where every version is pinned, dependencies are in the list already."""
    return [
        *pip,
        "download",
        *("--quiet", "--only-binary=:all:"),
        *(("--no-deps", "--require-hashes") if pinned else ()),
        *("--implementation", target.implementation, "--abi", target.abi),
        *("--python-version", target.environment["python_version"]),
        *(part for platform in target.platforms for part in ("--platform", platform)),
        *("--dest", str(folder), "--requirement", str(requirements)),
    ]


def _parse(specifier: str) -> Requirement:
    try:
        return Requirement(specifier.strip())
    except InvalidRequirement as error:
        raise MissingError(
            f"app.requirements: {specifier.strip()!r} is no requirement: {error}",
            "each line names a package of an index, as in `fastapi>=0.110`; `pip freeze` writes such",
        ) from None


def _download(target: Target, applicable_text: str, requirements: Path, wheelhouse: Path, pinned: bool) -> None:
    pip = pip_command()
    wheelhouse.parent.mkdir(parents=True, exist_ok=True)
    with scratch("wheels", wheelhouse.parent) as draft:
        wanted, wheels = draft / "requirements.txt", draft / "wheels"
        wanted.write_text(applicable_text, encoding="utf-8")
        wheels.mkdir()
        if failure := failure_of(download_argv(pip, target, wanted, wheels, pinned=pinned), DOWNLOAD_TIMEOUT_S):
            raise MissingError(
                f"{requirements}: the wheels could not be downloaded:\n{failure}",
                "is the package index reachable, and has every version a wheel for the image? Without app.requirements "
                "the build itself downloads, and makes what has no wheel" + ("" if pinned else f". {UNPINNED}"),
            )
        keep(wheels, wheelhouse)
