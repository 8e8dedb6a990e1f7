"""The work of each process: request shares of the serving processes, in all and over time."""

from lab.analysis.summary import RunSummary
from lab.analysis.trial.trial import TrialSummary
from lab.metrics import Unit
from lab.report.charts.bars import Group, Grouped, Mark
from lab.report.charts.heat import Heat, HeatPanel, HeatRow
from lab.report.content import Cell, Figure, Table
from lab.report.parts.cells import cell, columns, words
from lab.report.parts.gate_sentences import listed
from lab.report.parts.process_names import rank_name
from lab.report.parts.time_axis import TIME_TITLE, phases_of_requests, shown_block, shown_trials, thinning, time_scale
from lab.report.parts.values import arm_names, hollow_note
from lab.units import format_ratio

GLANCE_WIDTH, GLANCE_HEIGHT = 430.0, 130.0  # beside the answer
MAX_THREADS = 32  # of one trial in the table
IDLE_CORES = 0.0005  # a thread that used less, and answered nothing, is not told
MAX_ROWS = 64  # processes of one arm in the heat map


def share_figure(summary: RunSummary) -> Figure | None:
    """Share of each serving process, busiest first, with every block's value."""
    groups = tuple(
        Group(
            arm=place,
            name=arm.name,
            bars=tuple(
                (share, f"{rank_name(number)} process: {format_ratio(share)}, median of the blocks")
                for number, share in enumerate(arm.shares, 1)
            ),
            marks=tuple(
                (number, _share_mark(summary, trial, number, share.fraction))
                for trial in summary.of_arm(arm.name)
                for number, share in enumerate(trial.shares)
            ),
        )
        for place, arm in enumerate(summary.arms)
    )
    if not any(group.bars for group in groups):
        return None
    expected = 1 / summary.scenario.budget.processes
    shares = [f"{arm.name} {format_ratio(arm.shares[0])}" for arm in summary.arms if arm.shares]
    unknown = [arm.name for arm in summary.arms if summary.of_arm(arm.name) and not arm.shares]
    return Figure(
        key="shares",
        title="Who did the work",
        sentence=f"Share of the busiest process: {', '.join(shares)}; even is {format_ratio(expected)} (dashed)."
        + (f" Of {listed(unknown)} it is not known which process answered." if unknown else "")
        + hollow_note(summary, "share.max"),
        chart=Grouped(
            title="Share of the requests of each serving process",
            axis="share of requests",
            groups=groups,
            kinds=("one block",),
            percent=True,
            even=expected,
            width=GLANCE_WIDTH,
            height=GLANCE_HEIGHT,
        ),
    )


def _share_mark(summary: RunSummary, trial: TrialSummary, number: int, share: float) -> Mark:
    text = f"{trial.record.arm}, block {trial.record.block}, process {number + 1}: {format_ratio(share)}"
    return Mark(kind=0, value=share, text=text, hollow=trial.record.block not in summary.valid_for("share.max"))


def share_map(summary: RunSummary) -> Figure | None:
    """The shares of one block over time, as a heat map."""
    trials = [trial for trial in shown_trials(summary) if trial.timeline.shares]
    panels = tuple(
        HeatPanel(
            arm=arm_names(summary).index(trial.record.arm),
            heading=trial.record.arm,
            starts=trial.timeline.start_s,
            rows=tuple(
                HeatRow(name=rank_name(place), told=f"{rank_name(place)}, {line.served_by}", shares=line.fractions)
                for place, line in enumerate(trial.timeline.shares[:MAX_ROWS], 1)
            ),
            phases=phases_of_requests([trial]),
        )
        for trial in trials
    )
    if not panels:
        return None
    cut = any(len(trial.timeline.shares) > MAX_ROWS for trial in trials)
    peaks = [
        f"{trial.record.arm} {format_ratio(peak)}"
        for trial in trials
        if (peak := max((share or 0.0 for line in trial.timeline.shares for share in line.fractions), default=0.0))
    ]
    return Figure(
        key="shares-time",
        title="Who did the work, over time",
        sentence=f"Shown is {shown_block(summary)}. The largest share of one process in one bin: {', '.join(peaks)}. "
        + thinning(trials, "the part of its requests that each process answered")
        + (f" Of each arm the {MAX_ROWS} busiest are drawn." if cut else ""),
        chart=Heat(
            title="Share of requests of each process over time",
            x=time_scale(trials),
            bin_s=trials[0].timeline.bin_s,
            even=1 / summary.scenario.budget.processes,
            x_title=TIME_TITLE,
            panels=panels,
        ),
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
    ways = ", ".join(sorted({trial.record.attribution for trial in summary.trials})) or "nothing"
    return Table(
        key="shares-by-block",
        title="Request shares of the serving processes",
        columns=columns("arm", "block", numeric=[f"{place}." for place in range(1, places + 1)]),
        rows=tuple(rows) if places else (),
        folded=True,
        note=f"Busiest process first; a process that answered nothing has 0%. Found by: {ways}.",
    )


def thread_table(summary: RunSummary) -> Table:
    """What each thread used, by arm and block, where threads of one process serve."""
    rows = []
    for arm in summary.arms:
        for trial in summary.of_arm(arm.name):
            for line in trial.threads[:MAX_THREADS]:
                used = line.cpu_s / trial.record.measure.length_s
                if used < IDLE_CORES and line.fraction is None:
                    continue
                told = words(arm.name, trial.record.block, line.name)
                rows.append((*told, Cell(f"{used:.3f}", used), cell(Unit.FRACTION, line.fraction)))
    return Table(
        key="threads",
        title="CPU of the threads",
        columns=columns("arm", "block", "thread", numeric=("CPU, cores", "share of requests")),
        rows=tuple(rows),
        folded=True,
        note="Mean of the measure phase, the busiest first"
        + (f"; the {MAX_THREADS} busiest." if any(len(t.threads) > MAX_THREADS for t in summary.trials) else ".")
        + " A thread without a share answered no request, or the app gives its threads no names.",
    )
