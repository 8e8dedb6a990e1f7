"""What a report says when no containers were there (engine process): which engine it was, why, and what that means."""

from __future__ import annotations

from collections.abc import Iterator

from lab.record.types import RunInfo

NO_CONTAINERS = "(plain processes, no containers)"
CPU_DOUBT = (
    "Without cgroups (engine process) CPU is the sum over processes, in ticks of 10 ms, read twice a second: what one "
    "used between its last reading and its end is not in it, nor is one that lived between two readings."
)


def is_plain(run: RunInfo) -> bool:
    """Whether the arms were plain processes of the machine."""
    return run.environment.facts.get("engine") == "process"


def plain_limits(run: RunInfo) -> Iterator[str]:
    """What such a run does not show."""
    facts = run.environment.facts
    yield (
        f"Containers: the engine was process ({facts.get('engine_because', '')}), that is plain processes of this "
        "machine, without containers, cgroups or their overhead and isolation. CPU and memory budgets are not "
        "enforced, and the root file system is not read-only."
    )
    yield (
        f"The image: the app ran under Python {facts.get('app_python', '')} of this machine in an environment made "
        "from its requirements; its Dockerfile was not used. nginx was the machine's own."
    )
    yield (
        "Memory of containers: plain processes share the file pages of interpreter and libraries with one another and "
        "with whatever else runs from them here, the lab included, so their PSS is lower than in containers."
    )
