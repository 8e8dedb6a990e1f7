"""Images built from Debian packages, or from a wheel: the way out where no registry answers."""

import hashlib
import shutil
import tempfile
from collections.abc import Callable

import docker
import docker.errors

from lab.engines.docker.removal import one_line
from lab.engines.images.offline.binaries import build_binary, pinned
from lab.errors import MissingError
from lab.host.tools import failure_of
from lab.scenario.images import ImageSource

SUITE = "trixie"  # the current Debian stable; its Python is 3.13, as in python:3.13-slim
STRIPPED = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/lintian/*")
KEPT = ("/usr/share/doc/*/copyright", "/usr/share/locale/locale.alias")
BUILD_TIMEOUT_S = 900.0  # measured 20 s on two cores; the rest is for slow mirrors
CLEANUP_TIMEOUT_S = 20.0


def repository(base: ImageSource) -> str:
    """The name, without its tag, of the image that stands in."""
    return f"process-model-lab/{base.key}"


def stand_in(base: ImageSource) -> str:
    """The name of the image that stands in; its tag says what it is made of, so another recipe is another image."""
    return f"{repository(base)}:{pinned(base.wheel)[1] if base.wheel else _tag(base)}"


def _tag(base: ImageSource) -> str:
    recipe = "\n".join([*mmdebstrap_argv(base), *base.changes])
    return f"debian-{SUITE}-{hashlib.sha256(recipe.encode()).hexdigest()[:8]}"


def made_of(base: ImageSource) -> str:
    """``"Debian packages"``, or with a version ``"Debian packages of postgres 17"``: what the stand-in is made of."""
    if base.wheel:
        return f"the wheel {' '.join(pinned(base.wheel))}"
    return "Debian packages" + (f" of {base.key} {base.version}" if base.version else "")


def mmdebstrap_argv(base: ImageSource) -> list[str]:
    """The command that writes the base's root file system to standard output as a tar archive."""
    return [
        "mmdebstrap",
        "--quiet",
        "--variant=essential",
        f"--include={','.join(base.packages)}",
        '--aptopt=APT::Install-Recommends "false"',
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in STRIPPED),
        *(f"--dpkgopt=path-include={pattern}" for pattern in KEPT),
        *(f"--customize-hook={hook}" for hook in base.hooks),
        SUITE,
        "-",
    ]


def can_build() -> bool:
    """True when the tool that builds bases is installed; whether it may work here only a build can tell."""
    return shutil.which("mmdebstrap") is not None


def build_base(client: docker.DockerClient, base: ImageSource, on_step: Callable[[str], None]) -> None:
    """Make the stand-in. Raises MissingError when that is not possible here."""
    if base.wheel:
        build_binary(client, base, base.wheel, stand_in(base), on_step)
        return
    if not can_build():
        raise MissingError(
            f"{base.reference} is not here, no registry answers, and mmdebstrap, which would build it, is missing",
            f"run `docker load` or `docker pull {base.reference}`, or install mmdebstrap (Debian, Ubuntu)",
        )
    on_step(f"building {stand_in(base)} from Debian packages (about 20 s)")
    with tempfile.TemporaryFile() as archive:
        # With time to clean up: mmdebstrap unmounts and removes the half-made system that it keeps.
        argv = mmdebstrap_argv(base)
        if failure := failure_of(argv, BUILD_TIMEOUT_S, output=archive.fileno(), grace_s=CLEANUP_TIMEOUT_S):
            raise MissingError(
                f"{stand_in(base)} could not be built from Debian packages:\n{failure}",
                f"mmdebstrap needs root or user namespaces, and a Debian mirror; or `docker load` {base.reference}",
            )
        archive.seek(0)
        try:
            # Not import_image_from_stream: it announces chunks, and requests sends a file with its length instead.
            client.api.import_image_from_data(
                archive,
                repository=repository(base),
                tag=_tag(base),
                changes=[*base.changes, f"LABEL lab.image={base.key}"],
            )
        except docker.errors.APIError as error:
            raise MissingError(
                f"{stand_in(base)} was built, but Docker does not take it: {one_line(error)}",
                "is there room where Docker keeps its images? `docker info` shows where that is",
            ) from None
