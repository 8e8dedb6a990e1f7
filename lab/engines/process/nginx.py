"""The host's own nginx, for arms that have it in front."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

from lab.engines.images.images import ImageRecord, Way
from lab.engines.process.command import SYSTEM_PATH
from lab.errors import MissingError

TIMEOUT_S = 10


def find_nginx(path: str = SYSTEM_PATH) -> ImageRecord:
    """The nginx that the services' PATH leads to. Raises MissingError without one that runs."""
    program = shutil.which("nginx", path=path)
    if program is None:
        raise MissingError(
            "nginx is not installed on this machine, and engine process runs the machine's own",
            "install it (Debian, Ubuntu: apt-get install nginx; Fedora: dnf install nginx), or run with Docker",
        )
    try:
        told = subprocess.run([program, "-v"], capture_output=True, text=True, check=True, timeout=TIMEOUT_S).stderr
    except (OSError, subprocess.SubprocessError) as error:
        raise MissingError(f"{program} does not run: {error}", "install nginx again, or run with Docker") from None
    version = told.rpartition("nginx/")[2].split()[0]
    digest = hashlib.sha256(Path(program).read_bytes()).hexdigest()
    return ImageRecord(
        name=f"nginx {version} of this machine",
        id=program,
        digest=f"sha256:{digest}",
        origin=Way.PRESENT,
        detail="no image",
    )
