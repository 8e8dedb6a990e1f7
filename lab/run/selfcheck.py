"""Run an arm against itself: what `lab selfcheck` measures."""

from datetime import UTC, datetime
from pathlib import Path

from lab.analysis.judge.floor import LEVEL
from lab.analysis.judge.intervals import blocks_needed
from lab.analysis.selfcheck import floors_from
from lab.errors import InvalidRunError
from lab.plan.blocks import build_plan
from lab.run.conclude import Conclusion
from lab.run.floors import KeptFloor, conditions_of, machine_of
from lab.run.quiet import QUIETER
from lab.run.run import run_scenario
from lab.run.surroundings import REAL, Surroundings
from lab.run.view import QuietView
from lab.scenario.model import Scenario

MIN_BLOCKS = blocks_needed(LEVEL)


def measure_floor(
    scenario: Scenario, out: Path, view: QuietView, *, around: Surroundings = REAL
) -> tuple[Conclusion, KeptFloor]:
    """Run a scenario whose arms are equal: ``against_itself``. Raises InvalidRunError when too few blocks are valid."""
    folder = run_scenario(build_plan(scenario), "selfcheck", out, view, around=around, use_floor=False)
    found = around.conclude(folder.path)
    used = len(found.summary.decision.used)
    if used < MIN_BLOCKS:
        raise InvalidRunError(
            f"{used} blocks are valid, a noise floor needs {MIN_BLOCKS}: nothing was kept",
            f"{QUIETER}, or ask for more with --blocks; what was found is in {found.written.html}",
        )
    return found, KeptFloor(
        floor=floors_from(found.summary, *machine_of(found.run.environment)),
        conditions=conditions_of(found.summary.scenario),
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
