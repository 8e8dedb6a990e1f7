"""The sampler's plan, the services that it follows, and the JSON by which both cross into its own process."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from lab.plan.kinds import ServiceKind


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleTarget:
    """One service to follow: its container (64 hexadecimal digits) and the host's pid of its first process.

    ``ports``: on which it listens, by which the processes that serve are told; empty: any.
    Without a container (an empty ``container_id``) the service is the process tree of ``init_pid``, which leads a
    session of its own: see lab/sampling/process_tree.py.
    """

    service: str
    kind: ServiceKind
    container_id: str
    init_pid: int
    ports: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplerPlan:
    """Whom to follow in one trial, and where the raw rows go while it runs.

    ``t0_monotonic_s`` is the trial's start: every row's ``t_s`` counts from it, and the grid of instants hangs on it.
    ``measure_s`` is the length of the measure phase, in which every process is looked at often enough (METHOD 4.4).
    ``agent_pid``: what relays for the sampler, and counts with the lab; 0 for nobody.
    ``watched_port``: look which process holds each connection to it, 0 for none; the one service of the app listens
    there, ``watched_service``.
    ``memory_readable``: False where the lab may not read the processes' memory; PSS and USS are then missing.
    ``pooled``: the services share a parent cgroup whose throttling is recorded too. ``threads``: read the CPU
    of each thread of the arm. ``root`` is where the host's
    ``proc`` and ``sys`` are found, another folder when the sampler runs in a container. ``node``: what its rows call
    the machine, "" where there is one.
    """

    targets: tuple[SampleTarget, ...]
    t0_monotonic_s: float
    measure_s: float
    lab_pid: int
    agent_pid: int = 0
    directory: Path
    load_pids: tuple[int, ...] = ()
    watched_port: int = 0
    watched_service: str = ""
    memory_readable: bool = True
    pooled: bool = False
    threads: bool = False
    root: Path = Path("/")
    node: str = ""


def plan_to_json(plan: SamplerPlan) -> str:
    """The plan as one JSON document; ``plan_from_json`` gives an equal plan back."""
    return json.dumps(asdict(plan), default=str)


def plan_from_json(text: str) -> SamplerPlan:
    """The plan that ``plan_to_json`` wrote."""
    fields = json.loads(text)
    targets = (
        SampleTarget(**target | {"kind": ServiceKind(target["kind"]), "ports": tuple(target["ports"])})
        for target in fields["targets"]
    )
    return SamplerPlan(
        **fields
        | {
            "targets": tuple(targets),
            "load_pids": tuple(fields["load_pids"]),
            "directory": Path(fields["directory"]),
            "root": Path(fields["root"]),
        }
    )
