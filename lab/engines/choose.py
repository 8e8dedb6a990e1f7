"""Pick the engine of a run and prepare what its arms run from; every report says which engine it was."""

from __future__ import annotations

from collections.abc import Mapping

from lab.engines.kinds import ENGINE_KINDS, EngineKind, OnStep, Opened
from lab.errors import MissingError, ScenarioError
from lab.scenario.choices import AUTO
from lab.scenario.model import Scenario

ASKED = "asked for"


def open_engine(
    scenario: Scenario, run_id: str, on_step: OnStep, *, engines: Mapping[str, EngineKind] = ENGINE_KINDS
) -> Opened:
    """An engine with everything that the arms need; ``auto`` takes the first that is there.

    Raises MissingError when the engine, an image, a program or a package cannot be had, ScenarioError when the
    scenario asks for what the engine cannot do.
    """
    if scenario.engine != AUTO:
        chosen = engines[scenario.engine]
        chosen.reach()
        return _open(chosen, scenario, run_id, on_step, ASKED)
    automatic = [engine for engine in engines.values() if engine.automatic]
    missing: list[MissingError] = []
    for engine in automatic:
        try:
            engine.reach()
        except MissingError as error:
            missing.append(error)
            continue
        why = automatic[0].absent if missing else ASKED
        if missing:
            on_step(f"{why}: taking engine {engine.title} instead")
        try:
            return _open(engine, scenario, run_id, on_step, why)
        except (MissingError, ScenarioError) as error:
            if not missing:
                raise
            both = f"{missing[0]}; and without it: {error}"
            raise MissingError(both, f"{missing[0].hint}; or {error.hint}") from None
    raise missing[-1]


def _open(engine: EngineKind, scenario: Scenario, run_id: str, on_step: OnStep, why: str) -> Opened:
    engine.check(scenario)
    return engine.open(scenario, run_id, on_step, why)
