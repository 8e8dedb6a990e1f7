"""The limits of a run: what it does not show, from its own facts."""

from collections.abc import Iterator

from lab.analysis.comparison import least_blocks
from lab.analysis.medians import known_median
from lab.analysis.summary import RunSummary
from lab.analysis.trial.shares import uneven
from lab.plan.fronts.front import front_title
from lab.plan.order import period
from lab.record.types import RunInfo
from lab.report.content import Section
from lab.report.parts.facts import known, spread_over
from lab.report.parts.gate_sentences import listed
from lab.report.parts.images import image_limits
from lab.report.parts.unusual import is_plain, plain_limits
from lab.report.parts.values import shown_value, warmups_s
from lab.scenario.model import Scenario
from lab.units import count_of, format_duration, format_ratio


def limits(run: RunInfo, summary: RunSummary) -> Section:
    """Say what this run does not show, from its own facts."""
    return Section(
        key="limits", title="What this run does not show", short="Limits", sentences=tuple(_limits(run, summary))
    )


def _limits(run: RunInfo, summary: RunSummary) -> Iterator[str]:
    scenario, used = summary.scenario, len(summary.decision.used)
    processes = scenario.budget.processes
    cores = known(run, "cpu_count", "cores")
    if cores.isdecimal() and processes > int(cores):
        share = "processes share" if spread_over(scenario) == 1 else "processes in one container share its node's"
        yield (
            f"Scaling: {processes} {share} {cores} cores, so the run shows overhead, memory and failure "
            "isolation, not what more cores would bring."
        )
    yield _instrument(summary)
    yield _network(run, scenario)
    if scenario.load.rate is None:
        yield (
            "Waiting under overload: in the closed model a slow arm is asked less often. Its latencies cannot be "
            "compared with those of an open model."
        )
    elif scenario.capacity:
        yield "Latency, throughput and CPU at one rate: every trial went through a ladder, each rate for seconds."
    else:
        yield f"Capacity: the arms got {scenario.load.rate:g} arrivals a second, not as many as they can serve."
    yield from _share_limits(summary)
    if used < (needed := least_blocks(scenario)):
        few = f"{count_of(used, 'valid block')} {'is' if used == 1 else 'are'} too few"
        yield f"A verdict: {few}. It takes {needed} blocks to tell a difference from chance."
    whole = period(len(scenario.arms))
    if summary.decision.planned % whole:
        yield (
            f"Balance: the order of {len(scenario.arms)} arms is balanced only over multiples of {whole} blocks, and "
            f"this run has {summary.decision.planned}: some arms had a place, or followed another arm, more often."
        )
    yield "Other machines: kernel, CPU and neighbours change the numbers, and may change the answer."
    yield from _platform_limits(run, summary)
    if run.exploratory:
        yield "Other traffic: one locustfile, started and stopped by hand."
    else:
        ends = dict.fromkeys(map(format_duration, sorted(warmups_s(summary))))
        warmups = " to ".join([*ends][:: max(1, len(ends) - 1)]) or "an unknown time"
        yield f"Other traffic: one locustfile, {scenario.load.measure:g} s a trial after {warmups} of warm-up."


def _instrument(summary: RunSummary) -> str:
    """Tell what the lab itself took of the machine, arm by arm, as far as it was measured."""
    shown = summary.decision.used or summary.blocks
    cores = {
        arm.name: known_median(t.quiet.instrument_cores for t in summary.of_arm(arm.name) if t.record.block in shown)
        for arm in summary.arms
    }
    took = ", ".join(f"{found:.2f} with {arm}" for arm, found in cores.items() if found is not None)
    return f"The app alone: {_beside(summary.scenario)} some of its cores" + (
        f": {took} (medians)." if took else "; how much was not measured."
    )


def _beside(scenario: Scenario) -> str:
    """What of the lab ran on the machine of the arms, or on those over which a Swarm spreads them."""
    if (spread := spread_over(scenario)) > 1:
        where = listed([node.name for node in scenario.load_nodes or scenario.nodes[:1]])
        return f"the load generator ran on {where}, a sampler on each node, and on the {spread} of the arms they used"
    if not scenario.load_nodes:
        return "the load generator and the sampler ran on the same machine and used"
    where = listed([node.name for node in scenario.load_nodes])
    return f"the load generator ran on {where}, but the sampler on the machine of the arms, and used"


def _network(run: RunInfo, scenario: Scenario) -> str:
    if len(scenario.nodes) > 1:
        return "Another network: what lies between the nodes of this run is in every latency, of every arm alike."
    way = "in a bridge of one machine" if "own" in known(run, "network") else "on the loopback interface"
    return f"A network: every request stayed {way}, where latency and loss are close to zero."


def _share_limits(summary: RunSummary) -> Iterator[str]:
    """Said only where the busiest process of some arm did much more than its part."""
    processes = summary.scenario.budget.processes
    busiest = {arm.name: shown_value(summary, arm.name, "share.max") for arm in summary.arms}
    said = [
        f"{format_ratio(share)} in {arm}"
        for arm, share in busiest.items()
        if share is not None and uneven(share, processes)
    ]
    if said:
        yield (
            "Other shares of the work: connections fell unevenly. The busiest process did "
            f"{', '.join(said)}, where an even share is {format_ratio(1 / processes)}. Other numbers of connections "
            "or seeds give other shares."
        )


def _platform_limits(run: RunInfo, summary: RunSummary) -> Iterator[str]:
    driver = known(run, "storage_driver")
    if driver:
        yield (
            f"Other storage drivers: the engine used {driver}. Whether containers of one image share the file pages of "
            "its libraries depends on the driver, and moves PSS."
        )
    if is_plain(run):
        yield from plain_limits(run)
    yield from image_limits(run, summary)
    for title, items in run.fronts.items():
        if items:
            yield (
                f"All that works without a front: asked before the first trial, {title} did not let pass as it is "
                f"{listed(sorted(items))}."
            )
    fronts = {front_title(arm) for arm in summary.scenario.arms if arm.fronted}
    if fronts:
        yield f"Other balancers and settings: clients met {' or '.join(sorted(fronts))}."
