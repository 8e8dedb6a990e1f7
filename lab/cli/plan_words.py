"""What `lab plan` says of conditions: what is broken on purpose, what is climbed or searched, what is expected."""

from collections.abc import Iterator

from lab.engines.kinds import ENGINE_KINDS
from lab.plan.blocks import Plan
from lab.plan.deeds import deed
from lab.plan.order import period
from lab.plan.trial import Trial
from lab.report.renderers.text import printable
from lab.scenario.choices import AUTO
from lab.scenario.drills import TICK_S
from lab.scenario.limits import MOST_TRIES
from lab.units import count_of, format_duration


def node_lines(planned: Plan) -> Iterator[str]:
    """One line for each machine: what it does, and where others reach it."""
    scenario = planned.scenario
    spread = scenario.engine != AUTO and ENGINE_KINDS[scenario.engine].machines == "all"
    for node in scenario.nodes:
        drives = f"drives load with {count_of(scenario.load.processes, 'process')}"
        does = drives if node in scenario.load_nodes else f"runs {'parts of ' if spread else ''}the arms"
        if node is scenario.nodes[0] and scenario.load_nodes and not spread:
            does += f", reached at {node.url_host}:{node.port}"
        kept = f"; the lab's agents keep to cores {node.cores}" if node.cores else ""
        yield printable(f"  node      {node.name}: {does}; engine {node.engine or 'of DOCKER_HOST'}{kept}")


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
    more = (
        f", {lanes} connections (load.lanes) so that none is waited for" if lanes > planned.scenario.load.lanes else ""
    )
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
    """One line for each expectation."""
    for each in planned.scenario.expect:
        yield printable(f"  expect    {f'{each.name}: ' if each.name else ''}{each.that}")


def order_lines(planned: Plan) -> Iterator[str]:
    """The arms of every block in their order, how far it is balanced, and how long all of it takes."""
    yield ""
    yield f"order{_balance(planned)} (ports are examples; a run takes free ones)"
    for block in range(1, planned.blocks + 1):
        yield f"  block {block}: " + ", ".join(map(_named, (t for t in planned.trials if t.block == block)))
    took = format_duration(round(planned.estimated_s))
    yield f"{count_of(len(planned.trials), 'trial')}, about {took} without building images"


def _balance(planned: Plan) -> str:
    """Over how many blocks the order of the arms is balanced; of one arm there is nothing to say."""
    whole = period(len(planned.scenario.arms))
    if whole == 1:
        return ""
    return f", balanced {f'only over multiples of {whole}' if planned.blocks % whole else f'over {whole}'} blocks"


def _named(trial: Trial) -> str:
    return f"{trial.arm.name} ({trial.point.title})" if trial.point.key else trial.arm.name
