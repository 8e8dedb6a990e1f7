"""The tools with which a run makes its trials, and what these have in common."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from lab.agent.calls import There
from lab.analysis.gates import run_gates
from lab.attest.attest import Collect
from lab.attest.evidence import collect
from lab.engines import Engine
from lab.load.load_plan import LoadPlan
from lab.load.locust_process import Loads, loads
from lab.load.place import HERE, Place
from lab.load.web.process import WebProcess, start_web
from lab.plan.arm_topology import NOMINAL
from lab.plan.blocks import Plan
from lab.plan.certificate import Certificate
from lab.record.folder import RunFolder
from lab.record.types import GateResult, TrialResult
from lab.run.view import QuietView
from lab.sampling.channel import Launch
from lab.sampling.plan import SamplerPlan
from lab.sampling.sampler import Sampler, start_sampler


@dataclass(frozen=True, kw_only=True)
class Tools:
    """The tools that make a trial; tests pass fakes, everyone else passes nothing."""

    collect_evidence: Collect = collect
    loads: Callable[[Path, Place | None], AbstractContextManager[Loads]] = loads
    start_web: Callable[[LoadPlan], AbstractContextManager[WebProcess]] = start_web
    start_sampler: Callable[[SamplerPlan, Launch], AbstractContextManager[Sampler]] = start_sampler
    run_gates: Callable[[TrialResult, int], tuple[GateResult, ...]] = run_gates
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    # before a trial, with the machines that measure: lab.run.quiet, if asked
    settle: Callable[[QuietView, Mapping[str, There]], None] = lambda _view, _machines: None


@dataclass(frozen=True, kw_only=True)
class Run:
    """Everything that the trials of one run have in common; ``place``: where load of networks of their own runs."""

    plan: Plan
    folder: RunFolder
    engine: Engine
    view: QuietView = field(default_factory=QuietView)
    tools: Tools = field(default_factory=Tools)
    certificate: Certificate = NOMINAL
    place: Place = HERE

    @property
    def machines(self) -> Mapping[str, There]:
        """What calls functions on each machine that measures, by the name of its node; this one is ""."""
        return (self.place if self.engine.elsewhere or self.plan.scenario.nodes else HERE).measured
