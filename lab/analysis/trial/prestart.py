"""How often the steps before serving ran in one trial, how many at once, and how long that took. Pure (METHOD 12).

A step of the app is told by its own words ``lab-step NAME begin`` and ``lab-step NAME end``, which the record holds as
events; a job by its run. Counting takes no pairs: so many begun and not yet ended run at once, whoever they are.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lab.record.schema import ACTION, RESTART, SHUTDOWN, STEP_BEGIN, STEP_END
from lab.record.types import Event, TrialRecord

APP, JOB = "app", "job"
Edge = tuple[float, int]  # when, and +1 for one more that runs, −1 for one less


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCount:
    """One step of a deployment. ``by``: ``"app"`` or ``"job"``. ``at_once``: how many ran at the same time, at most.

    ``seconds``: how long at least one was running. ``again``: how often it ran after the lab restarted one serving
    process; None where it restarted none.
    """

    name: str
    by: str
    executions: int
    at_once: int
    seconds: float
    again: int | None = None


def step_counts(record: TrialRecord) -> Iterator[StepCount]:
    """Every step of a trial: jobs first, then those of the app in the order in which they began."""
    runs: defaultdict[str, list[Edge]] = defaultdict(list)
    for job in record.jobs:
        runs[job.name] += [(job.start_s, 1), (job.end_s, -1)]
    yield from (_counted(name, JOB, edges) for name, edges in runs.items())
    restarts = [event.t_s for event in record.events if event.kind == RESTART]
    acts = [event.t_s for event in record.events if event.kind.startswith(ACTION)]  # a drill starts processes again
    until_s = min((*restarts, *acts), default=float("inf"))
    steps: defaultdict[str, list[Event]] = defaultdict(list)
    for event in sorted(record.events, key=lambda event: event.t_s):
        if event.kind in (STEP_BEGIN, STEP_END) and event.detail != SHUTDOWN:
            steps[event.detail].append(event)
    for name, events in steps.items():
        edges = [(event.t_s, 1 if event.kind == STEP_BEGIN else -1) for event in events if event.t_s < until_s]
        again = sum(event.kind == STEP_BEGIN and event.t_s >= min(restarts) for event in events) if restarts else None
        yield _counted(name, APP, edges, again)


def _counted(name: str, by: str, edges: Sequence[Edge], again: int | None = None) -> StepCount:
    running = most = 0
    busy_s = since_s = 0.0
    for t_s, change in sorted(edges, key=lambda edge: (edge[0], -edge[1])):
        if running > 0:
            busy_s += t_s - since_s
        running, since_s = max(0, running + change), t_s
        most = max(most, running)
    executions = sum(change > 0 for _, change in edges)
    return StepCount(name=name, by=by, executions=executions, at_once=most, seconds=busy_s, again=again)


def app_values(counts: Sequence[StepCount]) -> dict[str, float | None]:
    """The metrics of the app's own steps; None where it tells of none."""
    own = [count for count in counts if count.by == APP]
    return {
        "prestart.executions": float(sum(count.executions for count in own)) if own else None,
        "prestart.seconds": sum(count.seconds for count in own) if own else None,
    }
