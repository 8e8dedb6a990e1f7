"""From a run folder to its conclusion: read the raw files again, judge, write every form of the report."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from lab.analysis.comparison import Comparison, compare_run, floors_of
from lab.analysis.summary import RunSummary, summarise
from lab.records import RunInfo
from lab.report.written import Written
from lab.results import read_info, read_trials


@dataclass(frozen=True, kw_only=True)
class Conclusion:
    """A run folder read again: what was planned, measured, claimed, and where its report is."""

    folder: Path
    run: RunInfo
    summary: RunSummary
    comparison: Comparison
    written: Written


def conclude(path: Path) -> Conclusion:
    """Judge a run and write its reports. Raises RunFolderError (exit 2), MissingError (disk full)."""
    from lab.report.write import write_reports  # the chart libraries take 1 s and 50 MB: only where charts are drawn

    run = read_info(path)
    summary = summarise(run, read_trials(path, run))
    comparison = compare_run(summary, floors_of(run))
    return Conclusion(
        folder=path,
        run=run,
        summary=summary,
        comparison=comparison,
        written=write_reports(path, run, summary, comparison),
    )


def conclude_apart(path: Path) -> Conclusion:
    """As ``conclude``, in a process of its own: drawing takes some 300 MB, and the lab's process stays small."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(conclude, path).result()
