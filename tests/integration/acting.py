"""Carry out a drill's verb on an arm that is up, without a run around it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from lab.engines import Deployment
from lab.plan.reloads import reloads_of
from lab.run.scene import Act, Scene
from lab.run.verbs import VERBS
from lab.scenario.drills import Drill
from lab.scenario.model import Arm

PATIENCE_S = 120.0
SEEN_S = 30.0  # of what may never be seen


@contextmanager
def patient() -> Iterator[None]:
    """As long as an act may take on a busy machine: how long a run waits for it has tests of its own."""
    with (
        patch("lab.run.slots.WITHIN_S", PATIENCE_S),
        patch("lab.run.slots.SEEN_WITHIN_S", SEEN_S),
        patch("lab.run.breaking.KILLED_WITHIN_S", PATIENCE_S),
        patch("lab.run.renewing.COMES_S", PATIENCE_S),
        patch("lab.run.verbs.ROLL_S", PATIENCE_S),
    ):
        yield


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
    with patient():
        assert VERBS[drill.verb](scene), drill.verb
    return told
