"""The surroundings that a run touches: engine, machine, floors, clock, lock."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from lab.engines import Engine
from lab.engines.images.images import ImageRecord
from lab.engines.kinds import engine_elsewhere, engine_pins, open_engine
from lab.host.authority import certificate_for
from lab.host.lock import machine_lock
from lab.load.place import Place
from lab.plan.certificate import Certificate
from lab.plan.fronts.front import front_title
from lab.record.run_types import EngineFacts
from lab.record.types import Calibration, Environment
from lab.run.calibration import calibration_of
from lab.run.conclude import Conclusion, conclude_apart
from lab.run.environment import describe_environment
from lab.run.first_import import look_at_locustfile
from lab.run.floors import KeptFloor, read_floors
from lab.run.fronts import Opaque, attest_fronts
from lab.run.tools import Tools
from lab.scenario.model import Load, Scenario

OpenEngine = Callable[[Scenario, str, Callable[[str], None]], tuple[Engine, Mapping[str, ImageRecord]]]
Calibrate = Callable[[Engine | None, Environment, Load, Callable[[str], None], Certificate, Place], Calibration | None]
AttestFronts = Callable[[Engine, Scenario, Callable[[str], None], Certificate, Place], Opaque]


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """The surroundings that a run touches; tests pass fakes, everyone else passes nothing."""

    look: Callable[[Scenario, Callable[[str], None]], Scenario] = look_at_locustfile
    elsewhere: Callable[[Scenario, str], str] = engine_elsewhere
    pins: Callable[[Scenario, str], bool] = engine_pins
    open_engine: OpenEngine = open_engine
    describe: Callable[[EngineFacts, Mapping[str, str]], Environment] = describe_environment
    floors: Callable[[Environment, Scenario], KeptFloor | None] = read_floors
    calibrate: Calibrate = calibration_of
    certify: Callable[[Scenario], Certificate] = certificate_for
    attest_fronts: AttestFronts = attest_fronts
    conclude: Callable[..., Conclusion] = conclude_apart  # takes ``width`` as well
    lock: Callable[[str, Callable[[str], None]], AbstractContextManager[None]] = machine_lock
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    tools: Tools = field(default_factory=Tools)


REAL = Surroundings()
BESIDE_OTHERS = replace(REAL, lock=partial(machine_lock, allow_concurrent=True))


def knowing_fronts(around: Surroundings, known: Opaque) -> Surroundings:
    """The same, of which is known what fronts let pass: a search of many runs looks at that once."""

    def attested(_engine: Engine, scenario: Scenario, *_asked: Any) -> Opaque:
        titles = {front_title(arm) for arm in scenario.arms if arm.fronted}
        return {title: found for title, found in known.items() if title in titles}

    return replace(around, attest_fronts=attested)
