"""HUB: what a process sees of the machine on which it runs. Light: agents import it."""

from __future__ import annotations

from dataclasses import dataclass

from lab.record.evidence import Finite


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuUser:
    """A process that used CPU before the run began."""

    name: str | None
    cores: Finite


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenFacts:
    """What only a process there can tell; None: the machine does not tell, or was not asked in that version."""

    cpu_model: str | None = None
    virtualisation: str | None = None
    clock_source: str | None = None
    cpu_governor: str | None = None
    pressure_stall: bool | None = None
    load_average: Finite | None = None
    machine: str | None = None  # its mark, see lab/sampling/machine.py
    foreign: tuple[CpuUser, ...] | None = None
    cgroup_version: int | str | None = None  # the kernel's word is a number, an engine's a text
