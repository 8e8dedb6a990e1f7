"""Gates on the sampler and on the machine: did the readings come, and did somebody else work here?"""

import polars as pl

from lab.analysis.gates.counters import containers, foreign_cores, foreign_share, machines, rate, steal_share
from lab.analysis.gates.gate import judge, judge_worst, not_applicable, unchecked
from lab.analysis.gates.limits import ANON, FOREIGN, NEAR_S, SAMPLER_CPU, SAMPLER_READINGS, SHARED, STEAL
from lab.analysis.trial.courses import courses, total
from lab.analysis.trial.cpu_source import plain_processes
from lab.analysis.trial.ledger import ARM_ROLES, PROCESS, of_arm, of_roles
from lab.record.types import GateResult, TrialResult


def sampler_readings(result: TrialResult) -> GateResult:
    """Rounds and looks taken ÷ planned: late ones are skipped, and a peak may hide in the gap."""
    record = result.record
    told = {node.name: node.sampler for node in record.nodes} if len(record.nodes) > 1 else {"": record.sampler}
    shares = {
        node: each.achieved_readings / each.planned_readings if each and each.planned_readings > 0 else None
        for node, each in told.items()
    }
    return judge_worst(SAMPLER_READINGS, shares, "no-report")


def sampler_cpu(result: TrialResult) -> GateResult:
    """Check the cost of observing: the sampler's CPU as a fraction of one core."""
    hosts, window = machines(result.tables.host), result.record.measure
    cores = {name: rate(host, "sampler_cpu_s", window) for name, host in hosts.items()}
    return judge_worst(SAMPLER_CPU, cores, "readings")


def steal(result: TrialResult) -> GateResult:
    """The part of all CPU time that the hypervisor kept from this machine."""
    stolen = {name: steal_share(host, result.record.measure) for name, host in machines(result.tables.host).items()}
    return judge_worst(STEAL, stolen, "readings")


def foreign(result: TrialResult, cpu_count: int) -> GateResult:
    """CPU that neither the arm nor the lab used ÷ all cores."""
    tables, hosts = result.tables, machines(result.tables.host)
    if len(hosts) > 1:
        return judge_worst(FOREIGN, {name: _foreign_share(result, host) for name, host in hosts.items()}, "readings")
    cores = foreign_cores(tables.host, tables.cgroups, tables.processes, result.record.measure)
    return judge_worst(FOREIGN, {"": None if cores is None else cores / cpu_count}, "readings")


def _foreign_share(result: TrialResult, host: pl.DataFrame) -> float | None:
    """Of one of several machines, beside what it runs of the arm."""
    tables, there = result.tables, pl.col("node").eq_missing(host["node"].first())
    cgroups, processes = tables.cgroups.filter(there), tables.processes.filter(there)
    return foreign_share(host, cgroups, processes, result.record.measure, elsewhere=not tables.processes.is_empty())


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
