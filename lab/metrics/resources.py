"""Metrics of what an arm takes: memory and CPU."""

from lab.metric_types import Better, Group, Metric, Unit


def _memory(key: str, title: str, definition: str, bound: float | None = None, noun: str = "") -> Metric:
    return Metric(key, Unit.BYTES, Better.LOWER, Group.MEMORY, title, definition, noun, bound)


def _cpu(key: str, unit: Unit, title: str, definition: str, bound: float | None = None, noun: str = "") -> Metric:
    return Metric(key, unit, Better.LOWER, Group.CPU, title, definition, noun, bound)


MEMORY = (
    _memory(
        "memory.pss.total",
        "memory (PSS), steady",
        "Sum of PSS over all processes of the arm (supervisor, helpers, init, workers, front): the mean over the "
        "measure phase, weighted with time. Shared pages are divided among their users, so that it may be summed.",
        0.05,
        noun="memory",
    ),
    _memory(
        "memory.pss.peak",
        "memory (PSS), peak",
        "Largest sum of PSS over all processes of the arm at the instant of a reading in the measure phase.",
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
        noun="anonymous memory",
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
        "Sum of PSS over all processes of the arm at the end of load.settle: the last reading of each that lives then. "
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
)
CPU = (
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
)
