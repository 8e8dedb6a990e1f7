"""The catalogue: every metric declared once. Tables, charts, expectations and the documentation come from it."""

from collections.abc import Mapping

from lab.metric_types import Better, Group, Metric, Unit

__all__ = ["CATALOGUE", "METRICS", "Better", "Group", "Metric", "Unit"]


def _latency(key: str, quantile: float, bound: float) -> Metric:
    return Metric(
        key=key,
        unit=Unit.SECONDS,
        better=Better.LOWER,
        group=Group.LATENCY,
        title=f"{key} response time",
        definition=(
            f"{quantile:.1%} quantile of the time from the scheduled instant to the last byte, over the arrivals "
            "scheduled in the measure phase; exact, from the raw rows. One that failed, was dropped or never answered "
            "is slower than all others. In the closed model: the service time."
        ),
        bound=bound,
        quantile=quantile,
    )


def _service(key: str, quantile: float, bound: float) -> Metric:
    return Metric(
        key=f"service.{key}",
        unit=Unit.SECONDS,
        better=Better.LOWER,
        group=Group.LATENCY,
        title=f"{key} service time",
        definition=(
            f"{quantile:.1%} quantile of the time from sending a request to its last byte, over all requests sent "
            "in the measure phase, those that failed as the slowest. Hides the wait for a free lane, so never the "
            "headline in the open model."
        ),
        bound=bound,
        quantile=quantile,
    )


def _memory(key: str, title: str, definition: str, bound: float | None = None, noun: str = "") -> Metric:
    return Metric(key, Unit.BYTES, Better.LOWER, Group.MEMORY, title, definition, noun, bound)


def _cpu(key: str, unit: Unit, title: str, definition: str, bound: float | None = None, noun: str = "") -> Metric:
    return Metric(key, unit, Better.LOWER, Group.CPU, title, definition, noun, bound)


def _drill(key: str, title: str, noun: str, definition: str, bound: float | None = None) -> Metric:
    """Of trials in which something was done to the arm on purpose; judged as differences, for zeros are common."""
    return Metric(
        f"drill.{key}",
        Unit.SECONDS,
        Better.LOWER,
        Group.DRILL,
        title,
        definition,
        noun,
        bound,
        differences=True,
    )


