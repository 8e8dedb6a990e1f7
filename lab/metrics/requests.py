"""Metrics of requests: how long they took, how many there were, and how they were shared out."""

from lab.metric_types import Better, Group, Metric, Unit


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
            "in the measure phase, those that failed as the slowest. Hides the wait for a free connection, so never "
            "the headline in the open model."
        ),
        bound=bound,
        quantile=quantile,
    )


REQUESTS = (
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
        noun="share of failed requests",
        definition="Requests of the measure phase that failed, dropped arrivals included. Judged as the paired "
        "difference of their shares of all requests, with the bound in that unit: 0.001 is 0.1 points.",
        bound=0.001,
        shares=True,
    ),
)
BALANCE = (
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
)
