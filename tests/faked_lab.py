"""The command line on a faked machine: ``python -m tests.faked_lab run SCENARIO``; all else is the real lab.

``FAKED_INVALID_BLOCKS=1,2`` in the environment names blocks that the machine spoils.
"""

import os
from typing import Any
from unittest.mock import patch

from lab.cli import main
from lab.run.surroundings import Surroundings
from tests.fake_surroundings import FakeSurroundings
from tests.fakes import World


def surroundings(**_asked: Any) -> Surroundings:
    """What a run touches here."""
    spoiled = os.environ.get("FAKED_INVALID_BLOCKS", "").split(",")
    return FakeSurroundings(world=World(invalid_blocks=frozenset(map(int, filter(None, spoiled))))).make()


if __name__ == "__main__":
    with patch("lab.cli.asked.around_of", surroundings):
        main()
