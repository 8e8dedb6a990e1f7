"""``python -m lab.sampling PLAN.json``: the sampler's process. Orders on standard input, answers on standard output.

``python -m lab.sampling --helper FOLDER`` is the same program in a helper container. Orders and answers then go through
two FIFOs in FOLDER, it takes its plan from there, and until then it looks at processes for a lab that may not.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from lab.errors import LabError
from lab.sampling.loop import Commands, Say, sample
from lab.sampling.plan import SamplerPlan, plan_from_json
from lab.sampling.process_view import look, seen_to_json

ORDERS, ANSWERS = "orders", "answers"
WAIT_S = 3600.0  # for an order; waiting again costs nothing


def main(arguments: list[str]) -> int:
    """Sample as the plan says, or as the helper's orders say; the exit code is that of what failed."""
    if arguments[0] == "--helper":
        return _help(Path(arguments[1]))
    plan = plan_from_json(Path(arguments[0]).read_text(encoding="utf-8"))
    return _sample(plan, Commands(sys.stdin.fileno()), _say_to(sys.stdout.fileno()))


def _help(folder: Path) -> int:
    # The lab holds the other ends already. Where it has died meanwhile, opening for writing fails, and this ends too.
    orders = os.open(folder / ORDERS, os.O_RDONLY | os.O_NONBLOCK)
    answers = os.open(folder / ANSWERS, os.O_WRONLY | os.O_NONBLOCK)
    os.set_blocking(answers, True)
    commands, say = Commands(orders), _say_to(answers)
    while not commands.ended:
        for command in commands.wait(WAIT_S):
            if command["do"] == "sample":
                return _sample(plan_from_json(command["plan"]), commands, say)
            _look(command["pids"], say)
    return 0


def _look(pids: list[int], say: Say) -> None:
    try:
        say({"seen": seen_to_json(look(pids))})
    except LabError as error:
        _confess(error, say)


def _sample(plan: SamplerPlan, commands: Commands, say: Say) -> int:
    psutil.PROCFS_PATH = str(plan.root / "proc")
    try:
        sample(plan, commands, say)
    except LabError as error:
        _confess(error, say)
        return error.exit_code
    return 0


def _confess(error: LabError, say: Say) -> None:
    """An expected failure is told to the lab, which shows it."""
    say({"error": type(error).__name__, "message": str(error), "hint": error.hint})


def _say_to(descriptor: int) -> Say:
    def say(message: Mapping[str, Any]) -> None:
        unwritten = json.dumps(message).encode() + b"\n"
        while unwritten:
            unwritten = unwritten[os.write(descriptor, unwritten) :]

    return say


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
