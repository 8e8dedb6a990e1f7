"""Facts of the run in words: its machine, engine, image and budget, on which every number depends."""

from collections.abc import Iterator, Mapping
from typing import Any

from lab.analysis.summary import RunSummary
from lab.plan.axes import AXES
from lab.record.types import RunInfo
from lab.report.parts.images import images_text
from lab.report.parts.unusual import NO_CONTAINERS, is_plain, rights_fact
from lab.scenario.model import Scenario
from lab.units import count_of, format_bytes, named_cores


def flat(facts: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested facts as (dotted name, text); the text of what the machine did not tell is empty."""
    for name, value in facts.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", _text(value)


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return " ".join(_text(part) for part in value.values())
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    return "" if value is None else str(value)


def known(run: RunInfo, *names: str) -> str:
    """The first environment fact with one of these names, at any depth; empty when there is none."""
    facts = dict(flat(run.environment.facts))
    found = (value for name in names for key, value in facts.items() if key.rpartition(".")[2] == name and value)
    return next(found, "")


def facts_line(run: RunInfo, summary: RunSummary) -> tuple[str, ...]:
    """Date, machine, cores, engine, network, image, N, rates of a sweep: what every number depends on."""
    scenario = summary.scenario
    numbers, rates = scenario.sweep.processes or (scenario.budget.processes,), scenario.sweep.rate
    parts = (
        run.started_at[:16].replace("T", " ") + " UTC",
        known(run, "cpu_model"),
        cores_text(run),
        memory_text(run),
        spread_text(scenario),
        f"engine {engine_text(run)}".strip(),
        f"network {known(run, 'network') or summary.scenario.network}",
        rights_fact(run),
        f"{runs_from(run)} {images_text(run, summary.scenario.arms)}",
        f"N = {', '.join(map(str, numbers))} processes",
        f"at {', '.join(map('{:.10g}'.format, rates))} requests a second" if rates else "",
        budget_text(summary),
    )
    return tuple(part for part in parts if part)


def cores_text(run: RunInfo) -> str:
    """Tell how many cores the machine has; "" when it did not tell."""
    cores = known(run, "cpu_count", "cores")
    if not cores:
        return ""
    return count_of(int(cores), "core") if cores.isdecimal() else f"{cores} cores"


def spread_over(scenario: Scenario) -> int:
    """Over how many nodes a Swarm spreads the arms; 1 where they are on one machine."""
    return max(1, len(scenario.arm_nodes))


def spread_text(scenario: Scenario) -> str:
    """Whose cores and memory are told, where others ran the arms too; "" on one machine."""
    spread = spread_over(scenario)
    return f"the first of {spread} nodes that ran the arms" if spread > 1 else ""


def memory_text(run: RunInfo) -> str:
    """Tell how much memory the machine has; "" when it did not tell."""
    memory = known(run, "memory_bytes", "memory_total_bytes")
    return format_bytes(float(memory)) if memory.isdecimal() else ""


def engine_text(run: RunInfo) -> str:
    """The engine with its version, or with what it means."""
    return f"{known(run, 'engine')} {NO_CONTAINERS if is_plain(run) else known(run, 'docker')}".strip()


def runs_from(run: RunInfo) -> str:
    """Tell what to call that from which the arms run."""
    return "app" if is_plain(run) else "image"


def budget_text(summary: RunSummary) -> str:
    """CPU and memory of an arm, and how its containers share them."""
    budget = summary.scenario.budget
    swept = [_swept(summary, key) for key in ("cpus", "memory")]
    cpus = AXES["cpus"].called(budget.cpus) if budget.cpus.amount else "no CPU limit"
    memory = AXES["memory"].called(budget.memory) if budget.memory.amount else "no memory limit"
    cores = f", pinned to {named_cores(budget.cpuset)}" if budget.cpuset else ""
    return f"{swept[0] or cpus}, {swept[1] or memory}{cores}"


def _swept(summary: RunSummary, key: str) -> str:
    """``"1 CPU split or 2 CPUs split"``; "" where the run does not sweep it."""
    return " or ".join(AXES[key].called(value) for value in AXES[key].swept(summary.scenario))
