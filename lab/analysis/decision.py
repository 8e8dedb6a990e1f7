"""The decision: for each thing that matters, which arm is better, by how much, and in which run it was measured. Pure.

A line is a measurement with its verdict, and no line is there without one. Nothing is weighed: a reader does that.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lab.analysis.comparison import Contest
from lab.analysis.conclusion import Standing, standing
from lab.analysis.judge.verdict import Judgement
from lab.analysis.points import PointResult
from lab.analysis.sweep import Demand, demands
from lab.analysis.trial.ledger import ARM_ROLES
from lab.metric_types import Reading
from lab.metrics import METRICS
from lab.plan.kinds import ServiceKind
from lab.scenario.drills import Verb
from lab.scenario.file import scenario_from_json

TOPICS: Mapping[str, tuple[str, ...]] = {
    "memory": ("memory.pss.total", "memory.pss.idle"),
    "CPU": ("cpu.per_1k",),
    "latency": ("p50", "p95", "p99"),
    "failures": ("errors",),
    "start-up": ("boot",),
    "balance": ("share.max", "share.skew"),
}
DRILLED = ("drill.harm", "drill.recovery", "drill.lost")
ASKED_BY: Mapping[str, str] = {  # the shipped scenario that measures it
    **dict.fromkeys(("memory", "CPU", "latency", "failures", "balance"), "quickstart"),
    "start-up": "slow_start",
    "how many processes are enough": "how_many_workers",
    **{f"drill {verb}": f"drill_{verb}" for verb in Verb},
}
BESIDES = "besides"  # what a run judged that is under no other topic
ENOUGH = "how many processes are enough"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One metric of one arm against the baseline, at one point of one run. ``winner`` is "" where none is shown.

    ``valid``: whether the run says anything of such metrics. ``standing`` tells what it says; an exploratory metric has
    a number and an interval, and no winner.
    """

    topic: str
    metric: str
    arm: str
    baseline: str
    standing: Standing
    judgement: Judgement
    winner: str
    run: str
    valid: bool = True
    point: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What an arm is made of, counted in a run: containers, processes of its ledger, runs of the app's own steps."""

    arm: str
    run: str
    point: str
    containers: int
    processes: int
    steps: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A metric whose winner is not the same at every point of a run; ``winners`` in the order of the points."""

    topic: str
    metric: str
    run: str
    winners: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """Everything that runs say for a decision. ``missing``: topics that none of them measured → who asks for them."""

    lines: tuple[Line, ...]
    turns: tuple[Turn, ...]
    facts: tuple[Facts, ...]
    missing: Mapping[str, str]


def card_of(points: Sequence[PointResult]) -> Card:
    """Put what was judged and seen at all points of all runs in the order of the topics."""
    lines = sorted((line for one in points for line in _lines(one)), key=lambda line: _order(line.topic))
    seen = {line.topic for line in lines} | ({ENOUGH} if any(enough_of(points).values()) else set())
    return Card(
        lines=tuple(lines),
        turns=tuple(_turns(lines)),
        facts=tuple(facts for one in points for facts in _facts(one)),
        missing={topic: scenario for topic, scenario in ASKED_BY.items() if topic not in seen},
    )


def _order(topic: str) -> int:
    return [*ASKED_BY].index(topic) if topic in ASKED_BY else len(ASKED_BY)


def enough_of(points: Sequence[PointResult]) -> Mapping[str, tuple[Demand, ...]]:
    """How many processes are enough, by run; empty for a run that does not ask."""
    runs = {one.run.run_id: [each for each in points if each.run.run_id == one.run.run_id] for one in points}
    return {run: demands(scenario_from_json(own[0].whole.scenario), own) for run, own in runs.items()}


def _lines(one: PointResult) -> Iterator[Line]:
    contests = {Reading(c.metric, c.arm): c for c in (*one.comparison.primaries, *one.comparison.exploratory)}
    drill = one.point.drill
    topics: dict[str, tuple[str, ...]] = {f"drill {drill.verb}": DRILLED} if drill else dict(TOPICS)
    listed = {metric for metrics in topics.values() for metric in metrics}
    topics[BESIDES] = tuple(key for key in one.summary.scenario.compare.primary if key not in listed)
    for topic, metrics in topics.items():
        for metric in metrics:
            for arm in (each.name for each in one.summary.scenario.arms if each.name != one.comparison.baseline):
                contest = contests.get(Reading(metric, arm))
                if contest is not None and _measured(contest):
                    yield _line(one, topic, contest)


def _measured(contest: Contest) -> bool:
    found = contest.judgement
    return found.estimate is not None or found.difference is not None


def _line(one: PointResult, topic: str, contest: Contest) -> Line:
    baseline, valid = one.comparison.baseline, METRICS[contest.metric].group.family not in one.comparison.decision.lost
    stands = standing(contest.judgement) if valid else Standing.REFUSED
    winner = {Standing.BETTER: contest.arm, Standing.WORSE: baseline}.get(stands, "")
    return Line(
        topic=topic,
        metric=contest.metric,
        arm=contest.arm,
        baseline=baseline,
        standing=stands,
        judgement=contest.judgement,
        winner=winner,
        valid=valid,
        run=one.run.run_id,
        point=one.point.title,
    )


def _turns(lines: Sequence[Line]) -> Iterator[Turn]:
    """Where one run has another winner at another point; what is not settled at a point turns nothing."""
    groups: dict[tuple[str, str, str, str], list[Line]] = {}
    for line in lines:
        if line.point:
            groups.setdefault((line.run, line.topic, line.metric, line.arm), []).append(line)
    for (run, topic, metric, _), own in groups.items():
        if len({line.winner for line in own if line.winner}) > 1:
            winners = tuple((line.point, line.winner) for line in own)
            yield Turn(topic=topic, metric=metric, run=run, winners=winners)


def _facts(one: PointResult) -> Iterator[Facts]:
    """From the first trial of each arm: they are the same in all."""
    for arm in one.summary.arms:
        trials = one.summary.of_arm(arm.name)
        if trials:
            record = trials[0].record
            kinds = (ServiceKind.APP, ServiceKind.PROXY)
            yield Facts(
                arm=arm.name,
                run=one.run.run_id,
                point=one.point.title,
                containers=sum(service.kind in kinds for service in record.services),
                processes=sum(line.role in ARM_ROLES for line in trials[0].ledger),
                steps=one.summary.metrics[Reading("prestart.executions", arm.name)].median,
            )
