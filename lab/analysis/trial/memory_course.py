"""An arm's memory over time in two numbers: what it grows by, and what it keeps at rest (METHOD 12)."""

import math

import numpy as np
import numpy.typing as npt
import polars as pl

from lab.analysis.judge.eligibility import steady
from lab.analysis.trial.courses import Course, courses, sum_at
from lab.analysis.trial.latency import with_ok
from lab.analysis.trial.ledger import ARM_ROLES, PROCESS, of_roles
from lab.record.types import Phase, PhaseWindow, TrialRecord

Floats = npt.NDArray[np.float64]

LEAST_SECONDS = 6  # of a measure phase before it has a slope: as many as for a drift
EDGE_OF_A_SECOND_S = 0.01  # a window of 9.999 s has ten seconds


def memory_course(record: TrialRecord, processes: pl.DataFrame, requests: pl.DataFrame) -> dict[str, float | None]:
    """Both metrics of the catalogue, in bytes; None where the trial cannot say. ``processes``: its process table."""
    own = of_roles(processes, *ARM_ROLES)
    return {
        "memory.slope.per_1k": _slope(record.measure, own, requests),
        "memory.pss.idle": _at_rest(record, own),
    }


def _slope(window: PhaseWindow, own: pl.DataFrame, requests: pl.DataFrame) -> float | None:
    seconds = math.floor(window.length_s + EDGE_OF_A_SECOND_S)
    owners = _complete(own, window)
    if owners is None or seconds < LEAST_SECONDS:
        return None
    middles: Floats = window.start_s + 0.5 + np.arange(seconds, dtype=np.float64)
    ended = np.sort(with_ok(requests).filter("ok")["t_done_s"].to_numpy())
    thousands = np.searchsorted(ended, middles) / 1000
    return steady(thousands.tolist(), sum_at(owners, middles).tolist()).slope


def _at_rest(record: TrialRecord, own: pl.DataFrame) -> float | None:
    if not record.settle_s:
        return None
    end_s = record.phases[Phase.COOLDOWN].end_s
    owners = _complete(own, PhaseWindow(start_s=end_s - record.settle_s, end_s=end_s))
    return None if owners is None else float(sum_at(owners, np.array([end_s]))[0])


def _complete(own: pl.DataFrame, window: PhaseWindow) -> list[Course] | None:
    """The course of each process that lived in the window; None of nothing, or when one was never read."""
    found = list(courses(own, PROCESS, "pss_bytes", window))
    known = [each for each in found if each is not None]
    return known if known and len(known) == len(found) else None
