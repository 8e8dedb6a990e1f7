"""Names of processes that a person can say: ``worker 1`` instead of a container and a pid."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Protocol

from lab.plan.kinds import Role

ORDINALS = {1: "busiest", 2: "2nd busiest", 3: "3rd busiest"}


class Process(Protocol):
    """A process as the ledger tells it."""

    @property
    def role(self) -> Role:
        """Its part in the arm."""

    @property
    def service(self) -> str:
        """The container that it runs in."""

    @property
    def ordinal(self) -> int:
        """Its place among the processes of this role in that container."""


def process_names(processes: Iterable[Process]) -> Mapping[tuple[str, str, int], str]:
    """(role, service, ordinal) → name, for the processes of one arm: numbered where a role has several."""
    keys = sorted({(process.role.value, process.service, process.ordinal) for process in processes})
    several, numbers = Counter(role for role, _, _ in keys), defaultdict[str, int](int)
    names = {}
    for key in keys:
        numbers[key[0]] += 1
        names[key] = f"{key[0]} {numbers[key[0]]}" if several[key[0]] > 1 else key[0]
    return names


def name_of(process: Process, names: Mapping[tuple[str, str, int], str]) -> str:
    """The name of one of them."""
    return names[process.role.value, process.service, process.ordinal]


def rank_name(place: int) -> str:
    """1 → ``"busiest"``, 2 → ``"2nd busiest"``, 12 → ``"12th busiest"``: a serving process by the work that it did."""
    return ORDINALS.get(place, f"{place}th busiest")