CATALOGUE: tuple[Metric, ...] = (
    _latency("p50", 0.50, 0.10),
    _latency("p95", 0.95, 0.15),
    _latency("p99", 0.99, 0.15),
    _latency("p99.9", 0.999, 0.15),
    _service("p50", 0.50, 0.10),
    _service("p95", 0.95, 0.15),
    _service("p99", 0.99, 0.15),
    Metric(
        key="connection.p50",
        unit=Unit.SECONDS,
        better=Better.LOWER,
        group=Group.LATENCY,
        title="p50 time of a new connection",
        definition="Median time that Locust's client took to make a connection to the arm, over those that requests of "
        "the measure phase had to make: look-up of the name, TCP, and with TLS the handshake. It is a part of these "
        "requests' own times. Missing with fewer than 20, as with clients that keep theirs.",
        noun="time of a new connection",
    ),
    Metric(
        key="connection.resumed",
        unit=Unit.FRACTION,
        better=Better.HIGHER,
        group=Group.LATENCY,
        title="TLS sessions resumed",
        noun="share of TLS sessions resumed",
        definition="New TLS connections of the measure phase that went on with an earlier session ÷ all of them, as "
        "the client's TLS library says. Locust's HttpUser and FastHttpUser never offer a session, so theirs is 0: each "
        "connection pays for a whole handshake. What the server would have resumed is attested before the load.",
    ),
    Metric(
        key="throughput",
        unit=Unit.PER_SECOND,
        better=Better.HIGHER,
        group=Group.CAPACITY,
        title="successful requests a second",
        noun="throughput",
        definition="Successful requests that ended in the measure phase, whenever they were due, ÷ its length.",
        bound=0.05,
    ),
    Metric(
        key="errors",
        unit=Unit.COUNT,
        better=Better.LOWER,
        group=Group.CAPACITY,
        title="failed requests",
        noun="number of failed requests",
        definition="Requests of the measure phase that failed, dropped arrivals included. Judged as the paired "
        "difference of their shares of all requests, with the bound in that unit: 0.001 is 0.1 points.",
        bound=0.001,
        shares=True,
    ),
    _memory(
        "memory.pss.total",
        "memory (PSS), steady",
        "Sum of PSS over the arm's whole ledger (supervisor, helpers, init, workers, front): the mean over the measure "
        "phase, weighted with time. Shared pages are divided among their users, so that it may be summed.",
        0.05,
        noun="memory",
    ),
    _memory(
        "memory.pss.peak",
        "memory (PSS), peak",
        "Largest sum of PSS over the arm's ledger at the instant of a reading in the measure phase.",
        0.05,
        noun="memory at the peak",
    ),
    _memory(
        "memory.uss.total",
        "memory (USS)",
        "As memory.pss.total with USS: what would be freed if each process ended alone. The lower bound.",
    ),
    _memory(
        "memory.rss.total",
        "memory (RSS sum)",
        "As memory.pss.total with RSS: what top would make you believe. Counts shared pages once for each process.",
    ),
    _memory(
        "memory.cgroup.anon",
        "anonymous memory (cgroups)",
        "Sum of anonymous memory of the arm's containers as the kernel accounts it: the cross-check of PSS.",
    ),
    _memory(
        "memory.slope.per_1k",
        "growth of memory (PSS) for 1,000 requests",
        "Slope of the sum of PSS over the successful requests that had ended by then, × 1,000, in the measure phase: "
        "Theil–Sen (the median over all pairs) of the middles of its seconds. Below zero where memory shrinks. Missing "
        "in a phase of less than 6 s.",
    ),
    _memory(
        "memory.pss.idle",
        "memory (PSS), after rest",
        "Sum of PSS over the arm's ledger at the end of load.settle: the last reading of each process that lives then. "
        "What the arm gave back to the kernel is no longer in it. Missing where load.settle is 0.",
        0.05,
        noun="memory after rest",
    ),
    _memory(
        "memory.platform.pss",
        "platform memory (PSS)",
        "containerd-shim and storage-driver processes of the arm's containers: not in memory.pss.total.",
    ),
    _memory(
        "memory.proxy.pss",
        "memory of the proxy (PSS)",
        "The part of memory.pss.total that the front has: its buffers, and with TLS the state of every connection. "
        "Missing without a front.",
    ),
    _cpu(
        "cpu.per_1k",
        Unit.SECONDS,
        "CPU for 1,000 requests",
        "Δ CPU time of the arm's containers over the measure phase, front included, ÷ successful requests that ended "
        "in it × 1,000. Under engine process the sum over its processes.",
        0.05,
    ),
    _cpu(
        "cpu.proxy.per_1k",
        Unit.SECONDS,
        "CPU of the proxy for 1,000 requests",
        "The part of cpu.per_1k that the front used.",
    ),
    _cpu(
        "cpu.cores",
        Unit.COUNT,
        "cores used",
        "Δ CPU time of the whole arm over the measure phase ÷ its length.",
    ),
    _cpu(
        "cpu.throttled",
        Unit.SECONDS,
        "time throttled",
        "Δ throttled time of the arm's cgroups (cpu.stat) over the measure phase: the quota stopped them.",
        noun="throttled time",
    ),
    _cpu(
        "cpu.runqueue.per_1k",
        Unit.SECONDS,
        "wait for a core, for 1,000 requests",
        "Δ run-queue wait (/proc/PID/task/TID/schedstat) of all threads of the arm's processes ÷ requests × 1,000.",
    ),
    _cpu(
        "cpu.switches.per_1k",
        Unit.COUNT,
        "context switches for 1,000 requests",
        "Δ voluntary and involuntary context switches of all threads of the arm's processes ÷ requests × 1,000.",
    ),
    Metric(
        key="share.max",
        unit=Unit.FRACTION,
        better=Better.LOWER,
        group=Group.BALANCE,
        title="largest share of one process",
        definition=(
            "Requests served by the busiest serving process ÷ all attributed requests; 1/N is perfect balance. "
            "Missing, as the two below, when the server of less than 99% of the successful requests is known."
        ),
    ),
    Metric(
        key="share.skew",
        unit=Unit.RATIO,
        better=Better.LOWER,
        group=Group.BALANCE,
        title="skew of the shares",
        definition="Largest share ÷ (1/N): 1.0 is perfect balance, N is one process doing all the work.",
    ),
    Metric(
        key="share.gini",
        unit=Unit.FRACTION,
        better=Better.LOWER,
        group=Group.BALANCE,
        title="Gini coefficient of the shares",
        definition="0 is perfect balance; (N − 1)/N is one process doing all the work.",
    ),
    Metric(
        key="boot",
        unit=Unit.SECONDS,
        better=Better.LOWER,
        group=Group.START,
        title="time until ready",
        definition="From the request to start the arm's first container until N distinct processes have answered. "
        "Sidecars and jobs, which run before, are not in it.",
        bound=0.20,
    ),
    Metric(
        key="prestart.executions",
        unit=Unit.COUNT,
        better=Better.LOWER,
        group=Group.START,
        title="runs of the app's start-up steps",
        noun="number of runs of its start-up steps",
        definition="How often the app said that a step of its own began (a line `lab-step NAME begin` on its output) "
        "until the end of the load. Missing where it says nothing.",
    ),
    Metric(
        key="prestart.seconds",
        unit=Unit.SECONDS,
        better=Better.LOWER,
        group=Group.START,
        title="time in the app's start-up steps",
        noun="time in its start-up steps",
        definition="For each step the time during which at least one process was in it, by the engine's instants of "
        "the lines `lab-step NAME begin` and `lab-step NAME end`; summed over the steps.",
    ),
    _drill(
        "harm",
        "harm of a drill",
        "harm",
        "Requests due from the action on, or on their way at it, that failed, were never sent or took longer than the "
        "drill's SLO, ÷ rate: the seconds of a whole outage that they stand for. Judged as the paired difference.",
        0.5,
    ),
    _drill(
        "recovery",
        "time until no request is bad any more",
        "recovery",
        "From the action to the begin of the first 3 s without a bad request and with a p95 within the SLO or 1.25 × "
        "that before. 0 where no request was bad, infinite where it does not come in the trial. Judged as the paired "
        "difference; what is infinite ranks last.",
        1.0,
    ),
    _drill(
        "share",
        "time until the slot carries its part again",
        "time until the slot carries its part again",
        "From the action to the begin of the first 3 s in which the processes that were hit, or took their place, "
        "answer half of a fair share of the requests. Infinite as above.",
        2.0,
    ),
    _drill(
        "process",
        "time until a new process answers",
        "time until a new process answers",
        "From the action to the first answer of a process that had not answered before it. Infinite as above.",
        1.0,
    ),
    Metric(
        key="drill.lost",
        unit=Unit.FRACTION,
        better=Better.LOWER,
        group=Group.DRILL,
        title="requests on their way that were lost",
        definition="Of the requests that had been sent and not answered at the action, the part that failed.",
        differences=True,
    ),
    Metric(
        key="drill.before",
        unit=Unit.COUNT,
        better=Better.LOWER,
        group=Group.DRILL,
        title="bad requests before the action",
        definition="Bad requests that were answered before the action: there should be none (see the gate "
        "`drill.steady`).",
        differences=True,
    ),
)

METRICS: Mapping[str, Metric] = {metric.key: metric for metric in CATALOGUE}
