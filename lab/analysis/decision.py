"""The decision: for each thing that matters, which arm is better, by how much, and in which run it was measured. Pure.

A line is a measurement with its verdict, and no line is there without one. Nothing is weighed but by a reader's own
weights.
"""

import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from lab.analysis.card import Card, Enough, Facts, Fallen, Gap, Line
from lab.analysis.comparable import driver_decides
from lab.analysis.conclusion import Standing, standing
from lab.analysis.contests import Contest
from lab.analysis.gaps import gaps_of, made_good
from lab.analysis.judge.verdict import Reason
from lab.analysis.platform import stands_alone
from lab.analysis.points import PointResult
from lab.analysis.settings import settings_of, unlike_first, values_of
from lab.analysis.sweep import demands
from lab.analysis.trial.ledger import ARM_ROLES
from lab.analysis.turns import turns_of
from lab.analysis.weights import tally_of
from lab.analysis.winners import better_arm, failing_arms, no_winner
from lab.metric_types import Reading
from lab.metrics import METRICS
from lab.metrics.capacity import CAPACITY
from lab.metrics.limits import LIMITS
from lab.plan.axes import swept_axes
from lab.plan.kinds import ServiceKind
from lab.scenario.drills import QUICK, REQUESTS, Verb

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
ASKED = (Verb.KILL, Verb.HANG, Verb.BLOCK, Verb.ROLL, Verb.DEPLOY, Verb.OOM, Verb.STOP)  # any app can be put to them
STEPS = "start-up steps"
OF_RUN = "{run}"  # in the commands below: the run whose app is meant
ONLY = f"lab study {OF_RUN} --only "
ASKED_BY: Mapping[str, str] = {  # the command that measures it, of the run's own app
    **dict.fromkeys(("memory", "CPU", "latency", "failures"), f"lab study {OF_RUN}"),
    "capacity": f"lab capacity {OF_RUN}",
    "memory limit": f"lab limits {OF_RUN}",
    **dict.fromkeys(("start-up", "balance"), f"lab study {OF_RUN}"),
    ENOUGH: f"{ONLY}how-many",
    STEPS: f"lab run {OF_RUN}",
    **{f"drill {verb}": f"lab study {OF_RUN}" if verb in QUICK else f"{ONLY}drill-{verb}" for verb in ASKED},
    **{f"drill {verb}": f"{ONLY}'drill-{verb}={path}'" for verb, path in REQUESTS.items()},
}
TELLING = (Reason.FAILED, Reason.NO_SUCCESS, Reason.CENSORED)  # no number, and that is what was found
BESIDES = "besides"  # what a run judged that is under no other topic


def card_of(points: Sequence[PointResult], weights: Mapping[str, float] | None = None) -> Card:
    """Put what was judged and seen at all points of all runs in the order of the topics."""
    conditions, unlike = settings_of(points), unlike_first(points)
    found = (replace(line, conditions=conditions[one.run.run_id]) for one in points for line in _lines(one))
    lines = sorted(found, key=lambda line: (_order(line.topic), line.judgement.verdict is None))
    gaps = tuple(
        replace(gap, conditions=tuple(conditions[gap.run].values()))
        for one in points
        for gap in _gaps(one)
        if not made_good(gap, one, points, lines)
    )
    enough = tuple(enough_of(points))
    counted = {each.demand.key for each in enough}
    facts = tuple(_facts_of(points))
    seen = {line.topic for line in lines} | ({ENOUGH} if "processes" in counted else set())
    seen |= {STEPS} if any(each.steps is not None for each in facts) else set()
    return Card(
        lines=tuple(lines),
        turns=turns_of(lines, unlike),
        facts=facts,
        missing={topic: command for topic, command in commands_of(points[0].run.run_id) if topic not in seen},
        enough=enough,
        unlike=unlike,
        fallen=tuple(each for one in points for each in _fallen(one)),
        gaps=gaps,
        tally=tally_of(lines, weights, gaps) if weights else None,
    )


def commands_of(run: str) -> Iterator[tuple[str, str]]:
    """Every topic with the command that measures it; where the app of that run can be asked, with the run."""
    yield from ((topic, command.replace(OF_RUN, shlex.quote(run))) for topic, command in ASKED_BY.items())


