"""Gates on the sampler and on the machine: did the readings come, and did somebody else work here?"""

from __future__ import annotations

import polars as pl

from lab.analysis.gates.counters import containers, foreign_cores, rate, steal_share
from lab.analysis.gates.limits import ANON, BURST_TOLERANCE_S, FOREIGN, SAMPLER_CPU, SAMPLER_READINGS, STEAL
from lab.analysis.gates.outcome import judge, not_applicable, unchecked
from lab.analysis.trial.cpu_source import plain_processes
from lab.plan.kinds import Role
from lab.record.types import GateResult, TrialResult

PLANNED_READINGS = "planned_readings"  # keys of TrialRecord.sampler
ACHIEVED_READINGS = "achieved_readings"


def sampler_readings(result: TrialResult) -> GateResult:
    """Readings taken ÷ readings planned: late ones are skipped, and a peak may hide in the gap."""
    planned = result.record.sampler.get(PLANNED_READINGS)
    achieved = result.record.sampler.get(ACHIEVED_READINGS)
    if planned is None or achieved is None or planned <= 0:
        return unchecked(SAMPLER_READINGS, "no-report")
    return judge(SAMPLER_READINGS, achieved / planned)


def sampler_cpu(result: TrialResult) -> GateResult:
    """What observing costs: the sampler's CPU as a fraction of one core."""
    cores = rate(result.tables.host, "sampler_cpu_s", result.record.measure)
    return unchecked(SAMPLER_CPU, "readings") if cores is None else judge(SAMPLER_CPU, cores)


def steal(result: TrialResult) -> GateResult:
    """The part of all CPU time that the hypervisor kept from this machine."""
    stolen = steal_share(result.tables.host, result.record.measure)
    return unchecked(STEAL, "readings") if stolen is None else judge(STEAL, stolen)


def foreign(result: TrialResult, cpu_count: int) -> GateResult:
    """CPU that neither the arm nor the lab used ÷ all cores."""
    tables = result.tables
    cores = foreign_cores(tables.host, tables.cgroups, tables.processes, result.record.measure)
    return unchecked(FOREIGN, "readings") if cores is None else judge(FOREIGN, cores / cpu_count)


def anonymous_memory(result: TrialResult) -> GateResult:
    """Σ anonymous PSS of the arm's processes against Σ anonymous memory of its cgroups, at the instants of bursts.

    The value is the median over the instants: one allocation between the two readings is no disagreement.
    """
    if plain_processes(result.record):
        return not_applicable(ANON, "plain-processes")
    pairs = _anon_pairs(result)
    if not pairs.height:
        return unchecked(ANON, "no-instant")
    return judge(ANON, pairs.select((pl.col("pss_anon_bytes") / pl.col("anon_bytes") - 1).abs().median()).item())


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
