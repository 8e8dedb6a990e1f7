"""The scenario of an earlier run, to be run once more: what its folder keeps is all that is needed."""

from __future__ import annotations

from pathlib import Path

from lab.errors import RunFolderError, ScenarioError
from lab.record.folder import read_info
from lab.run.preparation import digests
from lab.scenario.file import check_asked, check_files
from lab.scenario.model import Scenario

ELSEWHERE = "it may be another machine's: save the scenario that its report shows, put in your own paths, run that file"
LESS = "an earlier version ran it: save the scenario that its report shows, change it, run that file"


def recorded_scenario(run: Path, *, session: bool = False) -> tuple[str, Scenario]:
    """Give name and scenario of a run folder; ``session``: also those of a session by hand.

    Files that it names may have another content by now: see ``changed_inputs``. Raises RunFolderError for a folder that
    cannot be read, ScenarioError where such files are not here, or where more is asked of a new run.
    """
    info = read_info(run)
    if info.exploratory and not session:
        raise RunFolderError(
            f"{run} is an exploratory session of `lab ui`: it has no rate and nothing to judge",
            "measure with the scenario with which it was opened, or begin another one with `lab ui`",
        )
    scenario = info.parsed_scenario
    try:
        check_asked(run, scenario)
    except ScenarioError as error:
        raise ScenarioError(str(error), LESS) from None
    try:
        check_files(run, scenario)
    except ScenarioError as error:
        raise ScenarioError(str(error), ELSEWHERE) from None
    return info.scenario_name, scenario


def changed_inputs(run: Path, scenario: Scenario) -> tuple[str, ...]:
    """The files that the ``scenario`` of a run names and that are not what it had, by keys; none where it did not tell.

    Raises RunFolderError, ScenarioError for a file that cannot be read.
    """
    then, now = read_info(run).inputs, digests(scenario)
    return tuple(key for key in now if then.get(key, now[key]) != now[key])
