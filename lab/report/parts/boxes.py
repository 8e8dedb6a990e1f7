"""The boxes beside the answer on the first screen: can it be trusted, and where was it measured?"""

from __future__ import annotations

from collections.abc import Sequence

from lab.analysis.blocks import BlockDecision
from lab.analysis.comparison import Comparison, least_blocks
from lab.analysis.conditions import judged_families
from lab.analysis.gates import CAVEAT, INVALID
from lab.analysis.headroom import headroom
from lab.analysis.summary import RunSummary
from lab.metric_types import Family
from lab.metrics import METRICS
from lab.plan.fronts.front import front_title
from lab.record.types import RunInfo
from lab.report.first_screen import Box, Mood, count_in
from lab.report.parts.caveats import Caveats, abouts
from lab.report.parts.effects import either_way
from lab.report.parts.facts import budget_text, cores_text, engine_text, known, memory_text, runs_from, spread_text
from lab.report.parts.gate_sentences import family_names, listed
from lab.report.parts.images import arms_by_image, images_text, versions_text
from lab.report.parts.outcomes import valid_for_what
from lab.scenario.model import Arm, Load, Scenario
from lab.units import count_of, format_rate, format_ratio, format_rounded, named_cores

UNKNOWN_FLOOR = "not known on this machine; lab selfcheck measures it"


def validity_box(run: RunInfo, summary: RunSummary, comparison: Comparison | None, caveats: Caveats) -> Box:
    """Blocks, gates, caveats, head-room and noise floor; good only when nothing is held against what was judged."""
    used, seen, judged = len(summary.decision.used), len(summary.blocks), judged_families(summary)
    if not used:
        answer, mood = "No: there is no valid block", Mood.BAD
    elif lost := summary.decision.lost | _beyond_expected(summary.decision, judged):
        answer, mood = f"No, not for {family_names(lost)}: too many blocks are invalid", Mood.BAD
    elif used < least_blocks(summary.scenario):
        answer, mood = f"Only as a smoke test{_with(caveats)}", Mood.CAVEAT
    elif caveats.judged:
        answer, mood = f"Yes{_with(caveats)}", Mood.CAVEAT
    elif caveats.others or (judged and any(gate.worst.outcome == CAVEAT for gate in summary.gates)):
        answer, mood = f"Yes, for {family_names(judged)}, which was judged", Mood.GOOD
    else:
        answer, mood = "Yes, every gate passed", Mood.GOOD
    of_what = valid_for_what(summary.decision) if used else ""
    rows = (
        ("blocks", f"{used} of {seen} valid{of_what}{';' if of_what else ','} {summary.decision.planned} planned"),
        ("gates", _gates(summary)),
        ("caveats", _counted(caveats)),
        ("load generator", _generator(run, summary)),
        ("noise floor", _floors(run, comparison)),
    )
    return Box(
        key="validity", title=f"Can you trust this run? {answer}", mood=mood, rows=rows, more="belief", short="Trust"
    )


def _beyond_expected(decision: BlockDecision, judged: frozenset[Family]) -> frozenset[Family]:
    """Those of the judged families that only expectations are about, with more invalid blocks than may be replaced."""
    return frozenset(family for family in judged - decision.needed if decision.is_beyond(family))


def _with(found: Caveats) -> str:
    """``", with 3 caveats, 1 of them about what was judged"``; empty where none is."""
    judged, others = map(count_in, found)
    if not judged:
        return ""
    return f", with {count_of(judged + others, 'caveat')}{f', {judged} about what was judged' if others else ''}"


def _counted(found: Caveats) -> str:
    """``"3: 2 about latency, 1 about CPU"``: as many as the trust line and the section have."""
    groups = (*found.judged, *found.others)
    several = count_in(groups)
    return (
        f"{several}{',' if len({group.about for group in groups}) == 1 else ':'} {abouts(groups)}"
        if several
        else "none"
    )


def _gates(summary: RunSummary) -> str:
    if not summary.gates:
        return "none was evaluated"
    worst = [gate.worst.outcome for gate in summary.gates]
    parts = [f"{len(worst) - worst.count(CAVEAT) - worst.count(INVALID)} of {len(worst)} passed everywhere"]
    parts += [f"{worst.count(CAVEAT)} with a caveat"] if CAVEAT in worst else []
    parts += [f"{worst.count(INVALID)} failed somewhere"] if INVALID in worst else []
    return ", ".join(parts)


