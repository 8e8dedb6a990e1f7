"""How far the action of a drill reached, as shares: of the requests, and of the connections that clients had. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

import polars as pl

from lab.analysis.trial.drill import Aftermath, due_requests, struck
from lab.record.types import TrialRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Radius:
    """Blast radius. ``requests``: bad ÷ all that were on their way at the action or due until none was bad any more.

    What was due once the load had been given up is bad, as it is in the harm.

    ``connections``: lost ÷ those that were kept open at the action; None where nobody knows of any.
    """

    requests: float
    connections: float | None


def radius(record: TrialRecord, requests: pl.DataFrame, after: Aftermath | None) -> Radius | None:
    """The blast radius of a drill; None for a trial without an action."""
    if after is None or record.drill is None:
        return None
    _, hit = struck(due_requests(requests, after.action_s, record.drill.slo_s), after.action_s)
    reached = hit.filter(pl.col("after_s") < after.recovery_s)
    cut = (
        after.cut if math.isinf(after.recovery_s) else 0
    )  # due when the load had been given up: bad, and not in the table
    due = reached.height + cut
    bad = (int(reached["bad"].sum()) + cut) / due if due else 0.0
    return Radius(requests=bad, connections=_connections(requests, after.action_s))


def _connections(requests: pl.DataFrame, action_s: float) -> float | None:
    """Of the lanes that kept a connection: the next request got no response at all, or had to make a new one."""
    sent = requests.filter(pl.col("lane") >= 0, pl.col("t_sent_s").is_not_null()).sort("t_sent_s")
    done_before = sent.filter(pl.col("t_done_s") < action_s)
    kept = done_before.filter(pl.col("opened_s").is_null(), pl.col("status") > 0)["lane"].unique()
    open_then = done_before.group_by("lane").agg(pl.col("status").last()).filter(pl.col("status") > 0)["lane"]
    following = sent.filter(pl.col("t_done_s").is_null() | (pl.col("t_done_s") >= action_s))
    first = following.group_by("lane").agg(pl.col("status", "opened_s").first())
    asked = first.filter(pl.col("lane").is_in(kept.to_list()) & pl.col("lane").is_in(open_then.to_list()))
    if asked.is_empty() or not sent["opened_s"].is_not_null().any():  # nobody noted what was opened
        return None
    lost = asked.filter((pl.col("status") == 0) | pl.col("opened_s").is_not_null())
    return lost.height / asked.height
