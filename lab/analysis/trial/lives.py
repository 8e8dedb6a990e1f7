"""The lives of an arm's serving processes: which came and which went, and when requests may have found none."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import polars as pl

from lab.analysis.trial.ledger import PROCESS
from lab.plan.kinds import Role
from lab.record.types import TrialRecord, TrialResult

SERVING = (Role.PROXY, Role.SUPERVISOR, Role.WORKER)
# Options by which uvicorn, gunicorn, hypercorn and granian let a worker end by itself, to be replaced.
RECYCLING = ("--limit-max-requests", "--max-requests", "--workers-lifetime", "--workers-max-rss")
STEP_S = 1.1  # an end or a begin is seen that much late at most, and a process refuses work that long before its end
NEVER_S = float("inf")


class Gap(NamedTuple):
    """From the end of a process until the one in its place could serve; for ever, where nothing took its place."""

    from_s: float
    to_s: float


def lives(result: TrialResult) -> pl.DataFrame | None:
    """A row for each: ``service``, ``role``, whether it ``came`` or ``went`` inside the measure phase. None: not read.

    ``asked``: it is a worker that its command recycles now and then.
    """
    window = result.record.measure
    inside = pl.col("t_s").is_between(window.start_s, window.end_s)
    rounds, seen = result.tables.host.filter(inside), _seen(result).filter(inside)
    if seen.is_empty():
        return None
    return _beside_rounds(_spans(result, seen), rounds).with_columns(
        came=pl.col("first_s") > pl.col("begins_s"),
        went=pl.col("last_s") < pl.col("ends_s"),
    )


def gaps(result: TrialResult, *, asked: bool = True) -> tuple[Gap, ...]:
    """The gaps that processes of the app left until the end of the measure phase.

    ``asked`` False: not those of recycled workers beside which another one could serve.
    """
    rounds = result.tables.host.filter(pl.col("t_s") <= result.record.measure.end_s)
    if rounds.is_empty():
        return ()
    spans = _spans(result, _seen(result)).filter(pl.col("role") != Role.PROXY)
    boot_s = result.record.boot_s or 0.0
    ended = _beside_rounds(spans, rounds).filter(pl.col("last_s") < pl.col("ends_s"))
    found = []
    for service, gone_s, spared in ended.select("service", "last_s", "asked").iter_rows():
        if spared and not asked and _another_serves(spans, gone_s, boot_s):
            continue
        next_s = spans.filter((pl.col("service") == service) & (pl.col("first_s") > gone_s))["first_s"].min()
        back_s = NEVER_S if next_s is None else float(str(next_s)) + boot_s + STEP_S
        found.append(Gap(gone_s - STEP_S, back_s))
    return tuple(found)


def _another_serves(spans: pl.DataFrame, gone_s: float, boot_s: float) -> bool:
    """Whether a worker that had started up lived on when another one went; supervisors serve nobody."""
    from_the_beginning = pl.col("first_s") == pl.col("first_s").min()
    up = from_the_beginning | (pl.col("first_s") <= gone_s - boot_s)
    return not spans.filter((pl.col("role") == Role.WORKER) & up & (pl.col("last_s") > gone_s)).is_empty()


def in_gaps(found: Sequence[Gap], start: pl.Expr, end: pl.Expr) -> pl.Expr:
    """True where the time from ``start`` to ``end`` touches a gap."""
    return pl.any_horizontal(pl.lit(value=False), *((start <= gap.to_s) & (end >= gap.from_s) for gap in found))


def recycling(record: TrialRecord) -> Mapping[str, str]:
    """Service → the option of its command by which its workers are recycled."""
    found = {}
    for service in record.services:
        words = " ".join(service.argv).replace("=", " ").split()
        if option := next((word for word in words if word in RECYCLING), None):
            found[service.name] = option
    return found


def _seen(result: TrialResult) -> pl.DataFrame:
    """Readings of serving processes in rounds, which have a row of the host and every process that lives there.

    Between two rounds one process is looked at.
    """
    rounds = result.tables.processes.join(result.tables.host, on=["node", "t_s"], how="semi", nulls_equal=True)
    return rounds.filter(pl.col("role").is_in(SERVING))


def _beside_rounds(spans: pl.DataFrame, rounds: pl.DataFrame) -> pl.DataFrame:
    """With the first and the last round of the machine that a process is on, ``begins_s`` and ``ends_s``."""
    edges = rounds.group_by("node").agg(begins_s=pl.col("t_s").min(), ends_s=pl.col("t_s").max())
    return spans.join(edges, on="node", how="left", nulls_equal=True, maintain_order="left")


def _spans(result: TrialResult, seen: pl.DataFrame) -> pl.DataFrame:
    """A row for each process: ``service``, ``role``, ``first_s``, ``last_s``, ``asked``."""
    recycled = pl.col("service").is_in(list(recycling(result.record))) & (pl.col("role") == Role.WORKER)
    return (
        seen.sort("t_s")
        .group_by(PROCESS, maintain_order=True)
        .agg(
            pl.col("service", "role").last(),
            pl.col("t_s").first().alias("first_s"),
            pl.col("t_s").last().alias("last_s"),
        )
        .with_columns(asked=recycled)
    )
