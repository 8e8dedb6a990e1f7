"""Gates on the sampler and on the machine: did the readings come, and did somebody else work here?"""

from __future__ import annotations

import polars as pl

from lab.analysis.gates.counters import containers, foreign_cores, rate, steal_share
from lab.analysis.gates.limits import ANON, BURST_TOLERANCE_S, FOREIGN, SAMPLER_CPU, SAMPLER_READINGS, STEAL
from lab.analysis.gates.outcome import judge, not_applicable, unchecked
from lab.analysis.trial.cpu_source import plain_processes
from lab.plan.kinds import Role
from lab.record.types import GateResult, TrialResult
from lab.units import format_bytes, format_ratio

PLANNED_READINGS = "planned_readings"  # keys of TrialRecord.sampler
ACHIEVED_READINGS = "achieved_readings"


def sampler_readings(result: TrialResult) -> GateResult:
    """Readings taken ÷ readings planned: late ones are skipped, and a peak may hide in the gap."""
    planned = result.record.sampler.get(PLANNED_READINGS)
    achieved = result.record.sampler.get(ACHIEVED_READINGS)
    if planned is None or achieved is None or planned <= 0:
        return unchecked(SAMPLER_READINGS, "the sampler did not report how many readings it planned and achieved")
    said = f"The sampler took {achieved:.0f} of {planned:.0f} planned readings ({format_ratio(achieved / planned)})"
    return judge(SAMPLER_READINGS, achieved / planned, said, "The machine is overloaded: use fewer processes or rate.")


def sampler_cpu(result: TrialResult) -> GateResult:
    """What observing costs: the sampler's CPU as a fraction of one core."""
    cores = rate(result.tables.host, "sampler_cpu_s", result.record.measure)
    if cores is None:
        return unchecked(SAMPLER_CPU, "the sampler's own CPU readings do not span the measure window")
    said = f"The sampler used {format_ratio(cores)} of a core"
    return judge(SAMPLER_CPU, cores, said, "It took CPU from the arm: compare with fewer processes, or on more cores.")


def steal(result: TrialResult) -> GateResult:
    """The part of all CPU time that the hypervisor kept from this machine."""
    stolen = steal_share(result.tables.host, result.record.measure)
    if stolen is None:
        return unchecked(STEAL, "the host's readings do not span the measure window")
    said = f"The hypervisor stole {format_ratio(stolen)} of the CPU time"
    return judge(STEAL, stolen, said, "Use a machine with dedicated cores, or measure at a quieter hour.")


def foreign(result: TrialResult, cpu_count: int) -> GateResult:
    """CPU that neither the arm nor the lab used ÷ all cores."""
    tables = result.tables
    cores = foreign_cores(tables.host, tables.cgroups, tables.processes, result.record.measure)
    if cores is None:
        return unchecked(FOREIGN, "the CPU readings of host, arm, load and lab do not all span the measure window")
    said = f"Other programs used {cores:.2f} of {cpu_count} cores ({format_ratio(cores / cpu_count)} of the machine)"
    return judge(FOREIGN, cores / cpu_count, said, "Stop what else runs here, or measure on a machine of its own.")


def anonymous_memory(result: TrialResult) -> GateResult:
    """Σ anonymous PSS of the arm's processes against Σ anonymous memory of its cgroups, at the instants of bursts.

    The value is the median over the instants: one allocation between the two readings is no disagreement.
    """
    if plain_processes(result.record):
        return not_applicable(ANON, "plain processes have no cgroup that keeps a second account")
    pairs = _anon_pairs(result)
    if not pairs.height:
        return unchecked(ANON, "no instant has anonymous PSS of every process and the cgroups' account beside it")
    pss, cgroup, apart = pairs.select(
        pl.col("pss_anon_bytes").median(),
        pl.col("anon_bytes").median(),
        (pl.col("pss_anon_bytes") / pl.col("anon_bytes") - 1).abs().median().alias("apart"),
    ).row(0)
    said = (
        f"Processes add up to {format_bytes(pss)} of anonymous memory, their cgroups to "
        f"{format_bytes(cgroup)}, {format_ratio(apart)} apart"
    )
    return judge(ANON, apart, said, "A process is missing from the ledger, or a foreign one is counted in it.")


def _anon_pairs(result: TrialResult) -> pl.DataFrame:
    """One row an instant at which every process of the arm was read in a burst, with the cgroups read next to it."""
    processes = result.tables.processes.filter(pl.col("role") != Role.PLATFORM)
    bursts = (
        processes.group_by("t_s")
        .agg(pl.col("pss_anon_bytes").sum(), pl.col("pss_anon_bytes").is_null().any().alias("partial"))
        .filter(~pl.col("partial"))
        .sort("t_s")
    )
    accounts = (
        containers(result.tables.cgroups)
        .group_by("t_s")
        .agg(pl.col("anon_bytes").sum(), pl.col("anon_bytes").is_null().any().alias("unread"))
        .filter(~pl.col("unread") & (pl.col("anon_bytes") > 0))
        .sort("t_s")
    )
    return bursts.join_asof(accounts, on="t_s", strategy="nearest", tolerance=BURST_TOLERANCE_S).drop_nulls(
        "anon_bytes"
    )
