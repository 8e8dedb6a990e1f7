"""What is exported of synthetic runs: `python -m tests.exports` writes the snapshots again, a person reads the diff."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

from lab.analysis.needs import ArmNeeds, needs_of
from lab.export.deployment import Deployment, deployment_of
from lab.export.target import TARGETS
from lab.plan.points import points_of
from lab.scenario.kinds import FRONTS, MODELS
from lab.scenario.model import Scenario
from tests.builders import make_run, make_scenario, make_trials

FOLDER = Path(__file__).parent / "unit" / "exports"
HEAD_ROOM = 0.5
DIRECT = {"name": "plain", "model": "workers", "front": "direct"}
RICH_ARM = {"name": "rich", "model": "replicas", "front": {"kind": "nginx", "tls": True}}
RICH: Mapping[str, Any] = {
    "app": {
        "image": "example/app:1",
        "env": {"API_KEY": {"from": "KEY_OF_MINE"}, "GREETING": "a$b ${c} {{d}} %{e}"},
        "probe_headers": {"Host": "api.example.org"},
        "user": "10001:10002",
        "capabilities": ["NET_BIND_SERVICE"],
        "volumes": [{"path": "/data", "size": "64MiB", "mode": "0700", "uid": 10001, "gid": 10002}],
    },
    "budget": {"processes": 2, "cpus": "split:1.5", "memory": "pooled:1GiB", "cpuset": "0-1"},
    "sidecars": [
        {
            "name": "db",
            "image": "postgres:17",
            "env": {"POSTGRES_PASSWORD": "hidden-word"},
            "ready": "exec:pg_isready --username x",
            "volumes": ["/var/lib/postgresql/data"],
        },
        {"name": "cache", "image": "valkey:8", "ready": "tcp:6379"},
    ],
    "jobs": [
        {"name": "migrate", "command": "alembic upgrade head"},
        {"name": "warm", "command": "python -m app.warm", "times": "each"},
    ],
}
SEVERAL: Mapping[str, Any] = {  # a sidecar that ends well before another thing starts, and jobs of each kind
    "sidecars": [
        {"name": "db", "image": "postgres:17"},
        {"name": "seed", "image": "tool:1", "ready": "exit", "depends": ["db"]},
    ],
    "jobs": [
        {"name": "warm", "command": "a", "times": "each"},
        {"name": "migrate", "command": "b", "timeout": "30s"},
        {"name": "fill", "command": "c"},
    ],
}
PAIRS = tuple(
    (model, front) for model, front in product(MODELS, FRONTS) if MODELS[model].one_address or FRONTS[front].hops
)


def needs(scenario: Scenario, arm: str) -> ArmNeeds:
    """What the arm needed in its trials."""
    return needs_of(trial for trial in make_trials(scenario) if trial.record.arm == arm)


@cache
def measured() -> ArmNeeds:
    """What containers of every name needed in some run: for what has to do with their files only."""
    arms = (
        {"name": "one", "model": "workers", "front": "nginx"},
        {"name": "two", "model": "replicas", "front": "nginx"},
    )
    return needs_of(make_trials(make_scenario(arms)))


def deployment(
    arm: Mapping[str, Any],
    known: ArmNeeds | None = None,
    environment: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Deployment:
    """The deployment of this arm of a synthetic run; ``known``: what it needed, else that of its own trials.

    ``environment``: facts of the run's machine in the place of invented ones.
    """
    scenario = make_scenario((arm,), **changes)
    found, run = known or needs(scenario, arm["name"]), make_run(scenario)
    machine = replace(run.environment, facts={**run.environment.facts, **(environment or {})})
    run = replace(run, environment=machine)
    return deployment_of(run, points_of(scenario)[0], arm["name"], found, HEAD_ROOM)


def rich(target: str) -> Deployment:
    """The arm that has everything; for a target that takes no sidecars without these."""
    whole = deployment(RICH_ARM, **RICH)
    beside = {key: value for key, value in RICH.items() if key != "sidecars"}
    return deployment(RICH_ARM, **beside) if TARGETS[target].refusal(whole) else whole


def texts() -> Iterator[tuple[str, str]]:
    """(name, text) of each snapshot: every file of a target, of a plain arm and of one that has everything."""
    for name, target in TARGETS.items():
        files = [(each.arm.name, file) for each in (deployment(DIRECT), rich(name)) for file in target.files(each)]
        yield f"{name}.txt", "".join(f"======== {arm}: {file.name}\n{file.text}" for arm, file in files)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in texts():
        (FOLDER / name).write_text(text)
