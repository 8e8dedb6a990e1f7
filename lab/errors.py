"""Failures that are no bugs: each has a sentence, a hint, and the exit code of its class."""

from collections.abc import Mapping
from pathlib import Path


class LabError(Exception):
    """An expected failure. ``str(error)`` says what happened and where; ``hint`` says what to do.

    ``logs``: what the services of a deployment that failed had printed by then, by service. ``run``: the folder of the
    run that it ended, if a trial of that was finished.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        self.logs: Mapping[str, str] = {}
        self.run: Path | None = None


class UsageError(LabError):
    """A wrong option, scenario or run folder: the person can fix it without touching the machine."""

    exit_code = 2


class ScenarioError(UsageError):
    """The scenario file cannot be used."""


class RunFolderError(UsageError):
    """A run folder is not what it should be: missing, truncated, newer, or changed underneath us."""


class InvalidRunError(LabError):
    """A gate failed: the instrument, the environment, or an arm is not what it claims to be."""

    exit_code = 3


class DeploymentError(InvalidRunError):
    """An arm did not come up, or a container of it died: it is not what it claims to be."""


class EndedError(DeploymentError):
    """A process of an arm ended, or was killed for want of memory: whatever else runs, the arm is at fault."""


class LateError(DeploymentError):
    """An arm was not ready in time, and nothing of it is known to have ended: it is slow, or the machine is busy."""


class OutsideError(DeploymentError):
    """An arm did not come up, and is not at fault: the engine refused, a port is taken, what runs beside it ended."""


class LoadError(InvalidRunError):
    """Locust could not start, or ended before it had driven the load that was asked for."""


class LostError(InvalidRunError):
    """A machine that drives load was lost in a trial, of which nothing counts: its block is replaced, if it may be."""


class SamplingError(InvalidRunError):
    """The sampler failed; a half-measured trial must not look whole."""


class RightsError(SamplingError):
    """The lab may not read a process; through an agent it could."""


class MissingError(LabError):
    """Something the lab needs is not there: Docker, nginx, an image, free ports, disk space."""

    exit_code = 4


class AwayError(MissingError):
    """A machine that drives load was lost and has not come back, so that the next trial does not begin."""


class InterruptedRunError(LabError):
    """Ctrl-C, SIGTERM or SIGHUP: finished trials are kept, everything else is taken down."""

    exit_code = 130
