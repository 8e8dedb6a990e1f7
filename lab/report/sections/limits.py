"""What the run says of its surroundings: the grey line, the environment table, and the limits of the conclusion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lab.analysis.summary import MIN_BLOCKS, RunSummary
from lab.analysis.trial.shares import uneven
from lab.record.types import RunInfo
from lab.report.content import Section, Table
from lab.report.sections.answer import shown_value
from lab.report.sections.cells import UNKNOWN, columns, words
from lab.report.sections.images import image_limits, images_text
from lab.report.sections.plain_processes import NO_CONTAINERS, is_plain, plain_limits
from lab.report.sections.rights import rights_fact
from lab.units import format_bytes, format_ratio


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
    """Date, machine, cores, engine, network, image, N: what every number depends on."""
    cores, memory = known(run, "cpu_count", "cores"), known(run, "memory_bytes", "memory_total_bytes")
    budget = summary.scenario.budget
    parts = (
        run.started_at[:16].replace("T", " ") + " UTC",
        known(run, "cpu_model"),
        f"{cores} cores" if cores else "",
        format_bytes(float(memory)) if memory.isdecimal() else "",
        f"engine {engine_text(run)}".strip(),
        f"network {known(run, 'network') or summary.scenario.network}",
        rights_fact(run),
        f"{runs_from(run)} {images_text(run, summary.scenario.arms)}",
        f"N = {budget.processes} processes",
        budget_text(summary),
    )
    return tuple(part for part in parts if part)


def engine_text(run: RunInfo) -> str:
    """The engine with its version, or with what it means."""
    return f"{known(run, 'engine')} {NO_CONTAINERS if is_plain(run) else known(run, 'docker')}".strip()


def runs_from(run: RunInfo) -> str:
    """What to call that from which the arms run."""
    return "app" if is_plain(run) else "image"


def budget_text(summary: RunSummary) -> str:
    """CPU and memory of an arm, and how its containers share them."""
    budget = summary.scenario.budget
    cpus = f"{budget.cpus.amount:g} CPUs {budget.cpus.mode}" if budget.cpus.amount else "no CPU limit"
    memory = f"{format_bytes(budget.memory.amount)} {budget.memory.mode}" if budget.memory.amount else "no memory limit"
    return f"{cpus}, {memory}"


def environment_table(run: RunInfo) -> Table:
    """Every fact of the environment."""
    rows = tuple(words(name, value or UNKNOWN) for name, value in flat(run.environment.facts))
    return Table(key="environment", title="Environment", columns=columns("fact", "value"), rows=rows)


def limits(run: RunInfo, summary: RunSummary) -> Section:
    """What this run does not show, from its own facts."""
    return Section(key="limits", title="What this run does not show", sentences=tuple(_limits(run, summary)))


def _limits(run: RunInfo, summary: RunSummary) -> Iterator[str]:
    scenario, used = summary.scenario, len(summary.decision.used)
    processes = scenario.budget.processes
    cores = known(run, "cpu_count", "cores")
    if cores.isdecimal() and processes > int(cores):
        yield (
            f"Scaling: {processes} processes share {cores} cores, so the run shows overhead, memory and failure "
            "isolation, not what more cores would bring."
        )
    yield (
        "The app alone: the load generator and the sampler ran on the same machine and took their share of its cores, "
        "the same share in every arm."
    )
    yield "A network: every request stayed on the loopback interface, where latency and loss are close to zero."
    if scenario.load.rate is None:
        yield (
            "Waiting under overload: in the closed model a slow arm is asked less often. Its latencies cannot be "
            "compared with those of an open model."
        )
    else:
        yield f"Capacity: the arms were asked for {scenario.load.rate:g} arrivals a second, not for all they can serve."
    yield from _share_limits(summary)
    if used < MIN_BLOCKS:
        yield f"A verdict: {used} valid blocks are too few, with 6 or more chance can be told from a difference."
    yield "Other machines: kernel, CPU and neighbours change the numbers, and may change the answer."
    yield from _platform_limits(run, summary)
    if run.exploratory:
        yield "Other traffic: one locustfile, started and stopped by hand."
    else:
        yield f"Other traffic: one locustfile, {scenario.load.measure:g} s a trial, {scenario.load.warmup:g} s warm-up."


def _share_limits(summary: RunSummary) -> Iterator[str]:
    """Said only where the busiest process of some arm did much more than its part."""
    processes = summary.scenario.budget.processes
    busiest = {arm.name: shown_value(summary, arm.name, "share.max") for arm in summary.arms}
    said = [
        f"{format_ratio(share)} in {arm}"
        for arm, share in busiest.items()
        if share is not None and uneven(share, processes)
    ]
    if said:
        yield (
            "Other shares of the work: connections fell unevenly. The busiest process did "
            f"{', '.join(said)}, where an even share is {format_ratio(1 / processes)}. Other numbers of connections "
            "or seeds give other shares."
        )


def _platform_limits(run: RunInfo, summary: RunSummary) -> Iterator[str]:
    driver = known(run, "storage_driver")
    if driver:
        yield (
            f"Other storage drivers: the engine used {driver}. Whether containers of one image share the file pages of "
            "its libraries depends on the driver, and moves PSS."
        )
    if is_plain(run):
        yield from plain_limits(run)
    yield from image_limits(run, summary)
    profiles = {arm.profile for arm in summary.scenario.arms if arm.front != "direct"}
    if profiles:
        yield f"Other balancers and settings: nginx ran with the profile {' and '.join(sorted(profiles))}."
