"""The memory ledger as figure and tables."""

from __future__ import annotations

from lab.analysis.metrics import Unit
from lab.analysis.summary import RunSummary
from lab.report.cells import cell, columns, words
from lab.report.charts.compare import stacked_chart
from lab.report.content import Figure, Table
from lab.report.points import arm_names, block_points
from lab.topology import Role
from lab.units import MIB, format_bytes

COMMAND_LENGTH = 60
STACK = (Role.WORKER, Role.SUPERVISOR, Role.HELPER, Role.PROXY)  # from the axis outwards, ever lighter


def memory_figure(summary: RunSummary) -> Figure | None:
    """PSS stacked by role, with the totals of the blocks, and USS and RSS as ticks."""
    bars = [
        {"arm": arm.name, "part": role.role.value, "order": STACK.index(role.role), "value": role.pss_bytes / MIB}
        for arm in summary.arms
        for role in arm.roles
        if role.role in STACK and role.pss_bytes is not None
    ]
    if not bars:
        return None
    others = [
        {"arm": arm.name, "kind": f"sum of {kind.upper()}", "value": value / MIB}
        for kind in ("uss", "rss")
        for arm in summary.arms
        if (value := summary.metrics[arm.name, f"memory.{kind}.total"].median_all) is not None
    ]
    totals = [
        f"{arm.name} {format_bytes(value)}"
        for arm in summary.arms
        if (value := summary.metrics[arm.name, "memory.pss.total"].median_all) is not None
    ]
    return Figure(
        key="memory",
        title="The memory ledger",
        sentence=f"Steady PSS of all processes: {', '.join(totals)}.",
        spec=stacked_chart(
            bars,
            [*block_points(summary, "memory.pss.total", MIB), *others],
            arm_names(summary),
            [role.value for role in STACK if any(bar["part"] == role.value for bar in bars)],
            "PSS (MiB)",
        ),
    )


def role_table(summary: RunSummary) -> Table:
    """Memory by role, the platform on its own line."""
    rows = tuple(
        (
            *words(arm.name, role.role.value + (" (not in the sum)" if role.role is Role.PLATFORM else "")),
            cell(Unit.COUNT, role.processes),
            cell(Unit.BYTES, role.pss_bytes),
            cell(Unit.BYTES, role.uss_bytes),
            cell(Unit.BYTES, role.rss_bytes),
        )
        for arm in summary.arms
        for role in arm.roles
    )
    return Table(
        key="memory-by-role",
        title="Memory by role",
        columns=columns("arm", "role", numeric=("processes", "PSS", "USS", "RSS")),
        rows=rows,
        note="Median over the instants of the measure phase, then over the blocks. Only PSS may be summed.",
    )


def ledger_table(summary: RunSummary) -> Table:
    """Every process of every arm."""
    rows = tuple(
        (
            *words(arm.name, line.role.value, f"{line.service}/{line.ordinal}", line.command[:COMMAND_LENGTH]),
            cell(Unit.BYTES, line.pss_bytes),
            cell(Unit.BYTES, line.pss_peak_bytes),
            cell(Unit.BYTES, line.uss_bytes),
            cell(Unit.BYTES, line.rss_bytes),
            cell(Unit.FRACTION, line.cpu_cores),
            cell(Unit.COUNT, float(line.trials)),
        )
        for arm in summary.arms
        for line in arm.processes
    )
    return Table(
        key="ledger",
        title="Every process",
        columns=columns(
            "arm", "role", "process", "command", numeric=("PSS", "PSS peak", "USS", "RSS", "CPU of a core", "blocks")
        ),
        rows=rows,
        note="A process seen in fewer blocks than its neighbours was started or replaced in the middle of a run.",
    )
