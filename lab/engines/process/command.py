"""From a Service to the arguments of one plain process: pure, so that a test can read what will be started."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from lab.host.labels import environment_of
from lab.plan.topology import SCRATCH, ConfigFile, Service
from lab.scenario.secret import plain

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # as in a container
# As the Dockerfile of a Python image has them: nothing is written beside the code, and last words are not lost.
# Python's setproctitle would write titles over the environment, and with it over our marks.
PYTHON_IN_CONTAINERS = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1", "SPT_NOENV": "1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramPlace:
    """The place of the services of an image's key: the folders of their programs, and their working directory."""

    programs: tuple[Path, ...] = ()
    directory: Path | None = None  # None: the service's scratch folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The start of one process. ``files`` must be written before; ``scratch`` must exist by then."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    directory: Path
    scratch: Path
    files: Mapping[Path, ConfigFile]


def start_of(service: Service, place: ProgramPlace, folder: Path, marks: Mapping[str, str]) -> Start:
    """Describe how to start ``service`` with ``folder`` in place of its container's root.

    Words of the command, and other files, that name one of its configuration files, or its scratch folder, name those
    below ``folder``.
    The environment is what a container would have, never the lab's own.
    """
    scratch = below(folder, SCRATCH)
    files = {file.path: below(folder, file.path) for file in service.files}
    places = {SCRATCH: scratch, **files}
    env = {
        "PATH": ":".join([*map(str, place.programs), SYSTEM_PATH]),
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        **PYTHON_IN_CONTAINERS,
        **{name: plain(value) for name, value in service.env},
        **environment_of(marks),
    }
    return Start(
        argv=tuple(_placed(word, places) for word in (*(service.entrypoint or ()), *service.argv)),
        env=env,
        directory=place.directory or scratch,
        scratch=scratch,
        files={files[file.path]: _with_places(file, files) for file in service.files},
    )


def _placed(word: str, places: Mapping[str, Path | str]) -> str:
    """A word of a command, or the value of its option (``--config=PATH``), with the path that stands for it here."""
    option, equals, value = word.rpartition("=")
    return f"{option}{equals}{places.get(value, value)}"


def _with_places(file: ConfigFile, files: Mapping[str, Path]) -> ConfigFile:
    """A configuration that names another file of its service, such as a key, names it where it lies here."""
    longest_first = sorted(files, key=len, reverse=True)  # one may begin like another
    named = re.compile(b"|".join(re.escape(path.encode()) for path in longest_first))
    return replace(file, content=named.sub(lambda found: str(files[found[0].decode()]).encode(), file.content))


def below(folder: Path, path: str) -> Path:
    """An absolute path of a container, inside ``folder``."""
    return folder / PurePosixPath(path).relative_to("/")
