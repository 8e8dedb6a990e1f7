"""``python -m lab.sampling PLAN.json``: the sampler's process. Orders on standard input, answers on standard output.

``python -m lab.sampling --helper FOLDER`` is the same program in a helper container. Orders and answers then go through
two FIFOs in FOLDER, it takes its plan from there, and until then it looks at processes for a lab that may not.
"""

import os
import sys
from pathlib import Path

import psutil

from lab.errors import LabError
from lab.host.jsonlines import Lines
from lab.sampling.loop import sample
from lab.sampling.plan import SamplerPlan, plan_from_json
from lab.sampling.process_view import look, seen_to_json

ORDERS, ANSWERS = "orders", "answers"


def main(arguments: list[str]) -> int:
    """Sample as the plan says, or as the helper's orders say; the exit code is that of what failed."""
    if arguments[0] == "--helper":
        return _help(Path(arguments[1]))
    plan = plan_from_json(Path(arguments[0]).read_text(encoding="utf-8"))
    return _sample(plan, Lines(sys.stdin, sys.stdout))


def _help(folder: Path) -> int:
    # The lab holds the other ends already. Where it has died meanwhile, opening for writing fails, and this ends too.
    orders = open(folder / ORDERS, "rb", buffering=0, opener=_at_once)  # noqa: SIM115  until the process ends
    answers = open(folder / ANSWERS, "wb", buffering=0, opener=_at_once)  # noqa: SIM115
    lab = Lines(orders, answers)
    while command := lab.receive():
        if command["do"] == "sample":
            return _sample(plan_from_json(command["plan"]), lab)
        _look(command["pids"], lab)
    return 0


def _at_once(path: str, flags: int) -> int:
    """Open a FIFO without waiting for whoever opens its other end."""
    return os.open(path, (flags | os.O_NONBLOCK) & ~(os.O_CREAT | os.O_TRUNC))


def _look(pids: list[int], lab: Lines) -> None:
    try:
        lab.send(seen=seen_to_json(look(pids)))
    except LabError as error:
        _confess(error, lab)


def _sample(plan: SamplerPlan, lab: Lines) -> int:
    psutil.PROCFS_PATH = str(plan.root / "proc")
    try:
        sample(plan, lab)
    except LabError as error:
        _confess(error, lab)
        return error.exit_code
    return 0


def _confess(error: LabError, lab: Lines) -> None:
    """An expected failure is told to the lab, which shows it."""
    lab.send(error=type(error).__name__, message=str(error), hint=error.hint)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
