"""Pick the engine of a run and prepare its images; every report says which engine it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lab.engines import Engine
from lab.engines.docker import DockerEngine, connect
from lab.engines.images import ImageRecord, prepare_images
from lab.engines.versions import image_versions
from lab.scenario import Scenario


def open_engine(
    scenario: Scenario, run_id: str, on_step: Callable[[str], None]
) -> tuple[Engine, Mapping[str, ImageRecord]]:
    """An engine with every image that the arms need. Raises MissingError when Docker or an image cannot be had."""
    client = connect()
    need_nginx = any(arm.front == "nginx" for arm in scenario.arms)
    images = prepare_images(client, scenario, need_nginx, on_step)
    versions = image_versions(client, images["app"].id, run_id)
    engine = DockerEngine(client, images, run_id, scenario.port_range, scenario.app.restart, versions)
    return engine, images
