"""Every gate declared once: what it looks at, its limits, what it spoils, and where each comes from (METHOD 2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lab.analysis.gates.gate import EVERYTHING, INVALID, NOT_MEMORY, TIME_ONLY, Gate
from lab.analysis.trial.shares import MIN_ATTRIBUTED
from lab.metric_types import Family
from lab.metrics import Unit
from lab.record.types import GateResult

# How readings and rows are looked at; the limits themselves stand in the catalogue below.
SECOND_S = 0.95  # a "measured second" of the 2 Hz grid: two steps, each up to 25 ms early
EDGE_S = 1.1  # readings must reach this near to both ends of the window: a step of 1 Hz, 0.1 s late
EDGE_ARRIVALS = 3  # arrivals that may wait at a window's end however well the lanes keep up
MIN_LITTLE_REQUESTS = 100  # below, requests that straddle the edges alone move the residual by more than 5%
NEAR_S = 5.0  # readings so near to the window tell of it: the longest time between two looks at a process

# When the arm, not the generator, is at its limit.
BUSY_MACHINE = 0.95  # of all cores, steal included: nobody could have run more
BUSY_PROCESS = 0.90  # of a core: an event loop has one thread, so one busy process caps what it serves
THROTTLED_PERIODS = 0.10  # of the CFS periods of a container: its quota decides

# Of two clocks. By what a trial shows, such as its own recovery, no gate may decide: the quicker arm would lose blocks.
A_STEP_S = 0.5  # of the readings at 2 Hz: beyond, a request is held against another reading than its own
TOLD_APART_S = 0.05  # a tenth of 0.5 s, the least difference in seconds for which drills are judged


COMPLETE = Gate(
    key="trial.complete",
    title="the trial ran to its end",
    unit=Unit.COUNT,
    source="a trial without a whole measure phase has nothing to check",
)
LOAD_CPU = Gate(
    key="load.cpu",
    title="CPU of the busiest load process",
    unit=Unit.FRACTION,
    source="Locust itself warns above 90% (locust/runners.py, CPU_WARNING_THRESHOLD)",
    spoils=TIME_ONLY,
    caveat=0.70,
    invalid=0.90,
)
ARRIVALS = Gate(
    key="load.arrivals",
    title="arrivals sent",
    unit=Unit.FRACTION,
    source="METHOD 2: a different amount of work was done than in the other arms",
    invalid=0.99,
    floor=True,
)
REQUESTS = Gate(
    key="load.requests",
    title="requests made",
    unit=Unit.COUNT,
    source="METHOD 2: an arm without requests has shown nothing, not even its memory under load",
    invalid=1.0,
    floor=True,
)
ROWS = Gate(
    key="load.rows",
    title="arrivals in the request table",
    unit=Unit.FRACTION,
    source="the limit of arrivals sent: a lost row is a request that is not judged",
    spoils=NOT_MEMORY,
    caveat=1.0,
    invalid=0.99,
    floor=True,
)
LAG = Gate(
    key="load.lag",
    title="dispatcher lag, p99",
    unit=Unit.SECONDS,
    source="METHOD 2.1: 1.1 to 1.5 ms measured on two shared cores; 10 ms is more than most services take",
    spoils=TIME_ONLY,
    caveat=0.002,
    invalid=0.010,
)
LITTLE = Gate(
    key="load.little",
    title="residual of Little's law",
    unit=Unit.FRACTION,
    source="Little 1961: L = λW; the-benchmarker/web-frameworks#9775",
    spoils=TIME_ONLY,
    caveat=0.05,
    invalid=0.10,
)
CLOCK = Gate(
    key="load.clock",
    title="bound of the load's clock",
    unit=Unit.SECONDS,
    source="METHOD 2: latencies are taken on one clock, but readings and requests are matched over two",
    spoils=NOT_MEMORY,
    caveat=0.005,
    invalid=A_STEP_S,
)
SAMPLER_READINGS = Gate(
    key="sampler.readings",
    title="readings of the sampler",
    unit=Unit.FRACTION,
    source="METHOD 2: peaks hide in the gaps",
    invalid=0.90,
    floor=True,
)
SAMPLER_CPU = Gate(
    key="sampler.cpu",
    title="CPU of the sampler",
    unit=Unit.FRACTION,
    source="METHOD 4.6: the observer's cost",
    spoils=NOT_MEMORY,
    caveat=0.02,
)
STEAL = Gate(
    key="machine.steal",
    title="steal",
    unit=Unit.FRACTION,
    source="METHOD 2: CPU time that the hypervisor gave to other machines",
    spoils=NOT_MEMORY,
    caveat=0.01,
    invalid=0.05,
)
FOREIGN = Gate(
    key="machine.foreign",
    title="foreign CPU",
    unit=Unit.FRACTION,
    source="METHOD 2: another program worked on this machine",
    spoils=NOT_MEMORY,
    caveat=0.05,
    invalid=0.20,
)
ANON = Gate(
    key="memory.anon",
    title="anonymous memory, PSS against cgroups",
    unit=Unit.FRACTION,
    source="METHOD 2: two accounts of the same pages, kept by different parts of the kernel",
    spoils=frozenset({Family.MEMORY}),
    caveat=0.05,
)
SHARED = Gate(
    key="memory.shared",
    title="PSS of files that the lab shares with the arm",
    unit=Unit.BYTES,
    source="METHOD 4.2: a process that maps the same file pages lowers the PSS of all others",
    spoils=frozenset({Family.MEMORY}),
    caveat=0.0,
)
NEIGHBOURS = Gate(
    key="memory.neighbours",
    title="other labs on the same image",
    unit=Unit.COUNT,
    source="METHOD 4.2: containers of one image share its file pages, so that PSS is divided among both labs",
    spoils=frozenset({Family.MEMORY}),
    invalid=0.0,
)
ATTRIBUTION = Gate(
    key="attribution.partial",
    title="requests whose server is known",
    unit=Unit.FRACTION,
    source="METHOD 1.7: shares of a part of the requests may be those of a few connections",
    spoils=TIME_ONLY,
    caveat=MIN_ATTRIBUTED,
    floor=True,
)
DRILL_DONE = Gate(
    key="drill.done",
    title="the drill's action was carried out",
    unit=Unit.COUNT,
    source="METHOD 9.4: where nothing was done there is no cost of it",
    invalid=1.0,
    floor=True,
)
DRILL_STEADY = Gate(
    key="drill.steady",
    title="bad requests before the drill's action",
    unit=Unit.COUNT,
    source="METHOD 9.3: an arm that was not steady before cannot become steady again",
    spoils=TIME_ONLY,
    invalid=0.0,
)
DRILL_UNREST = Gate(
    key="drill.unrest",
    title="p95 of the 5 s before the drill's action ÷ the median of that of its seconds",
    unit=Unit.RATIO,
    source="METHOD 9.3: a window whose p95 is far from that of its seconds was not steady",
    spoils=TIME_ONLY,
    invalid=1.25,
)
DRILL_CLOCK = Gate(
    key="drill.clock",
    title="bound of the clocks in a drill",
    unit=Unit.SECONDS,
    source="METHOD 11.2: action and requests are on two clocks, and a tenth of what is judged may be theirs",
    spoils=TIME_ONLY,
    invalid=TOLD_APART_S,
)
ALIKE = Gate(
    key="block.alike",
    title="spread of throughput over the arms of a block",
    unit=Unit.FRACTION,
    source="the-benchmarker/web-frameworks#9775: a saturated generator makes everything equally fast",
    spoils=TIME_ONLY,
    caveat=0.015,
    floor=True,
)

GATES: Mapping[str, Gate] = {
    gate.key: gate
    for gate in (
        COMPLETE,
        LOAD_CPU,
        ARRIVALS,
        REQUESTS,
        ROWS,
        LAG,
        LITTLE,
        CLOCK,
        SAMPLER_READINGS,
        SAMPLER_CPU,
        STEAL,
        FOREIGN,
        ANON,
        SHARED,
        NEIGHBOURS,
        ATTRIBUTION,
        ALIKE,
        DRILL_DONE,
        DRILL_STEADY,
        DRILL_UNREST,
        DRILL_CLOCK,
    )
}


def spoiled(gates: Iterable[GateResult]) -> frozenset[Family]:
    """The families of metrics for which a trial with these results is invalid; a gate that is not known spoils all."""
    failed = [gate.key for gate in gates if gate.outcome == INVALID]
    return frozenset().union(*(GATES[key].spoils if key in GATES else EVERYTHING for key in failed))
