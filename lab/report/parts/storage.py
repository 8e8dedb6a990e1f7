"""What the engine's storage driver means for memory: whether containers of one image share the pages of its files."""

from __future__ import annotations

from lab.analysis.comparable import shares_file_pages
from lab.analysis.summary import RunSummary
from lab.plan.models.model import model_of
from lab.record.types import Environment, RunInfo
from lab.report.parts.values import told_by_arm

PSS = "memory.pss"  # how the keys of metrics begin that count file pages by their sharers


def driver_met(environment: Environment) -> str:
    """At the start of a run: which driver, and what it means for memory; "" when the engine names none."""
    shared = shares_file_pages(environment)
    if shared is None:
        return ""
    driver = environment.known.storage_driver
    if shared:
        return f"storage driver {driver}: containers of one image share its file pages, as the workers of one do"
    return (
        f"storage driver {driver}: containers share no file pages, so that memory (PSS) of several of them is higher "
        "here than under overlay2, which most machines have"
    )


def unshared_answer(run: RunInfo, summary: RunSummary, metric: str, arm: str) -> str:
    """In the memory sentence itself, because it can turn the answer round; "" where both arms pay alike."""
    arms = {each.name: each for each in summary.scenario.arms}
    processes = summary.scenario.budget.processes
    one, other = (model_of(arms[name]).containers(arms[name].model, processes) for name in (arm, summary.baseline))
    if not metric.startswith(PSS) or one == other or shares_file_pages(run.environment) is not False:
        return ""
    dear = arm if one > other else summary.baseline
    return (
        f"Under the storage driver {run.environment.known.storage_driver} every container of {dear} has its own copy "
        "of the image's files in memory; overlay2 would share one, so that this difference in memory holds for this "
        "driver only."
    )


def unshared_caveat(run: RunInfo, summary: RunSummary) -> str:
    """Memory of several containers is dearer here than where their file pages are shared: say so, with what is not."""
    models = {arm.model.kind for arm in summary.scenario.arms}
    if len(models) < 2 or shares_file_pages(run.environment) is not False:
        return ""
    anonymous = told_by_arm(summary, "memory.cgroup.anon")
    return (
        f"Under the storage driver {run.environment.known.storage_driver} every container has its own copy of the "
        "image's file pages; under overlay2 they would share one. So memory (PSS) of arms with several containers is "
        f"higher here than there. Anonymous memory does not depend on the driver: {anonymous or 'unknown'}."
    )
