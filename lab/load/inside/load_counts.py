"""The counts of one load process: totals that must agree with the rows, and responses of each server."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from lab.load.inside.aborting import Fates

LAG_STEP_S = 1e-5  # histogram bucket of the dispatcher lag: a hundredth of what METHOD 2 judges
MAX_SERVERS = 4096


@dataclass(slots=True, kw_only=True)
class Tally:
    """Counters of one load process over the whole run. ``scheduled`` = ``started`` + ``dropped`` + ``unfinished``.

    ``addresses``: from which it connects, where ports are noted. ``lags``: of each stretch of the measure phase (0
    where it has none), how often an arrival was so many steps late.
    """

    scheduled: int = 0
    started: int = 0
    dropped: int = 0
    unfinished: int = 0
    requests: int = 0
    failed: int = 0
    user_errors: int = 0
    events: int = 0
    unread: int = 0
    exceptions: dict[str, int] = field(default_factory=dict)
    replaced: int = 0
    from_header: int = 0
    from_upstream: int = 0
    headers: dict[str, int] = field(default_factory=dict)
    upstreams: dict[str, int] = field(default_factory=dict)
    addresses: list[str] = field(default_factory=list)
    lags: dict[int, dict[int, int]] = field(default_factory=dict)
    fates: Fates = field(default_factory=Fates)

    def served(self, server: str | None, *, upstream: bool) -> None:
        """Count a response for ``server``."""
        if server is None:
            return
        if upstream:
            self.from_upstream += 1
        else:
            self.from_header += 1
        servers = self.upstreams if upstream else self.headers
        if server in servers or len(servers) < MAX_SERVERS:
            servers[server] = servers.get(server, 0) + 1

    def lag(self, seconds: float, stretch: int = 0) -> None:
        """Count how late an arrival was handed out, to a lane or into the queue."""
        step, counts = int(seconds / LAG_STEP_S), self.lags.setdefault(stretch, {})
        counts[step] = counts.get(step, 0) + 1

    def totals(self) -> dict[str, Any]:
        """Every counter by name, as JSON has it."""
        counted = {item.name: getattr(self, item.name) for item in fields(self)}
        return counted | {"fates": [self.fates.due, self.fates.good]}


def lag_quantile_s(histograms: Iterable[Mapping[str, int]], quantile: float) -> float | None:
    """A quantile of merged lag histograms (upper edge of its bucket, so never too small); None without any lag."""
    merged: Counter[int] = Counter()
    for histogram in histograms:
        merged.update({int(step): count for step, count in histogram.items()})
    left = merged.total() * quantile
    for step, count in sorted(merged.items()):
        left -= count
        if left <= 0:
            return (step + 1) * LAG_STEP_S
    return None


def fine_bucket(response_time_ms: float) -> float:
    """Locust's own histogram in steps of 0.1 ms, from 100 ms on of three digits so that it stays small (METHOD 1.5)."""
    return int(response_time_ms * 10 + 0.5) / 10 if response_time_ms < 100 else float(f"{response_time_ms:.3g}")
