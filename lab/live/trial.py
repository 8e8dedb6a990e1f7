"""DO: what the processes of a trial use while it runs, read from the files that samplers and load are writing.

Reading is all it does: nobody is asked anything, so looking does not disturb what is measured. What is counted is
counted by the functions that judge the trial afterwards.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from lab.analysis.trial.ledger import ARM_ROLES
from lab.analysis.trial.shares import shares_of
from lab.live.figures import LiveFigures, MachineFigures, ProcessFigures
from lab.live.machines import Machine, Machines
from lab.live.requests import ProcessId, RequestFollower
from lab.plan.kinds import Role

LEADING_PID = re.compile(r"(\d+)\b")


class TrialFollower:
    """Follows one trial on all of its machines; ``staging`` is the folder in which its files grow.

    ``homes`` says which service a server's name or address belongs to, as far as attestation knows.
    """

    def __init__(self, staging: Path, homes: Mapping[str, str] = MappingProxyType({})) -> None:
        self._homes = homes
        self._machines = Machines(staging)
        self._requests = RequestFollower(staging / "load", self._machines)
        self._gave: dict[str | ProcessId, ProcessId] = {}  # a process that has ended gave its answers all the same

    def look(self, phase_start_s: float | None = None) -> LiveFigures:
        """The latest figures; requests are those of the phase that began at ``phase_start_s`` (CLOCK_MONOTONIC)."""
        machines, requests = self._machines.found(), self._requests.look(phase_start_s)
        alive = sorted((process for machine in machines for process in machine.alive()), key=_place)
        shares = self._shares({_id(process): process.service for process in alive if process.role is Role.WORKER})
        return LiveFigures(
            processes=tuple(replace(process, share=shares.get(_id(process))) for process in alive),
            load_cpu=_worst(machine.load_cpu() for machine in machines),
            requests=requests,
        )

    def machine(self, *, measuring: bool) -> MachineFigures:
        """Give what the gates on the machines would find now: each figure of the machine where it is worst."""
        machines = self._machines.found()
        elsewhere = any(machine.runs_arm for machine in machines)
        found = [machine.figures(measuring=measuring, elsewhere=elsewhere) for machine in machines]
        return MachineFigures(
            steal=_worst(each.steal for each in found),
            foreign=_worst(each.foreign for each in found),
            sampler=_worst(each.sampler for each in found),
        )

    def _shares(self, workers: Mapping[ProcessId, str]) -> Mapping[ProcessId, float]:
        """Share by process, of the workers and their services; empty while it is not known who served."""
        counts, unknown = dict.fromkeys(workers, 0), 0
        for server, count in self._requests.served().items():
            if (found := self._process_of(server, workers)) is not None:
                self._gave[server] = found
            if (process := self._gave.get(server)) is None:
                unknown += count
            else:
                counts[process] = counts.get(process, 0) + count
        known = sum(counts.values())
        names = {f"{pid} {node}": (node, pid) for node, pid in counts}
        requests = {name: counts[process] for name, process in names.items()}
        found_shares = shares_of(requests, len(counts), known / (known + unknown) if known else 0.0)
        return {names[share.served_by]: share.fraction for share in found_shares}

    def _process_of(self, server: str | ProcessId, workers: Mapping[ProcessId, str]) -> ProcessId | None:
        if isinstance(server, tuple):
            return server
        candidates: Sequence[ProcessId] = []
        if service := self._homes.get(server):
            candidates = [process for process, home in workers.items() if home == service]
        elif found := LEADING_PID.match(server):  # how a process names itself inside its container
            machines = {machine.node: machine for machine in self._machines.found()}
            candidates = [each for each in workers if _inside(machines, each) == int(found[1])]
        return candidates[0] if len(candidates) == 1 else None


def _inside(machines: Mapping[str, Machine], process: ProcessId) -> int | None:
    node, pid = process
    return machines[node].pid_inside(pid)


def _id(process: ProcessFigures) -> ProcessId:
    return process.node, process.pid


def _place(process: ProcessFigures) -> tuple[int, str, str, int]:
    return ARM_ROLES.index(process.role), process.service, process.node, process.pid


def _worst(values: Iterable[float | None]) -> float | None:
    """The greatest that is known."""
    return max((value for value in values if value is not None), default=None)
