"""``python -m lab.sampling PLAN.json``: the sampler's process. Orders on standard input, answers on standard output."""

import sys
from pathlib import Path

import psutil

from lab.errors import LabError
from lab.host.jsonlines import Lines
from lab.sampling.loop import sample
from lab.sampling.plan import plan_from_json


def main(arguments: list[str]) -> int:
    """Sample as the plan says; the exit code is that of what failed."""
    plan, lab = plan_from_json(Path(arguments[0]).read_text(encoding="utf-8")), Lines(sys.stdin, sys.stdout)
    psutil.PROCFS_PATH = str(plan.root / "proc")
    try:
        sample(plan, lab)
    except LabError as error:
        lab.send(error=type(error).__name__, message=str(error), hint=error.hint)  # the lab shows it
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
