"""Have everything that the arms of a scenario need as plain processes, then the engine."""

from __future__ import annotations

from lab.engines.images.images import front_images
from lab.engines.images.versions import environment_versions
from lab.engines.kinds import OnStep, Opened
from lab.engines.process.app import prepare_app
from lab.engines.process.engine import ProcessEngine
from lab.engines.process.programs import find_program
from lab.scenario.model import APP_IMAGE, Scenario


def open_processes(scenario: Scenario, run_id: str, on_step: OnStep, why: str) -> Opened:
    """The app's environment is made, and the machine's own programs of the fronts run. Raises MissingError."""
    programs = {image.key: find_program(image) for image in front_images(scenario)}
    place, app = prepare_app(scenario.app, on_step)
    images = {APP_IMAGE: app, **programs}
    facts = {"engine_because": why, **environment_versions(place.python)}
    return ProcessEngine(place, images, run_id, scenario.port_range, facts), images
