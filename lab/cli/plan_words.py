"""What `lab plan` says of conditions: what is broken on purpose, what is climbed or searched, what is expected."""

from collections.abc import Iterator
from itertools import groupby

from lab.cli.beforehand import length_of, words_of
from lab.cli.plan_warnings import climbed
from lab.engines.kinds import ENGINE_KINDS
from lab.plan.axes import swept_axes
from lab.plan.blocks import Plan
from lab.plan.deeds import deed
from lab.plan.kinds import ServiceKind
from lab.plan.loading import warmup_s
from lab.plan.order import period
from lab.plan.topology import Service
from lab.report.renderers.text import printable
from lab.scenario.budget import Quota
from lab.scenario.choices import AUTO
from lab.scenario.drills import TICK_S
from lab.scenario.limits import MOST_TRIES
from lab.scenario.model import Scenario
from lab.scenario.network import NetworkChoice
from lab.units import count_of, format_bytes, format_duration

SWEPT_WORDS = {"processes": "the serving processes", "cpus": "the cpus", "memory": "the memory"}


def budget_line(scenario: Scenario) -> str:
    """What every arm has in all; of a sweep that its points have it."""
    budget = scenario.budget
    held = {
        "processes": count_of(budget.processes, "serving process"),
        "cpus": f"cpus {_quota(budget.cpus)}",
        "memory": f"memory {_quota(budget.memory, size=True)}",
    }
    swept = {axis.key for axis in swept_axes(scenario)}
    parts = (f"{SWEPT_WORDS[key]} of the point" if key in swept else text for key, text in held.items())
    total = "the same in total for every arm" if len(scenario.arms) > 1 else "in total"
    return f"  budget    {', '.join(parts)}; {total}, its front included"


def load_line(scenario: Scenario) -> str:
    """Which requests come, how many and for how long; a ladder has rates, connections and a length of its own."""
    load = scenario.load
    rate = "the locustfile's own closed model" if load.rate is None else f"{load.rate:g} arrivals/s ({load.schedule})"
    if any(axis.part == "load" for axis in swept_axes(scenario)):
        rate = f"the rate of the point ({load.schedule})"
    lasts = f"warm-up {format_duration(warmup_s(scenario))}"
    if scenario.capacity and scenario.capacity.rates:
        return f"  load      {load.locustfile.name}: the rates of the ladder ({load.schedule}), {lasts}"
    rest = f", rest {format_duration(load.settle)}" if load.settle else ""
    connections = f"{count_of(load.lanes, 'connection')} (load.lanes)"
    lasts += f", measure {format_duration(load.measure)}{rest}"
    return f"  load      {load.locustfile.name}: {rate}, {connections}, {lasts}"


def _quota(quota: Quota, *, size: bool = False) -> str:
    if quota.amount is None:
        return quota.mode
    return f"{quota.mode} {format_bytes(quota.amount) if size else f'{quota.amount:g}'}"


def network_lines(planned: Plan) -> Iterator[str]:
    """One line for each network and why it is that; with its arms, unless it is that of all."""
    arms_of: dict[NetworkChoice, list[str]] = {}
    for arm in planned.scenario.arms:
        arms_of.setdefault(planned.scenario.network_of(arm), []).append(arm.name)
    for choice, arms in arms_of.items():
        whose = f" of {', '.join(arms)}" if len(arms_of) > 1 else ""
        yield printable(f"  network   {choice.network}{whose}: {choice.why}")


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
    why = " so that none is waited for" if lanes > planned.scenario.load.lanes else ""
    more = f", {count_of(lanes, 'connection')} (load.lanes){why}"
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


def time_lines(planned: Plan) -> Iterator[str]:
    """How long it takes, and the words that so many blocks allow, as a run says them before it begins."""
    yield f"  takes     {length_of(planned)} without building images"
    if not planned.scenario.limits:
        yield f"  says      {words_of(climbed(planned).scenario, planned.blocks)}"


def order_lines(planned: Plan) -> Iterator[str]:
    """The arms of every block in their order, and how far it is balanced."""
    yield ""
    yield f"order{_balance(planned)}"
    for block in range(1, planned.blocks + 1):
        at_points = groupby((t for t in planned.trials if t.block == block), key=lambda trial: trial.point.title)
        parts = (f"{point and f'{point}: '}{', '.join(trial.arm.name for trial in own)}" for point, own in at_points)
        yield f"  block {block}: {'; '.join(parts)}"


def _balance(planned: Plan) -> str:
    """Over how many blocks the order of the arms is balanced; of one arm there is nothing to say."""
    whole = period(len(planned.scenario.arms))
    if whole == 1:
        return ""
    return f", balanced {f'only over multiples of {whole}' if planned.blocks % whole else f'over {whole}'} blocks"


def given_lines(service: Service) -> Iterator[str]:
    """The limits of a container, and what one of the app gets beyond the least, as its keys say."""
    limits = service.limits
    parts = [] if limits.cpus is None else [f"{limits.cpus:.3g} cpus"]
    parts += [] if limits.memory_bytes is None else [f"memory {format_bytes(limits.memory_bytes)}"]
    parts += [f"cores {limits.cpuset}"] if limits.cpuset else []
    granted = []
    if service.kind is ServiceKind.APP:
        granted += [f"user {service.user}"] if service.user else []
        granted += [f"capability {name}" for name in service.capabilities]
        granted += [f"{volume.path} in memory, {format_bytes(volume.size)}" for volume in service.volumes]
        granted += [] if service.read_only else ["root file system writable"]
    yield from (", ".join(each) for each in (parts, granted) if each)
