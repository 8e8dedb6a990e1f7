"""Facts that sampler and app tell of themselves in a trial. No polars here, as in the schema."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplerFacts:
    """The sampler's word on itself.

    Readings are its rounds and its looks at one process; ``pss_interval_s`` is the time from one look at a process to
    the next, ``reading_s`` and ``reading_with_pss_s`` are the mean wall times of a round and of a look, and
    ``reading_max_s`` the longest of both. It used ``cpu_s`` of CPU time in ``wall_s``.
    """

    planned_readings: float
    achieved_readings: float
    pss_interval_s: float
    cpu_s: float
    wall_s: float
    reading_s: float
    reading_with_pss_s: float
    reading_max_s: float
    starts_early_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Executions:
    """So many requests the app said that it executed, of ``distinct`` identities: the rest were executed again."""

    executions: int
    distinct: int
