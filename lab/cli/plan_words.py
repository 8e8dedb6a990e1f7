"""What `lab plan` says of conditions: what is broken on purpose, what is expected, and what stays undecided."""

import math
from collections.abc import Iterator

from lab.engines.kinds import ENGINE_KINDS
from lab.metrics import METRICS
from lab.plan.blocks import Plan
from lab.plan.deeds import deed
from lab.plan.loading import measure_for, sure_requests
from lab.report.renderers.text import printable
from lab.scenario.choices import AUTO
from lab.scenario.drills import TICK_S
from lab.scenario.expectation import parse_expectation
from lab.scenario.limits import MOST_TRIES
from lab.scenario.load import Load
from lab.units import format_count, format_duration


def node_lines(planned: Plan) -> Iterator[str]:
    """One line for each machine: what it does, and where others reach it."""
    scenario = planned.scenario
    spread = scenario.engine != AUTO and ENGINE_KINDS[scenario.engine].machines == "all"
    for node in scenario.nodes:
        drives = f"drives load with {_processes(scenario.load.processes)}"
        does = drives if node in scenario.load_nodes else f"runs {'parts of ' if spread else ''}the arms"
        if node is scenario.nodes[0] and scenario.load_nodes and not spread:
            does += f", reached at {node.url_host}:{node.port}"
        kept = f"; the lab's agents keep to cores {node.cores}" if node.cores else ""
        yield printable(f"  node      {node.name}: {does}; engine {node.engine or 'of DOCKER_HOST'}{kept}")


def _processes(number: int) -> str:
    return f"{number} process{'es' if number > 1 else ''}"


def drill_lines(planned: Plan) -> Iterator[str]:
    """One line for each drill: what is done to every arm, when, and which requests are then bad."""
    for drill in planned.scenario.drills:
        name = f"{drill.name}, {drill.verb}" if drill.key != drill.verb else drill.key
        window = f"{drill.after:.3g} to {format_duration(drill.after + TICK_S)} into the measure phase"
        bad = f"a request slower than {_moment(drill.slo)} is bad"
        yield printable(f"  drill     {name}: {deed(drill)}, {window}; {bad}")


def ladder_lines(planned: Plan) -> Iterator[str]:
    """The rates that every trial climbs, how long that takes, and what must be held."""
    asked = planned.scenario.capacity
    if asked is None:
        return
    rates = ", ".join(f"{rate:g}" for rate in asked.rates)
    lanes = planned.points[0].scenario.load.lanes
    more = f", {lanes} lanes so that none waits for one" if lanes > planned.scenario.load.lanes else ""
    yield printable(
        f"  ladder    {rates} arrivals/s in every trial, {format_duration(asked.length_s)}{more}; {asked.slo}"
    )


def limit_lines(planned: Plan) -> Iterator[str]:
    """What a search for limits would do beyond the run without one."""
    asked = planned.scenario.limits
    if asked is not None:
        yield (
            f"  limits    `lab limits` tries up to {MOST_TRIES} memory limits of each arm, "
            f"{' and '.join(asked.modes)}, {format_duration(asked.measure)} each"
        )


def _moment(duration_s: float) -> str:
    """0.25 → ``"250 ms"``; from a second on as ``format_duration`` has it."""
    return f"{duration_s * 1000:.3g} ms" if duration_s < 1 else format_duration(duration_s)


def expectation_lines(planned: Plan) -> Iterator[str]:
    """One line for each expectation, and one for whatever may have too few requests to be judged at the lowest rate."""
    for each in planned.scenario.expect:
        yield printable(f"  expect    {f'{each.name}: ' if each.name else ''}{each.that}")
    yield from (f"  !         {printable(warning)}" for warning in _warnings(planned))


def _warnings(planned: Plan) -> Iterator[str]:
    """A sentence for each primary and each expectation of a percentile that rate × measure may not settle."""
    scenario = planned.scenario
    loads = [point.scenario.load for point in planned.points if point.scenario.load.rate is not None]
    if not loads:  # the closed model: how many requests there will be depends on the arm
        return
    lowest = min(loads, key=lambda load: load.rate or 0.0)
    schedules = planned.blocks * len(planned.points)
    asked = {key: f"{key}, which is judged," for key in scenario.compare.primary if scenario.judged}
    names = [arm.name for arm in scenario.arms]
    for each in scenario.expect:
        for reading in parse_expectation(each.that, names).needs:
            asked.setdefault(reading.metric, f"{each.that!r}")
    for key, what in asked.items():
        least = METRICS[key].least_to_judge
        if least is not None and sure_requests(lowest, schedules) < least:
            yield _thin(key, what, least, lowest, schedules)


def _thin(key: str, what: str, least: int, load: Load, schedules: int) -> str:
    """Say that a percentile stays undecided, or may: arrivals come by chance, and one trial with too few is enough."""
    mean = (load.rate or 0.0) * load.measure
    certain = mean < least
    by_chance = "" if certain else f", by chance as few as {format_count(math.floor(sure_requests(load, schedules)))}"
    return (
        f"{key} is judged from {format_count(least)} requests in every trial; rate × measure gives "
        f"{format_count(round(mean))}{by_chance}: {what} {'stays' if certain else 'may stay'} undecided; "
        f'measure = "{math.ceil(measure_for(least, load, schedules))}s" is enough'
    )
