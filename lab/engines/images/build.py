"""Build the image of the app under test from a folder with a Dockerfile; list and remove the images that were built."""

import hashlib
import json
import re
import tarfile
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import IO

import docker
import docker.errors
from docker.utils.build import exclude_paths

from lab.errors import MissingError, ScenarioError
from lab.scenario.model import App

WHEELHOUSE = ".wheelhouse"  # where the wheels are in the build context
OFFLINE = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/wheels"}
TAKES_BASE = re.compile(r"^\s*ARG\s+PYTHON_IMAGE\b", re.MULTILINE | re.IGNORECASE)
LAST_LINES = 20
LABEL = "lab.image"
NAMESPACE = (
    "process-model-lab/"  # an image that somebody built on one of ours has inherited the label, but not the name
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The files of a build: relative ``paths`` under ``root``, .dockerignore already applied."""

    root: Path
    dockerfile: str
    paths: tuple[str, ...]

    @property
    def takes_base(self) -> bool:
        """Tell whether the Dockerfile lets others choose its base image."""
        return (
            TAKES_BASE.search((self.root / self.dockerfile).read_text(encoding="utf-8", errors="replace")) is not None
        )


def read_context(app: App) -> Context:
    """List the files of the build of ``app.build``. Raises ScenarioError when it cannot be read."""
    if app.build is None:
        raise ScenarioError("app.build: not given, so there is nothing to build")
    root, ignore = app.build.resolve(), app.build / ".dockerignore"
    if not (root / app.dockerfile).resolve().is_relative_to(root):
        raise ScenarioError(f"app.dockerfile: {app.dockerfile} is outside {root}", "Docker builds only what is inside")
    try:
        lines = ignore.read_text(encoding="utf-8").splitlines() if ignore.is_file() else []
        patterns = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
        paths = exclude_paths(str(root), patterns, dockerfile=app.dockerfile)
    except OSError as error:
        raise _unreadable(root, error) from None
    ours = tuple(sorted(path for path in paths if path.split("/")[0] != WHEELHOUSE))
    return Context(root=root, dockerfile=app.dockerfile, paths=ours)


def content_hash(context: Context, ingredients: Iterable[str]) -> str:
    """Names, modes and contents of the files, and the other ``ingredients``, as 16 hexadecimal digits."""
    digest = hashlib.sha256(json.dumps([context.dockerfile, *ingredients]).encode())
    with tarfile.open(fileobj=BytesIO(), mode="w") as scratch:
        for info, path in _entries(scratch, context):
            digest.update(json.dumps([info.name, info.mode, info.linkname, info.size]).encode())
            if info.isfile():
                with _open(context.root, path) as file:
                    digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def build_image(
    client: docker.DockerClient,
    context: Context,
    name: str,
    *,
    base: str = "",
    wheelhouse: Path | None = None,
    labels: Mapping[str, str],
) -> None:
    """Build ``context`` as ``name``; with a ``wheelhouse`` without any network. Raises MissingError if it fails."""
    with tempfile.TemporaryFile() as archive:
        write_context(context, wheelhouse, archive)
        archive.seek(0)
        try:
            output = client.api.build(
                fileobj=archive,
                custom_context=True,
                dockerfile=context.dockerfile,
                tag=name,
                rm=True,
                forcerm=True,
                decode=True,
                buildargs=({"PYTHON_IMAGE": base} if base else {}) | (OFFLINE if wheelhouse else {}),
                network_mode="none" if wheelhouse else None,
                labels=dict(labels),
            )
            _follow(output, context.root)
        except docker.errors.APIError as error:
            raise _build_error(context.root, error.explanation) from None


def write_context(context: Context, wheelhouse: Path | None, archive: IO[bytes]) -> None:
    """Write the build context as a tar archive, with the wheels added, whatever .dockerignore says."""
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for info, path in _entries(tar, context):
            if info.isfile():
                with _open(context.root, path) as file:
                    tar.addfile(info, file)
            else:
                tar.addfile(info)
        for wheel in sorted(wheelhouse.iterdir()) if wheelhouse else ():
            tar.add(wheel, f"{WHEELHOUSE}/{wheel.name}", filter=_plain)


def _entries(tar: tarfile.TarFile, context: Context) -> Iterator[tuple[tarfile.TarInfo, str]]:
    for path in context.paths:
        try:
            info = tar.gettarinfo(context.root / path, arcname=path)
        except OSError as error:
            raise _unreadable(context.root, error) from None
        if info is not None:  # a socket cannot be archived and no image needs it
            yield _plain(info), path


def _plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
    """Keep the owner and the umask of a checkout out of the image and its content hash."""
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mode = 0o755 if info.isdir() or info.mode & 0o100 else 0o644
    if info.islnk():  # a second name of a file in the context: store the file itself
        info.type, info.linkname = tarfile.REGTYPE, ""
    return info


def _open(root: Path, path: str) -> BufferedReader:
    try:
        return (root / path).open("rb")
    except OSError as error:
        raise _unreadable(root, error) from None


def _follow(output: Iterable[Mapping[str, str]], root: Path) -> None:
    last: deque[str] = deque(maxlen=LAST_LINES)
    failure = ""
    for event in output:  # to its end also after an error: else the SDK leaves the connection open
        last.extend(line for line in event.get("stream", "").splitlines() if line.strip())
        failure = event.get("error", failure)
    if failure:
        raise _build_error(root, "\n".join([*last, failure]))


def _build_error(root: Path, reason: str) -> MissingError:
    return MissingError(
        f"the image of {root} could not be built; last lines of the build:\n{reason}",
        f"`docker build {root}` shows the whole output",
    )


def _unreadable(root: Path, error: OSError) -> ScenarioError:
    return ScenarioError(
        f"app.build: {root} cannot be read: {error}", "list what the image does not need in .dockerignore"
    )


def built_images(client: docker.DockerClient) -> list[str]:
    """Their names, sorted: of the apps, of the helper, and of the bases that stand in for a registry's."""
    found = client.images.list(filters={"label": LABEL})
    return sorted(tag for image in found for tag in image.tags if tag.startswith(NAMESPACE))


def remove_image(client: docker.DockerClient, name: str) -> bool:
    """Remove one by its name, never by force; False when it stays because a container uses it. Gone already is fine."""
    try:
        client.images.remove(name)
    except docker.errors.NotFound:
        return True
    except docker.errors.APIError as error:
        if error.response is not None and error.response.status_code == HTTPStatus.CONFLICT:
            return False
        raise
    return True
