"""What a session asks of load and sampler, and the scenario as it is when a person drives the load by hand."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from lab.engines import Deployment
from lab.load.load_plan import Fallback, LoadPlan
from lab.sampling.grid import SHORT_TRIAL_S
from lab.sampling.plan import SamplerPlan
from lab.scenario.compare import Compare
from lab.scenario.model import Scenario


def by_hand(scenario: Scenario) -> Scenario:
    """Without schedule, primary metrics and expectations: nothing of a session is judged, it is one load process."""
    load = replace(scenario.load, rate=None, processes=1, warmup=0.0)
    return replace(scenario, load=load, compare=Compare(primary=()), expect=())


def web_plan(scenario: Scenario, base_url: str, directory: Path) -> LoadPlan:
    """The closed model of the scenario's locustfile; phases and users are up to the person."""
    load = scenario.load
    return LoadPlan(
        locustfile=load.locustfile,
        base_url=base_url,
        rate=None,
        schedule=load.schedule,
        seed=scenario.trials.seed,
        lanes=load.lanes,
        load_processes=1,
        user_classes=load.users,
        tags=load.tags,
        exclude_tags=load.exclude_tags,
        serving_processes=scenario.budget.processes,
        warmup_s=0.0,
        min_warmup_requests=0,
        max_warmup_s=0.0,
        measure_s=load.measure,
        queue_limit=0,
        directory=directory,
    )


def sampler_plan(deployment: Deployment, t0: float, directory: Path, fallback: Fallback) -> SamplerPlan:
    """As for a short trial, however long the visit: the page wants PSS every second."""
    topology = deployment.topology
    return SamplerPlan(
        targets=deployment.targets,
        t0_monotonic_s=t0,
        expected_s=SHORT_TRIAL_S,
        lab_pid=os.getpid(),
        watched_port=topology.entry.port if fallback == "socket" else 0,
        pooled=not topology.pool.unlimited,
        directory=directory,
    )
