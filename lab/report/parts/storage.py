"""What the engine means for an answer: whether there were containers, whether those of one image share the pages of its
files, and what it runs itself for each of them.
"""

from __future__ import annotations

from lab.analysis.comparable import containers_of, driver_decides, driver_moves, shares_file_pages
from lab.analysis.conclusion import ANONYMOUS
from lab.analysis.contests import Contest
from lab.analysis.judge.verdict import Judgement
from lab.analysis.platform import stands_alone, with_platform
from lab.analysis.summary import RunSummary
from lab.metrics import METRICS
from lab.record.types import Environment, RunInfo
from lab.report.parts.answers import quoted
from lab.report.parts.judged import seen
from lab.report.parts.unusual import is_plain
from lab.report.parts.values import told_by_arm

HERE = " on this storage driver"
ALONE = " without the engine's own processes"  # with them it is another answer
NO_CONTAINER = " without containers"  # the engine was process
APART = "independent of the storage driver: "


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


def here(run: RunInfo, summary: RunSummary, one: Contest) -> str:
    """``" on this storage driver"`` for what may hold nowhere else, because the driver can turn it round; else "".

    So for what the engine's own processes for the containers turn, which no sum of PSS has.
    """
    driven = driver_decides(run.environment, summary, one.metric, one.arm, one.judgement)
    return place_of(driven=driven, alone=stands_alone(summary, one))


def place_of(*, driven: bool, alone: bool) -> str:
    """The words of ``here``, of what is known already."""
    return " and".join(filter(None, (HERE if driven else "", ALONE if alone else "")))


def holds_where(run: RunInfo, summary: RunSummary, one: Contest) -> str:
    """As ``here``, for the answer itself: of plain processes all of it says nothing of containers."""
    return NO_CONTAINER if is_plain(run) else here(run, summary, one)


def unshared_answer(run: RunInfo, summary: RunSummary, metric: str, arm: str, found: Judgement | None = None) -> str:
    """Beside the verdict on memory, what of it depends on this driver; "" where both arms pay alike."""
    if not driver_moves(run.environment, summary, metric, arm):
        return ""
    decides = driver_decides(run.environment, summary, metric, arm, found)
    so = "this difference in memory holds for this driver only"
    if not decides:
        so = "the size of the difference depends on the storage driver"
    dear = max((summary.baseline, arm), key=lambda name: containers_of(summary, name))
    return (
        f"Under the storage driver {run.environment.known.storage_driver} every container of {quoted(dear)} has its "
        f"own copy of the image's files in memory; overlay2 would share one, so that {so}. "
        "Anonymous memory does not depend on it."
    )


def platform_answer(summary: RunSummary, of: Contest) -> str:
    """Beside a verdict on memory what it were with the engine's own processes, where these turn it; else ""."""
    found = with_platform(summary, of)
    if found is None:
        return ""
    return (
        "With the engine's own processes for each container (containerd-shim and the like), which this sum leaves out: "
        f"{seen(found, METRICS[of.metric])}."
    )


def unshared_caveat(run: RunInfo, summary: RunSummary) -> str:
    """Memory of several containers is dearer here than where their file pages are shared: say so, with what is not."""
    models = {arm.model.kind for arm in summary.scenario.arms}
    if len(models) < 2 or shares_file_pages(run.environment) is not False:
        return ""
    anonymous = told_by_arm(summary, ANONYMOUS)
    return (
        f"Under the storage driver {run.environment.known.storage_driver} every container has its own copy of the "
        "image's file pages; under overlay2 they would share one. So memory (PSS) of arms with several containers is "
        f"higher here than there. Anonymous memory does not depend on the driver: {anonymous or 'unknown'}."
    )
