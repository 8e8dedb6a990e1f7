"""The reasons: request shares, the memory ledger, CPU by role, and what the proxy hop costs."""

from collections.abc import Iterator, Mapping

from lab.analysis.arms import ArmSummary
from lab.analysis.summary import RunSummary
from lab.analysis.trial.cpu_roles import PARTS
from lab.metrics import METRICS, Unit
from lab.plan.kinds import Role
from lab.report.charts.bars import Stacked, StackedBar
from lab.report.content import Figure, Reader, Section, Table, section
from lab.report.parts.cells import (
    axis,
    cell,
    columns,
    difference_cell,
    metric_cell,
    only,
    quantity,
    signed_quantity,
    words,
)
from lab.report.parts.values import arm_names, block_marks, hollow_note, shown_value
from lab.report.sections.why_memory import ledger_table, memory_figure, memory_over_time, role_table
from lab.report.sections.why_shares import share_map, share_table, thread_table

CPU_PARTS = (*PARTS, Role.PROXY.value)  # from the axis outwards


def mechanism(summary: RunSummary) -> Section:
    """The section on mechanisms; a figure that would say nothing is left out.

    CPU for 1,000 requests is none of a ladder: it would be of many rates at once.
    """
    cpu = () if summary.scenario.capacity else (cpu_figure(summary), cpu_table(summary))
    parts = (
        *(share_map(summary), share_table(summary), thread_table(summary)),
        *(memory_figure(summary), memory_over_time(summary), role_table(summary), ledger_table(summary)),
        *cpu,
        hop_table(summary),
    )
    return section("why", "Why is it so?", *parts, sentences=tuple(hop_sentences(summary)), short="Why")


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
            *only(Reader.PROGRAMS, columns(numeric=["app"])),
            *columns(numeric=numbers),
        ),
        rows=rows,
        note="Time and switches for 1,000 successful requests, except cores used and throttled time. "
        "Counters of the containers (engine process: of the processes), interpolated linearly to the edges of the "
        "measure phase. Within the app's containers the processes say how it is divided; other is what none of them "
        "accounts for.",
    )


def hop_table(summary: RunSummary) -> Table:
    """Behind the proxy minus direct, for arms that differ in nothing else."""
    keys = list(summary.hops[0].differences) if summary.hops else []
    rows = tuple(
        (
            *words(f"{hop.behind} − {hop.direct}"),
            *(difference_cell(METRICS[key].unit, difference) for key, difference in hop.differences.items()),
        )
        for hop in summary.hops
        if any(difference is not None for difference in hop.differences.values())
    )
    return Table(
        key="hop",
        title="What the proxy hop costs",
        columns=columns("arms", numeric=[METRICS[key].title for key in keys]),
        rows=rows,
        note="The same process model behind the proxy and without it: medians of the blocks' differences.",
    )


def hop_sentences(summary: RunSummary) -> Iterator[str]:
    """Say what each hop adds."""
    for hop in summary.hops:
        added, cpu = hop.differences.get("p50"), hop.differences.get("cpu.per_1k")
        if added is not None and cpu is not None:
            told = (signed_quantity(Unit.SECONDS, each) for each in (added, cpu))
            yield "Putting {} behind the proxy ({}) changes p50 by {} and CPU for 1,000 requests by {}.".format(
                hop.direct, hop.behind, *told
            )
