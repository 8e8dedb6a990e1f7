"""Metrics of what a drill cost (METHOD 9.4)."""

from lab.metric_types import Better, Group, Metric, Unit


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


def _share(key: str, title: str, noun: str, definition: str) -> Metric:
    return Metric(
        f"drill.{key}", Unit.FRACTION, Better.LOWER, Group.DRILL, title, definition, noun, 0.05, differences=True
    )


def _count(key: str, title: str, noun: str, definition: str) -> Metric:
    return Metric(
        f"drill.{key}", Unit.COUNT, Better.LOWER, Group.DRILL, title, definition, noun, None, differences=True
    )


DRILLS = (
    _drill(
        "harm",
        "harm of a drill",
        "harm",
        "Requests due from the action on, or on their way at it, that failed, were never sent or took longer than the "
        "drill's SLO, ÷ rate: the seconds of a whole outage that they stand for. Infinite, as are the recovery, "
        "CPU, blast radius in requests, slots and restarts, where the drill was not over when the measure phase ended. "
        "Judged as the paired difference; what is infinite ranks "
        "last.",
        0.5,
    ),
    _drill(
        "recovery",
        "time until no request is bad any more",
        "recovery",
        "From the action to the begin of the first 3 s without a bad request, after a first bad one, and with a p95 "
        "within the SLO or 1.25 × that before; of `oom` none is bad later either until the kernel has killed. 0 where "
        "no request was bad, infinite where it does not come in the trial. Judged as the paired difference; what is "
        "infinite ranks last.",
        1.0,
    ),
    _drill(
        "share",
        "time until the slot carries its part again",
        "return of the slot's share",
        "From the action to the first good answer of the processes that were hit, or took their place, from which on "
        "they give half of a fair share of good answers for 3 s. Infinite as above.",
        2.0,
    ),
    _drill(
        "process",
        "time until a new process answers",
        "new process",
        "From the action to the first answer of a process that had not answered before it. Infinite as above, but "
        "missing where none has to come (`kill-front`, `rotate-cert`, `stop`).",
        1.0,
    ),
    _drill(
        "detected",
        "time until somebody acts on it",
        "detected",
        "From the action to the first process that a supervisor or the engine starts for the one that was hit, or "
        "until requests fare well without it behind a front that has others to choose from. Infinite where nobody does "
        "in the trial. Of verbs that hit one process.",
        1.0,
    ),
    _drill(
        "cpu",
        "CPU beyond the steady rate",
        "CPU beyond the steady rate",
        "CPU of the arm from the action to the end of the measure phase, less what it would have used at its rate "
        "before the action: what starting again costs, and below zero where less was served.",
    ),
    _share(
        "radius",
        "share of the requests that were bad",
        "blast radius in requests",
        "Blast radius: bad requests ÷ all that were on their way at the action, or due from it on until none was bad "
        "any more (see `drill.recovery`). 0 where no request was bad.",
    ),
    _share(
        "connections",
        "share of the open connections that were lost",
        "blast radius in connections",
        "Blast radius: of the users that kept a connection open at the action, those whose next request got no "
        "response, or had to open a new one. Behind a front these are the connections to it. Missing where no client "
        "keeps connections.",
    ),
    _drill(
        "certificate",
        "time until every new connection is shown the new certificate",
        "new certificate",
        "From the action to the first of 4 × N new connections in a row that are shown the new certificate, told by "
        "its SHA-256. Of `rotate-cert`.",
        1.0,
    ),
    _count(
        "slots",
        "serving processes with bad requests",
        "slots with bad requests",
        "Blast radius: processes that gave late answers, whose connections failed, or that were silent behind a front "
        "while requests failed.",
    ),
    _count(
        "restarts",
        "serving processes that began after the action",
        "restarts",
        "Serving processes that began within 60 s of the action and inside the trial, or containers that ended and "
        "were there again, whichever is more.",
    ),
    _count(
        "duplicates",
        "requests that were executed again",
        "duplicates",
        "Executions − distinct X-Request-ID of all requests of the trial that the app tells of (`lab-request ID` in "
        "its log); missing where it tells of none. A front that retries makes them.",
    ),
    Metric(
        key="drill.lost",
        unit=Unit.COUNT,
        better=Better.LOWER,
        group=Group.DRILL,
        title="requests on their way that were lost",
        noun="requests lost on their way",
        definition="Requests that had been sent and not answered at the action, and failed or were never answered.",
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
