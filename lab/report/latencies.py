"""Latency: the distribution down to its tail, and the quantile table."""

from __future__ import annotations

from collections.abc import Sequence

from lab.analysis.eligibility import PRINT_BEYOND
from lab.analysis.latency import QUANTILES
from lab.analysis.metrics import Unit
from lab.analysis.summary import RunSummary
from lab.report.cells import cell, columns, words
from lab.report.charts.lines import tail_chart
from lab.report.content import Figure, Section, Table
from lab.report.points import arm_names, shorten

KINDS = ("response", "service")
MS = 1e-3


def latency_section(summary: RunSummary) -> Section:
    """Tail curve and quantile table."""
    figure = tail_figure(summary)
    return Section(
        key="latency",
        title="Latency",
        sentences=(_meaning(summary),),
        parts=(*((figure,) if figure else ()), quantile_table(summary)),
    )


def _meaning(summary: RunSummary) -> str:
    if summary.scenario.load.rate is None:
        return "Closed model: only service times exist, and they are not comparable with those of an open model."
    return (
        "Response time counts from the scheduled instant and has the wait for a free lane; service time counts from "
        "sending. Both are of successful requests only."
    )


def tail_figure(summary: RunSummary) -> Figure | None:
    """The distribution over a tail axis: medians of the blocks strong, every block faint."""
    medians = [
        {"arm": arm.name, "kind": kind, **_curve(curve)}
        for arm in summary.arms
        for kind, curve in zip(KINDS, (arm.response_curve, arm.service_curve), strict=True)
        if curve and (kind == KINDS[0] or summary.scenario.load.rate is not None)
    ]
    blocks = [
        {"arm": trial.record.arm, "block": trial.record.block, **_curve(trial.response.curve)}
        for trial in summary.trials
    ]
    if not medians:
        return None
    return Figure(
        key="tail",
        title="Latency to the tail",
        sentence="Faint lines are single blocks, strong lines the median over them; "
        f"a line ends where fewer than {PRINT_BEYOND} requests lie beyond.",
        spec=tail_chart(blocks, medians, arm_names(summary)),
    )


def _curve(curve: Sequence[tuple[float, float]]) -> dict[str, list[float | None]]:
    return {"nines": shorten([nines for nines, _ in curve]), "ms": shorten([seconds / MS for _, seconds in curve])}


def quantile_table(summary: RunSummary) -> Table:
    """Quantiles of response and service time, medians over blocks."""
    rows = []
    for arm in summary.arms:
        trials = summary.of_arm(arm.name)
        for kind, quantiles in zip(KINDS, (arm.response_quantiles, arm.service_quantiles), strict=True):
            counts = [(trial.response if kind == KINDS[0] else trial.service).count for trial in trials]
            if quantiles:
                cells = (cell(Unit.SECONDS, value) for value in quantiles)
                rows.append((*words(arm.name, kind), *cells, cell(Unit.COUNT, float(min(counts)))))
    return Table(
        key="quantiles",
        title="Quantiles",
        columns=columns("arm", "time", numeric=(*(f"p{100 * q:g}" for q in QUANTILES), "fewest requests")),
        rows=tuple(rows),
        note="Medians over the blocks of exact quantiles. Empty where a block has fewer than "
        f"{PRINT_BEYOND} requests beyond the quantile.",
    )
