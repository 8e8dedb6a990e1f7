"""The names of the serving processes that answered: by the app's own header, where that names processes."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

SHOWN = 80  # characters of a header's value


class Names:
    """Counts answers by who gave them. ``header`` is what an answer says, ``owner`` what we see; "" is nothing.

    An app may have a header of that name for a purpose of its own, such as the framework's or the machine's name. One
    that several processes say, or of which one process says several, is no name of a process: owners are, then.
    ``threaded``: one process may say several that differ behind their last colon, one for each of its threads.
    """

    def __init__(self, *, threaded: bool = False) -> None:
        self._answers: Counter[tuple[str, str]] = Counter()
        self._threaded = threaded

    def add(self, header: str, owner: str) -> None:
        """Count an answer."""
        self._answers[header, owner] += 1

    @property
    def ignored(self) -> str:
        """An example of what the header says, where it names no process; else ""."""
        pairs = [(header, owner) for header, owner in self._answers if header and owner]
        several = _several(pairs) | _several((owner, self._process(header)) for header, owner in pairs)
        return next((header[:SHOWN] for header, owner in pairs if {header, owner} & several), "")

    def _process(self, header: str) -> str:
        """The part of a name that all threads of a process have."""
        return (header.rpartition(":")[0] if self._threaded else "") or header

    @property
    def unseen(self) -> bool:
        """Whether there are answers of which only the header is known, or nothing."""
        return any(not owner for _, owner in self._answers)

    @property
    def unnamed(self) -> int:
        """How many answers nobody knows who gave."""
        return self._answers["", ""]

    @property
    def said(self) -> str:
        """An example of what the header says; "" where it never came."""
        return next((header[:SHOWN] for header, _ in self._answers if header), "")

    def servers(self) -> Mapping[str, int]:
        """Answers by name; those without any are not counted."""
        ignored, found = self.ignored, Counter[str]()
        for (header, owner), count in self._answers.items():
            if name := owner if ignored else header or owner:
                found[name] += count
        return dict(found)


def _several(pairs: Iterable[tuple[str, str]]) -> set[str]:
    """The first ones that come with more than one second."""
    found = defaultdict[str, set[str]](set)
    for first, second in pairs:
        found[first].add(second)
    return {first for first, seconds in found.items() if len(seconds) > 1}
