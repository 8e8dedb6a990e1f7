"""Sentences about an unusual run: damaged folders, processes that nobody could read, no containers.

How processes are read is decided in lab/engines/docker/rights.py; whether there were containers the engine's
declaration says, which the run has recorded.
"""

from collections.abc import Iterator

from lab.record.types import RunInfo
from lab.scenario.network import ASKED

AGENTS = ("an agent container", "a helper container")  # the second as runs before version 0.3 say it
REMEDY = "run the lab as root, or let Docker start that helper"
LEFT_OUT_SHOWN = 3
NO_CONTAINERS = "(plain processes, no containers)"


def left_out_note(run: RunInfo) -> str:
    """On the first screen: how many trials were left out, which, and why; "" when none was."""
    if not run.left_out:
        return ""
    named = [f"{trial} ({reason})" for trial, reason in list(run.left_out.items())[:LEFT_OUT_SHOWN]]
    more = f" and {len(run.left_out) - LEFT_OUT_SHOWN} more" if len(run.left_out) > LEFT_OUT_SHOWN else ""
    return (
        f" The run folder is damaged, {len(run.left_out)} of {len(run.order)} trials were left out: "
        f"{'; '.join(named)}{more}. A block that lacks an arm does not count."
    )


def left_out_caveats(run: RunInfo) -> Iterator[str]:
    """One sentence for each trial that was left out."""
    for trial, reason in run.left_out.items():
        yield f"Trial {trial} was left out, its files are damaged: {reason}."


def rights_fact(run: RunInfo) -> str:
    """For the line of facts; empty where the lab itself read the processes."""
    return "sampled through an agent container" if run.environment.known.sampled_by in AGENTS else ""


def rights_note(run: RunInfo) -> str:
    """On the first screen, because the memory answer is missing and the reason is neither arm's; or empty."""
    if not _obstacle(run):
        return ""
    return (
        " Memory of processes (PSS) is missing: an ordinary user may not read it, and the agent container that could "
        f"was not to be had. Compare the anonymous memory of the cgroups below; to have PSS, {REMEDY}."
    )


def rights_caveats(run: RunInfo) -> Iterator[str]:
    """Say what is missing, and why."""
    if obstacle := _obstacle(run):
        yield (
            f"Nobody could read the memory of processes: {obstacle}. PSS and USS are missing everywhere, and with them "
            f"their check against the cgroups; CPU, RSS and cgroups were measured as usual. To have them, {REMEDY}."
        )


def _obstacle(run: RunInfo) -> str:
    return (run.environment.known.memory_obstacle or "").rstrip(".")


def is_plain(run: RunInfo) -> bool:
    """Tell whether the arms were plain processes of the machine."""
    return run.environment.known.plain


def unasked_engine(run: RunInfo) -> str:
    """That no containers are measured though nobody asked for that, and how to ask for them; "" otherwise."""
    because = run.environment.known.engine_because
    if not is_plain(run) or because in (None, ASKED):
        return ""
    return f"{because}: plain processes of this machine are measured, no containers (--engine docker takes none)"


def cpu_caveat(run: RunInfo) -> str:
    """Say what CPU is where no cgroup counts it."""
    return (
        f"Without cgroups (engine {run.environment.known.engine}) CPU is the sum over processes, in ticks of 10 ms, "
        "read twice a second. It misses what a process used after its last reading, and processes that lived between "
        "two readings."
    )


def plain_limits(run: RunInfo) -> Iterator[str]:
    """Say what such a run does not show."""
    facts = run.environment.known
    yield (
        f"Containers: the engine was {facts.engine} ({facts.engine_because or ASKED}), that is plain processes of this "
        "machine, without containers, cgroups or their overhead and isolation. CPU and memory budgets are not "
        "enforced, and the root file system is not read-only."
    )
    yield (
        f"The image: the app ran under Python {facts.app_python or ''} of this machine in an environment made "
        "from its requirements; its Dockerfile was not used. A front was the machine's own program."
    )
    yield (
        "Memory of containers: plain processes share the file pages of interpreter and libraries with one another and "
        "with whatever else runs from them here, the lab included, so their PSS is lower than in containers."
    )
