"""Lead the load processes of several machines, which see no common file: they begin at one instant (METHOD 11.1)."""

from collections.abc import Sequence
from time import monotonic

from lab.load.inside.aborting import behind, hopeless, read_fates
from lab.load.inside.status import ABORT, STATUS_S, WARMUP_START, Status
from lab.load.load_plan import LoadPlan
from lab.load.place import Place

LEAD_S = 2.0  # from when all are ready until the warm-up begins, everywhere


class Lead:
    """Says when the warm-up of a plan begins, and when the load of a drill is given up, on the clock of each machine.

    On one machine load process 0 does that, and here nothing is done.
    """

    def __init__(self, plan: LoadPlan, machines: Sequence[Place]) -> None:
        self._plan = plan
        self._machines = machines
        self._marks: dict[str, float] = {}
        self._next_look_s = 0.0

    def look(self, statuses: Sequence[Status]) -> None:
        """Say what is to be said now; ``statuses``: those of all load processes, in order."""
        if not self._plan.led or ABORT in self._marks:
            return
        now_s = monotonic()
        if WARMUP_START not in self._marks:
            if all(status.ready for status in statuses):
                self._say(WARMUP_START, now_s + LEAD_S)
        elif self._plan.bad_after_s and now_s >= self._next_look_s:
            self._next_look_s = now_s + STATUS_S
            if self._hopeless(statuses, now_s):
                self._say(ABORT, now_s + LEAD_S)

    def _hopeless(self, statuses: Sequence[Status], now_s: float) -> bool:
        ahead_s = [place.clock_offset_s for place in self._machines]
        fates = (
            behind(read_fates(status.tally), ahead_s[process % len(ahead_s)]) for process, status in enumerate(statuses)
        )
        return hopeless(fates, now_s, self._plan.bad_after_s)

    def _say(self, mark: str, instant_s: float) -> None:
        self._marks[mark] = instant_s
        for place in self._machines:
            place.mark(self._plan, self._marks)
