"""What is too little to settle a question, or will be a caveat, before a run begins: `lab plan` says what to write."""

import math
from collections.abc import Iterator
from dataclasses import replace

from lab.analysis.blocks import families_of, replacements_allowed
from lab.analysis.comparison import least_blocks
from lab.analysis.conditions import expectations_of
from lab.analysis.expectations import blocks_to_settle
from lab.analysis.findings.kinds import MIN_STEADY_SECONDS
from lab.analysis.findings.steadiness import whole_seconds
from lab.analysis.judge.levels import verdict_level
from lab.cli.capacity import climbing
from lab.metric_types import Family
from lab.metrics import METRICS
from lab.plan.blocks import Plan
from lab.plan.loading import LEAST_WARMUP_S, measure_for, sure_requests, surely_too_few, warmup_s
from lab.report.parts.gate_sentences import FAMILY_WORDS
from lab.scenario.load import Load
from lab.units import count_of, format_count, format_duration

MAY_BE_PRIMARY = {Family.MEMORY: "memory.pss.total", Family.CPU: "cpu.per_1k", Family.TIME: "p50"}
UNDECIDED = "undecided unless requests fail"  # these settle an expectation in one block, and who fails more is worse


def warnings(planned: Plan) -> Iterator[str]:
    """Primaries and expectations that have too few requests or blocks, and caveats of all trials, in sentences."""
    planned = climbed(planned)
    yield from _few_requests(planned)
    yield from _few_blocks(planned)
    yield from _not_replaced(planned)
    yield from _caveats(planned)


def climbed(planned: Plan) -> Plan:
    """The plan as `lab capacity` carries it out, if it has a ladder: that judges capacity alone."""
    if planned.scenario.capacity is None:
        return planned
    return replace(planned, scenario=climbing(planned.scenario, "", quick=False, blocks=None))


def _few_requests(planned: Plan) -> Iterator[str]:
    """Each primary and each expectation of a percentile that rate × measure may not settle, at the lowest rate."""
    scenario = planned.scenario
    loads = [point.scenario.load for point in planned.points if point.scenario.load.rate is not None]
    if not loads:  # the closed model: how many requests there will be depends on the arm
        return
    lowest = min(loads, key=lambda load: load.rate or 0.0)
    schedules = planned.blocks * len(planned.points)
    asked = {key: f"{key}, which is judged," for key in scenario.compare.primary if scenario.judged}
    for expectation in expectations_of(scenario):
        for reading in expectation.needs:
            asked.setdefault(reading.metric, f"{expectation.text!r}")
    for key, what in asked.items():
        least = METRICS[key].least_to_judge
        if least is not None and sure_requests(lowest, schedules) < least:
            yield _thin(key, what, least, lowest, schedules)


def _thin(key: str, what: str, least: int, load: Load, schedules: int) -> str:
    """Say that a percentile stays undecided, or may: arrivals come by chance, and one trial with too few is enough."""
    mean = (load.rate or 0.0) * load.measure
    certain = surely_too_few(least, load)
    by_chance = "" if certain else f", by chance as few as {format_count(math.floor(sure_requests(load, schedules)))}"
    return (
        f"{key} is judged from {format_count(least)} requests in every trial; rate × measure gives "
        f"{format_count(round(mean))}{by_chance}: {what} {'stays' if certain else 'may stay'} {UNDECIDED}; "
        f'load.measure = "{math.ceil(measure_for(least, load, schedules))}s" is enough'
    )


def _few_blocks(planned: Plan) -> Iterator[str]:
    """The primaries, and the expectations, that so few blocks cannot settle; a search for limits is one block."""
    scenario, there = planned.scenario, planned.blocks
    if scenario.limits:
        return
    if scenario.judged and scenario.compare.primary and there < (least := least_blocks(scenario)):
        judged = f"{', '.join(scenario.compare.primary)} of {', '.join(scenario.judged)}"
        yield f"{judged}: numbers only, for a verdict takes {_more(least, planned)}"
    level = verdict_level(1, scenario.trials.looks)
    needed = {each.text: blocks_to_settle(each, level) for each in expectations_of(scenario)}
    if few := {text: least for text, least in needed.items() if there < least}:
        stay = f"stays {UNDECIDED}: it" if len(few) == 1 else f"stay {UNDECIDED}: each"
        yield f"{', '.join(map(repr, few))} {stay} takes {_more(max(few.values()), planned)}"


def _not_replaced(planned: Plan) -> Iterator[str]:
    """Each expectation for which a block may be invalid that is not replaced, for no primary needs what it needs.

    A search, or a ladder, has a primary of its own, which the scenario cannot change.
    """
    scenario = planned.scenario
    if scenario.limits or scenario.capacity or not replacements_allowed(planned.blocks):
        return
    needed = families_of(scenario.compare.primary)
    for expectation in expectations_of(scenario):
        lacking = {METRICS[metric].group.family: metric for metric, _ in expectation.needs}
        for family, metric in lacking.items():
            if family not in needed:
                name = metric if METRICS[metric].bound else MAY_BE_PRIMARY[family]
                yield (
                    f"{expectation.text!r} needs blocks that are valid for {FAMILY_WORDS[family]}, and no metric in "
                    f'compare.primary does: an invalid one is not replaced; with "{name}" in compare.primary it is'
                )


def _more(least: int, planned: Plan) -> str:
    """How many blocks it takes, how many there will be, and what to write."""
    told = f"{count_of(least, 'valid block')} and there will be {planned.blocks}"
    if planned.scenario.trials.looks:
        return f"{told}; let trials.looks end with more"
    return f"{told}; trials.blocks = {least}, or --blocks {least}, is enough"


def _caveats(planned: Plan) -> Iterator[str]:
    """What every trial of a point will be reported with, because of its phases alone."""
    scenarios = [point.scenario for point in planned.points]
    if (warmup := min(map(warmup_s, scenarios))) < LEAST_WARMUP_S:
        yield (
            f"a warm-up of {format_duration(warmup)} is a caveat: caches, heaps and connections may still be filling; "
            f'load.warmup = "{LEAST_WARMUP_S:g}s" is enough'
        )
    calm = [each.load.measure for each in scenarios if not (each.drills or each.capacity or each.limits)]
    if calm and whole_seconds(min(calm)) < MIN_STEADY_SECONDS:
        yield (
            f"a measure phase of {format_duration(min(calm))} is a caveat on latency and throughput: whether an "
            f'arm was steady shows in {MIN_STEADY_SECONDS} s or more; load.measure = "{MIN_STEADY_SECONDS}s" is enough'
        )
