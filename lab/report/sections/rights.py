"""What the report says of how processes were read, where that was not as usual: see lab/engines/docker/rights.py."""

from __future__ import annotations

from collections.abc import Iterator

from lab.record.types import RunInfo

SAMPLED_BY = "sampled_by"
OBSTACLE = "memory_obstacle"
HELPER = "a helper container"
REMEDY = "run the lab as root, or let Docker start that helper"


def rights_fact(run: RunInfo) -> str:
    """For the line of facts; empty where the lab itself read the processes."""
    return "sampled through a helper container" if run.environment.facts.get(SAMPLED_BY) == HELPER else ""


def rights_note(run: RunInfo) -> str:
    """On the first screen, because the memory answer is missing and the reason is neither arm's; or empty."""
    if not _obstacle(run):
        return ""
    return (
        " Memory of processes (PSS) is missing: an ordinary user may not read it, and the helper container that could "
        f"was not to be had. Compare the anonymous memory of the cgroups below; to have PSS, {REMEDY}."
    )


def rights_doubts(run: RunInfo) -> Iterator[str]:
    """What is missing, and why."""
    if obstacle := _obstacle(run):
        yield (
            f"Nobody could read the memory of processes: {obstacle}. PSS and USS are missing everywhere, and with them "
            f"their check against the cgroups; CPU, RSS and cgroups were measured as usual. To have them, {REMEDY}."
        )


def _obstacle(run: RunInfo) -> str:
    return str(run.environment.facts.get(OBSTACLE) or "").rstrip(".")
