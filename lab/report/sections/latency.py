"""Latency: the distribution down to its tail, and quantiles."""

from collections.abc import Iterator, Sequence

from lab.analysis.judge.eligibility import quantile_eligible
from lab.analysis.judge.verdict import Judgement
from lab.analysis.summary import RunSummary
from lab.analysis.trial.latency import QUANTILES
from lab.metric_types import PRINT_BEYOND, Reading
from lab.metrics import Unit
from lab.report.charts.curves import Curves, Plot, Series
from lab.report.charts.scales import logarithmic, tail
from lab.report.charts.svg import DASHES, stroke_key
from lab.report.content import Cell, Figure, Section, Table, section
from lab.report.parts.cells import cell, columns, quantity, ratio_cells, ratio_columns, words
from lab.report.parts.values import (
    NO_JUDGEMENTS,
    THIN,
    THIN_MARK,
    THIN_NOTE,
    Judgements,
    arm_names,
    is_thin,
    ratio_note,
    thin_note,
)
from lab.report.sections.latency_servers import server_figure, server_table
from lab.report.sections.names import name_table

KINDS = ("response", "service")
MS = 1e-3


def latency_section(summary: RunSummary, judgements: Judgements = NO_JUDGEMENTS) -> Section:
    """Tail curve, quantile table, and what was found of the quantiles against the baseline; nothing of a ladder."""
    if summary.scenario.capacity:
        return section("latency", "Latency")  # of many rates at once: a section of its own tells it rung by rung
    figures = (tail_figure(summary), server_figure(summary))
    tables = (quantile_table(summary), quantile_ratios(summary, judgements), name_table(summary))
    return section("latency", "Latency", *figures, *tables, server_table(summary), sentences=(_meaning(summary),))


def _meaning(summary: RunSummary) -> str:
    if summary.scenario.load.rate is None:
        return "Closed model: only service times exist, and they are not comparable with those of an open model."
    return (
        "Response time counts from the scheduled instant and includes the wait for a free connection; service "
        "time counts from sending. A request that failed, hung or was dropped is slower than all others: a quantile "
        "that lies among those is called failed."
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
        f"a line ends where fewer than {PRINT_BEYOND} requests lie beyond, or where the failures begin.",
        chart=Curves(
            title="Distribution of the latency, with an axis that spreads the tail",
            arms=tuple(arm_names(summary)),
            plots=(Plot(series=tuple(series)),),
            x=tail(max(own.xs[-1] for own in series)),
            y=logarithmic(value for own in series for value in own.ys),
            x_title="percentile of the requests",
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
            fewest = min(trial.response.count for trial in summary.trials)
            thin = "" if quantile_eligible(fewest, QUANTILES[place]).judged else f" ({THIN} to judge by)"
            return f"p{100 * QUANTILES[place]:g}: {', '.join(said)}{thin}."
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
                cells = (_quantile(*each, min(counts)) for each in zip(QUANTILES, quantiles, strict=True))
                rows.append((*words(arm.name, kind), *cells, cell(Unit.COUNT, float(min(counts)))))
    return Table(
        key="quantiles",
        title="Quantiles",
        columns=columns("arm", "time", numeric=(*(f"p{100 * q:g}" for q in QUANTILES), "fewest requests")),
        rows=tuple(rows),
        note="Medians of exact quantiles over the blocks that have them: a block has those with at least "
        f"{PRINT_BEYOND} requests beyond. Empty where no block has one."
        + (THIN_NOTE if any(one.text.endswith(THIN_MARK) for row in rows for one in row) else ""),
    )


def _quantile(quantile: float, value: float | None, requests: int) -> Cell:
    """One value of the table, with a mark where so few requests do not judge it."""
    thin = value is not None and not quantile_eligible(requests, quantile).judged
    return Cell(f"{quantity(Unit.SECONDS, value)}{f' {THIN_MARK}' if thin else ''}", value)


def quantile_ratios(summary: RunSummary, judgements: Judgements) -> Table:
    """Every quantile as a ratio to the baseline, with its interval; those of which nothing is known are left out."""
    known = {key: judged for key, judged in judgements.items() if judged.estimate}
    quantiles = (f"p{100 * q:g}" for q in QUANTILES)
    names = [name for name in quantiles if any(key in (name, f"service.{name}") for key, _ in known)]
    keys = [prefix + name for prefix in ("", "service.") for name in names]
    rows = []
    for arm in summary.arms:
        for kind, prefix in zip(KINDS, ("", "service."), strict=True):
            found = [known.get(Reading(prefix + name, arm.name)) for name in names]
            if any(found):
                thin = [is_thin(summary, prefix + name, arm.name) for name in names]
                changes = (part for pair in zip(found, thin, strict=True) for part in _changes(*pair))
                rows.append((*words(arm.name, kind), *changes))
    return Table(
        key="quantile-ratios",
        title=f"Quantiles against {summary.baseline}",
        columns=(
            *columns("arm", "time"),
            *(column for name in names for column in ratio_columns(name, f"{name} ratio")),
        ),
        rows=tuple(rows),
        note=f"Change against {summary.baseline}: {ratio_note(judgements)} Only declared "
        f"primaries are judged; the other changes are exploratory.{thin_note(summary, keys) if rows else ''}",
    )


def _changes(found: Judgement | None, thin: bool) -> tuple[Cell, ...]:
    """The change of one quantile."""
    if found is None:
        return ratio_cells(None, None)
    return ratio_cells(found.estimate, found.interval, mark=THIN_MARK if thin else "")
