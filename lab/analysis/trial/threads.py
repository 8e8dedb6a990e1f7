"""The threads of an arm whose threads serve: what each used, and how much each served, in the measure phase."""

from dataclasses import dataclass

from lab.analysis.trial.counters import increases
from lab.analysis.trial.ledger import PROCESS
from lab.analysis.trial.shares import Share
from lab.record.types import TrialResult

THREAD = (*PROCESS, "tid", "own_tid")


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadLine:
    """One thread: its last name, its CPU time, and the part of the requests that it answered.

    ``fraction``: None where it answered none, or where nobody knows which thread did.
    """

    name: str
    cpu_s: float
    fraction: float | None


def thread_lines(trial: TrialResult, served: tuple[Share, ...]) -> tuple[ThreadLine, ...]:
    """The threads of a trial that used CPU, the busiest first; none where no thread was read.

    ``served``: by the names that the app gives its threads, which end in the thread's own number: "1-3f9ac2d4:17".
    """
    rows = trial.tables.threads
    names = dict(zip(rows.select("node", "tid").iter_rows(), rows["name"], strict=True))
    answered = {share.served_by.rpartition(":")[2]: share.fraction for share in served if ":" in share.served_by}
    lines = [
        ThreadLine(name=names[node, tid], cpu_s=used["cpu_s"], fraction=answered.get(str(own_tid)))
        for (node, _, _, tid, own_tid), used in increases(rows, THREAD, ("cpu_s",), trial.record.measure).items()
        if used["cpu_s"]
    ]
    return tuple(sorted(lines, key=lambda line: -line.cpu_s))
