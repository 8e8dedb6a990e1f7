"""Why is it so? Request shares, the memory ledger, CPU by part, and what the proxy hop costs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lab.analysis.metrics import METRICS, Unit
from lab.analysis.summary import RunSummary
from lab.report.cells import axis, cell, columns, quantity, words
from lab.report.charts.compare import share_chart, stacked_chart
from lab.report.content import Figure, Part, Section, Table
from lab.report.memory import ledger_table, memory_figure, role_table
from lab.report.points import arm_names, block_points
from lab.units import format_ratio, format_seconds

CPU_PARTS = ("app", "proxy")


def mechanism(summary: RunSummary) -> Section:
    """The section on mechanisms; a figure that would say nothing is left out."""
    parts: list[Part | None] = [
        share_figure(summary),
        share_table(summary),
        memory_figure(summary),
        role_table(summary),
        ledger_table(summary),
        cpu_figure(summary),
        cpu_table(summary),
        hop_table(summary),
    ]
    shown = tuple(part for part in parts if part is not None and (not isinstance(part, Table) or part.rows))
    return Section(key="why", title="Why is it so?", sentences=tuple(hop_sentences(summary)), parts=shown)


def share_figure(summary: RunSummary) -> Figure | None:
    """Share of each serving process, sorted, with every block's value."""
    bars = [
        {"arm": arm.name, "place": place, "share": share}
        for arm in summary.arms
        for place, share in enumerate(arm.shares, 1)
    ]
    if not bars:
        return None
    points = [
        {"arm": trial.record.arm, "block": trial.record.block, "place": place, "share": share.fraction}
        for trial in summary.trials
        for place, share in enumerate(trial.shares, 1)
    ]
    expected = 1 / summary.scenario.budget.processes
    shares = [f"{arm.name} {format_ratio(arm.shares[0])}" for arm in summary.arms if arm.shares]
    return Figure(
        key="shares",
        title="Who did the work",
        sentence=f"Share of the busiest process: {', '.join(shares)}; even is {format_ratio(expected)} (dashed).",
        spec=share_chart(bars, points, expected, arm_names(summary)),
    )


def share_table(summary: RunSummary) -> Table:
    """Sorted shares by arm and block."""
    places = max((len(trial.shares) for trial in summary.trials), default=0)
    rows = []
    for arm in summary.arms:
        for trial in summary.of_arm(arm.name):
            fractions = [share.fraction for share in trial.shares]
            padded = [*fractions, *(None,) * (places - len(fractions))]
            rows.append((*words(arm.name, trial.record.block), *(cell(Unit.FRACTION, value) for value in padded)))
    return Table(
        key="shares-by-block",
        title="Request shares of the serving processes",
        columns=columns("arm", "block", numeric=[f"{place}." for place in range(1, places + 1)]),
        rows=tuple(rows) if places else (),
        note="Busiest process first; a process that answered nothing has 0 %. Found by: " + _attribution(summary) + ".",
    )


def _attribution(summary: RunSummary) -> str:
    return ", ".join(sorted({trial.record.attribution for trial in summary.trials})) or "nothing"


def cpu_figure(summary: RunSummary) -> Figure | None:
    """CPU for 1 000 requests, stacked by application and proxy."""
    known = [arm for arm in summary.arms if arm.cpu_app_per_1k_s is not None]
    if not known:
        return None
    totals = [summary.metrics[arm.name, "cpu.per_1k"].median_all for arm in known]
    divisor, unit = axis(Unit.SECONDS, totals)
    bars: list[dict[str, Any]] = [
        {"arm": arm.name, "part": part, "order": place, "value": value / divisor}
        for arm in known
        for place, (part, value) in enumerate(
            zip(CPU_PARTS, (arm.cpu_app_per_1k_s, arm.cpu_proxy_per_1k_s), strict=True)
        )
        if value is not None
    ]
    said = [f"{arm.name} {quantity(Unit.SECONDS, total)}" for arm, total in zip(known, totals, strict=True)]
    return Figure(
        key="cpu",
        title="CPU for 1 000 requests",
        sentence=f"CPU time of all containers for 1 000 successful requests: {', '.join(said)}.",
        spec=stacked_chart(
            bars,
            block_points(summary, "cpu.per_1k", divisor),
            arm_names(summary),
            [part for part in CPU_PARTS if any(bar["part"] == part for bar in bars)],
            f"CPU time for 1 000 requests ({unit})",
        ),
    )


def cpu_table(summary: RunSummary) -> Table:
    """CPU of application and proxy."""
    rows = tuple(
        (
            *words(arm.name),
            cell(Unit.SECONDS, arm.cpu_app_per_1k_s),
            cell(Unit.SECONDS, arm.cpu_proxy_per_1k_s),
            *(
                cell(METRICS[key].unit, summary.metrics[arm.name, key].median_all)
                for key in ("cpu.per_1k", "cpu.cores", "cpu.throttled", "cpu.runqueue.per_1k", "cpu.switches.per_1k")
            ),
        )
        for arm in summary.arms
        if arm.trials
    )
    numbers = ("app", "proxy", "together", "cores used", "throttled", "wait for a core", "context switches")
    return Table(
        key="cpu-by-part",
        title="CPU by part",
        columns=columns("arm", numeric=numbers),
        rows=rows,
        note="Time and switches for 1 000 successful requests, except cores used and throttled time. "
        "Counters of the containers, interpolated linearly to the edges of the measure phase.",
    )


def hop_table(summary: RunSummary) -> Table:
    """Behind the proxy minus direct, for arms that differ in nothing else."""
    keys = list(summary.hops[0].differences) if summary.hops else []
    rows = tuple(
        (
            *words(f"{hop.behind} − {hop.direct}"),
            *(cell(METRICS[key].unit, difference) for key, difference in hop.differences.items()),
        )
        for hop in summary.hops
    )
    return Table(
        key="hop",
        title="What the proxy hop costs",
        columns=columns("arms", numeric=[METRICS[key].title for key in keys]),
        rows=rows,
        note="The same process model behind the proxy and without it: medians of the blocks' differences.",
    )


def hop_sentences(summary: RunSummary) -> Iterator[str]:
    """What each hop adds, in words."""
    for hop in summary.hops:
        added, cpu = hop.differences.get("p50"), hop.differences.get("cpu.per_1k")
        if added is not None and cpu is not None:
            yield (
                f"Putting {hop.direct} behind the proxy ({hop.behind}) changes p50 by {_signed(added)} and CPU for "
                f"1 000 requests by {_signed(cpu)}."
            )


def _signed(seconds: float) -> str:
    return f"{'−' if seconds < 0 else '+'}{format_seconds(abs(seconds))}"
