"""``python -m tests.without_agent SCENARIO OUT``: `lab run` without nginx, where no agent can be started."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from lab.engines import Engine
from lab.engines.docker.agent.rights import find_rights
from lab.engines.docker.engine import DockerEngine, connect
from lab.engines.images.images import ImageRecord
from lab.engines.images.prepare import prepare_images
from lab.plan.blocks import build_plan
from lab.run.conclude import conclude_apart
from lab.run.run import run_scenario
from lab.run.surroundings import REAL
from lab.run.view import QuietView
from lab.scenario.file import read_scenario
from lab.scenario.model import Scenario

MISSING_IMAGE = "process-model-lab/no-such-agent:latest"


def open_engine(
    scenario: Scenario, run_id: str, on_step: Callable[[str], None]
) -> tuple[Engine, Mapping[str, ImageRecord]]:
    """The real engine with the real answer of its daemon, which is asked for an image that it does not have."""
    client = connect()
    images = prepare_images(client, scenario, on_step)
    rights = find_rights(client, run_id, on_step, prepare=lambda _client, _on_step: MISSING_IMAGE)
    return DockerEngine(client, images, run_id, scenario.port_range, rights=rights), images


if __name__ == "__main__":
    scenario_file, out = map(Path, sys.argv[1:])
    around = replace(REAL, open_engine=open_engine)
    folder = run_scenario(build_plan(read_scenario(scenario_file)), "without", out, QuietView(), around=around)
    conclude_apart(folder.path)
