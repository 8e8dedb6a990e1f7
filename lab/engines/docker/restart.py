"""End one process of a container, start the container again, or stop it: what a supervisor, or nobody, answers."""

import time
from collections.abc import Mapping
from pathlib import Path

from docker.models.containers import Container

from lab.agent.calls import There, here
from lab.engines.docker.removal import engine_errors
from lab.errors import DeploymentError
from lab.sampling.process_tree import pid_inside

PROC = Path("/proc")
END_WITHIN_S = 15
GRACE_S = 10  # Docker's own: so long after SIGTERM it kills
PAUSE_S = 0.05


def stop(containers: Mapping[str, Container], service: str) -> str:
    """Stop the container of a service as `docker stop` does, and tell how it ended: ``"exit code 0 after 0.4 s"``."""
    container = containers[service]
    began_s = time.monotonic()
    with engine_errors():
        container.stop(timeout=GRACE_S)
        took_s = time.monotonic() - began_s
        container.reload()
    killed = " (killed)" if took_s >= GRACE_S else ""
    return f"exit code {container.attrs['State']['ExitCode']} after {took_s:.1f} s{killed}"


def restart(container: Container, pid: int, there: There = here, proc: Path = PROC) -> None:
    """Let process ``pid`` (as the host numbers it) end by SIGTERM; 0 for the container as a whole.

    ``there``: where the engine's processes are seen.
    Returns when it has ended. Raises DeploymentError when that is not possible.
    """
    if not pid:
        container.restart(timeout=END_WITHIN_S)
        return
    # From inside, as the container's own user: the lab may not send signals to other users' processes.
    inside = there(pid_inside, pid, proc)
    if inside is None:
        raise DeploymentError(f"process {pid} ended before it could be restarted")
    command = ["sh", "-c", f"kill -TERM {inside}"]
    result = container.exec_run(command)
    if result.exit_code:
        said = result.output.decode(errors="replace").strip()
        raise DeploymentError(
            f"process {pid} of {container.name} could not be ended: {said}",
            "the image needs a shell with kill; leave out trials.restart_one",
        )
    give_up_at = time.monotonic() + END_WITHIN_S
    while there(pid_inside, pid, proc) is not None:
        if time.monotonic() > give_up_at:
            raise DeploymentError(f"process {pid} of {container.name} has not ended {END_WITHIN_S} s after SIGTERM")
        time.sleep(PAUSE_S)
