"""A run folder as polars frames, for notebooks: ``from lab import load_run``."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from lab.analysis.points import parts_of
from lab.analysis.summary import RunSummary, summarise
from lab.metrics import CATALOGUE
from lab.record.folder import read_info, read_trials
from lab.record.schema import KEPT
from lab.record.types import RunInfo, TrialResult
from lab.run.opened import opened_run

WHICH = {  # in front of every table's own columns
    "trial": (pl.String, "as the folder of the trial is called"),
    "block": (pl.Int64, "from 1"),
    "arm": (pl.String, "name of the arm"),
}
METRICS_COLUMNS = {
    "point": (pl.String, "key of the point; empty in a run that has one only"),
    "metric": (pl.String, "key of the metric"),
    "unit": (pl.String, "unit of the value"),
    "value": (pl.Float64, "null: the trial cannot say; infinite: the percentile lies among failed requests"),
    "valid": (pl.Boolean, "whether the block counts for the metric"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFrames:
    """A run that was read: raw rows and metrics, each with the columns trial, block and arm.

    ``metrics`` has a row for each trial and metric; the others are the raw rows, ``threads`` where threads serve and
    ``user_events`` where the locustfile fires some. The reference has the columns of all of them. Seconds and bytes
    throughout.
    """

    info: RunInfo
    metrics: pl.DataFrame
    requests: pl.DataFrame
    processes: pl.DataFrame
    cgroups: pl.DataFrame
    host: pl.DataFrame
    threads: pl.DataFrame
    user_events: pl.DataFrame


def load_run(path: str | Path) -> RunFrames:
    """Read a run folder, or a bundle. Raises RunFolderError where it is damaged, or is none."""
    with opened_run(Path(path)) as folder:
        info = read_info(folder)
        trials = list(read_trials(folder, info))

    def of(point: str) -> list[TrialResult]:
        return [trial for trial in trials if trial.record.point.key == point]

    return RunFrames(
        info=info,
        metrics=pl.concat([_metrics(point.key, summarise(part, of(point.key))) for point, part in parts_of(info)]),
        **{name: _table(trials, name) for name in KEPT},
    )


def _table(trials: list[TrialResult], name: str) -> pl.DataFrame:
    """The rows of every trial, one below the other."""
    if not trials:
        return pl.DataFrame()
    tables: list[tuple[TrialResult, pl.DataFrame]] = [(trial, getattr(trial.tables, name)) for trial in trials]
    return pl.concat(
        table.select(
            pl.lit(trial.record.trial_id).alias("trial"),
            pl.lit(trial.record.block, dtype=pl.Int64).alias("block"),
            pl.lit(trial.record.arm).alias("arm"),
            pl.all(),
        )
        for trial, table in tables
    )


def _metrics(point: str, summary: RunSummary) -> pl.DataFrame:
    rows = [
        {
            "trial": trial.record.trial_id,
            "block": trial.record.block,
            "arm": trial.record.arm,
            "point": point,
            "metric": metric.key,
            "unit": metric.unit.value,
            "value": trial.values[metric.key],
            "valid": trial.record.block in summary.valid_for(metric.key),
        }
        for trial in summary.trials
        for metric in CATALOGUE
    ]
    which = {"trial": pl.String, "block": pl.Int64, "arm": pl.String}
    return pl.DataFrame(rows, schema=which | {name: kind for name, (kind, _) in METRICS_COLUMNS.items()})
