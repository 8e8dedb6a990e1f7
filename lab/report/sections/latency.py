"""Latency: the distribution down to its tail, quantiles, and by serving process: does the busiest answer slower?"""

from collections.abc import Iterator, Sequence
from math import isfinite

from lab.analysis.arms import ArmServer, ArmSummary
from lab.analysis.summary import RunSummary
from lab.analysis.trial.latency import QUANTILES
from lab.analysis.trial.trial import TrialSummary
from lab.metric_types import PRINT_BEYOND, Reading
from lab.metrics import Unit
from lab.report.charts.bars import Group, Grouped, Mark
from lab.report.charts.curves import Curves, Plot, Series
from lab.report.charts.scales import logarithmic, tail
from lab.report.charts.svg import DASHES, stroke_key
from lab.report.content import Figure, Section, Table, section
from lab.report.parts.cells import cell, columns, quantity, ratio_cells, ratio_columns, words
from lab.report.parts.values import NO_JUDGEMENTS, Judgements, arm_names, hollow_note, ratio_note
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
        "Response time counts from the scheduled instant and includes the wait for a free connection (lane); service "
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
        note="Medians of exact quantiles over the blocks that have them: a block has those with at least "
        f"{PRINT_BEYOND} requests beyond. Empty where no block has one.",
    )


def quantile_ratios(summary: RunSummary, judgements: Judgements) -> Table:
    """Every quantile as a ratio to the baseline, with its interval; those of which nothing is known are left out."""
    known = {key: judged for key, judged in judgements.items() if judged.estimate}
    quantiles = (f"p{100 * q:g}" for q in QUANTILES)
    names = [name for name in quantiles if any(key in (name, f"service.{name}") for key, _ in known)]
    rows = []
    for arm in summary.arms:
        for kind, prefix in zip(KINDS, ("", "service."), strict=True):
            found = [known.get(Reading(prefix + name, arm.name)) for name in names]
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
        note=f"Ratio to {summary.baseline}: {ratio_note(judgements)} Only declared "
        "primaries are judged; the other ratios are exploratory.",
    )


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
        note="Busiest process first; medians over the blocks. Service time: the wait for a free lane comes before a "
        "process is chosen.",
        folded=True,
    )
