"""Who did the work: the share of requests of each serving process (FIELD, trap 3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from lab.analysis.trial.counters import increases
from lab.analysis.trial.ledger import PROCESS
from lab.record.types import TrialResult

MIN_ATTRIBUTED = 0.99  # of the successful requests: shares of fewer may be those of a busy process's connections only

UNEVEN = 1.5  # times an even share: from here on how connections fell matters to what is seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one serving process did. ``served_by`` is empty for a process that answered nothing."""

    served_by: str
    requests: int
    fraction: float


def attributed(rows: pl.DataFrame) -> float | None:
    """The part of the successful requests (column ``ok``) whose server is known; None without any."""
    done = rows.filter("ok")
    return 1 - done["served_by"].null_count() / done.height if done.height else None


def shares(rows: pl.DataFrame, processes: int) -> tuple[Share, ...]:
    """Shares of the attributed requests among ``rows``, largest first; silent processes fill up to ``processes``.

    More than ``processes`` shares mean that a process was replaced during the measure phase. Empty when less than
    MIN_ATTRIBUTED of the successful requests could be attributed: missing, never those of a part.
    """
    counts = rows["served_by"].drop_nulls().value_counts().select("served_by", "count")
    return shares_of(dict(counts.iter_rows()), processes, attributed(rows) or 0.0)


def shares_of(counts: Mapping[str, int], processes: int, attributed: float) -> tuple[Share, ...]:
    """As ``shares``, from requests by server; ``attributed`` is the part of all requests that they are."""
    if attributed < MIN_ATTRIBUTED:
        return ()
    total = sum(counts.values())
    served = [
        Share(served_by=name, requests=count, fraction=count / total)
        for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]
    silent = Share(served_by="", requests=0, fraction=0.0)
    return (*served, *(silent,) * (processes - len(served)))


def uneven(share: float, processes: int) -> bool:
    """True when one of ``processes`` did so much more than its part that other connections would show another run."""
    return share > UNEVEN / processes


def gini(counts: Sequence[int]) -> float:
    """Gini coefficient of non-negative counts with a positive sum: 0 is equality, (N − 1)/N is one taking all."""
    ascending = np.sort(np.asarray(counts, dtype=np.float64))
    places = np.arange(1, len(ascending) + 1)
    return float(
        2 * (places * ascending).sum() / (len(ascending) * ascending.sum()) - (len(ascending) + 1) / len(counts)
    )


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
