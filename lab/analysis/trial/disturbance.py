"""Was the machine quiet during one trial? What others took of it, as fractions. Pure."""

from dataclasses import dataclass

from lab.analysis.gates.counters import rate, steal_share
from lab.analysis.gates.limits import FOREIGN
from lab.analysis.trial.counters import complete_sum
from lab.record.types import TrialResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """Fractions over the measure phase; None where the machine did not tell.

    ``steal``: of all CPU time, kept by the hypervisor. ``foreign``: of the machine, used by neither arm nor lab.
    ``psi_*``: of the time in which some process waited for that resource (pressure stall information, "some").
    ``instrument_cores``: what the load generator and the sampler used, in cores.
    """

    steal: float | None = None
    foreign: float | None = None
    psi_cpu: float | None = None
    psi_memory: float | None = None
    psi_io: float | None = None
    instrument_cores: float | None = None


def quiet(result: TrialResult) -> Quiet:
    """Steal and pressure from the host's readings; foreign CPU as its gate found it when the trial ended."""
    window, host = result.record.measure, result.tables.arm_host
    instrument = [rate(host, column, window) for column in ("load_cpu_s", "sampler_cpu_s")]
    foreign = [gate.value for gate in result.record.gates if gate.key == FOREIGN.key]
    return Quiet(
        steal=steal_share(host, window),
        foreign=foreign[0] if foreign else None,
        psi_cpu=rate(host, "psi_cpu_some_s", window),
        psi_memory=rate(host, "psi_memory_some_s", window),
        psi_io=rate(host, "psi_io_some_s", window),
        instrument_cores=complete_sum(instrument),
    )
