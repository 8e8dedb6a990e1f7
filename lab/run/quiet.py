"""Wait before a trial until the machine is as quiet as the gates ask, and tell what disturbs it meanwhile."""

import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import psutil

from lab.analysis.gates import PASS
from lab.analysis.gates.counters import steal_share, unaccounted_cores
from lab.analysis.gates.limits import FOREIGN, STEAL
from lab.record.schema import HostRow
from lab.record.types import HOST, PhaseWindow
from lab.report.parts.cells import quantity
from lab.run.environment import cpu_users
from lab.run.view import QuietView
from lab.sampling.host import HostReader
from lab.sampling.platform_processes import engine_processes
from lab.units import format_duration

LISTEN_S = 3.0  # one look: long enough that a clock tick more or less is far below the limits of the gates
NAMED = 3  # programs in a sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """What disturbed the machine during one look; shares of all its CPU time, None: the readings do not tell.

    ``users`` are the foreign programs that used any, the busiest first, each with its share of the machine; what those
    used that began or ended meanwhile is in ``foreign`` alone.
    """

    steal: float | None
    foreign: float | None
    users: Sequence[tuple[str, float]] = ()

    @property
    def disturbs(self) -> str:
        """A sentence about everything that would leave a doubt; "" on a quiet machine."""
        seen = ((STEAL, self.steal), (FOREIGN, self.foreign))
        loud = [
            f"{gate.title} {quantity(gate.unit, value)} (caveat above {quantity(gate.unit, gate.caveat or 0.0)})"
            for gate, value in seen
            if value is not None and gate.outcome(value) != PASS
        ]
        named = [f"{name} {quantity(FOREIGN.unit, share)}" for name, share in self.users[:NAMED]]
        busiest = f"the busiest of {len(self.users)} processes" if len(self.users) > NAMED else "busiest"
        return ", ".join(loud) + (f"; {busiest}: {', '.join(named)}" if loud and named else "")


def noise_of(before: HostRow, after: HostRow, cores: int, users: Sequence[tuple[str, float]] = ()) -> Noise:
    """The noise between two readings without an arm, counted as the gates count it."""
    host = pl.DataFrame([before, after], schema=HOST, orient="row")
    window = PhaseWindow(start_s=before.t_s, end_s=after.t_s)
    foreign = unaccounted_cores(host, window, arm_cores=0.0)
    return Noise(steal=steal_share(host, window), foreign=None if foreign is None else foreign / cores, users=users)


def listen(sleep: Callable[[float], None] = time.sleep) -> Noise:
    """Look at the machine for LISTEN_S; nothing may be deployed meanwhile."""
    lab, cores = psutil.Process(), os.cpu_count() or 1
    engine, own = [found.process for found in engine_processes()], lab.children(recursive=True)
    reader = HostReader(Path("/"), [lab.pid])
    reader.load.follow(own)
    reader.engine.follow(engine)
    before = _read(reader)
    found = cpu_users(LISTEN_S, sleep, ours={process.pid for process in (lab, *own, *engine)}, most=None)
    return noise_of(before, _read(reader), cores, [(user["name"], user["cores"] / cores) for user in found])


def _read(reader: HostReader) -> HostRow:
    """A reading in which the lab is the sampler, and may have no load processes yet."""
    row = reader.read(time.monotonic(), engine=True)
    return row._replace(sampler_cpu_s=0.0, load_cpu_s=row.load_cpu_s or 0.0)


def wait_for_quiet(
    view: QuietView,
    bound_s: float,
    listen: Callable[[], Noise] = listen,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Return when nothing disturbs any more, or after ``bound_s``: the trial is then made all the same."""
    began_s, waited = clock(), False
    while disturbs := listen().disturbs:
        left_s = began_s + bound_s - clock()
        if left_s <= 0:
            view.step(f"not quiet after {format_duration(bound_s)}: {disturbs}; measuring all the same, gates judge it")
            return
        view.waiting(f"waiting for a quiet machine, {format_duration(math.ceil(left_s))} at most: {disturbs}")
        waited = True
    if waited:
        view.step(f"quiet after {format_duration(clock() - began_s)}")
