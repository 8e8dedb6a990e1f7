"""Before and beside the arms: sidecars, jobs, and how often the app's own steps ran before it served."""

from lab.analysis.summary import RunSummary
from lab.analysis.trial.prestart import JOB
from lab.metrics import Unit
from lab.report.content import Section, Table, section
from lab.report.parts.cells import cell, columns, words

BY = {JOB: "a job, before the app is started"}
OWN_STEP = "the app"
STEPS = (
    "Medians over the blocks. At once: the most that ran at the same time. Time: how long at least one ran, by the "
    "engine's clock; that of jobs is not in the time until ready."
)
AFTER_A_RESTART = " After a restart: after the lab restarted one serving process, once everything was measured."


def beside_section(summary: RunSummary) -> Section:
    """What no arm's sum holds; empty for an app that stands alone and tells of no steps."""
    return section("beside", "Before and beside the arms", sidecar_table(summary), step_table(summary), short="Beside")


def sidecar_table(summary: RunSummary) -> Table:
    """Memory and CPU of every sidecar while an arm was measured."""
    rows = tuple(
        (
            *words(sidecar.service, arm.name),
            cell(Unit.FRACTION, sidecar.cpu_cores),
            cell(Unit.BYTES, sidecar.pss_bytes),
            cell(Unit.COUNT, sidecar.processes),
        )
        for arm in summary.arms
        for sidecar in arm.sidecars
    )
    return Table(
        key="sidecars",
        title="Sidecars",
        columns=columns("sidecar", "beside", numeric=("CPU of a core", "PSS", "processes")),
        rows=rows,
        note="Means over the measure phase, then the median over the blocks. They are fresh in every trial, and in no "
        "arm's sum; their data is in memory that belongs to their container, not to a process.",
    )


def step_table(summary: RunSummary) -> Table:
    """Every step before serving, of jobs and of the app itself, by arm."""
    again = any(step.again is not None for arm in summary.arms for step in arm.steps)
    rows = tuple(
        (
            *words(step.name, BY.get(step.by, OWN_STEP), arm.name),
            cell(Unit.COUNT, step.executions),
            cell(Unit.COUNT, step.at_once),
            cell(Unit.SECONDS, step.seconds),
            *((cell(Unit.COUNT, step.again),) if again else ()),
        )
        for arm in summary.arms
        for step in arm.steps
    )
    numbers = ("runs", "at once", "time", *(("runs after a restart",) if again else ()))
    return Table(
        key="prestart",
        title="Steps before serving",
        columns=columns("step", "run by", "arm", numeric=numbers),
        rows=rows,
        note=STEPS + (AFTER_A_RESTART if again else ""),
    )
