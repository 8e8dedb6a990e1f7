"""The declaration of a target: where what was measured can be deployed. The command line knows no target by name."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from lab.export.deployment import Deployment, Value
from lab.scenario.kinds import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedFile:
    """A file of the folder that is written; ``name`` is relative to it.

    ``mode``: Compose mounts a configuration as it is, so whoever runs in the container must be able to read it.
    """

    name: str
    text: str
    mode: int = 0o644


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A target. ``files``: what is written for a deployment. ``refusal``: a sentence why it cannot be, or "".

    ``title`` is for people; ``start``: the commands that deploy the folder; ``run_by_us``: what was tried with its
    files, for their headers, and ``untried``: with what of a deployment that never was; ``values``: what a person must
    fill in.
    """

    name: str
    title: str
    files: Callable[[Deployment], tuple[ExportedFile, ...]]
    start: Callable[[Deployment], str]
    run_by_us: str
    untried: Callable[[Deployment], Iterable[str]] = lambda _deployment: ()
    values: Callable[[Deployment], tuple[Value, ...]] = lambda deployment: deployment.values
    refusal: Callable[[Deployment], str] = lambda _deployment: ""


TARGETS: Registry[Target] = Registry("target")
