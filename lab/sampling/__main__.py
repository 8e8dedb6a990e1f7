"""``python -m lab.sampling PLAN.json``: the sampler's process. Orders on standard input, answers on standard output."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from lab.errors import LabError
from lab.sampling.loop import Commands, sample
from lab.sampling.plan import plan_from_json


def _say(message: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> int:
    """Sample as the plan says; an expected failure is told to the parent, which shows it."""
    plan = plan_from_json(Path(arguments[0]).read_text(encoding="utf-8"))
    psutil.PROCFS_PATH = str(plan.root / "proc")
    try:
        sample(plan, Commands(sys.stdin.fileno()), _say)
    except LabError as error:
        _say({"error": type(error).__name__, "message": str(error), "hint": error.hint})
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
