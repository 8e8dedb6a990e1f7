"""Environments and numbers: may two runs be compared, and does an environment favour a process model?"""

from collections.abc import Iterator, Mapping
from typing import Any

from lab.analysis.judge.verdict import Judgement, Verdict
from lab.analysis.summary import RunSummary
from lab.metric_types import Reading
from lab.plan.kinds import ServiceKind
from lab.record.run_types import Facts
from lab.record.types import Environment

MUST_MATCH: Mapping[str, str] = {
    "machine": "machine",
    "engine_at": "machine of the engine, where the lab is elsewhere",  # which alone tells them apart in older runs
    "load_at": "machines that drive load, where they are others",
    "cpu_model": "CPU model",
    "cpu_count": "number of usable cores",
    "memory_bytes": "memory",
    "kernel": "kernel",
    "cgroup_version": "cgroup version",
    "engine": "engine",
    "network": "network mode",
    "docker": "Docker version",
    "storage_driver": "storage driver",  # decides whether containers of one image share file pages
    "image_digest": "image",
    "app_python": "Python of the app",
    "uvicorn": "uvicorn",
    "fastapi": "FastAPI",
    "locust": "Locust",
}
MEMORY_TOLERANCE = 0.01  # what the kernel keeps for itself varies a little from boot to boot

# Drivers under which the kernel maps one copy of an image's files for all its containers (Docker's documentation of
# OverlayFS, "page caching"). Measured: the same Python in two containers has 9.5 MB of PSS in files each under
# fuse-overlayfs, however many run; under the kernel's overlay 10.2 MB alone and 5.3 MB as one of two.
SHARING_DRIVERS = frozenset({"overlay2", "overlay", "overlayfs", "aufs"})
PSS = "memory.pss"  # how the keys of metrics begin that count file pages by their sharers


def shares_file_pages(environment: Environment) -> bool | None:
    """Tell whether containers of one image share the pages of its files, as the workers of one container always do.

    Where they do not, N containers pay for them N times: that is the storage driver's doing, not the process model's.
    None when the engine does not state its driver.
    """
    driver = environment.known.storage_driver
    return driver in SHARING_DRIVERS if driver else None


def driver_moves(environment: Environment, summary: RunSummary, metric: str, arm: str) -> bool:
    """Tell whether this metric of an arm against the baseline has another size under another storage driver.

    So it is where containers share no file pages and one of the two arms has more of them.
    """
    if not metric.startswith(PSS) or shares_file_pages(environment) is not False:
        return False
    return containers_of(summary, arm) != containers_of(summary, summary.baseline)


def driver_decides(
    environment: Environment, summary: RunSummary, metric: str, arm: str, found: Judgement | None = None
) -> bool:
    """Tell whether another storage driver may give another answer, not only another size.

    Sharing file pages can only make the arm with more containers cheaper: where that arm was found to have less, it has
    less there all the more. ``found``: what was judged; without it the ratio of the run speaks.
    """
    estimate = found.estimate if found else summary.metrics[Reading(metric, arm)].ratio
    if estimate is None or not driver_moves(environment, summary, metric, arm):
        return False
    if found and found.verdict in (Verdict.EQUIVALENT, Verdict.INCONCLUSIVE):
        return True  # a little less may be better there
    ratios = [estimate, *((found.interval.low, found.interval.high) if found and found.interval else ())]
    dear_is_arm = containers_of(summary, arm) > containers_of(summary, summary.baseline)
    return not all(ratio < 1 if dear_is_arm else ratio > 1 for ratio in ratios)


def containers_of(summary: RunSummary, arm: str) -> int:
    """How many containers of the app an arm has, by its first trial: they are as many in all."""
    services = [service for trial in summary.of_arm(arm)[:1] for service in trial.record.services]
    return sum(service.kind == ServiceKind.APP for service in services)


def different_facts(a: Environment, b: Environment) -> Iterator[tuple[str, Any, Any]]:
    """Each fact that makes two environments unlike, and what either states: None where only the other one does."""
    one, other = a.known, b.known
    marked = all(_marks_the_engines(each) for each in (one, other))
    for key in MUST_MATCH:
        x, y = getattr(one, key), getattr(other, key)
        if key == "engine_at" and marked and None in (x, y):
            continue  # one was started on that machine itself, and the mark is the same; clones have the same mark too
        if not _alike(key, x, y):
            yield key, x, y


def _marks_the_engines(facts: Facts) -> bool:
    """Whether ``machine`` is the mark of the machine on which everything ran: older runs elsewhere had the lab's."""
    return facts.machine is not None and (facts.engine_at is None or bool(facts.engine_marked))


def _alike(key: str, x: Any, y: Any) -> bool:
    if key == "memory_bytes" and x and y:
        return bool(abs(x - y) <= MEMORY_TOLERANCE * max(x, y))
    return bool(x == y)
