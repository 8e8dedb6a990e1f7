"""One service as a plain process in a session of its own: start it, hear its output, see whether it has ended."""

import os
import resource
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from lab.engines.endings import End, end_of, last_lines
from lab.engines.known_endings import Sign
from lab.engines.process.command import Start
from lab.errors import DeploymentError
from lab.plan.topology import Service

LOG_BYTES = 1024**2  # of a service's output, its end
LOG_SETTLES_S = 0.5
OPEN_FILES = 1024**2  # as in a container: a shell's usual 1024 are fewer than nginx asks for
CHUNK = 65536


class ServiceLog:
    """The last LOG_BYTES of what a service has printed, read by a thread so that it never waits for a reader."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._kept = bytearray()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def text(self, lines: int, settle_s: float = 0.0) -> str:
        """The last lines; ``settle_s``: how long to wait for the end of the output of a process that has ended."""
        self._thread.join(settle_s)
        kept = bytes(self._kept[-LOG_BYTES:]).decode(errors="replace")
        return "\n".join(kept.splitlines()[-lines:])

    def _read(self) -> None:
        with self._stream:
            while chunk := os.read(self._stream.fileno(), CHUNK):
                self._kept += chunk
                if len(self._kept) > 2 * LOG_BYTES:
                    del self._kept[:-LOG_BYTES]


class RunningService:
    """A started service. It is not reaped before ``reap``, so that its session's number is nobody else's until then."""

    def __init__(self, service: Service, start: Start, process: subprocess.Popen[bytes], output: IO[bytes]) -> None:
        self.service = service
        self.start = start
        self._process = process
        self._log = ServiceLog(output)

    @property
    def pid(self) -> int:
        """Its first process, which leads its session."""
        return self._process.pid

    def ended(self, lines: int) -> End | None:
        """Tell of its end, with what its last lines tell, when its first process has ended; None while it lives."""
        state = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if state is None:
            return None
        by_itself = state.si_code == os.CLD_EXITED
        name = state.si_status if by_itself else signal.Signals(state.si_status).name
        how = f"ended with exit code {name}" if by_itself else f"was killed by {name}"
        return end_of(
            f"process of {self.service.name!r}", how, {Sign.LOG: last_lines(self._log.text(lines, LOG_SETTLES_S))}
        )

    def log(self, lines: int) -> str:
        """Its last lines so far, each with its end."""
        text = self._log.text(lines)
        return f"{text}\n" if text else ""

    def reap(self) -> None:
        """Collect the process if it has ended; one that cannot be ended has been told of already."""
        self._process.poll()


def start_service(service: Service, start: Start, folder: Path) -> RunningService:
    """Start it in a session of its own. Raises DeploymentError when its program is not there."""
    program = shutil.which(start.argv[0], path=start.env["PATH"])
    if program is None:
        raise DeploymentError(
            f"process of {service.name!r} could not be started: no program {start.argv[0]!r} in {start.env['PATH']}",
            "check app.command and app.requirements",
        )
    start.scratch.mkdir(parents=True)
    for path, file in start.files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(file.mode | 0o200)  # nobody else reads a key meanwhile
        path.write_bytes(file.content)
        path.chmod(file.mode)
    owner = _unprivileged(service.user)
    if owner:
        _give_away(folder, *owner)
    try:
        process, output = _popen(start, program, owner)
    except OSError as error:
        raise DeploymentError(
            f"process of {service.name!r} could not be started: {program}: {error.strerror}", "check app.command"
        ) from None
    return RunningService(service, start, process, output)


def _popen(start: Start, program: str, owner: tuple[int, int] | None) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
    """The process, and where its output is read. ``owner`` may open /dev/stdout anew, as in a container."""
    reading, writing = os.pipe()
    output = os.fdopen(reading, "rb", buffering=0)
    try:
        if owner:
            os.fchown(writing, *owner)
        with _many_open_files():
            process = subprocess.Popen(
                start.argv,
                executable=program,
                stdin=subprocess.DEVNULL,
                stdout=writing,
                stderr=subprocess.STDOUT,
                cwd=start.directory,
                env=start.env,
                start_new_session=True,
                user=owner[0] if owner else None,
                group=owner[1] if owner else None,
                extra_groups=[] if owner else None,
            )
    except BaseException:
        output.close()
        raise
    finally:
        os.close(writing)
    return process, output


def _unprivileged(user: str) -> tuple[int, int] | None:
    """The user and group to run as; None to stay who we are: only root can be somebody else."""
    if not user or os.geteuid() != 0:
        return None
    uid, _, gid = user.partition(":")
    return int(uid), int(gid)


def _give_away(folder: Path, uid: int, gid: int) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, uid, gid)


@contextmanager
def _many_open_files() -> Iterator[None]:
    """Children inherit the limit that holds at their start."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    raised = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, raised), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
