"""Gates on the sampler and on the machine: did the readings come, and did somebody else work here?"""

from collections.abc import Iterable

import polars as pl

from lab.analysis.gates.counters import containers, foreign_cores, foreign_share, rate, steal_share
from lab.analysis.gates.gate import judge, not_applicable, unchecked
from lab.analysis.gates.limits import ANON, FOREIGN, NEAR_S, SAMPLER_CPU, SAMPLER_READINGS, SHARED, STEAL
from lab.analysis.trial.courses import courses, total
from lab.analysis.trial.cpu_source import plain_processes
from lab.analysis.trial.ledger import ARM_ROLES, PROCESS, of_arm, of_roles
from lab.record.types import GateResult, TrialResult


def sampler_readings(result: TrialResult) -> GateResult:
    """Rounds and looks taken ÷ planned: late ones are skipped, and a peak may hide in the gap."""
    record = result.record
    told = [node.sampler for node in record.nodes] or [record.sampler]
    shares = [each.achieved_readings / each.planned_readings for each in told if each and each.planned_readings > 0]
    return (
        judge(SAMPLER_READINGS, min(shares)) if len(shares) == len(told) else unchecked(SAMPLER_READINGS, "no-report")
    )


def sampler_cpu(result: TrialResult) -> GateResult:
    """Check the cost of observing: the sampler's CPU as a fraction of one core."""
    cores = _worst(rate(host, "sampler_cpu_s", result.record.measure) for host in _machines(result))
    return unchecked(SAMPLER_CPU, "readings") if cores is None else judge(SAMPLER_CPU, cores)


def steal(result: TrialResult) -> GateResult:
    """The part of all CPU time that the hypervisor kept from this machine."""
    stolen = _worst(steal_share(host, result.record.measure) for host in _machines(result))
    return unchecked(STEAL, "readings") if stolen is None else judge(STEAL, stolen)


def foreign(result: TrialResult, cpu_count: int) -> GateResult:
    """CPU that neither the arm nor the lab used ÷ all cores."""
    machines = _machines(result)
    if len(machines) == 1:
        cores = foreign_cores(machines[0], result.tables.cgroups, result.tables.processes, result.record.measure)
        found = None if cores is None else cores / cpu_count
    else:
        found = _worst(_foreign_share(result, host) for host in machines)
    return unchecked(FOREIGN, "readings") if found is None else judge(FOREIGN, found)


def _machines(result: TrialResult) -> list[pl.DataFrame]:
    """The readings of each machine, that of the arm first."""
    return result.tables.host.partition_by("node", maintain_order=True) or [result.tables.host]


def _foreign_share(result: TrialResult, host: pl.DataFrame) -> float | None:
    """Of one of several machines, beside what it runs of the arm."""
    tables, there = result.tables, pl.col("node").eq_missing(host["node"].first())
    cgroups, processes = tables.cgroups.filter(there), tables.processes.filter(there)
    return foreign_share(host, cgroups, processes, result.record.measure, elsewhere=not tables.processes.is_empty())


def _worst(values: Iterable[float | None]) -> float | None:
    """The greatest; None when one machine does not allow the answer."""
    found = list(values)
    return max((value for value in found if value is not None), default=None) if None not in found else None


def anonymous_memory(result: TrialResult) -> GateResult:
    """Anonymous PSS of the arm's processes against the anonymous memory of its cgroups: means over the measure phase.

    Each process and each cgroup is read at its own instants, so that only means can be compared.
    """
    if plain_processes(result.record):
        return not_applicable(ANON, "plain-processes")
    window, tables = result.record.measure, result.tables
    near = pl.col("t_s").is_between(window.start_s - NEAR_S, window.end_s + NEAR_S)
    arm = of_roles(tables.processes.filter(near), *ARM_ROLES)
    cgroups = containers(of_arm(result.record, tables.cgroups).filter(near))
    pss = total(courses(arm, PROCESS, "pss_anon_bytes", window), window)
    cgroup = total(courses(cgroups, ("container",), "anon_bytes", window), window)
    if pss is None or cgroup is None or not cgroup.mean:
        return unchecked(ANON, "anon-unread")
    return judge(ANON, abs(pss.mean / cgroup.mean - 1))


def shared_memory(result: TrialResult) -> GateResult:
    """Bytes of PSS that the arm may lack because processes of the lab have its files mapped as well."""
    shared = result.record.shared_files
    return unchecked(SHARED, "maps-unread") if shared is None else judge(SHARED, float(sum(shared.values())))
