"""Every finding declared once: what an arm can do that a reader must know, and from which value on (METHOD 2)."""

from collections.abc import Mapping
from dataclasses import dataclass

from lab.metrics import Unit
from lab.record.types import Finding

MIN_STEADY_SECONDS = 6  # with 5, even a perfect trend has p = 2/5! = 0.017 in Kendall's test
MIN_STEADY_REQUESTS = 10  # for the median of one second
STEADY_P_VALUE = 0.01  # two series in some 30 trials: 0.05 would give three false alarms a run, 0.01 less than one


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingKind:
    """One kind of finding: a value whose amount is beyond ``limit``. ``source`` gives the reason."""

    key: str
    title: str
    unit: Unit
    source: str
    limit: float = 0.0

    def of(self, value: float, subject: str = "") -> Finding | None:
        """The finding, if it is one."""
        if abs(value) <= self.limit:
            return None
        return Finding(key=self.key, value=value, limit=self.limit, subject=subject)

    def unknown(self, why: str) -> Finding:
        """It could not be told whether there is something to find."""
        return Finding(key=self.key, value=None, limit=self.limit, subject=why)


FAILED = FindingKind(
    key="requests.failed",
    title="requests that failed",
    unit=Unit.COUNT,
    source="METHOD 2: failures are the arm's own doing",
)
HUNG = FindingKind(
    key="requests.hung",
    title="requests without an answer",
    unit=Unit.COUNT,
    source="METHOD 2: an arm that hangs must not be rescued by replacing the block in which it hung",
)
REFUSED = FindingKind(
    key="front.refused",
    title="requests that the front answered itself",
    unit=Unit.COUNT,
    source="FIELD 17: limits of a front look like failures of the app",
)
UNCLEAR = FindingKind(
    key="front.unclear",
    title="requests refused, by the front or by the app",
    unit=Unit.COUNT,
    source="METHOD 1.7: an app that passes on what others answer gives the statuses of a front that reached nobody",
)
DROPPED = FindingKind(
    key="requests.dropped",
    title="arrivals that were dropped",
    unit=Unit.COUNT,
    source="METHOD 2: at its capacity that is the arm's doing; below, a gate takes the trial out",
)
CAPACITY = FindingKind(
    key="load.capacity",
    title="arrivals not sent, the arm at its capacity",
    unit=Unit.FRACTION,
    source="METHOD 2: what an arm at its capacity does not do is its result; its latencies describe a queue",
)
CHANGED = FindingKind(
    key="ledger.changed",
    title="processes that came or went",
    unit=Unit.COUNT,
    source="a supervisor replaces a worker that died within half a second: the run goes on as if nothing had happened",
)
RECYCLED = FindingKind(
    key="ledger.recycled",
    title="workers recycled as asked",
    unit=Unit.COUNT,
    source="a limit of requests for each worker is a choice of the command; its price is in the numbers",
)
OUT_OF_MEMORY = FindingKind(
    key="memory.killed",
    title="processes that the kernel killed for memory",
    unit=Unit.COUNT,
    source="benoitc/gunicorn#2215, fastapi/fastapi#1484: a supervisor replaces the dead and nobody sees it",
)
STARVED = FindingKind(
    key="warmup.starved",
    title="processes starved in the warm-up",
    unit=Unit.COUNT,
    source="METHOD 6.3: 100 requests for each serving process",
)
STEADY_P50 = FindingKind(
    key="steady.p50",
    title="drift of the median latency",
    unit=Unit.FRACTION,
    source="METHOD 6.4: Theil–Sen slope over the window; Sen 1968",
    limit=0.05,
)
STEADY_THROUGHPUT = FindingKind(
    key="steady.throughput",
    title="drift of the throughput",
    unit=Unit.FRACTION,
    source="METHOD 6.4: Theil–Sen slope over the window; Sen 1968",
    limit=0.05,
)
MEMORY_DRIFT = FindingKind(
    key="memory.drift",
    title="drift of the memory (PSS)",
    unit=Unit.FRACTION,
    source="METHOD 6.4, as for latency: a median over a growing series depends on how long it was measured",
    limit=0.05,
)
UNFINISHED = FindingKind(
    key="drill.unfinished",
    title="a drill that was not over",
    unit=Unit.COUNT,
    source="METHOD 2: an arm that is slow must not be rescued by replacing the block in which it was",
)
NOT_UPDATED = FindingKind(
    key="drill.update",
    title="updates that did not come about",
    unit=Unit.COUNT,
    source="METHOD 11.4: what an update costs that a Swarm stops or takes back is not what a deployment costs",
)

SIDECAR_CPU = FindingKind(
    key="sidecar.cpu",
    title="a sidecar that was busy",
    unit=Unit.FRACTION,
    source="near one core a service of one thread serves no more: latencies and throughput are then its own",
    limit=0.8,
)

EXCEPTIONS = FindingKind(
    key="load.exceptions",
    title="exceptions in the locustfile",
    unit=Unit.COUNT,
    source="a task that ends with an exception has not done the work that the others did",
)
RAMP = FindingKind(
    key="load.ramp",
    title="users that came or went, by the shape",
    unit=Unit.COUNT,
    source="if the load itself changes in the measure phase, the numbers belong to no load in particular",
)
OWN_VERDICT = FindingKind(
    key="load.verdict",
    title="exit code of the locustfile",
    unit=Unit.COUNT,
    source="the locustfile's own judgement; the lab's expectations are separate",
)

UNREAD = FindingKind(
    key="load.unread",
    title="streamed answers that were not read to their end",
    unit=Unit.COUNT,
    source="METHOD 1.3: a request is done with its last byte, which nobody waited for",
)

_OF_THE_LOCUSTFILE = (EXCEPTIONS, RAMP, UNREAD, OWN_VERDICT)
_OF_THE_ARM = (
    *(FAILED, REFUSED, UNCLEAR, HUNG, DROPPED, CAPACITY, OUT_OF_MEMORY, CHANGED, RECYCLED, STARVED),
    *(STEADY_P50, STEADY_THROUGHPUT, MEMORY_DRIFT, UNFINISHED, NOT_UPDATED),
)
FINDINGS: Mapping[str, FindingKind] = {kind.key: kind for kind in (*_OF_THE_LOCUSTFILE, *_OF_THE_ARM, SIDECAR_CPU)}
