"""Was the machine quiet? The primaries in the order of the run, and what others took of the machine meanwhile."""

from collections.abc import Callable, Mapping, Sequence
from math import isfinite

from lab.analysis.judge.drift import MIN_TRIALS, drift
from lab.analysis.summary import RunSummary
from lab.analysis.trial.disturbance import Quiet
from lab.analysis.trial.trial import TrialSummary
from lab.metric_types import Family
from lab.metrics import METRICS, Unit
from lab.report.charts.order import Order, OrderPanel, OrderPoint
from lab.report.content import Figure, Section, Table, section
from lab.report.parts.cells import axis, cell, columns, quantity, words
from lab.report.parts.values import arm_names, hollow_note
from lab.units import count_of, format_ratio

MAX_NAMED = 4  # arms whose drift a caption names, farthest first

DISTURBANCES: tuple[tuple[str, Callable[[Quiet], float | None]], ...] = (
    ("steal", lambda found: found.steal),
    ("foreign CPU", lambda found: found.foreign),
    ("CPU pressure", lambda found: found.psi_cpu),
    ("memory pressure", lambda found: found.psi_memory),
    ("I/O pressure", lambda found: found.psi_io),
)


def quiet_section(summary: RunSummary, order: Sequence[str]) -> Section:
    """Drift of the primaries; steal, foreign CPU and pressure of every trial."""
    figures = (order_figure(summary, order), disturbance_figure(summary, order))
    return section("order", "Was the machine quiet?", *figures, disturbance_table(summary, order), short="Machine")


def order_figure(summary: RunSummary, order: Sequence[str]) -> Figure | None:
    """Every primary metric in the order in which the trials ran: drift of the machine shows here."""
    panels = []
    for key in dict.fromkeys(summary.scenario.compare.primary):
        unit = METRICS[key].unit
        divisor, name = axis(unit, (trial.values[key] for trial in summary.trials))
        points = [
            _point(summary, order, trial, value / divisor, quantity(unit, value), METRICS[key].group.family)
            for trial in summary.trials
            if (value := trial.values[key]) is not None and isfinite(value)
        ]
        title = METRICS[key].title
        if points:
            panels.append(OrderPanel(heading=f"{title} ({name})" if name else title, points=tuple(points)))
    if not panels:
        return None
    return Figure(
        key="order",
        title="In the order of the run",
        sentence=f"{count_of(len(summary.trials), 'trial')}, each a dot; a line marks where a block begins."
        + hollow_note(summary, *summary.scenario.compare.primary)
        + " "
        + _drifts(summary, order),
        chart=Order(
            title="Primary metrics in the order of the run",
            arms=arm_names(summary),
            trials=len(order),
            panels=tuple(panels),
            blocks=_starts(order),
        ),
    )


def _drifts(summary: RunSummary, order: Sequence[str]) -> str:
    """Tell how far each arm moved during the run, metric by metric, the one that moved most first."""
    said = []
    for key in dict.fromkeys(summary.scenario.compare.primary):
        found = {arm: drift(_in_order(summary, arm, key, order)) for arm in arm_names(summary)}
        known = {arm: moved for arm, moved in found.items() if moved is not None}
        if known:
            said.append(f"{METRICS[key].title}: {_farthest(known)}")
    if not said:
        return f"There are too few trials to tell a drift from chance: that takes at least {MIN_TRIALS} of each arm."
    return (
        f"From the first to the last third of each arm's trials the median changed – {'; '.join(said)}; these have no "
        "interval. A change that all arms share is the machine's, not an arm's."
    )


def _in_order(summary: RunSummary, arm: str, key: str, order: Sequence[str]) -> list[float | None]:
    trials = sorted(summary.of_arm(arm), key=lambda trial: order.index(trial.record.trial_id))
    return [trial.values[key] for trial in trials]


