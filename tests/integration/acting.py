"""Carry out a drill's verb on an arm that is up, without a run around it."""

from __future__ import annotations

import threading
from typing import Any

from lab.engines import Deployment
from lab.plan.reloads import reloads_of
from lab.run.scene import Act, Scene
from lab.run.verbs import VERBS
from lab.scenario.drills import Drill
from lab.scenario.model import Arm


def carry_out(arm: Arm, deployment: Deployment, drill: Drill, certificate: Any = None) -> list[Act]:
    """What was done."""
    told: list[Act] = []
    scene = Scene(
        drill=drill,
        deployment=deployment,
        seed=3,
        tell=told.append,
        wait=threading.Event().wait,
        hangup=True,
        front=reloads_of(arm, deployment.topology),
        certificate=certificate,
    )
    assert VERBS[drill.verb](scene), drill.verb
    return told