def _order(topic: str) -> int:
    return [*ASKED_BY].index(topic) if topic in ASKED_BY else len(ASKED_BY)


def enough_of(points: Sequence[PointResult]) -> Iterator[Enough]:
    """How many processes, or how much of a quota, are enough, run by run; nothing of a run that does not ask."""
    for run in dict.fromkeys(one.run.run_id for one in points):
        own = [one for one in points if one.run.run_id == run]
        scenario = own[0].whole.parsed_scenario
        yield from (Enough(run=run, slo=scenario.sweep.slo, demand=each) for each in demands(scenario, own))


def _topics(one: PointResult) -> Mapping[str, tuple[str, ...]]:
    """What its lines are about, each with the metrics that tell of it."""
    drill = one.point.drill
    topics: dict[str, tuple[str, ...]] = {f"drill {drill.verb}": DRILLED} if drill else dict(TOPICS)
    listed = {metric for metrics in topics.values() for metric in metrics}
    return {**topics, BESIDES: tuple(key for key in one.whole.parsed_scenario.compare.primary if key not in listed)}


def _gaps(one: PointResult) -> Iterator[Gap]:
    return gaps_of(one, {metric: topic for topic, metrics in _topics(one).items() for metric in metrics})


def _lines(one: PointResult) -> Iterator[Line]:
    contests = {Reading(c.metric, c.arm): c for c in (*one.comparison.primaries, *one.comparison.exploratory)}
    for topic, metrics in _topics(one).items():
        for metric in metrics:
            for arm in (each.name for each in one.summary.scenario.arms if each.name != one.comparison.baseline):
                contest = contests.get(Reading(metric, arm))
                if contest is not None and _measured(contest) and not _told(contest, contests):
                    yield _line(one, topic, contest)


def _told(contest: Contest, contests: Mapping[Reading, Contest]) -> bool:
    """Whether the line of another metric says it: the skew is the largest share × N, and N mostly the same in both.

    A verdict is never left out, nor one that a run was to give.
    """
    share = contests.get(Reading("share.max", contest.arm))
    if contest.metric != "share.skew" or share is None or contest.originals is not None:
        return False
    size, own = share.judgement.estimate, contest.judgement.estimate
    return size is not None and own is not None and math.isclose(size, own)


def _measured(contest: Contest) -> bool:
    """Whether a run tells anything of it: a number, or that there is none and why; with too few blocks what is judged.

    ``contest.originals`` is there for what the run judges.
    """
    found = contest.judgement
    numbers = (found.estimate, found.difference, found.verdict, contest.originals and found.shift)
    return any(number is not None for number in numbers) or found.reason in TELLING


def _fallen(one: PointResult) -> Iterator[Fallen]:
    for arm, why in one.run.fallen.get(one.point.key, {}).items():
        yield Fallen(arm=arm, run=one.run.run_id, point=one.point.title, setting=_setting(one), why=why)


def _setting(one: PointResult) -> Mapping[str, str]:
    axes = swept_axes(one.whole.parsed_scenario)
    return {axis.key: axis.called(axis.at(one.point.scenario)) for axis in axes}


def _line(one: PointResult, topic: str, contest: Contest) -> Line:
    baseline, valid = one.comparison.baseline, METRICS[contest.metric].group.family not in one.comparison.decision.lost
    stands = standing(contest.judgement) if valid else Standing.REFUSED
    winner = better_arm(contest, baseline) if valid else ""
    failed = no_winner(contest, baseline, failing_arms(one.summary)) if valid else {}
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
        alone=stands_alone(one.summary, contest),
        valid=valid,
        run=one.run.run_id,
        point=one.point.title,
        verb=one.point.drill.verb.value if one.point.drill else "",
        setting=_setting(one),
        values=values_of(one.point.scenario),
    )


def _unconfirmed(one: PointResult, winner: str, contest: Contest) -> str:
    """``winner``, where no valid longer run was made of it: its capacity lies beyond the ladder. A look makes none."""
    asked, said = one.summary.scenario.capacity, one.confirmed.get(winner)
    due = contest.metric == CAPACITY and asked is not None and not asked.quick
    return winner if due and not (said and said.valid) else ""


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
