"""The files of a build: which they are, what names their content, and the archive in which an engine takes them."""

import hashlib
import json
import shlex
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BufferedReader, BytesIO
from pathlib import Path, PurePosixPath
from typing import IO

from docker.utils.build import exclude_paths

from lab.engines.images.instructions import takes_base, without_syntax
from lab.errors import ScenarioError
from lab.scenario.app import App

WHEELHOUSE = ".wheelhouse"  # where the wheels are in the build context
WRITTEN = "# Written by `lab init`"  # the beginning of a scenario that it wrote
BESIDE = ".lab.dockerfile"  # in the archive: a Dockerfile that is none of the files


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The files of a build: relative ``paths`` under ``root``, .dockerignore already applied.

    ``dockerfile`` is its name in the archive; ``beside``: where it is if it is none of the files.
    """

    root: Path
    dockerfile: str
    paths: tuple[str, ...]
    beside: Path | None = None

    @property
    def file(self) -> Path:
        """The Dockerfile."""
        return self.beside or self.root / self.dockerfile

    @property
    def text(self) -> str:
        """The text of the Dockerfile; bytes that are no UTF-8 are kept."""
        try:
            return self.file.read_text(encoding="utf-8", errors="surrogateescape")
        except OSError as error:
            raise _unreadable(self.root, error) from None

    @property
    def takes_base(self) -> bool:
        """Tell whether the Dockerfile lets others choose its base image."""
        return takes_base(self.text)

    @property
    def command(self) -> str:
        """The command line that builds the same without the lab."""
        named = () if self.dockerfile == "Dockerfile" else ("--file", str(self.file))
        return shlex.join(["docker", "build", *named, str(self.root)])


def read_context(app: App) -> Context:
    """List the files of the build of ``app.build``. Raises ScenarioError when it cannot be read."""
    if app.build is None:
        raise ScenarioError("app.build: not given, so there is nothing to build")
    root = app.build.resolve()
    file = (root / app.dockerfile).resolve()
    own = root / f"{app.dockerfile}.dockerignore"  # BuildKit takes it before the other one
    ignore = own if own.is_file() else root / ".dockerignore"
    name = app.dockerfile if file.is_relative_to(root) else None
    try:
        lines = ignore.read_text(encoding="utf-8").splitlines() if ignore.is_file() else []
        patterns = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
        paths = exclude_paths(str(root), patterns, dockerfile=name)
    except OSError as error:
        raise _unreadable(root, error) from None
    theirs = _without_labs(root, {path for path in paths if path.split("/")[0] != WHEELHOUSE})
    if app.dockerfile in theirs:
        return Context(root=root, dockerfile=app.dockerfile, paths=tuple(sorted(theirs)))
    return Context(root=root, dockerfile=BESIDE, paths=tuple(sorted(theirs)), beside=file)


def _without_labs(root: Path, paths: set[str]) -> set[str]:
    """Without run folders, and what `lab init` wrote: with `COPY . .` each run would make another image.

    Nor the folders that hold nothing else: the first run makes them.
    """
    runs = {path.removesuffix("/run.json") for path in paths if path.endswith("/run.json")}
    labs = {path for path in runs if f"{path}/trials" in paths}
    written = {path.removesuffix("/scenario.toml") for path in paths if path.endswith("/scenario.toml")}
    labs |= {path for path in written if is_labs(root / path)}
    if not labs:
        return paths
    kept = {path for path in paths if labs.isdisjoint([path, *map(str, PurePosixPath(path).parents)])}
    above = {str(parent) for path in labs for parent in PurePosixPath(path).parents}
    full = {str(parent) for path in kept if path not in above for parent in PurePosixPath(path).parents}
    return {path for path in kept if path not in above or path in full}


def is_labs(folder: Path) -> bool:
    """Tell whether `lab init` wrote what is in a folder. Raises ScenarioError where that cannot be read."""
    return _begins_with(folder / "scenario.toml", WRITTEN)


def _begins_with(path: Path, text: str) -> bool:
    if not path.is_file():  # a pipe would wait for a writer
        return False
    try:
        with path.open("rb") as file:
            return file.read(len(text)) == text.encode()
    except OSError as error:
        raise _unreadable(path, error) from None


def content_hash(context: Context, ingredients: Iterable[str]) -> str:
    """Names, modes and contents of the files, and the other ``ingredients``, as 16 hexadecimal digits."""
    beside = [context.text] if context.beside else []
    digest = hashlib.sha256(json.dumps([context.dockerfile, *beside, *ingredients]).encode())
    with tarfile.open(fileobj=BytesIO(), mode="w") as scratch:
        for info, path in _entries(scratch, context):
            digest.update(json.dumps([info.name, info.mode, info.linkname, info.size]).encode())
            if info.isfile():
                with _open(context.root, path) as file:
                    digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def write_context(context: Context, wheelhouse: Path | None, archive: IO[bytes], *, syntax: bool = True) -> None:
    """Write the build context as a tar archive, with the wheels added, whatever .dockerignore says.

    Without ``syntax`` the Dockerfile names no image that reads it. It comes first, in the old GNU format: BuildKit
    looks at the first kilobyte only to tell an archive from a Dockerfile.
    """
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.GNU_FORMAT) as tar:
        text = context.text if syntax else without_syntax(context.text)
        _add_text(tar, context.dockerfile, text)
        for info, path in _entries(tar, context):
            if path == context.dockerfile:
                continue
            if info.isfile():
                with _open(context.root, path) as file:
                    tar.addfile(info, file)
            else:
                tar.addfile(info)
        for wheel in sorted(wheelhouse.iterdir()) if wheelhouse else ():
            if (entry := _entry(tar, wheel, f"{WHEELHOUSE}/{wheel.name}")) is not None:
                with wheel.open("rb") as file:
                    tar.addfile(entry, file)


def _add_text(tar: tarfile.TarFile, name: str, text: str) -> None:
    info, content = tarfile.TarInfo(name), text.encode(errors="surrogateescape")
    info.size = len(content)
    tar.addfile(info, BytesIO(content))


def _entries(tar: tarfile.TarFile, context: Context) -> Iterator[tuple[tarfile.TarInfo, str]]:
    for path in context.paths:
        try:
            info = _entry(tar, context.root / path, path)
        except OSError as error:
            raise _unreadable(context.root, error) from None
        if info is not None:
            yield info, path


def _entry(tar: tarfile.TarFile, path: Path, name: str) -> tarfile.TarInfo | None:
    """A file under this name, without owner and umask of a checkout: they stay out of the image and its content hash.

    None for a socket, which cannot be archived and which no image needs.
    """
    info: tarfile.TarInfo | None = tar.gettarinfo(path, arcname=name)
    if info is None:
        return None
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mode = 0o755 if info.isdir() or info.mode & 0o100 else 0o644
    if info.islnk():  # a second name of a file in the context: store the file itself
        info.type, info.linkname, info.size = tarfile.REGTYPE, "", path.lstat().st_size  # the link has none
    return info


def _open(root: Path, path: str) -> BufferedReader:
    try:
        return (root / path).open("rb")
    except OSError as error:
        raise _unreadable(root, error) from None


def _unreadable(root: Path, error: OSError) -> ScenarioError:
    return ScenarioError(
        f"app.build: {root} cannot be read: {error}", "list what the image does not need in .dockerignore"
    )
