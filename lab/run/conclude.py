"""From a run folder to its conclusion: read the raw files again, judge, write every form of the report."""

import multiprocessing
import os
import shlex
import signal
import threading
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from lab.analysis.comparison import Comparison
from lab.analysis.points import PointResult
from lab.analysis.summary import RunSummary
from lab.errors import InterruptedRunError, LabError, MissingError
from lab.host.interrupts import INTERRUPTS
from lab.record.folder import read_info, read_intact
from lab.record.types import RunInfo
from lab.report.files import TERMINAL_WIDTH, Written
from lab.run.inside import points_in
from lab.run.opened import opened_run, report_folder


@dataclass(frozen=True, kw_only=True)
class Conclusion:
    """A run folder read again: what was planned, measured, claimed at each of its points, and where its report is."""

    folder: Path
    run: RunInfo
    points: tuple[PointResult, ...]
    written: Written

    @property
    def summary(self) -> RunSummary:
        """Of the first point, which most runs have only."""
        return self.points[0].summary

    @property
    def comparison(self) -> Comparison:
        """Of the first point."""
        return self.points[0].comparison


def conclude(path: Path, *, intact: bool = False, into: Path | None = None, width: int = TERMINAL_WIDTH) -> Conclusion:
    """Judge a run and write its reports. Raises RunFolderError (exit 2), MissingError (disk full).

    ``path``: a run folder, or a bundle. ``intact``: leave out the trials whose files are damaged, and say so, instead
    of raising. ``into``: the folder of the reports, by default the run folder, or one beside the bundle. ``width``: of
    the form for the terminal, in columns.
    """
    from lab.report.build import write_reports  # templates and charts: only where a report is written

    with opened_run(path) as folder:
        run = read_intact(folder) if intact else read_info(folder)
        points = points_in(folder, run)
    place = str(path) if path.is_dir() else ""  # no command goes on with a bundle
    written = write_reports(into or report_folder(path), run, points, width, place)
    return Conclusion(folder=path, run=run, points=points, written=written)


def conclude_apart(path: Path, *, width: int = TERMINAL_WIDTH) -> Conclusion:
    """As ``conclude``, in a process of its own: tables of a long trial take hundreds of MB, and the lab stays small.

    Raises InterruptedRunError (exit 130) as well; the process is gone then.
    """
    context = multiprocessing.get_context("spawn")
    answer, teller = context.Pipe(duplex=False)
    process = context.Process(target=_conclude_for, args=(path, teller, width), daemon=True)
    with answer, INTERRUPTS.killable(lambda: process.kill() if process.pid else None):
        try:
            process.start()
            teller.close()
            outcome: Conclusion | LabError = answer.recv()
        except KeyboardInterrupt:
            process.kill()
            raise _unfinished(path, "interrupted while the report was drawn") from None
        except EOFError:
            process.join()
            raise _died(path, process.exitcode or 0) from None
        finally:
            process.join()
    if isinstance(outcome, LabError):
        raise outcome
    return outcome


def _unfinished(path: Path, message: str) -> LabError:
    return InterruptedRunError(message, f"`lab report {shlex.quote(str(path))}` draws it")


def _died(path: Path, code: int) -> Exception:
    if INTERRUPTS.stage > 1:
        return _unfinished(path, "interrupted again while the report was drawn")
    if code < 0:
        name = signal.Signals(-code).name
        return MissingError(
            f"the process that draws the report was killed by {name}",
            f"`lab report {shlex.quote(str(path))}` tries again",
        )
    return RuntimeError(f"the process that draws the report failed with exit code {code}, see its traceback above")


def _conclude_for(path: Path, teller: Connection, width: int) -> None:
    """Conclude in the child. Interrupts of the terminal are the lab's to answer, and nobody waits once it is dead."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        teller.send(conclude(path, width=width))
    except LabError as error:
        teller.send(error)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)
