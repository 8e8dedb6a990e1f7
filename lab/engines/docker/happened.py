"""What the engine saw of a trial's containers: which ended, and whether the kernel had killed them for memory."""

from __future__ import annotations

import time

import docker

from lab.host.labels import RUN, SERVICE, TRIAL
from lab.record.schema import EventKind
from lab.record.types import Event

OOM, ENDED = "oom", "die"


def happened(
    client: docker.DockerClient, run_id: str, trial_id: str, t0_s: float, *, wall_offset_s: float = 0.0
) -> tuple[Event, ...]:
    """The ends of the trial's containers since ``t0_s`` (CLOCK_MONOTONIC), from which their instants count.

    A container that was started again afterwards has nothing more to tell of them, and the counters of its cgroup are
    new. ``wall_offset_s``: of the engine's clock to this machine's. It remembers 256 events, of whatever container: see
    lab.run.ends.
    """
    now_s = time.time() + wall_offset_s
    to_wall_s = now_s - time.monotonic()
    told = client.api.events(
        since=f"{t0_s + to_wall_s:.6f}",
        until=f"{now_s:.6f}",
        filters={"label": [f"{TRIAL}={trial_id}", f"{RUN}={run_id}"], "event": [OOM, ENDED]},
        decode=True,
    )
    found, out_of_memory = [], set[str]()
    for event in told:
        container, traits = event["Actor"]["ID"], event["Actor"]["Attributes"]
        if event["Action"] == OOM:
            out_of_memory.add(container)
            continue
        killed = container in out_of_memory
        out_of_memory.discard(container)
        found.append(
            Event(
                t_s=event["timeNano"] / 1e9 - to_wall_s - t0_s,
                kind=EventKind.OUT_OF_MEMORY if killed else EventKind.ENDED,
                service=traits.get(SERVICE, ""),
                detail=traits.get("exitCode", ""),
            )
        )
    return tuple(found)
