"""Latency by serving process: does the busiest answer slower?"""

from collections.abc import Iterator
from math import isfinite

from lab.analysis.arms import ArmServer, ArmSummary
from lab.analysis.summary import RunSummary
from lab.analysis.trial.trial import TrialSummary
from lab.metrics import Unit
from lab.report.charts.bars import Group, Grouped, Mark
from lab.report.content import Figure, Table
from lab.report.parts.cells import cell, columns, quantity, words
from lab.report.parts.values import hollow_note

MS = 1e-3


def server_figure(summary: RunSummary) -> Figure | None:
    """Service time by serving process, busiest first, with every block's value; None where these are not known."""
    groups = tuple(_group(summary, place, arm) for place, arm in enumerate(summary.arms))
    if not any(value is not None for group in groups for value, _ in group.bars):
        return None
    said = [
        f"{arm.name} {quantity(Unit.SECONDS, arm.servers[0].p50_s)} and {quantity(Unit.SECONDS, arm.servers[-1].p50_s)}"
        for arm in summary.arms
        if arm.servers
    ]
    return Figure(
        key="servers",
        title="Latency by serving process",
        sentence=f"p50 service time of the busiest and of the least busy process: {', '.join(said)}. "
        "Bars and strong marks are medians of the blocks, faint marks are single blocks."
        + hollow_note(summary, "service.p50"),
        chart=Grouped(
            title="Service time of each serving process, busiest first",
            axis="service time (ms)",
            groups=groups,
            kinds=("p50, one block (bar: median)", "p95 (faint: one block)"),
        ),
    )


def _group(summary: RunSummary, place: int, arm: ArmSummary) -> Group:
    valid = summary.valid_for("service.p50")
    blocks = (
        mark
        for trial in summary.of_arm(arm.name)
        for mark in _block_marks(trial, hollow=trial.record.block not in valid)
    )
    medians = (
        (server.place - 1, Mark(kind=1, value=server.p95_s / MS, text=f"{arm.name}, {_both(server)}"))
        for server in arm.servers
        if server.p95_s is not None and isfinite(server.p95_s)
    )
    return Group(
        arm=place,
        name=arm.name,
        bars=tuple(
            (
                None if server.p50_s is None or not isfinite(server.p50_s) else server.p50_s / MS,
                f"process {server.place}: {_both(server)}",
            )
            for server in arm.servers
        ),
        marks=(*blocks, *medians),
    )


def _block_marks(trial: TrialSummary, *, hollow: bool) -> Iterator[tuple[int, Mark]]:
    """Both quantiles of every process of one block, in the order in which the medians are made: busiest first."""
    where = f"{trial.record.arm}, block {trial.record.block}"
    for place, server in enumerate(sorted(trial.servers, key=lambda server: -server.requests)):
        for kind, (name, value) in enumerate((("p50", server.p50_s), ("p95", server.p95_s))):
            if value is not None and isfinite(value):
                said = f"{where}, process {place + 1}: {name} {quantity(Unit.SECONDS, value)}"
                yield place, Mark(kind=kind, value=value / MS, text=said, faint=True, hollow=hollow)


def _both(server: ArmServer) -> str:
    return f"p50 {quantity(Unit.SECONDS, server.p50_s)}, p95 {quantity(Unit.SECONDS, server.p95_s)}"


def server_table(summary: RunSummary) -> Table:
    """The same as a table."""
    rows = tuple(
        (*words(arm.name, server.place), cell(Unit.SECONDS, server.p50_s), cell(Unit.SECONDS, server.p95_s))
        for arm in summary.arms
        for server in arm.servers
    )
    return Table(
        key="latency-by-process",
        title="Service time by serving process",
        columns=columns("arm", "process", numeric=("p50", "p95")),
        rows=rows,
        note="Busiest process first; medians over the blocks. Service time: the wait for a free connection comes "
        "before a process is chosen.",
        folded=True,
    )
