"""A look at the locustfile before anything is built: it is imported once, in a load process that asks nobody."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from lab.errors import LoadError, ScenarioError
from lab.host.interrupts import INTERRUPTS
from lab.host.places import scratch
from lab.load.inside.status import NotThereError
from lab.load.interpreter import prepare_interpreter
from lab.load.locust_process import loads
from lab.plan.arm_topology import build_topology, nominal_ports
from lab.plan.blocks import build_plan
from lab.run.drive import load_plan
from lab.scenario.model import Load, Scenario

FOLDERS_ABOVE = 5  # of the locustfile, in which a project may begin


def look_at_locustfile(scenario: Scenario, say: Callable[[str], None]) -> Scenario:
    """Import the locustfile as a trial would, and say what is to be known of it; takes about 2 s.

    The scenario that comes back has a ``load.root`` when the locustfile needs one that it did not name: the nearest
    folder above it that has the module or file which it wants. Raises ScenarioError (exit 2) when it cannot be used.
    """
    if scenario.load.python or scenario.load.requirements:
        say(f"the locustfile runs under {prepare_interpreter(scenario.load, say)}")
    try:
        remarks = _remarks(scenario)
    except NotThereError as error:
        if (root := _root_for(scenario.load, error.missing)) is None:
            raise ScenarioError(str(error), error.hint) from None
        scenario = replace(scenario, load=replace(scenario.load, root=root))
        remarks = (_where(scenario.load, error.missing), *_remarks_of_second_try(scenario, error))
    except LoadError as error:
        raise ScenarioError(str(error), error.hint) from None
    for remark in remarks:
        say(remark)
    return scenario


def _where(load: Load, missing: str) -> str:
    return f"{load.locustfile.name} runs in {load.root} (load.root), for it wants {missing}, which lies there"


def _remarks_of_second_try(scenario: Scenario, first: NotThereError) -> tuple[str, ...]:
    """Where the locustfile fails in that folder as well, what it wanted first is the better sentence."""
    try:
        return _remarks(scenario)
    except LoadError as error:
        found = f"there is a {first.missing} in {scenario.load.root}, but with it: {error}"
        raise ScenarioError(str(first), f"{first.hint}; {found}") from None


def _remarks(scenario: Scenario) -> tuple[str, ...]:
    trial = build_plan(scenario, 1).trials[0]
    topology = build_topology(scenario, trial, nominal_ports(scenario, trial.arm))
    with INTERRUPTS.deferred(), scratch("look") as directory, loads(directory) as starter:
        plan = load_plan(scenario.load, topology, trial.schedule_seed, directory)
        with starter.start(plan) as load:
            return load.remarks


def _root_for(load: Load, missing: str) -> Path | None:
    """The nearest folder above the locustfile that holds ``missing``; None where there is none, or one is named."""
    if load.root is not None:
        return None
    above = [folder for folder in load.locustfile.parents[1 : 1 + FOLDERS_ABOVE] if folder != folder.parent]
    return next((folder for folder in above if any(map(Path.exists, _forms(folder, missing)))), None)


def _forms(folder: Path, missing: str) -> tuple[Path, Path]:
    """A package or a file, or a module."""
    return folder / missing, folder / f"{missing}.py"
