"""The reasons: request shares, the memory ledger, CPU by role, and what the proxy hop costs."""

from collections.abc import Iterator, Mapping, Sequence

from lab.analysis.arms import ArmSummary
from lab.analysis.contests import explored_hop
from lab.analysis.judge.verdict import Judgement
from lab.analysis.summary import Hop, RunSummary
from lab.analysis.trial.cpu_roles import PARTS
from lab.metric_types import Reading
from lab.metrics import METRICS, Metric, Unit
from lab.plan.kinds import Role
from lab.report.charts.bars import Stacked, StackedBar
from lab.report.content import Audience, Figure, Section, Table, section
from lab.report.parts.answers import quoted
from lab.report.parts.cells import (
    axis,
    cell,
    columns,
    metric_cell,
    only,
    quantity,
    ratio_cells,
    ratio_columns,
    words,
)
from lab.report.parts.judged import seen, word_of
from lab.report.parts.values import (
    NO_JUDGEMENTS,
    Judgements,
    arm_names,
    block_marks,
    hollow_note,
    ratio_note,
    shown_value,
)
from lab.report.sections.why_memory import ledger_table, memory_figure, memory_over_time, role_table
from lab.report.sections.why_shares import share_map, share_table, thread_table

CPU_PARTS = (*PARTS, Role.PROXY.value)  # from the axis outwards
HOP_METRICS = ("p50", "p99", "cpu.per_1k", "memory.pss.total", "throughput")
HOP_TOLD = ("p50", "cpu.per_1k")  # in the sentence too


def mechanism(summary: RunSummary, judgements: Judgements = NO_JUDGEMENTS) -> Section:
    """The section on mechanisms; a figure that would say nothing is left out.

    CPU for 1,000 requests is none of a ladder: it would be of many rates at once.
    """
    cpu = () if summary.scenario.capacity else (cpu_figure(summary), cpu_table(summary))
    parts = (
        *(share_map(summary), share_table(summary), thread_table(summary)),
        *(memory_figure(summary), memory_over_time(summary), role_table(summary), ledger_table(summary)),
        *cpu,
        hop_table(summary, judgements),
    )
    told = tuple(hop_sentences(summary, judgements))
    return section("why", "Why is it so?", *parts, sentences=told, short="Why")


def cpu_figure(summary: RunSummary) -> Figure | None:
    """CPU for 1,000 requests, stacked by role; a role that used none in any arm is left out."""
    known = [arm for arm in summary.arms if arm.cpu_app_by_role_s]
    if not known:
        return None
    totals = [shown_value(summary, arm.name, "cpu.per_1k") for arm in known]
    divisor, unit = axis(Unit.SECONDS, totals)
    bars = tuple(
        StackedBar(
            arm=arm_names(summary).index(arm.name),
            name=arm.name,
            parts=tuple(
                (part, value / divisor, quantity(Unit.SECONDS, value))
                for part, value in _cpu_parts(arm).items()
                if value > 0
            ),
            marks=tuple(block_marks(summary, arm.name, "cpu.per_1k", divisor)),
        )
        for arm in known
    )
    said = [f"{arm.name} {quantity(Unit.SECONDS, total)}" for arm, total in zip(known, totals, strict=True)]
    return Figure(
        key="cpu",
        title="CPU for 1,000 requests",
        sentence=f"CPU time of the whole arm for 1,000 successful requests: {', '.join(said)}."
        + hollow_note(summary, "cpu.per_1k"),
        chart=Stacked(
            title="CPU time for 1,000 requests by role",
            axis=f"CPU time for 1,000 requests ({unit})",
            parts=tuple(part for part in CPU_PARTS if any(part == name for bar in bars for name, _, _ in bar.parts)),
            kinds=("one block",),
            bars=bars,
        ),
    )


def _cpu_parts(arm: ArmSummary) -> Mapping[str, float]:
    """Tell what each role used, the proxy last."""
    proxy = {} if arm.cpu_proxy_per_1k_s is None else {Role.PROXY.value: arm.cpu_proxy_per_1k_s}
    return {**arm.cpu_app_by_role_s, **proxy}


def cpu_table(summary: RunSummary) -> Table:
    """CPU by role, and what else the arm's containers counted of it."""
    parts = [part for part in CPU_PARTS if any(part in _cpu_parts(arm) for arm in summary.arms)]
    rows = tuple(
        (
            *words(arm.name),
            *(cell(Unit.SECONDS, _cpu_parts(arm).get(part)) for part in parts),
            cell(Unit.SECONDS, arm.cpu_app_per_1k_s),
            *(
                metric_cell(METRICS[key], shown_value(summary, arm.name, key))
                for key in ("cpu.per_1k", "cpu.cores", "cpu.throttled", "cpu.runqueue.per_1k", "cpu.switches.per_1k")
            ),
        )
        for arm in summary.arms
        if arm.trials
    )
    numbers = ("together", "cores used", "throttled", "wait for a core", "context switches")
    return Table(
        key="cpu-by-part",
        title="CPU by role",
        columns=(
            *columns("arm", numeric=parts),
            *only(Audience.PROGRAMS, columns(numeric=["app"])),
            *columns(numeric=numbers),
        ),
        rows=rows,
        note="Time and switches for 1,000 successful requests, except cores used and throttled time. "
        "Counters of the containers (engine process: of the processes), interpolated linearly to the edges of the "
        "measure phase. Within the app's containers the processes say how it is divided; other is what none of them "
        "accounts for.",
    )


def hop_table(summary: RunSummary, judgements: Judgements) -> Table:
    """Behind the proxy against direct, for arms that differ in nothing else."""
    rows = tuple(
        (
            *words(f"{hop.behind} against {hop.direct}", metric.title, metric.unit),
            *(metric_cell(metric, shown_value(summary, arm, metric.key)) for arm in (hop.direct, hop.behind)),
            *ratio_cells(found.estimate, found.interval, judged=found.verdict is not None),
            *words(word_of(found, metric)),
        )
        for hop in summary.hops
        for metric, found in _added(summary, hop, judgements)
    )
    return Table(
        key="hop",
        short="Proxy hop",
        title="What the proxy hop costs",
        columns=(
            *columns("arms", "metric"),
            *only(Audience.PROGRAMS, columns("unit")),
            *columns(numeric=("without the proxy", "behind it")),
            *ratio_columns("against without", "ratio"),
            *columns("remark"),
        ),
        rows=rows,
        note="The same process model behind the proxy and without it: medians over the blocks that are valid for each "
        f"metric; the change is {ratio_note(judgements)}",
    )


def hop_sentences(summary: RunSummary, judgements: Judgements) -> Iterator[str]:
    """Say what each hop adds, as far as that is settled."""
    for hop in summary.hops:
        found = _added(summary, hop, judgements)
        if told := [seen(judged, metric) for metric, judged in found if metric.key in HOP_TOLD]:
            yield f"{quoted(hop.behind)} against {quoted(hop.direct)}, the same without the proxy: {'; '.join(told)}."


def _added(summary: RunSummary, hop: Hop, judgements: Judgements) -> Sequence[tuple[Metric, Judgement]]:
    """What is known of a hop; where the first screen compares the two arms, what it says."""
    first = judgements if hop.direct == summary.baseline else NO_JUDGEMENTS
    metrics = [METRICS[key] for key in HOP_METRICS]
    found = [(each, first.get(Reading(each.key, hop.behind)) or explored_hop(summary, hop, each)) for each in metrics]
    return [(metric, judged) for metric, judged in found if judged.estimate is not None]