def _farthest(moved: Mapping[str, float]) -> str:
    ranked = sorted(moved.items(), key=lambda item: -abs(item[1]))
    named = ", ".join(f"{arm} {_signed(size)}" for arm, size in ranked[1:MAX_NAMED])
    hidden = len(ranked) - MAX_NAMED
    rest = f" ({named}{f', {hidden} others less' if hidden > 0 else ''})" if named else ""
    most = "most in " if named else "in "
    return f"{most}{ranked[0][0]}, {_signed(ranked[0][1])}{rest}"


def _signed(change: float) -> str:
    sign = "±" if round(change, 3) == 0 else "−" if change < 0 else "+"
    return sign + format_ratio(abs(change))


def disturbance_figure(summary: RunSummary, order: Sequence[str]) -> Figure | None:
    """Draw what others took, trial by trial; None where the machine told nothing."""
    panels, worst = [], []
    for name, value_of in DISTURBANCES:
        found = [(trial, value) for trial in summary.trials if (value := value_of(trial.quiet)) is not None]
        if found:
            points = tuple(_point(summary, order, trial, value, format_ratio(value)) for trial, value in found)
            panels.append(OrderPanel(heading=name, points=points, percent=True, zero=True))
            worst.append(f"{name} {format_ratio(max(value for _, value in found))}")
    if not panels:
        return None
    return Figure(
        key="disturbances",
        title="Interference from other programs",
        sentence=f"Largest of any trial{_on_nodes(summary, ' and node')}: {', '.join(worst)}. Pressure is the part of "
        "the time in which some process of the machine, an arm's own included, waited for the resource.",
        chart=Order(
            title="Steal, foreign CPU and pressure in the order of the run",
            arms=arm_names(summary),
            trials=len(order),
            panels=tuple(panels),
            blocks=_starts(order),
        ),
    )


def _on_nodes(summary: RunSummary, said: str) -> str:
    """What is said only where a run has several."""
    return said if len(summary.scenario.nodes) > 1 else ""


def _point(
    summary: RunSummary,
    order: Sequence[str],
    trial: TrialSummary,
    shown: float,
    text: str,
    family: Family | None = None,
) -> OrderPoint:
    return OrderPoint(
        hollow=family is not None and trial.record.block not in summary.decision.valid_for(family),
        arm=arm_names(summary).index(trial.record.arm),
        place=order.index(trial.record.trial_id) + 1,
        value=shown,
        text="{}, place {} of {} in its block: {}".format(
            trial.record.trial_id, *_position(order, trial.record.trial_id), text
        ),
    )


def _starts(order: Sequence[str]) -> tuple[int, ...]:
    """The places in the run, from 1, at which a block begins."""
    return tuple(place for place, trial in enumerate(order, 1) if _position(order, trial)[0] == 1)


def _position(order: Sequence[str], trial: str) -> tuple[int, int]:
    """At which place of its block a trial runs, from 1, and of how many; the block is in its id."""
    block = [other for other in order if other.partition("-")[0] == trial.partition("-")[0]]
    return block.index(trial) + 1, len(block)


def disturbance_table(summary: RunSummary, order: Sequence[str]) -> Table:
    """The same as a table, in the order of the run."""
    trials = sorted(summary.trials, key=lambda trial: order.index(trial.record.trial_id))
    return Table(
        key="disturbances-by-trial",
        title="Steal, foreign CPU and pressure by trial",
        columns=columns("trial", numeric=[name for name, _ in DISTURBANCES]),
        rows=tuple(
            (
                *words(trial.record.trial_id),
                *(cell(Unit.FRACTION, value_of(trial.quiet)) for _, value_of in DISTURBANCES),
            )
            for trial in trials
        ),
        note="Over the measure phase. Steal and foreign CPU are shares of the machine; pressure (PSI, some) is a share "
        f"of the time.{_on_nodes(summary, ' Each is that of the node where it was most.')}",
        folded=True,
    )
