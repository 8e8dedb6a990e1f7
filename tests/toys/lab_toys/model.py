"""Process model ``forked``: one container whose own launcher forks N processes that share a listening socket."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from typing import Literal

from lab.plan.models.model import AppPlace, ProcessModel
from lab.plan.topology import ConfigFile, Service
from lab.scenario.kinds import MODELS, options

PROGRAM = "/etc/toys/launcher.py"


@options
class Forked:
    """A launcher forks before the app is imported, or after it."""

    kind: Literal["forked"] = "forked"
    preload: bool = False


def containers(chosen: Forked, processes: int) -> int:
    """One, however many processes."""
    return 1


def supervisors(chosen: Forked, processes: int) -> int:
    """The launcher waits for its children, also for a single one."""
    return 1


def services(chosen: Forked, place: AppPlace) -> tuple[Service, ...]:
    """The app's container with the launcher instead of the usual command."""
    usual = place.container("app", place.ports[0], place.processes)
    words = (place.app.target, place.network.bind, str(place.ports[0]), str(place.processes), str(chosen.preload))
    text = files("lab_toys").joinpath("launcher.py").read_bytes()
    return (replace(usual, argv=("python", PROGRAM, *words), files=(ConfigFile(path=PROGRAM, content=text),)),)


def title(chosen: Forked) -> str:
    """With its option."""
    return "forked (preloaded)" if chosen.preload else "forked (imported by each)"


MODELS.add(
    ProcessModel(
        options=Forked,
        containers=containers,
        supervisors=supervisors,
        one_address=True,
        services=services,
        title=title,
    )
)
