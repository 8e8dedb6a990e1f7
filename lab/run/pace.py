"""How far a trial's load is, and how long to wait until the next look at it."""

from lab.load.locust_process import LoadProgress
from lab.run.steps import Step

POLL_S = 0.1


def step_of(progress: LoadProgress, now_s: float) -> Step:
    """The step that a trial is in while its load goes on; ``now_s`` is CLOCK_MONOTONIC."""
    if progress.measure_start_s is None or now_s < progress.measure_start_s:
        return Step.WARM_UP
    return Step.MEASURE if progress.measure_end_s is None or now_s < progress.measure_end_s else Step.COOL_DOWN


def nap_s(progress: LoadProgress, now_s: float) -> float:
    """Until the next look; the end of the measure phase is not overslept."""
    left_s = (progress.measure_end_s or 0.0) - now_s
    return min(POLL_S, left_s) if left_s > 0 else POLL_S