def _generator(run: RunInfo, summary: RunSummary) -> str:
    room = headroom(run, summary)
    where = (
        f"on {listed([node.name for node in nodes])}" if (nodes := summary.scenario.load_nodes) else "on this machine"
    )
    if room is None:
        return f"its limit {where} is not known"
    return f"at {format_rate(room.driven_per_s)}, {format_ratio(room.used)} of what it can generate {where}"


def _floors(run: RunInfo, comparison: Comparison | None) -> str:
    """Tell how far an arm was told from itself, for each primary, under which conditions. It decides nothing."""
    floors = {
        METRICS[contest.metric].title: contest.judgement.floor
        for contest in (comparison.primaries if comparison else ())
    }
    told = [f"{title} {either_way(floor)}" for title, floor in floors.items() if floor is not None]
    if not told:
        return UNKNOWN_FLOOR
    conditions, at = run.noise_floor.get("conditions", "conditions not kept"), run.noise_floor.get("measured_at", "")
    return f"{'; '.join(told)}, of an arm against itself ({conditions}{f'; {at[:10]}' if at else ''})"


def machine_box(run: RunInfo, summary: RunSummary) -> Box:
    """Machine, engine, image, versions, budget, load: what every number depends on."""
    scenario = summary.scenario
    fronts = sorted({front_title(arm) for arm in scenario.arms if arm.fronted})
    rate = _rate(scenario)
    rows = {
        "machine": _joined(
            known(run, "cpu_model"),
            cores_text(run),
            memory_text(run),
            known(run, "virtualisation"),
            spread_text(scenario),
        ),
        "system": _joined(_named(run, "kernel"), _named(run, "cgroup_version", "cgroup v")),
        "engine": _joined(
            engine_text(run),
            f"{known(run, 'network') or scenario.network} network",
            known(run, "storage_driver"),
        ),
        runs_from(run): images_text(run, scenario.arms),
        "versions": _versions(run, scenario.arms),
        "budget": f"{count_of(scenario.budget.processes, 'serving process')} in each arm, {budget_text(summary)}",
        "front": ", ".join(fronts) or "none: clients connect directly",
        "load": f"{rate}, {_amount(run, summary)}{_dealt_out(summary)}",
        "seed": str(scenario.trials.seed),
    }
    return Box(key="machine", title="Measured on", mood=Mood.PLAIN, rows=tuple(rows.items()), more="details")


def _rate(scenario: Scenario) -> str:
    if scenario.capacity:
        rates = scenario.capacity.rates
        return f"a ladder from {format_rounded(rates[0])} to {format_rounded(rates[-1])} arrivals a second"
    return f"{scenario.load.rate:g} arrivals a second" if scenario.load.rate else "closed model"


def _amount(run: RunInfo, summary: RunSummary) -> str:
    load = summary.scenario.load
    if run.exploratory:
        return "users and duration by hand"
    lanes = count_of(load.lanes, "connection")
    return f"{lanes} (load.lanes), {load.measure:g} s measured in each trial{_driven(load)}"


def _dealt_out(summary: RunSummary) -> str:
    """Who said how many users each load process had, where it was not the lab."""
    workers = max((trial.record.load.workers for trial in summary.trials), default=0)
    return f", users dealt out by Locust's own master to {count_of(workers, 'worker')}" if workers else ""


def _driven(load: Load) -> str:
    """By how many processes, and on which cores, where that is not as usual."""
    processes = f", {load.all_processes} load processes" if load.all_processes > 1 else ""
    processes += f" on {load.machines} nodes" if load.machines > 1 else ""
    return f"{processes}{f', load on {named_cores(load.cores)}' if load.cores else ''}"


def _versions(run: RunInfo, arms: Sequence[Arm]) -> str:
    """Of the image that all arms run from, as the environment tells them; else those of each image. And Locust's."""
    locust = _named(run, "locust", "locust ")
    if len(arms_by_image(run, arms)) > 1:
        return "; ".join(filter(None, (versions_text(run, arms), locust)))
    return _joined(*(_named(run, name, f"{name} ") for name in ("uvicorn", "fastapi", "uvloop")), locust)


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part) or "not known"


def _named(run: RunInfo, name: str, before: str = "") -> str:
    value = known(run, name)
    return f"{before or name + ' '}{value}" if value else ""
