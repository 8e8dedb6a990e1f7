"""What the sampler must follow: plain values that engines make and that travel to the sampler as JSON."""

from __future__ import annotations

from dataclasses import dataclass

from lab.plan.kinds import ServiceKind


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleTarget:
    """One service to follow: its container (64 hexadecimal digits) and the host's pid of its first process.

    Without a container (an empty ``container_id``) the service is the process tree of ``init_pid``, which leads a
    session of its own: see lab/sampling/process_tree.py.
    """

    service: str
    kind: ServiceKind
    container_id: str
    init_pid: int
