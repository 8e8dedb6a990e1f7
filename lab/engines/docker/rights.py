"""May the lab reach containers and read their processes? If not, it has another way, or goes without."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

from lab.agent.calls import There, here
from lab.engines import one_clock
from lab.host.kernel import may_read_memory as may_read_memory
from lab.record.types import ClockOffset
from lab.sampling.channel import Launch, as_child, without_memory

CAP_SYS_PTRACE = 19  # linux/capability.h


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """A way to probe one deployment and to look at its processes (``there``), and to start its sampler.

    ``wall_offset_s``: what to add to an epoch instant of this machine to have the engine's.
    ``clock``: compares that machine's once more, as lab.engines.Deployment has it.
    ``image_id``: the image of the container that does both, "" where it takes none.
    """

    there: There = here
    launch: Launch = as_child
    image_id: str = ""
    wall_offset_s: float = 0.0
    clock: Callable[[], ClockOffset | None] = one_clock


class Rights(Protocol):
    """The rights of a lab, and what it does with them."""

    @property
    def sampled_by(self) -> str:
        """Who reads the processes."""

    @property
    def memory_obstacle(self) -> str | None:
        """Why PSS cannot be read; None where it can."""

    def access(self, client: Any, marks: Mapping[str, str], network: str = "") -> AbstractContextManager[Access]:
        """For one deployment in a network, "" for the host's; ``marks`` label what has to be created for it."""


class OwnRights:
    """The lab may read every process: it is root, or the engine is its own."""

    sampled_by = "the lab itself"
    memory_obstacle = None

    @contextmanager
    def access(self, _client: Any, _marks: Mapping[str, str], _network: str = "") -> Iterator[Access]:
        """Nothing is needed."""
        yield Access()


@dataclass(frozen=True, slots=True)
class NoRights:
    """Nobody reads the processes' memory, for the reason given: cgroups and CPU are all there is."""

    memory_obstacle: str
    sampled_by: ClassVar = "the lab itself, without the memory of processes"

    @contextmanager
    def access(self, _client: Any, _marks: Mapping[str, str], _network: str = "") -> Iterator[Access]:
        """Nothing helps."""
        yield Access(launch=without_memory)


def may_trace(status: Path = Path("/proc/self/status")) -> bool:
    """Tell whether this process has the right to look into any other one on this machine (CAP_SYS_PTRACE)."""
    effective = next(line for line in status.read_text().splitlines() if line.startswith("CapEff:"))
    return bool(int(effective.split()[1], 16) >> CAP_SYS_PTRACE & 1)
