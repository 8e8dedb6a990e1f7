"""The decision: for each thing that matters, which arm is better, by how much, and in which run it was measured. Pure.

A line is a measurement with its verdict, and no line is there without one. Nothing is weighed but by a reader's own
weights.
"""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from lab.analysis.card import Card, Facts, Line
from lab.analysis.comparable import driver_decides
from lab.analysis.conclusion import Standing, failing_arms, standing
from lab.analysis.contests import Contest
from lab.analysis.judge.verdict import Reason
from lab.analysis.points import PointResult
from lab.analysis.sweep import Demand, demands
from lab.analysis.trial.ledger import ARM_ROLES
from lab.analysis.turns import turns_of
from lab.analysis.weights import tally_of
from lab.metric_types import Reading
from lab.metrics import METRICS
from lab.metrics.capacity import CAPACITY
from lab.metrics.limits import LIMITS
from lab.plan.axes import swept_axes
from lab.plan.kinds import ServiceKind
from lab.scenario.drills import QUICK, Verb

TOPICS: Mapping[str, tuple[str, ...]] = {
    "memory": ("memory.pss.total", "memory.pss.idle"),
    "CPU": ("cpu.per_1k",),
    "latency": ("p50", "p95", "p99"),
    "failures": ("errors",),
    "capacity": ("capacity.rate",),
    "memory limit": tuple(LIMITS.values()),
    "start-up": ("boot",),
    "balance": ("share.max", "share.skew"),
}
DRILLED = ("drill.harm", "drill.recovery", "drill.lost")
ENOUGH = "how many processes are enough"
SHIPPED = (Verb.KILL, Verb.HANG, Verb.BLOCK, Verb.ROLL, Verb.DEPLOY, Verb.OOM, Verb.STOP)  # each has a scenario
OF_RUN = "{run}"  # in the commands below: the run whose app is meant
ASKED_BY: Mapping[str, str] = {  # the command that measures it: of the run's app, else a scenario that the lab ships
    **dict.fromkeys(("memory", "CPU", "latency", "failures"), f"lab study {OF_RUN}"),
    "capacity": f"lab capacity {OF_RUN}",
    "memory limit": f"lab limits {OF_RUN}",
    **dict.fromkeys(("start-up", "balance"), f"lab study {OF_RUN}"),
    ENOUGH: "lab run how_many_workers",
    **{f"drill {verb}": f"lab study {OF_RUN}" if verb in QUICK else f"lab run drill_{verb}" for verb in SHIPPED},
}
TELLING = (Reason.FAILED, Reason.NO_SUCCESS, Reason.CENSORED)  # no number, and that is what was found
BESIDES = "besides"  # what a run judged that is under no other topic


def card_of(points: Sequence[PointResult], weights: Mapping[str, float] | None = None) -> Card:
    """Put what was judged and seen at all points of all runs in the order of the topics."""
    lines = sorted((line for one in points for line in _lines(one)), key=lambda line: _order(line.topic))
    counted = {demand.key for found in enough_of(points).values() for demand in found}
    seen = {line.topic for line in lines} | ({ENOUGH} if "processes" in counted else set())
    return Card(
        lines=tuple(lines),
        turns=turns_of(lines),
        facts=tuple(_facts_of(points)),
        missing={topic: command for topic, command in commands_of(points[0].run.run_id) if topic not in seen},
        tally=tally_of(lines, weights) if weights else None,
    )


def commands_of(run: str) -> Iterator[tuple[str, str]]:
    """Every topic with the command that measures it; where the app of that run can be asked, with the run."""
    yield from ((topic, command.replace(OF_RUN, shlex.quote(run))) for topic, command in ASKED_BY.items())


def _order(topic: str) -> int:
    return [*ASKED_BY].index(topic) if topic in ASKED_BY else len(ASKED_BY)


def enough_of(points: Sequence[PointResult]) -> Mapping[str, tuple[Demand, ...]]:
    """How many processes, or how much of a quota, are enough, by run; empty for a run that does not ask."""
    runs = {one.run.run_id: [each for each in points if each.run.run_id == one.run.run_id] for one in points}
    return {run: demands(own[0].whole.parsed_scenario, own) for run, own in runs.items()}


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
    """Whether a run tells anything of it: a number, or that there is none and why; with too few blocks what is judged.

    ``contest.originals`` is there for what the run judges.
    """
    found = contest.judgement
    numbers = (found.estimate, found.difference, found.verdict, contest.originals and found.shift)
    return any(number is not None for number in numbers) or found.reason in TELLING


def _line(one: PointResult, topic: str, contest: Contest) -> Line:
    axes = swept_axes(one.whole.parsed_scenario)
    baseline, valid = one.comparison.baseline, METRICS[contest.metric].group.family not in one.comparison.decision.lost
    stands = standing(contest.judgement) if valid else Standing.REFUSED
    winner = {Standing.BETTER: contest.arm, Standing.WORSE: baseline}.get(stands, "")
    failed = _failed(one, winner, contest)
    pair = (contest.arm, baseline) if contest.metric == CAPACITY else ()
    unsustained = tuple(arm for arm in pair if (said := one.confirmed.get(arm)) and said.valid and not said.sustained)
    return Line(
        topic=topic,
        metric=contest.metric,
        arm=contest.arm,
        baseline=baseline,
        standing=stands,
        judgement=contest.judgement,
        winner="" if winner in (*unsustained, *failed) else winner,
        unsustained=unsustained,
        unconfirmed=_unconfirmed(one, winner, contest),
        failed=failed,
        driven=driver_decides(one.run.environment, one.summary, contest.metric, contest.arm, contest.judgement),
        valid=valid,
        run=one.run.run_id,
        point=one.point.title,
        verb=one.point.drill.verb.value if one.point.drill else "",
        setting={axis.key: axis.called(axis.at(one.point.scenario)) for axis in axes},
    )


def _unconfirmed(one: PointResult, winner: str, contest: Contest) -> str:
    """``winner``, where no valid longer run was made of it: its capacity lies beyond the ladder. A look makes none."""
    asked, said = one.summary.scenario.capacity, one.confirmed.get(winner)
    due = contest.metric == CAPACITY and asked is not None and not asked.quick
    return winner if due and not (said and said.valid) else ""


def _failed(one: PointResult, winner: str, contest: Contest) -> Mapping[str, float]:
    """The part of its requests that ``winner`` failed, where that is too much to win: the other did not fail more."""
    failing = failing_arms(one.summary)
    fails_more = contest.failures is not None and contest.failures.decide
    stands = winner not in failing or (winner == one.comparison.baseline and fails_more)
    return {} if stands else {winner: failing[winner]}


def _facts_of(points: Sequence[PointResult]) -> Iterator[Facts]:
    """Of every point, and of a run of drills once: a fault changes nothing in what there is to run.

    A drill may have two generations of processes at once; the least of all drills is what there is without.
    """
    drilled: dict[tuple[str, str], Facts] = {}
    for one in points:
        for facts in _facts(one):
            if one.point.drill is None:
                yield facts
                continue
            key = (facts.run, facts.arm)
            least = min(facts.processes, drilled.get(key, facts).processes)
            drilled[key] = replace(facts, point="", processes=least)
    yield from drilled.values()


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
                processes=sum(line.processes for line in trials[0].roles if line.role in ARM_ROLES),
                steps=one.summary.metrics[Reading("prestart.executions", arm.name)].median,
            )
