"""What `lab plan` says of conditions: what is broken on purpose, what is expected, and what stays undecided."""

from collections.abc import Iterator

from lab.engines.kinds import ENGINE_KINDS
from lab.metrics import METRICS
from lab.plan.blocks import Plan
from lab.plan.deeds import deed
from lab.report.renderers.text import printable
from lab.scenario.choices import AUTO
from lab.scenario.drills import TICK_S
from lab.scenario.expectation import parse_expectation
from lab.scenario.limits import MOST_TRIES
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
    """One line for each expectation, and one for whatever has too few requests to be judged at the lowest rate."""
    for each in planned.scenario.expect:
        yield printable(f"  expect    {f'{each.name}: ' if each.name else ''}{each.that}")
    yield from (f"  !         {printable(warning)}" for warning in _warnings(planned))


def _warnings(planned: Plan) -> Iterator[str]:
    """A sentence for each primary and each expectation of a percentile that rate × measure cannot settle."""
    scenario = planned.scenario
    rates = [point.scenario.load.rate for point in planned.points]
    lowest = min((rate for rate in rates if rate is not None), default=None)
    if lowest is None:  # the closed model: how many requests there will be depends on the arm
        return
    requests = lowest * scenario.load.measure
    asked = {key: f"{key}, which is judged," for key in scenario.compare.primary}
    names = [arm.name for arm in scenario.arms]
    for each in scenario.expect:
        for reading in parse_expectation(each.that, names).needs:
            asked.setdefault(reading.metric, f"{each.that!r}")
    for key, what in asked.items():
        least = METRICS[key].least_to_judge
        if least is not None and requests < least:
            yield (
                f"{key} is judged from {format_count(least)} requests in a trial; "
                f"rate × measure gives {format_count(round(requests))}: {what} stays undecided"
            )
