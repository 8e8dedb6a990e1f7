"""The memory breakdown (the ledger) as figure and tables."""

from collections.abc import Iterator, Sequence

from lab.analysis.summary import RunSummary
from lab.analysis.trial.ledger import ARM_ROLES
from lab.analysis.trial.timeline import memory_growth_bytes
from lab.analysis.trial.trial import TrialSummary
from lab.metrics import Unit
from lab.plan.kinds import Role
from lab.report.charts.bars import Mark, Stacked, StackedBar
from lab.report.charts.curves import Curves, Plot, Series, columns_for
from lab.report.charts.scales import linear
from lab.report.charts.svg import fill_key, shades
from lab.report.content import Audience, Figure, Table
from lab.report.parts.cells import cell, columns, only, quantity, words
from lab.report.parts.process_names import name_of, process_names
from lab.report.parts.time_axis import (
    TIME_TITLE,
    phases_of_readings,
    sampled_middles,
    sampled_scale,
    shown_block,
    shown_trials,
    thinning,
)
from lab.report.parts.values import arm_names, block_marks, hollow_note, shown_value, told_by_arm
from lab.units import MIB, format_signed_bytes

COMMAND_LENGTH = 60
STACK = (Role.WORKER, Role.SUPERVISOR, Role.INIT, Role.HELPER, Role.PROXY)  # from the axis outwards, ever lighter


def memory_figure(summary: RunSummary) -> Figure | None:
    """Steady PSS stacked by role, with the totals of the blocks, and USS and RSS as further marks."""
    key = "memory.pss.total"
    parts = [role for role in STACK if any(line.role is role for arm in summary.arms for line in arm.roles)]
    bars = tuple(
        StackedBar(
            arm=place,
            name=arm.name,
            parts=tuple(
                (line.role.value, line.pss_bytes / MIB, quantity(Unit.BYTES, line.pss_bytes))
                for role in parts
                for line in arm.roles
                if line.role is role and line.pss_bytes is not None
            ),
            marks=(*block_marks(summary, arm.name, key, MIB), *_other_sums(summary, arm.name)),
        )
        for place, arm in enumerate(summary.arms)
    )
    if not any(bar.parts for bar in bars):
        return None
    return Figure(
        key="memory",
        title="Memory breakdown, steady state",
        sentence=f"PSS of all processes in steady state: {told_by_arm(summary, key)}. The sum of RSS counts shared "
        f"pages again in every process; the sum of USS leaves them out.{hollow_note(summary, key)}",
        chart=Stacked(
            title="Memory of each arm by role",
            axis="PSS (MiB)",
            parts=tuple(role.value for role in parts),
            kinds=("one block", "sum of USS", "sum of RSS"),
            bars=bars,
        ),
    )


def _other_sums(summary: RunSummary, arm: str) -> Iterator[Mark]:
    for place, kind in enumerate(("uss", "rss"), 1):
        value = shown_value(summary, arm, f"memory.{kind}.total")
        if value is not None:
            said = f"{arm}, sum of {kind.upper()}: {quantity(Unit.BYTES, value)}"
            yield Mark(kind=place, value=value / MIB, text=said)


def memory_over_time(summary: RunSummary) -> Figure | None:
    """The ledger of one block over time, stacked by role, on the same axes for all arms."""
    trials = shown_trials(summary)
    parts = [role for role in STACK if any(role in trial.timeline.memory for trial in trials)]
    plots = [plot for trial in trials if (plot := _stack(summary, trial, parts)).series]
    if not plots:
        return None
    opacity = shades(len(parts))
    highs = [value for plot in plots for series in plot.series for value in series.high]
    grown = [
        f"{trial.record.arm} {format_signed_bytes(grown_bytes)}"
        for trial in trials
        if (grown_bytes := memory_growth_bytes(trial.timeline, trial.record.measure.length_s)) is not None
    ]
    return Figure(
        key="memory-time",
        title="Memory breakdown over time",
        sentence=f"PSS by role in {shown_block(summary)}; from the first to the last bin of the measure phase: "
        f"{', '.join(grown) or 'not known'}. {thinning(trials, 'the instant at which the arm needs most')}",
        chart=Curves(
            title="Memory of each arm over time, by role",
            arms=(),
            plots=tuple(plots),
            x=sampled_scale(trials),
            y=linear(highs, zero=True),
            x_title=TIME_TITLE,
            y_title="PSS (MiB)",
            keys=tuple(fill_key(role.value, shade) for role, shade in zip(parts, opacity, strict=True)),
            columns=columns_for(len(plots)),
            height=170,
        ),
    )


def _stack(summary: RunSummary, trial: TrialSummary, parts: Sequence[Role]) -> Plot:
    """Areas on top of each other, over the bins in which the whole arm was read."""
    line = trial.timeline
    own = [role for role in parts if role in line.memory]
    middles = sampled_middles(trial)
    known = [place for place in range(len(middles)) if own and line.memory[own[0]][place] is not None]
    arm, opacity = arm_names(summary).index(trial.record.arm), dict(zip(parts, shades(len(parts)), strict=True))
    lower, series = [0.0] * len(known), []
    for role in own:
        upper = [low + (line.memory[role][place] or 0.0) / MIB for low, place in zip(lower, known, strict=True)]
        series.append(
            Series(
                arm=arm,
                name=f"{trial.record.arm}, up to {role.value}",
                xs=[middles[place] for place in known],
                ys=upper,
                border=True,
                low=lower,
                high=upper,
                opacity=0.85 * opacity[role],
            )
        )
        lower = upper
    return Plot(
        series=tuple(series) if known else (), heading=trial.record.arm, arm=arm, phases=phases_of_readings(trial)
    )


def role_table(summary: RunSummary) -> Table:
    """Memory by role; sidecars and the platform on lines of their own."""
    rows = tuple(
        (
            *words(arm.name, role.role.value + ("" if role.role in ARM_ROLES else " (not in the sum)")),
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
        note="Mean over the measure phase, then the median over the blocks. Only PSS may be summed.",
    )


def ledger_table(summary: RunSummary) -> Table:
    """Every process of every arm, and its node where the run has several."""
    names = {arm.name: process_names(arm.processes) for arm in summary.arms}
    on_nodes = len(summary.scenario.nodes) > 1
    rows = tuple(
        (
            *words(arm.name, name_of(line, names[arm.name]), line.role.value, f"{line.service}/{line.ordinal}"),
            *words(*([", ".join(line.nodes)] if on_nodes else []), line.command[:COMMAND_LENGTH]),
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
        columns=(
            *columns("arm"),
            *only(Audience.PEOPLE, columns("name")),
            *only(Audience.PROGRAMS, columns("role")),
            *columns(
                "process",
                *(["node"] if on_nodes else []),
                "command",
                numeric=("PSS", "PSS peak", "USS", "RSS", "CPU of a core", "blocks"),
            ),
        ),
        rows=rows,
        folded=True,
        note="A process seen in fewer blocks than its neighbours was started or replaced in the middle of a run.",
    )
