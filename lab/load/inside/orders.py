"""The lab's orders to a load process, which come on its standard input, a JSON object a line."""

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from lab.host.jsonlines import Incoming


def orders() -> Iterator[Mapping[str, Any]]:
    """Give each as it comes, while all else runs. Their end means that the lab is gone: so is this group then."""
    lab = Incoming(sys.stdin)
    while (order := lab.receive()) is not None:
        yield order
    os.killpg(os.getpgrp(), signal.SIGKILL)
