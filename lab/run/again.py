"""The scenario of an earlier run, to be run once more: what its folder keeps is all that is needed."""

from __future__ import annotations

from pathlib import Path

from lab.errors import RunFolderError, ScenarioError
from lab.record.folder import read_info
from lab.scenario.file import check_files, scenario_from_json
from lab.scenario.model import Scenario

ELSEWHERE = "it may be another machine's: save the scenario that its report shows, put in your own paths, run that file"


def recorded_scenario(run: Path, *, session: bool = False) -> tuple[str, Scenario]:
    """Give name and scenario of a run folder, as it was run; ``session``: also those of a session by hand.

    Raises RunFolderError for a folder that cannot be read, ScenarioError where files that it names are not here.
    """
    info = read_info(run)
    if info.exploratory and not session:
        raise RunFolderError(
            f"{run} is an exploratory session of `lab ui`: it has no rate and nothing to judge",
            "measure with the scenario with which it was opened, or begin another one with `lab ui`",
        )
    scenario = scenario_from_json(info.scenario)
    try:
        check_files(run, scenario)
    except ScenarioError as error:
        raise ScenarioError(str(error), ELSEWHERE) from None
    return info.scenario_name, scenario
