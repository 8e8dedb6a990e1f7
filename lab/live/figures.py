"""What is known of a trial while it runs: of its processes, its requests and its machines. Values, nothing is read."""

from dataclasses import asdict, dataclass, field
from typing import Any

from lab.plan.kinds import Role

MACHINE_S = 5.0  # short enough to be called "now"; ticks of 10 ms are 0.1% of two cores then


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessFigures:
    """One process of the arm right now: ``cpu`` in cores over the last two seconds, ``share`` of the requests so far.

    ``node``: its machine in a run that has several. None: not known (yet).
    """

    pid: int
    role: Role
    service: str
    cpu: float | None
    pss_bytes: int | None
    share: float | None = None
    node: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineFigures:
    """``steal`` of all CPU time and ``foreign`` of all cores over the last MACHINE_S, counted as the gates count them.

    ``sampler`` in cores since measuring began: over a few seconds single readings would alarm. Of several machines
    each figure is that of the worst. None: not known (yet).
    """

    steal: float | None = None
    foreign: float | None = None
    sampler: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFigures:
    """Successful arrivals of one phase so far: how many a second, and quantiles of their response time (METHOD 1.3).

    In the closed model, which schedules nothing, it is the service time. ``lag_p99_s`` is how late arrivals left, of
    all of them; None in the closed model. None: nothing to say yet.
    """

    per_second: float | None = None
    p50_s: float | None = None
    p99_s: float | None = None
    lag_p99_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveFigures:
    """One look at a trial, at all of its machines. ``processes`` by role and service, without those of the platform.

    ``load_cpu`` is the busiest load process, in cores.
    """

    processes: tuple[ProcessFigures, ...] = ()
    load_cpu: float | None = None
    requests: RequestFigures = field(default_factory=RequestFigures)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The processes as plain values, for JSON."""
        return [asdict(process) | {"role": process.role.value} for process in self.processes]
