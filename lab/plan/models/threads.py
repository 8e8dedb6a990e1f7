"""Process model ``threads``: one process of free-threaded Python, whose granian runs N event loops in N threads."""

from typing import Literal

from lab.plan.models.granian import GRANIAN, Granian
from lab.plan.models.model import ProcessModel, Supervision
from lab.scenario.kinds import options


@options
class Threads:
    """One container of granian on free-threaded Python, where its workers are threads; the image must have both."""

    kind: Literal["threads"] = "threads"


THREADS = ProcessModel(
    options=Threads,
    containers=lambda _chosen, _processes: 1,
    supervisors=lambda _chosen, _processes: 0,
    serving=lambda _chosen, _processes: 1,
    supervision=Supervision(dies="all threads end with it; then as a replica", hangs="nobody looks"),
    one_address=True,
    services=lambda _chosen, place: GRANIAN.services(Granian(), place),  # its build for such a Python has threads only
    refusal=lambda _chosen, asked: GRANIAN.refusal(Granian(), asked),
    server=lambda _chosen: "granian, threads",
    title=lambda _chosen: "threads (free-threaded Python)",
)
