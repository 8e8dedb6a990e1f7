"""Was the machine quiet during one trial? What others took of it, as fractions. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from lab.analysis.gates.counters import arm_machines, machines, rate, steal_share
from lab.analysis.gates.limits import FOREIGN
from lab.analysis.trial.counters import complete_sum
from lab.record.types import TrialResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """Fractions over the measure phase, of several machines on the one where they are most; None where one is silent.

    ``steal``: of all CPU time, kept by the hypervisor. ``foreign``: of the machine, used by neither arm nor lab.
    ``psi_*``: of the time in which some process waited for that resource (pressure stall information, "some").
    ``instrument_cores``: what load generator and sampler used on the machines that run the arm, in cores.
    """

    steal: float | None = None
    foreign: float | None = None
    psi_cpu: float | None = None
    psi_memory: float | None = None
    psi_io: float | None = None
    instrument_cores: float | None = None


def quiet(result: TrialResult) -> Quiet:
    """Steal and pressure from the hosts' readings; foreign CPU as its gate found it when the trial ended."""
    window, hosts = result.record.measure, machines(result.tables.host).values()
    of_arm = arm_machines(result.tables).values()
    instrument = [rate(host, column, window) for host in of_arm for column in ("load_cpu_s", "sampler_cpu_s")]
    foreign = [gate.value for gate in result.record.gates if gate.key == FOREIGN.key]
    return Quiet(
        steal=_most(steal_share(host, window) for host in hosts),
        foreign=foreign[0] if foreign else None,
        psi_cpu=_most(rate(host, "psi_cpu_some_s", window) for host in hosts),
        psi_memory=_most(rate(host, "psi_memory_some_s", window) for host in hosts),
        psi_io=_most(rate(host, "psi_io_some_s", window) for host in hosts),
        instrument_cores=complete_sum(instrument),
    )


def _most(values: Iterable[float | None]) -> float | None:
    """The greatest; None where one machine does not tell."""
    found = list(values)
    return None if None in found else max(value for value in found if value is not None)
