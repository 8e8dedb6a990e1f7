"""End one process of a container, or start the container again: what a supervisor, or nobody, answers."""

import time
from pathlib import Path

from docker.models.containers import Container

from lab.errors import DeploymentError

PROC = Path("/proc")
END_WITHIN_S = 15
PAUSE_S = 0.05


def restart(container: Container, pid: int, proc: Path = PROC) -> None:
    """Let process ``pid`` (as the host numbers it) end by SIGTERM; 0 for the container as a whole.

    Returns when it has ended. Raises DeploymentError when that is not possible.
    """
    if not pid:
        container.restart(timeout=END_WITHIN_S)
        return
    # From inside, as the container's own user: the lab may not send signals to other users' processes.
    command = ["sh", "-c", f"kill -TERM {pid_inside(pid, proc)}"]
    result = container.exec_run(command)
    if result.exit_code:
        said = result.output.decode(errors="replace").strip()
        raise DeploymentError(
            f"process {pid} of {container.name} could not be ended: {said}",
            "the image needs a shell with kill; leave out trials.restart_one",
        )
    give_up_at = time.monotonic() + END_WITHIN_S
    while (proc / str(pid)).exists():
        if time.monotonic() > give_up_at:
            raise DeploymentError(f"process {pid} of {container.name} has not ended {END_WITHIN_S} s after SIGTERM")
        time.sleep(PAUSE_S)


def pid_inside(pid: int, proc: Path) -> int:
    """The number that a process has inside its container. Raises DeploymentError when it has ended."""
    try:
        status = (proc / str(pid) / "status").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        raise DeploymentError(f"process {pid} ended before it could be restarted") from None
    return int(status.partition("NSpid:")[2].partition("\n")[0].split()[-1])
