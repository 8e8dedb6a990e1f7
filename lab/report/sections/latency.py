"""Latency: the distribution down to its tail, and the quantile table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lab.analysis.summary import RunSummary
from lab.analysis.trial.latency import QUANTILES
from lab.metric_types import PRINT_BEYOND
from lab.metrics import Unit
from lab.report.charts.axes import logarithmic, tail
from lab.report.charts.curves import Curves, Plot, Series
from lab.report.charts.svg import DASHES, stroke_key
from lab.report.content import Figure, Section, Table
from lab.report.sections.answer import NO_JUDGEMENTS, Judgements, ratio_note
from lab.report.sections.cells import cell, columns, quantity, ratio_cells, ratio_columns, words
from lab.report.sections.latency_servers import server_figure, server_table
from lab.report.sections.points import arm_names

KINDS = ("response", "service")
MS = 1e-3


def latency_section(summary: RunSummary, judgements: Judgements = NO_JUDGEMENTS) -> Section:
    """Tail curve, quantile table, and what was found of the quantiles against the baseline."""
    figures = (tail_figure(summary), server_figure(summary))
    tables = (quantile_table(summary), quantile_ratios(summary, judgements), server_table(summary))
    return Section(
        key="latency",
        title="Latency",
        sentences=(_meaning(summary),),
        parts=(*(figure for figure in figures if figure), *(table for table in tables if table.rows)),
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
    kinds = KINDS if summary.scenario.load.rate is not None else KINDS[:1]
    series = [*_block_curves(summary), *_arm_curves(summary, kinds)]
    if not series:
        return None
    told = [f"{kind} time" for kind in kinds] if len(kinds) > 1 else []
    return Figure(
        key="tail",
        title="Latency to the tail",
        sentence=f"{_spread(summary)} Faint lines are single blocks, strong lines the median over them; "
        f"a line ends where fewer than {PRINT_BEYOND} requests lie beyond.",
        chart=Curves(
            title="Distribution of the latency, with an axis that spreads the tail",
            arms=tuple(arm_names(summary)),
            plots=(Plot(series=tuple(series)),),
            x=tail(max(own.xs[-1] for own in series)),
            y=logarithmic(value for own in series for value in own.ys),
            x_title="this part of the requests took at most …",
            y_title="time (ms)",
            keys=(
                *(stroke_key(name, DASHES[place]) for place, name in enumerate(told)),
                stroke_key("one block", width=1, opacity=0.4),
            ),
            height=340,
        ),
    )


def _spread(summary: RunSummary) -> str:
    """The highest quantile that every arm has, in words."""
    for place in reversed(range(len(QUANTILES))):
        values = [(arm.name, arm.response_quantiles[place]) for arm in summary.arms if arm.response_quantiles]
        said = [f"{name} {quantity(Unit.SECONDS, value)}" for name, value in values if value is not None]
        if said and len(said) == len(values):
            return f"p{100 * QUANTILES[place]:g}: {', '.join(said)}."
    return "No quantile is known of every arm."


def _block_curves(summary: RunSummary) -> Iterator[Series]:
    for trial in summary.trials:
        if trial.response.curve:
            name = f"{trial.record.arm}, block {trial.record.block}"
            yield _line(arm_names(summary).index(trial.record.arm), name, trial.response.curve, faint=True)


def _arm_curves(summary: RunSummary, kinds: Sequence[str]) -> Iterator[Series]:
    for place, arm in enumerate(summary.arms):
        for dash, kind in enumerate(kinds):
            curve = (arm.response_curve, arm.service_curve)[dash]
            if curve:
                yield _line(place, f"{arm.name}, {kind} time, median of the blocks", curve, dash=dash)


def _line(arm: int, name: str, curve: Sequence[tuple[float, float]], *, faint: bool = False, dash: int = 0) -> Series:
    nines, seconds = zip(*curve, strict=True)
    return Series(arm=arm, name=name, xs=nines, ys=[value / MS for value in seconds], faint=faint, dash=dash)


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


def quantile_ratios(summary: RunSummary, judgements: Judgements) -> Table:
    """Every quantile as a ratio to the baseline, with its interval; those of which nothing is known are left out."""
    known = {key: judged for key, judged in judgements.items() if judged.estimate}
    quantiles = (f"p{100 * q:g}" for q in QUANTILES)
    names = [name for name in quantiles if any(key in (name, f"service.{name}") for key, _ in known)]
    rows = []
    for arm in summary.arms:
        for kind, prefix in zip(KINDS, ("", "service."), strict=True):
            found = [known.get((prefix + name, arm.name)) for name in names]
            if any(found):
                pairs = ((judged.estimate, judged.interval) if judged else (None, None) for judged in found)
                rows.append((*words(arm.name, kind), *(part for pair in pairs for part in ratio_cells(*pair))))
    return Table(
        key="quantile-ratios",
        title=f"Quantiles against {summary.baseline}",
        columns=(
            *columns("arm", "time"),
            *(column for name in names for column in ratio_columns(name, f"{name} ratio")),
        ),
        rows=tuple(rows),
        note=f"Ratio to {summary.baseline}: {ratio_note(judgements, summary.scenario.compare.primary)} Only declared "
        "primaries are judged; the other ratios are exploratory.",
    )
