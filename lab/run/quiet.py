"""Wait before a trial until every machine is as quiet as the gates ask, and tell what disturbs one meanwhile."""

import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import polars as pl

from lab.agent.calls import There, here
from lab.analysis.gates import PASS
from lab.analysis.gates.counters import steal_share, unaccounted_cores
from lab.analysis.gates.limits import FOREIGN, STEAL
from lab.errors import SamplingError
from lab.host.labels import started
from lab.record.schema import HostRow
from lab.record.types import HOST, PhaseWindow
from lab.report.parts.cells import quantity
from lab.run.view import QuietView
from lab.sampling.hearing import LISTEN_S, hear
from lab.units import format_duration

QUIETER = "stop other programs, or let --wait-for-quiet wait until the machine is quiet"  # where it was not
NAMED = 3  # programs in a sentence
UNNAMED = "a program that hides its name"


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


def listen(there: There = here) -> Noise:
    """Look at a machine for LISTEN_S; nothing may be deployed meanwhile. Raises SamplingError where nobody answers."""
    me = os.getpid()
    heard = there(hear, LISTEN_S, me, started(me) or "")
    users = [(user.name or UNNAMED, user.cores / heard.cores) for user in heard.users]
    return noise_of(heard.before, heard.after, heard.cores, users)


def wait_for_quiet(
    view: QuietView,
    machines: Mapping[str, There],
    bound_s: float,
    listen: Callable[[There], Noise] = listen,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Return when nothing disturbs any more, or after ``bound_s``: the trial is then made all the same.

    ``machines``: what calls functions on each that measures, by the name of its node, "" for this one.
    """
    began_s, waited, told = clock(), False, set[str]()
    while (look := _look(machines, listen)).disturbs:
        _tell_deaf(view, look, told)
        left_s = began_s + bound_s - clock()
        if left_s <= 0:
            view.step(
                f"not quiet after {format_duration(bound_s)}: {look.disturbs}; measuring all the same, gates judge it"
            )
            return
        view.waiting(f"waiting for a quiet machine, {format_duration(math.ceil(left_s))} at most: {look.disturbs}")
        waited = True
    _tell_deaf(view, look, told)
    if len(look.deaf) == len(machines):
        view.step("no machine can be asked, so it is not known whether any is quiet; measuring all the same")
    elif waited:
        view.step(f"quiet after {format_duration(clock() - began_s)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """What ``disturbs`` any machine, and why those that are ``deaf`` cannot be asked, by name."""

    disturbs: str
    deaf: Mapping[str, str]


def _look(machines: Mapping[str, There], listen: Callable[[There], Noise]) -> _Look:
    """Look at all of them side by side; one that was lost is had again by its next trial."""

    def of(name: str) -> tuple[str, str]:
        try:
            told = listen(machines[name]).disturbs
        except SamplingError as error:
            return "", str(error)
        return f"node {name}: {told}" if told and name else told, ""

    with ThreadPoolExecutor(len(machines), thread_name_prefix="quiet") as pool:
        found = dict(zip(machines, pool.map(of, machines), strict=True))
    return _Look(
        disturbs="; ".join(noise for noise, _ in found.values() if noise),
        deaf={name: why for name, (_, why) in found.items() if why},
    )


def _tell_deaf(view: QuietView, look: _Look, told: set[str]) -> None:
    """Say of each machine once in a wait that it cannot be asked."""
    for name, why in look.deaf.items():
        if name not in told:
            whose = f"node {name}" if name else "this machine"
            view.step(f"{whose} cannot be asked whether it is quiet: {why}")
            told.add(name)
